//! The questions of an update: conflicts one by one, identical ones once; then new powers, equal ones together. What is answered can be
//! taken back until the end; stopping writes nothing.

use super::item::{Item, State};
use super::plan::{Planned, versions};
use super::together::{requirer, skip_together};
use super::{Conflicts, UpdateOptions};
use crate::domain::capability::Gain;
use crate::domain::digest::Digest;
use crate::domain::name::AgentName;
use crate::domain::shell::shell_quoted;
use crate::error::{Failure, Kind, Result};
use crate::merge::{self, Choice as Decision, Unit};
use crate::ops::policy;
use crate::ops::report::{
    Choice, ConflictView, Event, Frontend, GainsView, OverviewLine, Preview, interrupted,
};
use crate::ops::requirement::{World, explain};
use crate::ops::resolutions;
use crate::ops::session::Session;
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
    let may_ask = frontend.is_interactive() && !options.is_dry_run && !options.is_yes;
    let mut pins = Vec::new();
    let has_conflicts = planned.items.iter().any(|item| !item.choices.is_empty());
    let mut was_asked = false;
    if has_conflicts {
        match options.conflicts {
            Conflicts::Ours => fill(&mut planned.items, &Decision::Ours),
            Conflicts::Theirs => fill(&mut planned.items, &Decision::Theirs),
            Conflicts::Skip => set_state(&mut planned.items, State::Skipped),
            Conflicts::Markers => set_state(&mut planned.items, State::Marked),
            Conflicts::Ask if may_ask => {
                frontend.report(Event::Overview(overview(&planned.items)));
                pins = conflicts(session, &mut planned.items, frontend)?;
                was_asked = true;
            }
            Conflicts::Ask | Conflicts::Fail if options.is_dry_run => {}
            Conflicts::Ask | Conflicts::Fail => return Err(undecided(&planned.items, options)),
        }
    }
    // What the policy forbids is no question: nobody can allow it.
    forbid(manifest, planned);
    was_asked |= powers(
        session,
        manifest,
        &mut planned.items,
        &mut planned.failures,
        options,
        may_ask,
        frontend,
    )?;
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
        .hint(format!("run `agentpkg {}` in a terminal to decide them", options.typed))
        .hint("or add `--ours`, `--theirs`, `--conflicts=skip` (update the others), or `--conflicts=markers`")
}

/// The overview before the first question.
fn overview(items: &[Item]) -> Vec<OverviewLine> {
    let lines = items.iter().map(|item| OverviewLine {
        name: item.name.to_string(),
        versions: range(item),
        open: match item.choices.len() {
            0 => String::new(),
            1 => "1 conflict".to_owned(),
            count => format!("{count} conflicts"),
        },
    });
    lines.collect()
}

fn range(item: &Item) -> String {
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
            Answer::Back => {}
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
    let text = |lines: Vec<&[u8]>| String::from_utf8_lossy(&lines.join(&b'\n')).into_owned();
    frontend.report(Event::Conflict(ConflictView {
        agent: item.name.to_string(),
        versions: range(item),
        number: at + 1,
        count: groups.len(),
        also_in: open[1..]
            .iter()
            .map(|(other, _)| items[*other].name.to_string())
            .collect(),
        unit: conflict.unit().to_string(),
        reason: conflict.reason().to_string(),
        base: text(conflict.base()),
        ours: text(conflict.ours()),
        theirs: text(conflict.theirs()),
        suggestion: conflict
            .suggestion()
            .map(|text| String::from_utf8_lossy(text).into_owned()),
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
    let default = before.and_then(|before| {
        offers
            .iter()
            .position(|(_, answer)| *answer == Answer::Decide(before.clone()))
    });
    let labels = offers.iter().enumerate().map(|(index, (label, _))| Choice {
        label: label.clone(),
        detail: if default == Some(index) {
            "as the last time".to_owned()
        } else {
            String::new()
        },
    });
    let chosen = frontend.choose(
        "Your choice",
        &labels.collect::<Vec<_>>(),
        default.unwrap_or(0),
    )?;
    offers
        .into_iter()
        .nth(chosen)
        .map(|(_, answer)| answer)
        .ok_or_else(interrupted)
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
                frontend.report(Event::Warning(format!(
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

/// Decides about new powers; says whether anything was asked.
pub(in crate::ops) fn powers(
    session: &Session,
    manifest: &Manifest,
    items: &mut [Item],
    failures: &mut Vec<Failure>,
    options: &UpdateOptions,
    may_ask: bool,
    frontend: &mut dyn Frontend,
) -> Result<bool> {
    let open = |item: &Item| -> Vec<Gain> {
        if item.state != State::Active {
            return Vec::new();
        }
        item.gains()
            .into_iter()
            .filter(|gain| !gain.is_allowed(&options.allowed))
            .collect()
    };
    let mut grouped: Vec<(Vec<Gain>, Vec<usize>)> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let gains = open(item);
        match grouped.iter_mut().find(|(known, _)| *known == gains) {
            _ if gains.is_empty() => {}
            Some((_, members)) => members.push(index),
            None => grouped.push((gains, vec![index])),
        }
    }
    if grouped.is_empty() || options.is_dry_run {
        return Ok(false);
    }
    // What a server is, is only looked up where one is gained.
    let world = if grouped
        .iter()
        .flat_map(|(gains, _)| gains)
        .any(|gain| gain.server().is_some())
    {
        Some(World::open(
            session,
            manifest,
            &session.project.load_lockfile()?,
            frontend,
        )?)
    } else {
        None
    };
    if !may_ask && !options.is_yes {
        if options.conflicts == Conflicts::Skip {
            let before = session.project.load_lockfile()?;
            for (gains, members) in grouped {
                for index in members {
                    let named = requirer(manifest, &before, items, &items[index].name);
                    failures.push(withheld(
                        &mut items[index],
                        &named,
                        &gains,
                        world.as_ref(),
                        options,
                    ));
                }
            }
            return Ok(false);
        }
        return Err(unallowed(items, &grouped, world.as_ref(), options));
    }
    for (gains, members) in grouped {
        let names: Vec<String> = members
            .iter()
            .map(|index| items[*index].name.to_string())
            .collect();
        let answer = if may_ask {
            ask_powers(items, &gains, &members, world.as_ref(), frontend)?
        } else {
            0
        };
        for index in members {
            match answer {
                1 => {}
                0 => {
                    items[index].keep(gains.iter().map(|gain| gain.key().to_owned()));
                    if open(&items[index]).is_empty() {
                        let words: Vec<String> = gains.iter().map(ToString::to_string).collect();
                        items[index]
                            .notes
                            .push(format!("without {}", words.join(", ")));
                    } else {
                        items[index].state = State::Skipped;
                    }
                }
                _ => items[index].state = State::Skipped,
            }
        }
        if !may_ask {
            let words: Vec<String> = gains.iter().map(Gain::word).collect();
            frontend.report(Event::Warning(format!(
                "{} would gain {}; not taken (`agentpkg update {} --allow {}` takes it)",
                names.join(", "),
                words.join(", "),
                names.join(" "),
                shell_quoted(&words.join(","))
            )));
        }
    }
    Ok(may_ask)
}

/// 0: without them; 1: yes; 2: skip.
fn ask_powers(
    items: &[Item],
    gains: &[Gain],
    members: &[usize],
    world: Option<&World>,
    frontend: &mut dyn Frontend,
) -> Result<usize> {
    let view = GainsView {
        agents: members
            .iter()
            .map(|index| items[*index].name.to_string())
            .collect(),
        versions: if let [one] = members {
            range(&items[*one])
        } else {
            String::new()
        },
        gains: explain(gains, world),
    };
    frontend.report(Event::Gains(view));
    let skip = if members.len() == 1 {
        "skip this agent"
    } else {
        "skip these agents"
    };
    let labels = [
        "no, take the rest of the update",
        "yes",
        "show the change",
        skip,
        "stop (nothing is written)",
    ]
    .map(Choice::plain);
    loop {
        match frontend.choose("Allow it", &labels, 0)? {
            2 => {
                for index in members {
                    frontend.report(Event::Preview(preview(
                        &items[*index],
                        items[*index].name.to_string(),
                    )));
                }
            }
            3 => return Ok(2),
            4 => return Err(interrupted()),
            answer => return Ok(answer),
        }
    }
}

/// Leaves out an agent that asks for more, when the others are to be updated all the same; gives back what to say about it. `named`: the
/// agent whose update brings this one, which is not in the manifest if it is only required.
fn withheld(
    item: &mut Item,
    named: &AgentName,
    gains: &[Gain],
    world: Option<&World>,
    options: &UpdateOptions,
) -> Failure {
    item.state = State::Skipped;
    let message = match &item.before {
        Some(_) => format!(
            "`{}` asks for more than before, so it stays as it is",
            item.name
        ),
        None => format!(
            "`{}` asks for power over the session, so it is not installed",
            item.name
        ),
    };
    let failure = Failure::new(Kind::Consent, message);
    let lines = explain(gains, world)
        .into_iter()
        .map(|(gain, meaning)| gain_line(&gain, &meaning));
    let words: Vec<String> = gains.iter().map(Gain::word).collect();
    let more = format!("--allow {}", shell_quoted(&words.join(",")));
    // Whoever named no agent would allow it to all of them.
    let command = if options.names.is_empty() {
        format!("agentpkg update {named} {more}")
    } else {
        options.again(&more)
    };
    lines
        .fold(failure, Failure::detail)
        .hint(format!("if that is meant: `{command}`"))
}

fn gain_line(gain: &str, meaning: &str) -> String {
    let gap = if meaning.is_empty() { "" } else { "  " };
    format!("+ {gain}{gap}{meaning}")
}

fn unallowed(
    items: &[Item],
    grouped: &[(Vec<Gain>, Vec<usize>)],
    world: Option<&World>,
    options: &UpdateOptions,
) -> Failure {
    let agents: usize = grouped.iter().map(|(_, members)| members.len()).sum();
    let noun = if agents == 1 {
        "1 agent asks".to_owned()
    } else {
        format!("{agents} agents ask")
    };
    let mut failure = Failure::new(
        Kind::Consent,
        format!("{noun} for more than before, so nothing was written"),
    );
    let mut words = Vec::new();
    for (gains, members) in grouped {
        let names: Vec<&str> = members
            .iter()
            .map(|index| items[*index].name.as_str())
            .collect();
        for (gain, meaning) in explain(gains, world) {
            failure = failure.detail(format!(
                "{}: {}",
                names.join(", "),
                gain_line(&gain, &meaning)
            ));
        }
        words.extend(gains.iter().map(Gain::word));
    }
    words.sort();
    words.dedup();
    failure
        .hint(format!(
            "if that is meant: `{}`",
            options.again(&format!("--allow {}", shell_quoted(&words.join(","))))
        ))
        .hint("or with `--yes` instead, which takes the rest of the update without it")
}

fn preview(item: &Item, path: String) -> Preview {
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
    let noun = if active.len() == 1 {
        "1 agent".to_owned()
    } else {
        format!("{} agents", active.len())
    };
    let labels = [
        format!("write {noun}"),
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
