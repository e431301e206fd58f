//! The questions of an update: conflicts one by one, identical ones once; then new powers (`powers`). What is answered can be taken
//! back until the end; stopping writes nothing.

use super::item::{Item, State};
use super::plan::Planned;
use super::together::{requirer, skip_together};
use super::{Conflicts, UpdateOptions, powers};
use crate::domain::count::counted;
use crate::domain::digest::Digest;
use crate::domain::name::AgentName;
use crate::error::{Advice, Failure, Kind, Result};
use crate::merge::{self, Choice as Decision, Unit};
use crate::ops::merge_file::ConflictReport;
use crate::ops::policy;
use crate::ops::report::{
    Answers, Choice, ConflictView, Event, Frontend, OverviewLine, Preview, interrupted,
};
use crate::ops::resolutions;
use crate::ops::session::Session;
use crate::store::agreement::versions;
use crate::store::lockfile::Lockfile;
use crate::store::manifest::Manifest;

/// One question: a conflict, and the places where it is to be decided.
#[derive(Debug, Clone)]
struct Group {
    identity: Digest,
    /// Item and number of the conflict in it.
    members: Vec<(usize, usize)>,
}

/// A key of one agent that stays as the user has it from now on.
pub(in crate::ops) type Pin = (AgentName, String);

/// Decides everything that is open; gives back the new pins.
pub(in crate::ops) fn decide(
    session: &Session,
    manifest: &Manifest,
    before: &Lockfile,
    planned: &mut Planned,
    options: &UpdateOptions,
    frontend: &mut dyn Frontend,
) -> Result<Vec<Pin>> {
    let answers = Answers::of(frontend, options.is_dry_run, options.is_yes);
    let mut pins = Vec::new();
    let mut was_asked = false;
    let mut open = origins(planned, options, answers, &mut was_asked, frontend)?;
    let is_open = |item: &Item| item.state == State::Active && !item.choices.is_empty();
    if planned.items.iter().any(is_open) {
        match (options.conflicts, answers) {
            (Conflicts::Ours, _) => fill(&mut planned.items, &Decision::Ours),
            (Conflicts::Theirs, _) => fill(&mut planned.items, &Decision::Theirs),
            (Conflicts::Skip, _) | (Conflicts::Ask, Answers::LeftOut) => {
                set_state(&mut planned.items, State::Skipped);
            }
            (Conflicts::Markers, _) => set_state(&mut planned.items, State::Marked),
            (Conflicts::Ask | Conflicts::Fail, Answers::Shown) => {}
            (Conflicts::Ask, Answers::Person) => {
                frontend.report(Event::Overview(overview(&planned.items)));
                pins = conflicts(session, &mut planned.items, frontend)?;
                was_asked = true;
            }
            (Conflicts::Ask, Answers::Nobody) | (Conflicts::Fail, _) => {
                open = Some(both(open, undecided(&planned.items, options)));
            }
        }
    }
    // What the policy forbids is no question: nobody can allow it.
    forbid(manifest, planned);
    was_asked |= powers::decide(session, manifest, planned, options, answers, open, frontend)?;
    for index in 0..planned.items.len() {
        let item = &planned.items[index];
        if item.state == State::Active
            && !options.is_dry_run
            && let Some(reason) = item.breaks()
        {
            let named = requirer(manifest, before, &planned.items, &item.name);
            planned.failures.push(
                Failure::failed(format!(
                    "the client would ignore the merged `{}`: {reason}",
                    item.name
                ))
                .hint(format!(
                    "mend your file, or take upstream's with `agentpkg update {named} --theirs`"
                )),
            );
            planned.items[index].state = State::Skipped;
        }
    }
    skip_together(manifest, before, &mut planned.items);
    if was_asked && planned.items.iter().any(|item| item.state == State::Active) {
        confirm(session, &planned.items, frontend)?;
    }
    // A pin for an agent that is skipped after all was not meant.
    let is_active = |name: &AgentName| {
        planned
            .items
            .iter()
            .any(|item| item.name == *name && item.state == State::Active)
    };
    pins.retain(|(name, _)| is_active(name));
    Ok(pins)
}

/// Asks about agents that take the place of one from another source; gives back what is to be said where nobody can be asked.
fn origins(
    planned: &mut Planned,
    options: &UpdateOptions,
    answers: Answers,
    was_asked: &mut bool,
    frontend: &mut dyn Frontend,
) -> Result<Option<Failure>> {
    let is_left_out = answers == Answers::LeftOut
        || matches!(options.conflicts, Conflicts::Skip | Conflicts::Markers);
    let mut open = None;
    for item in planned
        .items
        .iter_mut()
        .filter(|item| item.state == State::Active)
    {
        let Some(what) = &item.replaces else { continue };
        let refused =
            Failure::new(Kind::Consent, format!("{what}, which is another agent")).hint(format!(
                "to have that: `agentpkg remove {}`, then run the command again",
                item.name
            ));
        match answers {
            Answers::Person => {
                *was_asked = true;
                if !frontend.confirm(&format!("{what}. Replace it?"), false)? {
                    item.state = State::Skipped;
                }
            }
            Answers::Shown => {
                frontend.report(Event::warning(format!("{what}; that would be asked about")));
            }
            _ if is_left_out => {
                item.state = State::Skipped;
                planned.failures.push(refused);
            }
            _ => open = Some(both(open, refused)),
        }
    }
    Ok(open)
}

/// Two refusals as one.
fn both(first: Option<Failure>, second: Failure) -> Failure {
    let Some(first) = first else { return second };
    let failure = first.detail(second.message());
    let failure = second.details().iter().fold(failure, Failure::detail);
    second.hints().iter().fold(failure, Failure::hint)
}

/// Leaves out what the policy of the project forbids.
pub(super) fn forbid(manifest: &Manifest, planned: &mut Planned) {
    let active = |item: &&mut Item| item.state == State::Active;
    for item in planned.items.iter_mut().filter(active) {
        if let Err(failure) =
            policy::permit(manifest, &item.name, &item.candidate.locked, &item.result())
        {
            item.state = State::Skipped;
            planned.failures.push(failure);
        }
    }
}

fn fill(items: &mut [Item], decision: &Decision) {
    for item in items {
        item.choices.fill(Some(decision.clone()));
    }
}

fn set_state(items: &mut [Item], state: State) {
    for item in items.iter_mut().filter(|item| !item.choices.is_empty()) {
        item.state = state;
    }
}

fn undecided(items: &[Item], options: &UpdateOptions) -> Failure {
    let open: Vec<&Item> = items
        .iter()
        .filter(|item| !item.choices.is_empty())
        .collect();
    let count: usize = open.iter().map(|item| item.choices.len()).sum();
    let noun = if count == 1 {
        "1 conflict is".to_owned()
    } else {
        format!("{count} conflicts are")
    };
    let mut failure = Failure::new(
        Kind::Conflict,
        format!("{noun} to decide, so nothing was written"),
    );
    for item in open {
        for conflict in item.merge().conflicts() {
            failure = failure.detail(format!(
                "{}: {} ({})",
                item.name,
                conflict.unit(),
                conflict.reason()
            ));
        }
    }
    failure
        .hint(
            Advice::say("run ")
                .and_run(options.typed.again())
                .and(" in a terminal to decide them"),
        )
        .hint("or add `--ours`, `--theirs`, `--conflicts=skip` (update the others), or `--conflicts=markers`")
}

/// The overview before the first question.
fn overview(items: &[Item]) -> Vec<OverviewLine> {
    let lines = items.iter().map(|item| OverviewLine {
        name: item.name.to_string(),
        versions: range(item),
        open: match item.choices.len() {
            0 => String::new(),
            count => counted(count, "conflict"),
        },
    });
    lines.collect()
}

pub(super) fn range(item: &Item) -> String {
    let (from, to) = (
        versions(item.before.as_ref()),
        versions(Some(&item.candidate.locked)),
    );
    match (from.is_empty(), to.is_empty() || from == to) {
        (_, true) => from,
        (true, false) => to,
        (false, false) => format!("{from} -> {to}"),
    }
}

fn groups(items: &[Item]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (index, item) in items
        .iter()
        .enumerate()
        .filter(|(_, item)| !item.choices.is_empty())
    {
        for (number, conflict) in item.merge().conflicts().iter().enumerate() {
            let identity = resolutions::identity(conflict);
            match groups.iter_mut().find(|group| group.identity == identity) {
                Some(group) => group.members.push((index, number)),
                None => groups.push(Group {
                    identity,
                    members: vec![(index, number)],
                }),
            }
        }
    }
    groups
}

/// What an answer to a conflict can be.
#[derive(Debug, Clone, PartialEq)]
enum Answer {
    Decide(Decision),
    Edit,
    /// Show both texts, and ask again.
    Look,
    Pin(String),
    /// The same for all open conflicts about this key.
    Alike(Decision),
    Skip,
    Back,
    Stop,
}

/// Asks about the conflicts.
fn conflicts(
    session: &Session,
    items: &mut [Item],
    frontend: &mut dyn Frontend,
) -> Result<Vec<Pin>> {
    let groups = groups(items);
    let mut pins: Vec<Pin> = Vec::new();
    // Each question's state before it was answered, to go back to.
    let mut past: Vec<(usize, Vec<Item>, Vec<Pin>)> = Vec::new();
    let mut at = 0;
    while let Some(group) = groups.get(at) {
        let open: Vec<(usize, usize)> = group
            .members
            .iter()
            .copied()
            .filter(|member| is_open(items, *member))
            .collect();
        let Some(first) = open.first().copied() else {
            at += 1;
            continue;
        };
        let answer = ask(
            session,
            items,
            &groups,
            at,
            &open,
            !past.is_empty(),
            frontend,
        )?;
        if answer == Answer::Back {
            if let Some((before, old_items, old_pins)) = past.pop() {
                items.clone_from_slice(&old_items);
                (at, pins) = (before, old_pins);
            }
            continue;
        }
        let saved = (at, items.to_vec(), pins.clone());
        match answer {
            Answer::Decide(decision) => set(items, &open, &decision),
            Answer::Edit => {
                let Some(decision) = edited(items, first, frontend)? else {
                    continue;
                };
                set(items, &open, &decision);
            }
            Answer::Pin(key) => {
                for (item, _) in &open {
                    pins.push((items[*item].name.clone(), key.clone()));
                }
                set(items, &open, &Decision::Ours);
            }
            Answer::Alike(decision) => {
                let alike = alike(items, &groups, at);
                set(items, &open, &decision);
                set(items, &alike, &decision);
            }
            Answer::Skip => {
                for (item, _) in &open {
                    items[*item].state = State::Skipped;
                }
            }
            Answer::Back | Answer::Look => {}
            Answer::Stop => return Err(interrupted()),
        }
        past.push(saved);
        at += 1;
    }
    Ok(pins)
}

fn is_open(items: &[Item], (item, number): (usize, usize)) -> bool {
    items[item].state == State::Active && items[item].choices[number].is_none()
}

fn set(items: &mut [Item], members: &[(usize, usize)], decision: &Decision) {
    for (item, number) in members {
        items[*item].choices[*number] = Some(decision.clone());
    }
}

/// The open conflicts of other questions that are about the same key.
fn alike(items: &[Item], groups: &[Group], at: usize) -> Vec<(usize, usize)> {
    let unit_of =
        |(item, number): (usize, usize)| items[item].merge().conflicts()[number].unit().clone();
    let unit = unit_of(groups[at].members[0]);
    if !matches!(unit, Unit::Key(_)) {
        return Vec::new();
    }
    let others = groups
        .iter()
        .enumerate()
        .filter(|(index, _)| *index != at)
        .flat_map(|(_, group)| group.members.iter().copied());
    others
        .filter(|member| is_open(items, *member) && unit_of(*member) == unit)
        .collect()
}

/// Shows one conflict and asks.
fn ask(
    session: &Session,
    items: &[Item],
    groups: &[Group],
    at: usize,
    open: &[(usize, usize)],
    has_past: bool,
    frontend: &mut dyn Frontend,
) -> Result<Answer> {
    let (index, number) = open[0];
    let item = &items[index];
    let merge = item.merge();
    let conflict = &merge.conflicts()[number];
    let texts = ConflictReport::of(conflict);
    frontend.report(Event::Conflict(ConflictView {
        agent: item.name.to_string(),
        versions: range(item),
        number: at + 1,
        count: groups.len(),
        also_in: open[1..]
            .iter()
            .map(|(other, _)| items[*other].name.to_string())
            .collect(),
        unit: texts.unit,
        reason: texts.reason,
        base: texts.base,
        ours: texts.ours.clone(),
        theirs: texts.theirs.clone(),
        suggestion: texts.suggestion,
    }));
    let mut offers: Vec<(String, Answer)> = vec![
        ("keep mine".to_owned(), Answer::Decide(Decision::Ours)),
        ("take theirs".to_owned(), Answer::Decide(Decision::Theirs)),
    ];
    if conflict.suggestion().is_some() {
        offers.push((
            "combine, as shown".to_owned(),
            Answer::Decide(Decision::Suggestion),
        ));
    }
    if conflict.offers_both() {
        offers.push((
            "keep both, mine first".to_owned(),
            Answer::Decide(Decision::OursThenTheirs),
        ));
        offers.push((
            "keep both, theirs first".to_owned(),
            Answer::Decide(Decision::TheirsThenOurs),
        ));
    }
    offers.push(("edit".to_owned(), Answer::Edit));
    if conflict.rewritten_by().is_some() {
        offers.push(("see both".to_owned(), Answer::Look));
    }
    if let Unit::Key(key) = conflict.unit() {
        offers.push((format!("always keep my {key}"), Answer::Pin(key.clone())));
    }
    let alike = alike(items, groups, at).len();
    if alike > 0
        && let Unit::Key(key) = conflict.unit()
    {
        let others = if alike == 1 {
            "the other".to_owned()
        } else {
            format!("{alike} others")
        };
        offers.push((
            format!("keep mine, also for {others} in {key}"),
            Answer::Alike(Decision::Ours),
        ));
        offers.push((
            format!("take theirs, also for {others} in {key}"),
            Answer::Alike(Decision::Theirs),
        ));
    }
    offers.push(("skip this agent".to_owned(), Answer::Skip));
    if has_past {
        offers.push(("back".to_owned(), Answer::Back));
    }
    offers.push(("stop (nothing is written)".to_owned(), Answer::Stop));
    // A decision made before is offered again, but has to be made again.
    let before = resolutions::recorded(&session.project, conflict);
    let (first, why) = match before {
        Some(before) => (Some(before), "as the last time"),
        None if conflict.is_same_text() => (
            conflict.preselected(),
            "the same text, laid out differently",
        ),
        None => (
            conflict.preselected(),
            "the other side only laid the text out differently",
        ),
    };
    let default = first.and_then(|first| {
        offers
            .iter()
            .position(|(_, answer)| *answer == Answer::Decide(first.clone()))
    });
    let labels: Vec<Choice> = offers
        .iter()
        .enumerate()
        .map(|(index, (label, _))| Choice {
            label: label.clone(),
            detail: if default == Some(index) {
                why.to_owned()
            } else {
                String::new()
            },
        })
        .collect();
    loop {
        let chosen = frontend.choose("Your choice", &labels, default.unwrap_or(0))?;
        match offers.get(chosen).ok_or_else(interrupted)? {
            (_, Answer::Look) => frontend.report(Event::Preview(Preview {
                path: item.name.to_string(),
                before_label: "yours".to_owned(),
                after_label: "upstream's".to_owned(),
                before: texts.ours.clone(),
                after: texts.theirs.clone(),
            })),
            (_, answer) => return Ok(answer.clone()),
        }
    }
}

/// Lets the person write the text; asks again while markers are left.
fn edited(
    items: &[Item],
    (index, number): (usize, usize),
    frontend: &mut dyn Frontend,
) -> Result<Option<Decision>> {
    let merge = items[index].merge();
    let labels = merge::Labels {
        ours: "you",
        base: "base",
        theirs: "upstream",
    };
    let mut text =
        String::from_utf8_lossy(&merge.conflicts()[number].with_markers(labels)).into_owned();
    loop {
        let Some(saved) = frontend.edit(&text)? else {
            return Ok(None);
        };
        match merge::leftover(saved.as_bytes()) {
            None => return Ok(Some(Decision::Text(saved.into_bytes()))),
            Some(leftover) => {
                frontend.report(Event::warning(format!(
                    "line {} still is a conflict marker",
                    leftover.line
                )));
                text = saved;
                if !frontend.confirm("Edit again?", true)? {
                    return Ok(None);
                }
            }
        }
    }
}

pub(super) fn preview(item: &Item, path: String) -> Preview {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Preview {
        path,
        before_label: "as it is".to_owned(),
        after_label: "after the update".to_owned(),
        before: text(item.ours.as_deref().unwrap_or_default()),
        after: text(&item.result()),
    }
}

/// The last question: what was decided is shown before it is written.
fn confirm(session: &Session, items: &[Item], frontend: &mut dyn Frontend) -> Result<()> {
    let active: Vec<&Item> = items
        .iter()
        .filter(|item| item.state == State::Active)
        .collect();
    let labels = [
        format!("write {}", counted(active.len(), "agent")),
        "show the changes".to_owned(),
        "stop (nothing is written)".to_owned(),
    ]
    .map(Choice::plain);
    loop {
        match frontend.choose("All decided", &labels, 0)? {
            0 => return Ok(()),
            1 => {
                for item in &active {
                    let path = session
                        .project
                        .display(&session.project.agent_path(&item.name));
                    frontend.report(Event::Preview(preview(item, path)));
                }
            }
            _ => return Err(interrupted()),
        }
    }
}
