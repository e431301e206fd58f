//! The questions about new powers, the same for every command that writes an agent: equal ones are asked together, and every value that
//! is asked about is shown first.

use super::confirm::{preview, range};
use super::goal::{Goal, What};
use super::item::{Item, State};
use super::open::Open;
use super::plan::Plan;
use super::scene::Scene;
use crate::domain::capability::Gain;
use crate::domain::name::AgentName;
use crate::error::{Advice, Failure, Kind, Result};
use crate::merge::Choice as Decision;
use crate::ops::report::{Answers, AskView, Choice, Event, Frontend, GainsView, interrupted};
use crate::ops::requirement::{World, explain};

/// Agents that gain the same powers.
struct Group {
    gains: Vec<Gain>,
    /// Their numbers among the items.
    members: Vec<usize>,
}

/// What a person answers about a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// Take the rest of the new version.
    Without,
    Allow,
    Skip,
}

/// Decides about new powers. Where nobody can be asked, they are refused together with whatever else is open, lest the next try ends
/// at the next question.
pub(super) fn decide(
    plan: &mut Plan,
    scene: &Scene<'_>,
    goal: &Goal,
    open: &mut Open,
    frontend: &mut dyn Frontend,
) -> Result<()> {
    let is_shown = open.answers == Answers::Shown;
    if is_shown && !goal.consent.is_yes {
        frontend.report(Event::Asks(asks(&plan.items, goal)));
        return Ok(());
    }
    let is_asked = open.answers == Answers::Person && open.refusal.is_none();
    let mut groups = groups(&plan.items, goal);
    if is_asked {
        // Nobody is asked about what stays as it is anyway.
        let is_active = |index: &usize| plan.items[*index].state == State::Active;
        groups.retain(|group| group.members.iter().all(is_active));
    }
    if groups.is_empty() {
        return Ok(());
    }
    // What a server is, is only looked up where one is gained.
    let mut gains = groups.iter().flat_map(|group| &group.gains);
    let world = if gains.any(|gain| gain.server().is_some()) {
        let (manifest, lockfile) = (&scene.manifest, &scene.lockfile);
        Some(World::open(scene.session, manifest, lockfile, frontend)?)
    } else {
        None
    };
    let world = world.as_ref();
    let is_left_out = goal.skips_open() || is_shown || open.answers == Answers::LeftOut;
    if is_asked {
        open.was_asked = true;
        for group in groups {
            take(&mut plan.items, &group, goal, world, frontend)?;
        }
    } else if !is_left_out || open.refusal.is_some() {
        let gains = groups.iter().flat_map(|group| &group.gains);
        open.withheld.extend(gains.map(Gain::word));
        open.refuse(refused(&plan.items, &groups, world));
    } else {
        for Group { gains, members } in groups {
            for index in members {
                let named = plan.requirer(scene, &plan.items[index].name);
                let item = &mut plan.items[index];
                let failure = withheld(item, &named, &gains, world, goal);
                if is_shown {
                    let words: Vec<String> = gains.iter().map(Gain::word).collect();
                    item.notes
                        .push(format!("needs consent to {}", words.join(", ")));
                } else {
                    plan.failures.push(failure);
                }
            }
        }
    }
    Ok(())
}

/// What an agent would gain that is not allowed. While its conflicts are open, upstream's side counts: that is the most that it can get.
fn open_gains(item: &Item, goal: &Goal) -> Vec<Gain> {
    // What was left out because of its conflicts is said to ask for powers as well, lest the next try ends there.
    if item.state != State::Active && !item.is_undecided() {
        return Vec::new();
    }
    let mut judged = item.clone();
    for choice in judged.choices.iter_mut().filter(|choice| choice.is_none()) {
        *choice = Some(Decision::Theirs);
    }
    let mut gains = judged.gains();
    gains.retain(|gain| !gain.is_allowed(&goal.consent.allowed));
    gains
}

/// Leaves out the agents that would gain a permission that is not allowed.
pub(super) fn leave_out(items: &mut [Item], goal: &Goal) {
    for item in items {
        if !open_gains(item, goal).is_empty() {
            item.state = State::Skipped;
        }
    }
}

/// Everything that would be asked.
pub(super) fn asks(items: &[Item], goal: &Goal) -> Vec<AskView> {
    let mut asks = Vec::new();
    for item in items.iter().filter(|item| item.state == State::Active) {
        let ask = |kind, what: String, allow| AskView {
            agent: item.name.to_string(),
            kind,
            what,
            allow,
            beside: None,
        };
        asks.extend(item.replaces.as_ref().map(|replaced| AskView {
            beside: (replaced.by.is_none()).then(|| replaced.beside.clone()),
            ..ask("source", replaced.to_string_for(&item.name), None)
        }));
        if !item.choices.is_empty() {
            let sides = item.sides();
            let merge = sides.merge();
            for (conflict, choice) in merge.conflicts().iter().zip(&item.choices) {
                if choice.is_none() {
                    asks.push(ask("conflict", conflict.unit().to_string(), None));
                }
            }
        }
        let powers = open_gains(item, goal).into_iter();
        asks.extend(powers.map(|gain| {
            let what = gain_line(&gain.to_string(), &gain.meaning());
            ask("power", what, Some(gain.word()))
        }));
    }
    asks
}

fn groups(items: &[Item], goal: &Goal) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let gains = open_gains(item, goal);
        match groups.iter_mut().find(|group| group.gains == gains) {
            _ if gains.is_empty() => {}
            Some(group) => group.members.push(index),
            None => groups.push(Group {
                gains,
                members: vec![index],
            }),
        }
    }
    groups
}

/// Asks about a group, and does what the answer says.
fn take(
    items: &mut [Item],
    group: &Group,
    goal: &Goal,
    world: Option<&World>,
    frontend: &mut dyn Frontend,
) -> Result<()> {
    let answer = ask(items, group, world, frontend)?;
    for index in &group.members {
        let item = &mut items[*index];
        match answer {
            Answer::Allow => {}
            Answer::Skip => item.state = State::Skipped,
            Answer::Without => {
                item.keep(group.gains.iter().map(|gain| gain.key().to_owned()));
                if open_gains(item, goal).is_empty() {
                    let words: Vec<String> = group.gains.iter().map(ToString::to_string).collect();
                    item.notes.push(format!("without {}", words.join(", ")));
                } else {
                    item.state = State::Skipped;
                }
            }
        }
    }
    Ok(())
}

fn ask(
    items: &[Item],
    group: &Group,
    world: Option<&World>,
    frontend: &mut dyn Frontend,
) -> Result<Answer> {
    let members: Vec<&Item> = group.members.iter().map(|index| &items[*index]).collect();
    frontend.report(Event::Gains(GainsView {
        agents: members.iter().map(|item| item.name.to_string()).collect(),
        versions: if let [one] = members.as_slice() {
            range(one)
        } else {
            String::new()
        },
        is_first: members.iter().all(|item| item.before.is_none()),
        gains: explain(&group.gains, world),
    }));
    let (one, several) = ("this agent", "these agents");
    let whom = if members.len() == 1 { one } else { several };
    // What is new has nothing to fall back to.
    let mut offers = vec![];
    if members.iter().all(|item| item.before.is_some()) {
        offers.push((
            "no, take the rest of the update".to_owned(),
            Some(Answer::Without),
        ));
    } else {
        offers.push((format!("no, leave {whom} out"), Some(Answer::Skip)));
    }
    offers.push(("yes".to_owned(), Some(Answer::Allow)));
    offers.push(("show the change".to_owned(), None));
    if members.iter().all(|item| item.before.is_some()) {
        offers.push((format!("skip {whom}"), Some(Answer::Skip)));
    }
    let mut labels: Vec<Choice> = offers
        .iter()
        .map(|(label, _)| Choice::plain(label.clone()))
        .collect();
    labels.push(Choice::plain("stop (nothing is written)"));
    loop {
        match offers.get(frontend.choose("Allow it", &labels, 0)?) {
            None => return Err(interrupted()),
            Some((_, Some(answer))) => return Ok(*answer),
            Some((_, None)) => {
                for item in &members {
                    frontend.report(Event::Preview(preview(item, item.name.to_string())));
                }
            }
        }
    }
}

/// Leaves out an agent that asks for more, when the others are to be written all the same; gives back what to say about it. `named`: the
/// agent whose update brings this one, which is not in the manifest if it is only required.
fn withheld(
    item: &mut Item,
    named: &AgentName,
    gains: &[Gain],
    world: Option<&World>,
    goal: &Goal,
) -> Failure {
    item.state = State::Skipped;
    let message = match &item.before {
        Some(_) => format!(
            "`{}` requests new permissions, so it is left unchanged",
            item.name
        ),
        None => format!(
            "`{}` requests permissions that need consent, so it is not installed",
            item.name
        ),
    };
    let failure = Failure::new(Kind::Consent, message);
    let lines = explain(gains, world)
        .into_iter()
        .map(|(gain, meaning)| gain_line(&gain, &meaning));
    let words: Vec<String> = gains.iter().map(Gain::word).collect();
    // Whoever named no agent would allow it to all of them.
    let command = match &goal.what {
        What::Newest { names, .. } if names.is_empty() => {
            let alone = goal.typed.asking().naming([named.as_str()]);
            alone.allowing(&words)
        }
        _ => goal.typed.allowing(&words),
    };
    lines
        .fold(failure, Failure::detail)
        .hint(Advice::say("if that is meant: ").and_run(command))
}

fn gain_line(gain: &str, meaning: &str) -> String {
    let gap = if meaning.is_empty() { "" } else { "  " };
    format!("+ {gain}{gap}{meaning}")
}

/// The refusal of everything that nobody can be asked about.
fn refused(items: &[Item], groups: &[Group], world: Option<&World>) -> Failure {
    let mut failure = Failure::new(Kind::Consent, asking(items, groups));
    for Group { gains, members } in groups {
        let names: Vec<&str> = members
            .iter()
            .map(|index| items[*index].name.as_str())
            .collect();
        let is_open = members
            .iter()
            .any(|index| items[*index].choices.iter().any(Option::is_none));
        let open = if is_open {
            " (with upstream's side of its conflicts)"
        } else {
            ""
        };
        for (gain, meaning) in explain(gains, world) {
            failure = failure.detail(format!(
                "{}: {}{open}",
                names.join(", "),
                gain_line(&gain, &meaning)
            ));
        }
    }
    failure
}

/// Who asks for power, and whether it is more than before.
fn asking(items: &[Item], groups: &[Group]) -> String {
    let members = groups.iter().flat_map(|group| &group.members);
    let asking: Vec<&Item> = members.map(|index| &items[*index]).collect();
    let is_new = asking.iter().all(|item| item.before.is_none());
    let who = match asking.as_slice() {
        [one] => {
            let versions = Some(range(one)).filter(|versions| !versions.is_empty() && !is_new);
            let versions = versions.map(|versions| format!(" {versions}"));
            format!("`{}`{} requests", one.name, versions.unwrap_or_default())
        }
        several => format!("{} agents request", several.len()),
    };
    if is_new {
        format!("{who} permissions that need consent")
    } else {
        format!("{who} new permissions")
    }
}
