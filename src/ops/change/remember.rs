//! The answers of a person, kept while a plan is made again: an equal question about equal things is not asked twice.

use crate::error::Result;
use crate::ops::report::{Choice, Decide, Event, Frontend, Reporter};

use super::scene::Scene;

/// What was asked and answered, in order.
#[derive(Debug, Default)]
pub(super) struct Memory {
    answers: Vec<(Question, Answer)>,
    /// What was said already.
    said: Vec<Event>,
}

/// A question with what was shown before it.
#[derive(Debug, Clone, PartialEq)]
struct Question {
    shown: Vec<Event>,
    text: String,
    choices: Vec<Choice>,
}

#[derive(Debug, Clone, PartialEq)]
enum Answer {
    Index(usize),
    Many(Vec<usize>),
    Edited(Option<String>),
    Text(String),
    Yes(bool),
}

/// Who is asked while a plan is made: the memory first, then the person.
pub(super) struct Answered<'f> {
    inner: &'f mut dyn Frontend,
    memory: &'f mut Memory,
    /// The answers of the earlier plan that were not used yet.
    earlier: Vec<(Question, Answer)>,
    /// What the next question is about, and was not shown yet.
    shown: Vec<Event>,
    asks_nothing: bool,
    is_bound: bool,
}

impl<'f> Answered<'f> {
    /// Answers for one plan. `asks_nothing`: nobody is asked, as in a dry run and with `--yes`.
    pub(super) fn new(
        inner: &'f mut dyn Frontend,
        memory: &'f mut Memory,
        asks_nothing: bool,
    ) -> Self {
        let earlier = std::mem::take(&mut memory.answers);
        Self {
            inner,
            memory,
            earlier,
            shown: Vec::new(),
            asks_nothing,
            is_bound: false,
        }
    }

    /// The same, but a question without an answer is a failure: the project changed too much.
    pub(super) fn without_new_questions(self) -> Self {
        Self {
            is_bound: true,
            ..self
        }
    }

    fn answer(
        &mut self,
        text: &str,
        choices: &[Choice],
        ask: impl FnOnce(&mut dyn Frontend) -> Result<Answer>,
    ) -> Result<Answer> {
        let question = Question {
            shown: std::mem::take(&mut self.shown),
            text: text.to_owned(),
            choices: choices.to_vec(),
        };
        let known = (self.earlier.iter()).position(|(known, _)| *known == question);
        let answer = match known {
            Some(at) => self.earlier.remove(at).1,
            None if self.is_bound => return Err(Scene::changed()),
            None => {
                for event in question.shown.clone() {
                    self.inner.report(event);
                }
                ask(self.inner)?
            }
        };
        self.memory.answers.push((question, answer.clone()));
        Ok(answer)
    }
}

impl Reporter for Answered<'_> {
    fn report(&mut self, event: Event) {
        match event {
            Event::Overview(_)
            | Event::Conflict(_)
            | Event::Gains(_)
            | Event::Preview(_)
            | Event::Offers(_) => self.shown.push(event),
            // What an earlier plan said need not be said again.
            Event::Warning(_) | Event::Trouble(_) => {
                if !self.memory.said.contains(&event) {
                    self.memory.said.push(event.clone());
                    self.inner.report(event);
                }
            }
            event => self.inner.report(event),
        }
    }
}

impl Decide for Answered<'_> {
    fn is_interactive(&self) -> bool {
        !self.asks_nothing && self.inner.is_interactive()
    }

    fn choose(&mut self, question: &str, choices: &[Choice], default: usize) -> Result<usize> {
        let answer = self.answer(question, choices, |inner| {
            inner.choose(question, choices, default).map(Answer::Index)
        })?;
        match answer {
            Answer::Index(index) => Ok(index),
            _ => Err(Scene::changed()),
        }
    }

    fn pick(&mut self, question: &str, choices: &[Choice]) -> Result<Vec<usize>> {
        let answer = self.answer(question, choices, |inner| {
            inner.pick(question, choices).map(Answer::Many)
        })?;
        match answer {
            Answer::Many(indexes) => Ok(indexes),
            _ => Err(Scene::changed()),
        }
    }

    fn choose_many(&mut self, question: &str, choices: &[Choice]) -> Result<Vec<usize>> {
        let answer = self.answer(question, choices, |inner| {
            inner.choose_many(question, choices).map(Answer::Many)
        })?;
        match answer {
            Answer::Many(indexes) => Ok(indexes),
            _ => Err(Scene::changed()),
        }
    }

    fn text(
        &mut self,
        question: &str,
        proposed: &str,
        refuses: &dyn Fn(&str) -> Option<String>,
    ) -> Result<String> {
        let choices = [Choice::plain(proposed)];
        let answer = self.answer(question, &choices, |inner| {
            let text = inner.text(question, proposed, refuses);
            text.map(Answer::Text)
        })?;
        match answer {
            Answer::Text(text) if refuses(&text).is_none() => Ok(text),
            _ => Err(Scene::changed()),
        }
    }

    fn edit(&mut self, text: &str) -> Result<Option<String>> {
        let answer = self.answer(text, &[], |inner| inner.edit(text).map(Answer::Edited))?;
        match answer {
            Answer::Edited(text) => Ok(text),
            _ => Err(Scene::changed()),
        }
    }

    fn confirm(&mut self, question: &str, default: bool) -> Result<bool> {
        let answer = self.answer(question, &[], |inner| {
            inner.confirm(question, default).map(Answer::Yes)
        })?;
        match answer {
            Answer::Yes(answer) => Ok(answer),
            _ => Err(Scene::changed()),
        }
    }
}
