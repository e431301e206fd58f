//! The questions about conflicts, one by one, identical ones once. What is answered can be taken back until the end; stopping writes
//! nothing.

use super::confirm::range;
use super::goal::{Conflicts, Goal, What};
use super::item::{Item, State};
use super::open::Open;
use super::plan::Plan;
use super::resolutions;
use super::scene::Scene;
use crate::domain::count::{counted, numbered};
use crate::domain::digest::Digest;
use crate::domain::name::AgentName;
use crate::domain::shell::Command;
use crate::error::{Advice, Failure, Kind, Result};
use crate::merge::{self, Choice as Decision, Conflict, Unit};
use crate::ops::merge_file::ConflictReport;
use crate::ops::report::{
    Answers, Choice, ConflictView, Event, Frontend, OverviewLine, Preview, interrupted,
};
use crate::ops::session::Session;

/// Number of an item, and of a conflict in it.
type Member = (usize, usize);

/// One question: a conflict, and the places where it is to be decided.
#[derive(Debug, Clone)]
struct Group {
    identity: Digest,
    members: Vec<Member>,
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
        // That is what `--yes` would do.
        (Conflicts::Ask, Answers::Shown) if goal.consent.is_yes => {
            set_state(items, State::Skipped);
        }
        (Conflicts::Ask | Conflicts::Fail, Answers::Shown) => {}
        (Conflicts::Ask, Answers::Person) => {
            frontend.report(Event::Overview(overview(items)));
            let pins = conflicts(scene.session, items, frontend)?;
            open.was_asked = true;
            keep_pins(items, scene, pins);
        }
        (Conflicts::Ask, Answers::Nobody) | (Conflicts::Fail, _) => {
            open.has_conflicts = true;
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
    let noun = numbered(
        count,
        "conflict needs a decision",
        "conflicts need a decision",
    );
    let mut lines = Vec::new();
    for item in open {
        for conflict in item.sides().merge().conflicts() {
            let (unit, reason) = (conflict.unit(), conflict.reason());
            lines.push(format!("{}: {unit} ({reason})", item.name));
        }
    }
    let failure = Failure::new(Kind::Conflict, noun).listing(lines);
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
        for (number, conflict) in item.sides().merge().conflicts().iter().enumerate() {
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

/// The questions about the conflicts of some items, and what was answered so far.
struct Questions<'q> {
    session: &'q Session,
    groups: Vec<Group>,
    items: &'q mut [Item],
    pins: Vec<Pin>,
    /// The state before each answer, to go back to: question, items and pins.
    past: Vec<(usize, Vec<Item>, Vec<Pin>)>,
}

/// Asks about the conflicts.
fn conflicts(
    session: &Session,
    items: &mut [Item],
    frontend: &mut dyn Frontend,
) -> Result<Vec<Pin>> {
    let mut questions = Questions {
        session,
        groups: groups(items),
        items,
        pins: Vec::new(),
        past: Vec::new(),
    };
    let mut at = 0;
    while at < questions.groups.len() {
        let open = questions.open(at);
        if open.is_empty() {
            at += 1;
            continue;
        }
        let answer = questions.ask(at, &open, frontend)?;
        if answer == Answer::Back {
            if let Some((before, items, pins)) = questions.past.pop() {
                questions.items.clone_from_slice(&items);
                (at, questions.pins) = (before, pins);
            }
            continue;
        }
        let saved = (at, questions.items.to_vec(), questions.pins.clone());
        if questions.take(answer, at, &open, frontend)? {
            questions.past.push(saved);
            at += 1;
        }
    }
    Ok(questions.pins)
}

impl Questions<'_> {
    /// The places of a question that are still undecided.
    fn open(&self, at: usize) -> Vec<Member> {
        let members = self.groups[at].members.iter().copied();
        members.filter(|member| self.is_open(*member)).collect()
    }

    fn is_open(&self, (item, number): Member) -> bool {
        self.items[item].state == State::Active && self.items[item].choices[number].is_none()
    }

    /// The open conflicts of other questions that are about the same key.
    fn alike(&self, at: usize) -> Vec<Member> {
        let unit_of = |(item, number): Member| {
            self.items[item].sides().merge().conflicts()[number]
                .unit()
                .clone()
        };
        let unit = unit_of(self.groups[at].members[0]);
        if !matches!(unit, Unit::Key(_)) {
            return Vec::new();
        }
        (0..self.groups.len())
            .filter(|other| *other != at)
            .flat_map(|other| self.open(other))
            .filter(|member| unit_of(*member) == unit)
            .collect()
    }

    /// Does what an answer says; `false`: the question is still open.
    fn take(
        &mut self,
        answer: Answer,
        at: usize,
        open: &[Member],
        frontend: &mut dyn Frontend,
    ) -> Result<bool> {
        match answer {
            Answer::Decide(decision) => self.set(open, &decision),
            Answer::Edit => match edited(self.items, open[0], frontend)? {
                Some(decision) => self.set(open, &decision),
                None => return Ok(false),
            },
            Answer::Pin(key) => {
                let items = &self.items;
                let pin = |(item, _): &Member| (items[*item].name.clone(), key.clone());
                self.pins.extend(open.iter().map(pin));
                self.set(open, &Decision::Ours);
            }
            Answer::Alike(decision) => {
                let alike = self.alike(at);
                self.set(open, &decision);
                self.set(&alike, &decision);
            }
            Answer::Skip => {
                for (item, _) in open {
                    self.items[*item].state = State::Skipped;
                }
            }
            Answer::Back | Answer::Look => {}
            Answer::Stop => return Err(interrupted()),
        }
        Ok(true)
    }

    fn set(&mut self, members: &[Member], decision: &Decision) {
        for (item, number) in members {
            self.items[*item].choices[*number] = Some(decision.clone());
        }
    }

    /// Shows one conflict and asks.
    fn ask(&self, at: usize, open: &[Member], frontend: &mut dyn Frontend) -> Result<Answer> {
        let (index, number) = open[0];
        let item = &self.items[index];
        let sides = item.sides();
        let merge = sides.merge();
        let conflict = &merge.conflicts()[number];
        let texts = ConflictReport::of(conflict);
        let name_of = |(other, _): &Member| self.items[*other].name.to_string();
        frontend.report(Event::Conflict(ConflictView {
            agent: item.name.to_string(),
            versions: range(item),
            number: at + 1,
            count: self.groups.len(),
            also_in: open[1..].iter().map(name_of).collect(),
            texts: texts.clone(),
        }));
        let offers = offers(conflict, self.alike(at).len(), !self.past.is_empty());
        let (preferred, why) = self.preferred(conflict);
        let preferred = preferred.map(Answer::Decide);
        let is_preferred = |answer: &Answer| preferred.as_ref() == Some(answer);
        let default = offers.iter().position(|(_, answer)| is_preferred(answer));
        let label = |(label, answer): &(String, Answer)| Choice {
            label: label.clone(),
            detail: if is_preferred(answer) { why } else { "" }.to_owned(),
        };
        let labels: Vec<Choice> = offers.iter().map(label).collect();
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

    /// The decision that is offered first, and why. One that was made before is offered again, but has to be made again.
    fn preferred(&self, conflict: &Conflict<'_>) -> (Option<Decision>, &'static str) {
        match resolutions::recorded(&self.session.project, conflict) {
            Some(before) => (Some(before), "as the last time"),
            None if conflict.is_same_text() => (
                conflict.preselected(),
                "the same text, laid out differently",
            ),
            None => (
                conflict.preselected(),
                "the other side only laid the text out differently",
            ),
        }
    }
}

/// What can be answered to a conflict. `alike`: how many others are about the same key.
fn offers(conflict: &Conflict<'_>, alike: usize, has_past: bool) -> Vec<(String, Answer)> {
    let decide = |label: &str, decision| (label.to_owned(), Answer::Decide(decision));
    let mut offers = vec![
        decide("keep mine", Decision::Ours),
        decide("take theirs", Decision::Theirs),
    ];
    if conflict.suggestion().is_some() {
        offers.push(decide("combine, as shown", Decision::Suggestion));
    }
    if conflict.offers_both() {
        offers.push(decide("keep both, mine first", Decision::OursThenTheirs));
        offers.push(decide("keep both, theirs first", Decision::TheirsThenOurs));
    }
    offers.push(("edit".to_owned(), Answer::Edit));
    if conflict.rewritten_by().is_some() {
        offers.push(("see both".to_owned(), Answer::Look));
    }
    if let Unit::Key(key) = conflict.unit() {
        offers.push((format!("always keep my {key}"), Answer::Pin(key.clone())));
        let others = match alike {
            1 => "the other".to_owned(),
            count => format!("{count} others"),
        };
        let sides = [
            ("keep mine", Decision::Ours),
            ("take theirs", Decision::Theirs),
        ];
        offers.extend(
            sides
                .into_iter()
                .filter(|_| alike > 0)
                .map(|(side, decision)| {
                    let label = format!("{side}, also for {others} in {key}");
                    (label, Answer::Alike(decision))
                }),
        );
    }
    offers.push(("skip this agent".to_owned(), Answer::Skip));
    if has_past {
        offers.push(("back".to_owned(), Answer::Back));
    }
    offers.push(("stop (nothing is written)".to_owned(), Answer::Stop));
    offers
}

/// Lets the person write the text; asks again while markers are left.
fn edited(
    items: &[Item],
    (index, number): Member,
    frontend: &mut dyn Frontend,
) -> Result<Option<Decision>> {
    let sides = items[index].sides();
    let merge = sides.merge();
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
                    "line {} is still a conflict marker",
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
