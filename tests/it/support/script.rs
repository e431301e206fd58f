//! Answers questions by a script.

use std::collections::VecDeque;

use agentpkg::error::Result;
use agentpkg::ops::report::{Choice, Decide, Event, Reporter};

/// Answers by the beginning of a label; records what was asked.
#[derive(Default)]
pub(crate) struct Script {
    pub(crate) answers: VecDeque<&'static str>,
    pub(crate) edits: VecDeque<&'static str>,
    pub(crate) asked: Vec<String>,
    /// Which choice was the default, if it was not the first one.
    pub(crate) defaults: Vec<String>,
}

impl Script {
    pub(crate) fn new(answers: &[&'static str]) -> Self {
        Self {
            answers: answers.iter().copied().collect(),
            ..Self::default()
        }
    }
}

impl Reporter for Script {
    fn report(&mut self, event: Event) {
        match event {
            Event::Conflict(view) => {
                let also = if view.also_in.is_empty() {
                    String::new()
                } else {
                    format!(" +{}", view.also_in.join(","))
                };
                self.asked
                    .push(format!("{}{also}: {}", view.agent, view.texts.unit));
            }
            Event::Gains(view) => {
                let gains: Vec<&str> = view.gains.iter().map(|(gain, _)| gain.as_str()).collect();
                self.asked.push(format!(
                    "{} gain {}",
                    view.agents.join(","),
                    gains.join(",")
                ));
            }
            Event::Preview(preview) => self.asked.push(format!("preview {}", preview.path)),
            Event::Offers(views) => {
                for view in views {
                    let variables: Vec<&str> = view
                        .variables
                        .iter()
                        .map(|(name, _)| name.as_str())
                        .collect();
                    let reads = if variables.is_empty() {
                        String::new()
                    } else {
                        format!(", reads {}", variables.join(","))
                    };
                    self.asked.push(format!(
                        "offer {}: {}{reads} [{}]",
                        view.name, view.runs, view.origin
                    ));
                }
            }
            Event::Trouble(failure) => self.asked.push(format!("trouble {failure}")),
            Event::Warning(advice) => self.asked.push(format!("warning {advice}")),
            _ => {}
        }
    }
}

impl Decide for Script {
    fn is_interactive(&self) -> bool {
        true
    }

    fn choose(&mut self, question: &str, choices: &[Choice], default: usize) -> Result<usize> {
        if question.contains("Bind") {
            self.asked.push(question.to_owned());
        }
        if default > 0 {
            self.defaults.push(choices[default].label.clone());
        }
        let answer = self
            .answers
            .pop_front()
            .unwrap_or_else(|| panic!("{question}: no answer is left, asked: {:?}", self.asked));
        let labels: Vec<&str> = choices.iter().map(|choice| choice.label.as_str()).collect();
        if answer == "the default" {
            return Ok(default);
        }
        Ok(labels
            .iter()
            .position(|label| label.starts_with(answer))
            .unwrap_or_else(|| panic!("{answer} is not in {labels:?}")))
    }

    fn pick(&mut self, question: &str, choices: &[Choice]) -> Result<Vec<usize>> {
        self.asked.push(question.to_owned());
        let answer = self.answers.pop_front().unwrap_or_default();
        let picked = choices.iter().position(|choice| choice.label == answer);
        Ok(picked.into_iter().collect())
    }

    fn choose_many(&mut self, question: &str, choices: &[Choice]) -> Result<Vec<usize>> {
        self.asked.push(question.to_owned());
        let answer = self
            .answers
            .pop_front()
            .unwrap_or_else(|| panic!("{question}: no answer is left, asked: {:?}", self.asked));
        let chosen = answer
            .split(' ')
            .filter_map(|name| choices.iter().position(|choice| choice.label == name));
        Ok(chosen.collect())
    }

    fn text(
        &mut self,
        question: &str,
        proposed: &str,
        refuses: &dyn Fn(&str) -> Option<String>,
    ) -> Result<String> {
        self.asked.push(format!("{question} [{proposed}]"));
        let answer = self.answers.pop_front().unwrap_or(proposed);
        assert_eq!(refuses(answer), None, "{question}: {answer}");
        Ok(answer.to_owned())
    }

    fn edit(&mut self, _text: &str) -> Result<Option<String>> {
        Ok(self.edits.pop_front().map(str::to_owned))
    }

    fn confirm(&mut self, question: &str, _default: bool) -> Result<bool> {
        self.asked.push(question.to_owned());
        Ok(true)
    }
}
