//! Who may take a name: whether an agent may take the place of one from another source, and which names are taken. One rule for every
//! command that brings agents.

use super::goal::{Edits, Goal, What};
use super::item::{Item, Replaced, State};
use super::open::Open;
use super::plan::Plan;
use super::scene::Scene;
use crate::domain::name::{AgentName, RegistryName};
use crate::domain::shell::Command;
use crate::domain::spec::Source;
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
    let mut known = scene
        .manifest
        .agents()
        .keys()
        .chain(scene.lockfile.agents.keys())
        .chain(planned);
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

/// That two different agents are wanted under one name. `known`: the first, and who asked for it; `other`: the file and the source of the
/// second, and who asked for that.
pub(super) fn both_wanted(
    name: &AgentName,
    known: (&LockedAgent, &[String]),
    other: (&str, &str, &[String]),
) -> Failure {
    let wanted = |file: &str, source: &str, chain: &[String]| {
        let chain = if chain.is_empty() {
            "agentpkg.lock".to_owned()
        } else {
            chain.join(" -> ")
        };
        format!("{file} ({source}), for {chain}")
    };
    let (locked, chain) = known;
    let (file, source, other_chain) = other;
    Failure::failed(format!(
        "two different agents would be installed as `{name}`"
    ))
    .detail(wanted(&locked.file, &locked.source, chain))
    .detail(wanted(file, source, other_chain))
    .hint("install one of them under another name with `--as`")
}

/// That an agent takes the place of one that was installed from another source; `None`: it does not, or agentpkg.toml says so already.
/// `chain`: who asked for it, without agents if it was named itself.
pub(super) fn replaced(
    scene: &Scene<'_>,
    name: &AgentName,
    resolved: &Resolved<'_>,
    by: Option<&AgentName>,
    chain: &[String],
    spec: &str,
) -> Option<Replaced> {
    let source = &resolved.snapshot.source;
    let locked =
        (scene.lockfile.agents.get(name)).filter(|locked| locked.source != source_text(source))?;
    if is_said(
        scene,
        name,
        resolved.snapshot.registry.as_ref(),
        source,
        chain,
    ) {
        return None;
    }
    let registry = resolved.snapshot.registry.as_ref();
    Some(Replaced {
        old: registry_of(locked),
        new: registry.map_or_else(|| source.to_string(), ToString::to_string),
        by: by.cloned(),
        spec: spec.to_owned(),
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
    match scene
        .manifest
        .agents()
        .get(name)
        .map(|wanted| &wanted.origin)
    {
        Some(Origin::Registry(wanted)) => registry == Some(wanted),
        Some(Origin::Source(wanted)) => registry.is_none() && file_folder(wanted) == *source,
        Some(Origin::Any) => false,
        // Nobody named it, so it follows those that require it, if they agree.
        None => {
            let mut askers = scene
                .lockfile
                .agents
                .iter()
                .filter(|(_, locked)| locked.requires.contains(name))
                .map(|(by, _)| by);
            !chain.is_empty() && askers.all(|by| chain.iter().any(|known| known == by.as_str()))
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
