//! Who may take a name: whether an agent may take the place of one from another source, and which names are taken. One rule for every
//! command that brings agents.

use super::goal::{Edits, Goal};
use super::item::{Added, Item, Replaced, State};
use super::open::Open;
use super::plan::Plan;
use super::scene::Scene;
use crate::domain::name::{AgentName, RegistryName};
use crate::domain::shell::Command;
use crate::domain::spec::{Source, Target};
use crate::error::{Advice, Failure, Kind, Result};
use crate::ops::beside::Taken;
use crate::ops::report::{Answers, Choice, Event, Frontend, interrupted, relay};
use crate::ops::resolver::Resolved;
use crate::store::agreement::{file_folder, registry_of};
use crate::store::lockfile::LockedAgent;
use crate::store::manifest::{Origin, source_text};

/// The installed or planned agent that is one file with `name` where case does not count. `by`: who requires it.
pub(super) fn folded(
    plan: &Plan,
    scene: &Scene<'_>,
    name: &AgentName,
    by: Option<&AgentName>,
) -> Option<Failure> {
    let planned = plan.items.iter().map(|item| &item.name);
    let (wanted, locked) = (scene.manifest.agents().keys(), scene.lockfile.agents.keys());
    let mut known = wanted.chain(locked).chain(planned);
    let other = known.find(|other| *other != name && other.folded() == name.folded())?;
    Some(match by {
        None => Failure::failed(format!(
            "`{name}` and the installed `{other}` are one file on systems that ignore case"
        ))
        .hint("choose another name with `--as`"),
        Some(by) => Failure::failed(format!(
            "`{name}`, which `{by}` requires, and `{other}` are one file on systems that ignore case"
        ))
        .hint(format!("install `{other}` under another name with `--as`")),
    })
}

/// One of two agents that are wanted under one name.
pub(super) struct Claim<'c> {
    file: &'c str,
    source: String,
    /// Who asked for it, outermost first; empty: it is locked.
    chain: &'c [String],
}

impl<'c> Claim<'c> {
    /// That of a locked or planned agent.
    pub(super) fn locked(locked: &'c LockedAgent, chain: &'c [String]) -> Self {
        Self {
            file: &locked.file,
            source: locked.source.clone(),
            chain,
        }
    }

    /// That of an agent that was found.
    pub(super) fn found(resolved: &'c Resolved<'_>, chain: &'c [String]) -> Self {
        Self {
            file: &resolved.entry.file,
            source: source_text(&resolved.snapshot.source),
            chain,
        }
    }

    /// Whether it is about this very agent.
    pub(super) fn is_of(&self, locked: &LockedAgent) -> bool {
        locked.source == self.source && locked.file == self.file
    }

    /// The agent and who asked for it, in words.
    fn in_words(&self) -> String {
        let chain = match self.chain {
            [] => "agentpkg.lock".to_owned(),
            chain => chain.join(" -> "),
        };
        format!("{} ({}), wanted by {chain}", self.file, self.source)
    }
}

/// What helps where one of two agents of one name is required: nobody else can rename that.
pub(super) const OTHER_NAME: &str = "install the other one under another name with `--as`";

/// That two different agents are wanted under one name.
pub(super) fn both_wanted(name: &AgentName, known: &Claim<'_>, other: &Claim<'_>) -> Failure {
    Failure::failed(format!(
        "two different agents would be installed as `{name}`"
    ))
    .detail(known.in_words())
    .detail(other.in_words())
}

/// That an agent takes the place of one that was installed from another source; `None`: it does not, or agentpkg.toml says so already.
pub(super) fn replaced(
    scene: &Scene<'_>,
    name: &AgentName,
    resolved: &Resolved<'_>,
    added: &Added,
    frontend: &mut dyn Frontend,
) -> Result<Option<Replaced>> {
    let (source, registry) = (
        &resolved.snapshot.source,
        resolved.snapshot.registry.as_ref(),
    );
    let Some(locked) = scene.lockfile.agents.get(name) else {
        return Ok(None);
    };
    if added.is_followed {
        return Ok(None);
    }
    let new = resolved.snapshot.place();
    let beside = || {
        let taken = Taken::of(&scene.session.project, [name]);
        taken.free(&resolved.entry.name, registry, source)
    };
    if locked.source == source_text(source) {
        // In the same source it is another agent if the installed one still stands in its own file.
        let (file, old_file) = (&resolved.entry.file, &locked.file);
        let wanted = scene.manifest.agents().get(name);
        let is_said =
            wanted.is_some_and(|wanted| wanted.target == Some(Target::File(file.clone())));
        let mut stands = || {
            let watch = &mut |event| relay(frontend, event);
            resolved.snapshot.find_file(old_file, watch)
        };
        if file == old_file || is_said || stands()?.is_none() {
            return Ok(None);
        }
        return Ok(Some(Replaced {
            old: format!("{}#{old_file}", registry_of(locked)),
            new: format!("{new}#{file}"),
            by: added.by.clone(),
            spec: added.spec.clone(),
            beside: beside(),
        }));
    }
    if is_said(scene, name, registry, source, &added.chain) {
        return Ok(None);
    }
    Ok(Some(Replaced {
        old: registry_of(locked),
        new,
        by: added.by.clone(),
        spec: added.spec.clone(),
        beside: beside(),
    }))
}

/// Whether it is no surprise that an agent of this name comes from there.
fn is_said(
    scene: &Scene<'_>,
    name: &AgentName,
    registry: Option<&RegistryName>,
    source: &Source,
    chain: &[String],
) -> bool {
    let wanted = scene.manifest.agents().get(name);
    match wanted.map(|wanted| &wanted.origin) {
        Some(Origin::Registry(wanted)) => registry == Some(wanted),
        Some(Origin::Source(wanted)) => registry.is_none() && file_folder(wanted) == *source,
        Some(Origin::Any) => false,
        // Nobody named it, so it follows those that require it, if they agree.
        None => {
            let agents = scene.lockfile.agents.iter();
            let mut askers = agents.filter(|(_, locked)| locked.requires.contains(name));
            !chain.is_empty()
                && askers.all(|(by, _)| chain.iter().any(|known| known == by.as_str()))
        }
    }
}

/// What becomes of two agents of one name, of which one is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// The installed one stays alone.
    Keep,
    /// The other one is installed beside it, under another name.
    Both,
    /// The other one takes its place.
    Replace,
}

impl Item {
    /// Does what was decided about an agent from elsewhere that has the name.
    pub(super) fn obey(&mut self, decision: Decision) {
        match decision {
            Decision::Keep => self.skip("the installed one was kept"),
            Decision::Replace => self.replaces = None,
            Decision::Both => {}
        }
    }
}

/// Decides about agents that take the place of one from another source. What was named was asked about when its name was chosen, so that
/// only what is required is left to ask about.
pub(super) fn decide(
    plan: &mut Plan,
    goal: &Goal,
    open: &mut Open,
    frontend: &mut dyn Frontend,
) -> Result<()> {
    let answers = open.answers;
    let active = |item: &&mut Item| item.state == State::Active;
    for item in plan.items.iter_mut().filter(active) {
        let Some(replaced) = item.replaces.clone() else {
            continue;
        };
        if goal.edits == Edits::Replace && replaced.by.is_none() {
            continue;
        }
        let what = replaced.to_string_for(&item.name);
        match answers {
            Answers::Person => {
                open.was_asked = true;
                let decision = replaced.ask(&item.name, frontend)?;
                item.obey(decision);
            }
            Answers::Shown if goal.consent.is_yes => item.skip(what),
            Answers::Shown => {
                frontend.report(Event::warning(format!(
                    "{what}; you would be asked about it"
                )));
            }
            _ => {
                let is_alone = answers == Answers::LeftOut || goal.skips_open();
                let mut failure = refused(goal, &item.name, &replaced, &what);
                if is_alone {
                    if replaced.by.is_none() {
                        let again = goal.typed.naming([replaced.spec.as_str()]);
                        failure = failure
                            .hint(Advice::say("to replace it: ").and_run(again.with(&["--force"])));
                    }
                    item.state = State::Skipped;
                    plan.failures.push(failure);
                } else {
                    if replaced.by.is_none() {
                        open.replaced.push(replaced.spec.clone());
                    }
                    open.refuse(failure);
                }
            }
        }
    }
    Ok(())
}

impl Replaced {
    /// Asks what becomes of the installed agent of this name and of the other one.
    pub(super) fn ask(&self, name: &AgentName, frontend: &mut dyn Frontend) -> Result<Decision> {
        let Self { old, new, by, .. } = self;
        if let Some(by) = by {
            let question = format!(
                "`{name}` is installed from {old}, and `{by}` requires the one from {new}. Replace it?"
            );
            let is_replaced = frontend.confirm(&question, false)?;
            return Ok(if is_replaced {
                Decision::Replace
            } else {
                Decision::Keep
            });
        }
        let question = format!("`{name}` is installed from {old}, and {new} has another one");
        let offers = [
            ("keep the installed one", "", Decision::Keep),
            (
                "keep both",
                "the other one gets a name of its own",
                Decision::Both,
            ),
            ("replace the installed one", "", Decision::Replace),
        ];
        let choices = offers.map(|(label, detail, _)| Choice {
            label: label.to_owned(),
            detail: detail.to_owned(),
        });
        let chosen = frontend.choose(&question, &choices, 0)?;
        let (.., decision) = offers.get(chosen).ok_or_else(interrupted)?;
        Ok(*decision)
    }

    /// What happens to the agent of this name, in words.
    pub(super) fn to_string_for(&self, name: &AgentName) -> String {
        let Self { old, new, by, .. } = self;
        match by {
            Some(by) => format!(
                "`{name}` is installed from {old}, and `{by}` requires the one from {new}, which is another agent"
            ),
            None => {
                format!("`{name}` is installed from {old}, and the one from {new} is another agent")
            }
        }
    }
}

fn refused(goal: &Goal, name: &AgentName, replaced: &Replaced, what: &str) -> Failure {
    let failure = Failure::new(Kind::Consent, what);
    let spec = &replaced.spec;
    if replaced.by.is_some() {
        let replace = Command::new(["install", spec, "--force"]);
        return failure.hint(Advice::say("to have that: ").and_run(replace).and(format!(
            ", which adds `{name}` to agentpkg.toml; then run the command again"
        )));
    }
    let mut beside = goal.typed.naming([spec.as_str()]);
    beside.options = without(&beside.options, "--as");
    failure.hint(Advice::say("to have both: ").and_run(beside.with(&["--as", &replaced.beside])))
}

/// Options without one that has a value.
fn without(options: &[String], option: &str) -> Vec<String> {
    match options.iter().position(|known| known == option) {
        Some(at) => [&options[..at], options.get(at + 2..).unwrap_or_default()].concat(),
        None => options.to_vec(),
    }
}
