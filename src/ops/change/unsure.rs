//! Files that may be from any of several versions: a person says which one, or that the nearest is to be taken; otherwise they are left.

use super::goal::{Files, Goal};
use super::plan::{Likely, Undecided, Unmanaged};
use super::planner::Planner;
use super::unmanaged::Copied;
use crate::error::Result;
use crate::ops::origins::Found;
use crate::ops::report::{Answers, AskView, Choice, Event, Frontend, interrupted};

/// What is done with files that are from one of several versions.
pub(super) struct Unsure {
    /// Whether the nearest version is taken.
    is_nearest: bool,
    /// Who says which version it is otherwise.
    answers: Answers,
    /// How many files are searched after this one.
    pub(super) more: usize,
}

impl Unsure {
    pub(super) fn of(goal: &Goal, files: &Files, frontend: &dyn Frontend) -> Self {
        Self {
            is_nearest: files.is_nearest,
            answers: Answers::of(frontend, goal.is_dry_run, goal.consent.is_yes),
            more: 0,
        }
    }
}

/// Which of several versions a file is from, with what is to be said of it: as a person says, or as was said before. `None`: the file is left.
pub(super) fn one_of<'f, 'a>(
    planner: &mut Planner<'_, '_>,
    file: &Copied,
    several: &'f [Found<'a>],
    unsure: &mut Unsure,
    frontend: &mut dyn Frontend,
) -> Result<Option<(&'f Found<'a>, Vec<String>)>> {
    let stem = file.stem();
    let left = |why: String, undecided| Unmanaged {
        name: stem.clone(),
        why,
        undecided,
        candidates: likely(several),
    };
    if unsure.answers == Answers::Person && !unsure.is_nearest {
        match chosen(&stem, several, unsure.more > 0, frontend)? {
            Chosen::Version(index) => {
                let found = several.get(index).ok_or_else(interrupted)?;
                return Ok(Some((found, found.notes())));
            }
            Chosen::Nearest => unsure.is_nearest = true,
            Chosen::None => {
                let left = left("left as it is".to_owned(), Undecided::Nothing);
                planner.plan.unmanaged.push(left);
                return Ok(None);
            }
        }
    }
    if let (true, Some(found)) = (unsure.is_nearest, several.first()) {
        let mut notes = found.notes();
        if several.len() > 1 {
            notes.push(format!("the nearest of {} versions", several.len()));
        }
        return Ok(Some((found, notes)));
    }
    let why = may_be_from(several);
    frontend.report(Event::Asks(vec![AskView {
        agent: stem.clone(),
        kind: "candidate",
        what: format!("`{stem}` {why}"),
        allow: None,
        beside: None,
    }]));
    let left = left(why, Undecided::Version);
    planner.plan.unmanaged.push(left);
    Ok(None)
}

pub(super) fn likely(found: &[Found<'_>]) -> Vec<Likely> {
    let likely = found.iter().map(|found| Likely {
        spec: found.spec(),
        percent: found.percent,
        lines: found.lines,
        detail: found.detail(),
    });
    likely.collect()
}

/// What a person says of a file that is from one of several versions.
enum Chosen {
    /// It is from the version with this number.
    Version(usize),
    /// The nearest one is to be taken, for this file and for all that follow.
    Nearest,
    /// It is from none of them.
    None,
}

/// Asks which of several versions a file is from. `has_more`: other files follow.
fn chosen(
    stem: &str,
    several: &[Found<'_>],
    has_more: bool,
    frontend: &mut dyn Frontend,
) -> Result<Chosen> {
    let versions = several.iter().map(|found| Choice {
        label: found.spec(),
        detail: found.detail(),
    });
    let nearest = has_more.then(|| Choice {
        label: "the nearest".to_owned(),
        detail: "for this file and all that follow".to_owned(),
    });
    let leave = Choice::plain("leave it as it is");
    let choices: Vec<Choice> = versions.chain(nearest).chain([leave]).collect();
    let question = format!("Which version was `{stem}` made from?");
    let chosen = frontend.choose(&question, &choices, 0)?;
    Ok(match chosen.checked_sub(several.len()) {
        None => Chosen::Version(chosen),
        Some(0) if has_more => Chosen::Nearest,
        Some(_) => Chosen::None,
    })
}

fn may_be_from(several: &[Found<'_>]) -> String {
    match several {
        [_] => "may be from this version".to_owned(),
        several => format!("may be from any of {} versions", several.len()),
    }
}
