//! The questions about conflicts, one by one, identical ones once. What is answered can be taken back until the end; stopping writes
//! nothing.

use super::confirm::range;
use super::goal::{Conflicts, Goal, What};
use super::item::{Item, State};
use super::open::Open;
use super::plan::Plan;
use super::resolutions;
use super::scene::Scene;
use crate::domain::count::counted;
use crate::domain::digest::Digest;
use crate::domain::name::AgentName;
use crate::domain::shell::Command;
use crate::error::{Advice, Failure, Kind, Result};
use crate::merge::{self, Choice as Decision, Unit};
use crate::ops::merge_file::ConflictReport;
use crate::ops::report::{
    Answers, Choice, ConflictView, Event, Frontend, OverviewLine, Preview, interrupted,
};
use crate::ops::session::Session;

/// One question: a conflict, and the places where it is to be decided.
#[derive(Debug, Clone)]
struct Group {
    identity: Digest,
    /// Item and number of the conflict in it.
    members: Vec<(usize, usize)>,
}

/// A key of one agent that stays as the user has it from now on.
type Pin = (AgentName, String);

/// Decides the conflicts, by asking or as the options say.
pub(super) fn decide(
    plan: &mut Plan,
    scene: &Scene<'_>,
    goal: &Goal,
    open: &mut Open,
    frontend: &mut dyn Frontend,
) -> Result<()> {
    let items = &mut plan.items;
    if !items.iter().any(Item::is_open) {
        return Ok(());
    }
    match (goal.conflicts, open.answers) {
        (Conflicts::Ours, _) => fill(items, &Decision::Ours),
        (Conflicts::Theirs, _) => fill(items, &Decision::Theirs),
        (Conflicts::Skip, _) | (Conflicts::Ask, Answers::LeftOut) => {
            set_state(items, State::Skipped);
        }
        (Conflicts::Markers, _) => set_state(items, State::Marked),
        (Conflicts::Ask | Conflicts::Fail, Answers::Shown) => {}
        (Conflicts::Ask, Answers::Person) => {
            frontend.report(Event::Overview(overview(items)));
            let pins = conflicts(scene.session, items, frontend)?;
            open.was_asked = true;
            keep_pins(items, scene, pins);
        }
        (Conflicts::Ask, Answers::Nobody) | (Conflicts::Fail, _) => {
            open.refuse(undecided(items, goal));
        }
    }
    Ok(())
}

/// Notes the new pins on the entries of the manifest.
fn keep_pins(items: &mut [Item], scene: &Scene<'_>, pins: Vec<Pin>) {
    for (name, key) in pins {
        let Some(item) = items.iter_mut().find(|item| item.name == name) else {
            continue;
        };
        let entry = || scene.manifest.agents().get(&name).cloned();
        // What is only required has no entry to note it on; in this update its key stays all the same.
        if let Some(mut wanted) = item.wanted.take().or_else(entry) {
            if !wanted.pins.contains(&key) {
                wanted.pins.push(key);
            }
            item.wanted = Some(wanted);
        }
    }
}

fn fill(items: &mut [Item], decision: &Decision) {
    for item in items {
        item.choices.fill(Some(decision.clone()));
    }
}

fn set_state(items: &mut [Item], state: State) {
    for item in items.iter_mut().filter(|item| item.is_open()) {
        item.state = state;
    }
}

/// That nobody is there to decide the conflicts.
fn undecided(items: &[Item], goal: &Goal) -> Failure {
    let open: Vec<&Item> = items.iter().filter(|item| item.is_open()).collect();
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
    let failure = failure.hint(
        Advice::say("run ")
            .and_run(goal.typed.asking().again())
            .and(" in a terminal to decide them"),
    );
    if matches!(goal.what, What::Waiting { .. }) {
        return failure
            .hint(
                Advice::say("or edit the files in .agentpkg/conflicts, then ")
                    .and_run(Command::new(["resolve", "--continue"])),
            )
            .hint("or decide all at once with `--ours` or `--theirs`");
    }
    failure.hint("or add `--ours`, `--theirs`, `--conflicts=skip` (update the others), or `--conflicts=markers`")
}

/// The overview before the first question.
fn overview(items: &[Item]) -> Vec<OverviewLine> {
    let news = items.iter().filter(|item| item.state != State::Current);
    let lines = news.map(|item| OverviewLine {
        name: item.name.to_string(),
        versions: range(item),
        open: match item.choices.len() {
            0 => String::new(),
            count => counted(count, "conflict"),
        },
    });
    lines.collect()
}

fn groups(items: &[Item]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (index, item) in items.iter().enumerate().filter(|(_, item)| item.is_open()) {
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
