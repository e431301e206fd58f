//! Who may take a name: whether an agent may take the place of one from another source, and which names are taken. One rule for every
//! command that brings agents.

use super::goal::{Edits, Goal, What};
use super::item::{Added, Item, Replaced, State};
use super::open::Open;
use super::plan::Plan;
use super::scene::Scene;
use crate::domain::name::{AgentName, RegistryName};
use crate::domain::shell::Command;
use crate::domain::spec::{Source, Target};
use crate::error::{Advice, Failure, Kind, Result};
use crate::ops::report::{Answers, Event, Frontend};
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
            "`{name}` and the installed `{other}` are one file where case does not count"
        ))
        .hint("choose another name with `--as`"),
        Some(by) => Failure::failed(format!(
            "`{name}`, which `{by}` requires, and `{other}` are one file where case does not count"
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
        format!("{} ({}), for {chain}", self.file, self.source)
    }
}

/// That two different agents are wanted under one name.
pub(super) fn both_wanted(name: &AgentName, known: &Claim<'_>, other: &Claim<'_>) -> Failure {
    Failure::failed(format!(
        "two different agents would be installed as `{name}`"
    ))
    .detail(known.in_words())
    .detail(other.in_words())
    .hint("install one of them under another name with `--as`")
}

/// That an agent takes the place of one that was installed from another source; `None`: it does not, or agentpkg.toml says so already.
pub(super) fn replaced(
    scene: &Scene<'_>,
    name: &AgentName,
    resolved: &Resolved<'_>,
    added: &Added,
) -> Option<Replaced> {
    let (source, registry) = (
        &resolved.snapshot.source,
        resolved.snapshot.registry.as_ref(),
    );
    let locked = scene.lockfile.agents.get(name)?;
    if added.is_followed {
        return None;
    }
    let new = resolved.snapshot.place();
    if locked.source == source_text(source) {
        // In the same source it is another agent if the installed one still stands in its own file.
        let (file, old_file) = (&resolved.entry.file, &locked.file);
        let offered = &resolved.snapshot.offered;
        let wanted = scene.manifest.agents().get(name);
        let is_said =
            wanted.is_some_and(|wanted| wanted.target == Some(Target::File(file.clone())));
        if file == old_file || is_said || offered.find_file(old_file).is_none() {
            return None;
        }
        return Some(Replaced {
            old: format!("{}#{old_file}", registry_of(locked)),
            new: format!("{new}#{file}"),
            by: added.by.clone(),
            spec: added.spec.clone(),
        });
    }
    if is_said(scene, name, registry, source, &added.chain) {
        return None;
    }
    Some(Replaced {
        old: registry_of(locked),
        new,
        by: added.by.clone(),
        spec: added.spec.clone(),
    })
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

/// Asks about agents that take the place of one from another source.
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
                if !frontend.confirm(&replaced.question(&item.name), false)? {
                    item.skip("the installed one was kept");
                }
            }
            Answers::Shown => {
                frontend.report(Event::warning(format!("{what}; that would be asked about")));
            }
            _ => {
                let failure = refused(goal, &item.name, &replaced, &what);
                if answers == Answers::LeftOut || goal.skips_open() {
                    item.state = State::Skipped;
                    plan.failures.push(failure);
                } else {
                    open.refuse(failure);
                }
            }
        }
    }
    Ok(())
}

impl Replaced {
    /// The question whether the agent of this name may be replaced.
    fn question(&self, name: &AgentName) -> String {
        let Self { old, new, by, .. } = self;
        match by {
            Some(by) => format!(
                "`{name}` is installed from {old}, and `{by}` requires the one from {new}. Replace it?"
            ),
            None => {
                format!("`{name}` is installed from {old}. Replace it with the one from {new}?")
            }
        }
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
            ", which makes `{name}` your own choice; then run the command again"
        )));
    }
    let is_renamed = matches!(&goal.what, What::Specs(specs) if specs.name.is_some());
    let other = if is_renamed { "OTHER" } else { "NAME" };
    let again = goal.typed.naming([spec.as_str()]);
    let mut beside = again.clone();
    beside.options = without(&beside.options, "--as");
    failure
        .hint(Advice::say("to have both: ").and_run(beside.with(&["--as", other])))
        .hint(Advice::say("to replace it: ").and_run(again.with(&["--force"])))
}

/// Options without one that has a value.
fn without(options: &[String], option: &str) -> Vec<String> {
    match options.iter().position(|known| known == option) {
        Some(at) => [&options[..at], options.get(at + 2..).unwrap_or_default()].concat(),
        None => options.to_vec(),
    }
}
