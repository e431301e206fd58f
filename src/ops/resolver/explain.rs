//! Why a spec does not lead to one agent, and what to write instead. Looks nothing up; `resolver` says what was found.

use std::rc::Rc;

use super::resolved::Resolved;
use crate::domain::discovery::stem;
use crate::domain::name::{AgentName, RegistryName};
use crate::domain::shell::{Command, shell_quoted};
use crate::domain::spec::{Place, Source, Spec, Target, as_repository};
use crate::error::{Advice, Failure, Kind};
use crate::ops::beside::Taken;
use crate::ops::report::Choice;
use crate::ops::typed::{Asker, AskerPlace, Typed};
use crate::ops::unknown;
use crate::store::manifest::{Manifest, Origin, Wanted};
use crate::store::project::Project;
use crate::store::registry::Snapshot;

/// Several agents that one spec means.
pub(super) struct Several<'f, 'a> {
    found: &'f [Resolved<'a>],
    spec: &'f Spec,
    /// The entry of the manifest that the spec stands for.
    entry: Option<(&'f AgentName, &'f Wanted)>,
    /// For each whether only its file tells it apart.
    by_file: Vec<bool>,
    /// `@` and the version that was asked for, or nothing: it is still meant.
    version: String,
    /// For each a spec that means it alone, to be pasted into a shell.
    specs: Vec<String>,
    /// How many others are meant that do not have the version.
    without: usize,
}

impl<'f, 'a> Several<'f, 'a> {
    /// `found`: at least one.
    pub(super) fn new(
        found: &'f [Resolved<'a>],
        spec: &'f Spec,
        entry: Option<(&'f AgentName, &'f Wanted)>,
    ) -> Self {
        let by_name: Vec<String> = found
            .iter()
            .map(|candidate| candidate.spec(false))
            .collect();
        let is_shared = |spec: &String| by_name.iter().filter(|other| *other == spec).count() > 1;
        // Within a folder a name may mean another agent than in the whole source.
        let is_folder = matches!(spec.target, Some(Target::Folder(_)));
        let by_file: Vec<bool> = by_name
            .iter()
            .map(|spec| is_folder || is_shared(spec))
            .collect();
        let version = entry.map_or(&spec.version, |(_, wanted)| &wanted.version);
        let version = version
            .as_ref()
            .map(|version| format!("@{version}"))
            .unwrap_or_default();
        let specs = found
            .iter()
            .zip(&by_file)
            .map(|(candidate, by_file)| {
                shell_quoted(&format!("{}{version}", candidate.spec(*by_file)))
            })
            .collect();
        Self {
            found,
            spec,
            entry,
            by_file,
            version,
            specs,
            without: 0,
        }
    }

    /// The same where others are meant as well that do not have the version.
    pub(super) fn without(mut self, others: usize) -> Self {
        self.without = others;
        self
    }

    /// What a person is asked.
    pub(super) fn question(&self) -> String {
        let count = self.found.len();
        match &self.spec.target {
            Some(Target::Folder(folder)) => {
                format!("`{folder}` of {} has {count} agents", self.source())
            }
            Some(target) => format!("{count} agents are called `{target}`"),
            None => format!("{} has {count} agents", self.source()),
        }
    }

    /// The possible answers, one for each agent.
    pub(super) fn choices(&self) -> Vec<Choice> {
        self.found
            .iter()
            .zip(&self.specs)
            .map(|(candidate, spec)| Choice {
                label: spec.clone(),
                detail: candidate.entry.description.clone(),
            })
            .collect()
    }

    /// That nobody said which one is meant, and how to say it where `asker` asked.
    pub(super) fn failure(&self, asker: &Asker, project: &Project) -> Failure {
        let failure = self.listed(self.message(asker, project));
        let typed = &asker.typed;
        let at = self.found.len() - 1;
        match (&asker.place, self.entry) {
            (AskerPlace::Spec { slot, .. }, _) => {
                let again = typed
                    .replacing(*slot, self.found[at].spec(self.by_file[at]) + &self.version)
                    .again();
                let failure = failure.hint(Advice::say("name one, for example ").and_run(again));
                let is_install = typed.command == "install";
                // One agent can be renamed, and once.
                let is_alone = is_install && !typed.is_all && !typed.has("--as");
                // While the entry of the manifest means several, another name beside it solves nothing.
                let may_rename = is_alone && self.entry.is_none();
                match &self.spec.target {
                    Some(Target::Name(_)) if may_rename && self.found.len() > 1 => {
                        failure.hint(self.keeping_both(typed, project))
                    }
                    None | Some(Target::Folder(_)) if is_install => {
                        failure.hint("or take all of them with `--all`")
                    }
                    _ => failure,
                }
            }
            (_, Some((name, wanted))) => {
                let line = entry_line(name, wanted, &self.found[at], self.by_file[at]);
                let advice = Advice::say(format!("say which there, for example `{line}`"));
                failure.hint(if typed.is_command() {
                    advice.and(", then ").and_run(typed.again())
                } else {
                    advice
                })
            }
            (_, None) => failure.hint(format!("name one, for example `{}`", self.specs[at])),
        }
    }

    /// How to install the first two, the second under a name of its own.
    fn keeping_both(&self, typed: &Typed, project: &Project) -> Advice {
        let spec = |at: usize| self.found[at].spec(self.by_file[at]) + &self.version;
        let (first, second) = (&self.found[0], &self.found[1]);
        let snapshot = &second.snapshot;
        let beside = Taken::of(project, [&first.entry.name]).free(
            &second.entry.name,
            snapshot.registry.as_ref(),
            &snapshot.source,
        );
        let commands = vec![
            typed.naming([spec(0)]).again(),
            typed.naming([spec(1)]).with(&["--as", &beside]),
        ];
        let both = if self.found.len() == 2 {
            "or keep both: "
        } else {
            "or keep several: "
        };
        Advice::say(both).and_run_all(commands)
    }

    /// What means several: an entry of the manifest, or what was typed.
    fn message(&self, asker: &Asker, project: &Project) -> Failure {
        let count = self.found.len() + self.without;
        let is_typed = matches!(asker.place, AskerPlace::Spec { .. });
        let ambiguous = |message: String| Failure::new(Kind::Ambiguous, message);
        match (&self.spec.target, self.entry) {
            (_, Some((name, _))) if !is_typed => {
                let failure = ambiguous(format!(
                    "`{name}` in agentpkg.toml means {count} different agents"
                ));
                match project.manifest_entry(name, "it does not say which") {
                    Some(location) => failure.at(location),
                    None => failure,
                }
            }
            (Some(Target::Folder(folder)), _) => ambiguous(format!(
                "`{folder}` of `{}` has {count} agents",
                self.source()
            )),
            (Some(target), _) if self.without > 0 => {
                let version = self.version.trim_start_matches('@');
                let some = self.found.len();
                ambiguous(format!(
                    "`{target}` means {count} different agents, of which {some} can be had at `{version}`"
                ))
            }
            (Some(target), _) => ambiguous(format!("`{target}` means {count} different agents")),
            (None, _) => ambiguous(format!("`{}` has {count} agents", self.source())),
        }
    }

    /// The failure with a line for each agent: its spec, and where it is.
    fn listed(&self, failure: Failure) -> Failure {
        let width = self.specs.iter().map(String::len).max().unwrap_or(0);
        let found = self.found.iter().zip(&self.specs).zip(&self.by_file);
        failure.listing(found.map(|((candidate, spec), is_by_file)| {
            let place = if *is_by_file {
                candidate.revision()
            } else {
                format!("{} {}", candidate.entry.file, candidate.revision())
            };
            format!("{spec:width$}  {place}").trim_end().to_owned()
        }))
    }

    /// Where all of them are, if nothing was named there.
    fn source(&self) -> &Source {
        &self.found[0].snapshot.source
    }
}

/// A line of agentpkg.toml that means exactly this agent, and what the entry says beside.
fn entry_line(name: &AgentName, wanted: &Wanted, resolved: &Resolved<'_>, by_file: bool) -> String {
    let origin = match &resolved.snapshot.registry {
        Some(registry) => Origin::Registry(registry.clone()),
        None => wanted.origin.clone(),
    };
    let target = if by_file {
        Some(Target::File(resolved.entry.file.clone()))
    } else {
        wanted.target.clone()
    };
    let mut manifest = Manifest::empty();
    manifest.set_agent(
        name,
        &Wanted {
            origin,
            target,
            ..wanted.clone()
        },
    );
    manifest
        .to_text()
        .lines()
        .last()
        .unwrap_or_default()
        .to_owned()
}

/// That a spec names a registry that the manifest does not have.
pub(super) fn unknown_registry(name: &RegistryName, spec: &Spec, manifest: &Manifest) -> Failure {
    let failure = unknown::registry(name.as_str(), manifest);
    // A repository is never guessed: a typo must not reach a stranger.
    let repository = match &spec.target {
        Some(Target::Name(target)) => as_repository(&format!("{name}/{target}")),
        _ => None,
    };
    let repository = repository.map(|repository| {
        format!(
            "for the repository on GitHub write `{}`",
            shell_quoted(&repository)
        )
    });
    if !manifest.registries().is_empty() {
        return match repository {
            Some(repository) => failure.hint(repository),
            None => failure,
        };
    }
    let add = Command::new(["registry", "add", "URL", "--name", name.as_str()]);
    let advice = Advice::say("add it with ").and_run(add);
    failure.hint(match repository {
        Some(repository) => advice.and(format!("; {repository}")),
        None => advice,
    })
}

/// That there is no file at a path.
pub(super) fn no_file(path: &str) -> Failure {
    let failure = Failure::failed(format!("there is no file `{path}`"));
    let is_drive = matches!(path.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic());
    if is_drive && !cfg!(windows) {
        return failure.hint("this system has no drives; write the path that the file has here");
    }
    failure.hint("check the path; it counts from the current folder")
}

/// That a spec means nothing in `snapshots`, the sources that it was looked for in.
pub(super) fn not_found(
    spec: &Spec,
    snapshots: &[Rc<Snapshot<'_>>],
    manifest: &Manifest,
) -> Failure {
    let target = spec
        .target
        .as_ref()
        .map_or_else(String::new, ToString::to_string);
    if let (Place::Anywhere, Ok(name)) = (&spec.place, RegistryName::new(&target))
        && manifest.registry(&name).is_some()
    {
        return is_registry(&name);
    }
    if let (true, Place::Source(Source::File(path))) = (target.is_empty(), &spec.place) {
        return no_file(path);
    }
    let place = match snapshots {
        [one] => match &one.registry {
            Some(registry) => format!("registry `{registry}`"),
            None => format!("`{}`", one.source),
        },
        several => format!("{} registries", several.len()),
    };
    // Without a slash, only a colon says that it may be a host.
    let address = format!("{target}#NAME");
    let is_address = matches!(&spec.place, Place::Anywhere) && target.contains(':');
    if is_address && Spec::parse(&address).is_ok() {
        return Failure::failed(format!("no agent named `{target}` in {place}"))
            .hint(format!("for a repository on a host write `{address}`"));
    }
    if target.is_empty() {
        return Failure::failed(format!("there are no agents in {place}"))
            .hint("agents are `.md` files whose frontmatter has a name and a description");
    }
    if let Some(Target::Folder(folder)) = &spec.target {
        return Failure::failed(format!("there are no agents in `{folder}` of {place}"));
    }
    let refused = snapshots.iter().flat_map(|snapshot| snapshot.refused());
    let refused = refused
        .filter(|refused| refused.file.contains(&target) || refused.reason.contains(&target));
    let failure = Failure::failed(format!("no agent named `{target}` in {place}"))
        .about_unknown(&target)
        .listing(refused.map(|refused| format!("{}: {}", refused.file, refused.reason)));
    let of_stem = snapshots.iter().find_map(|snapshot| {
        let offered = snapshot.offered_here()?;
        let found = offered.of_stem(&target).into_iter().next()?;
        Some(Resolved::newest(Rc::clone(snapshot), found))
    });
    if let Some(resolved) = of_stem {
        let (file, spec) = (&resolved.entry.file, resolved.spec(false));
        return failure.hint(format!(
            "the agent in `{file}` has another name: `{}`",
            shell_quoted(&spec)
        ));
    }
    if let Some((name, place)) = nearest(&target, snapshots) {
        return failure.hint(format!("did you mean `{name}` ({place})?"));
    }
    let list = Command::new(["list", "--available"]);
    let list = match &spec.place {
        Place::Registry(name) => list.arg(name.as_str()),
        Place::Source(source) => list.arg(source.to_string()),
        Place::Anywhere => list,
    };
    failure.hint(Advice::run(list).and(" shows what there is"))
}

/// That an entry of the manifest means nothing in its sources any more, and what to write there instead. What was never installed and
/// is almost the name of an agent has a typo.
pub(super) fn left_behind(
    ((name, wanted), is_locked): ((&AgentName, &Wanted), bool),
    spec: &Spec,
    snapshots: &[Rc<Snapshot<'_>>],
    why: Failure,
) -> Failure {
    let text = match &spec.target {
        Some(Target::File(file)) => stem(file).to_owned(),
        Some(target) => target.to_string(),
        None => return why,
    };
    let has_typo = !is_locked && nearest(&text, snapshots).is_some();
    let failure = if has_typo {
        Failure::failed(why.message())
    } else {
        Failure::failed(format!("upstream no longer has `{name}`"))
    };
    let remove = Command::new(["remove", name.as_str()]);
    let remove = Advice::run(remove).and(" takes it out of agentpkg.toml");
    let failure = match successor(&text, snapshots) {
        Some(resolved) => {
            let offered = resolved.snapshot.offered(&mut |_| {});
            let is_shared =
                offered.is_ok_and(|offered| offered.find(resolved.entry.name.as_str()).len() > 1);
            let is_renamed = resolved.entry.name != *name;
            let spec_target = wanted.target.clone();
            let wanted = Wanted {
                target: is_renamed.then(|| Target::Name(resolved.entry.name.to_string())),
                ..wanted.clone()
            };
            let found = &resolved.entry;
            if has_typo {
                // Where the name of the entry is all that it says, the typo is there.
                let (name, target) = match spec_target {
                    None => (&found.name, None),
                    Some(_) => (name, wanted.target.clone()),
                };
                let wanted = Wanted { target, ..wanted };
                let line = entry_line(name, &wanted, &resolved, is_shared);
                failure.hint(format!(
                    "did you mean `{}`? Then write `{line}` in agentpkg.toml",
                    found.name
                ))
            } else {
                let line = entry_line(name, &wanted, &resolved, is_shared);
                failure.hint(format!(
                    "perhaps it is `{}` now: write `{line}` in agentpkg.toml",
                    found.file
                ))
            }
        }
        None => failure,
    };
    if has_typo {
        return failure.hint(remove);
    }
    failure.caused_by(why.message()).hint(remove)
}

/// What may have taken the place of an agent of which only the name is known.
fn successor<'a>(text: &str, snapshots: &[Rc<Snapshot<'a>>]) -> Option<Resolved<'a>> {
    let resolved =
        |snapshot: &Rc<Snapshot<'a>>, entry| Resolved::newest(Rc::clone(snapshot), entry);
    for snapshot in snapshots {
        let Ok(offered) = snapshot.offered(&mut |_| {}) else {
            continue;
        };
        let all = offered.all().into_iter();
        let mut ends = all.filter(|entry| {
            let before = stem(&entry.file).strip_suffix(text);
            before.is_some_and(|before| before.is_empty() || before.ends_with(['-', '_']))
        });
        if let Some(entry) = ends.next() {
            return Some(resolved(snapshot, entry));
        }
    }
    let (name, _) = nearest(text, snapshots)?;
    snapshots.iter().find_map(|snapshot| {
        let offered = snapshot.offered(&mut |_| {}).ok()?;
        let entry = offered.find(&name).into_iter().next()?;
        Some(resolved(snapshot, entry))
    })
}

/// That what was typed as an agent is a registry.
fn is_registry(name: &RegistryName) -> Failure {
    let list = Command::new(["list", "--available", name.as_str()]);
    let one = Command::new(["install".to_owned(), format!("{name}/NAME")]);
    let all = Command::new(["install", name.as_str(), "--all"]);
    Failure::failed(format!("`{name}` is a registry, not an agent"))
        .hint(Advice::run(list).and(" shows its agents"))
        .hint(Advice::run(one).and(" installs one of them"))
        .hint(Advice::run(all).and(" installs all"))
}

/// The name among `snapshots` that is most like what was asked for, and where it is.
fn nearest(target: &str, snapshots: &[Rc<Snapshot<'_>>]) -> Option<(String, String)> {
    let mut near: Vec<(f64, String, String)> = Vec::new();
    for snapshot in snapshots {
        // A name that means nothing was looked for in all that there is.
        let Ok(offered) = snapshot.offered(&mut |_| {}) else {
            continue;
        };
        let alike = offered.alike(target).into_iter();
        near.extend(alike.map(|(likeness, name)| (likeness, name, snapshot.place())));
    }
    near.sort_by(|left, right| {
        right
            .0
            .total_cmp(&left.0)
            .then_with(|| left.1.cmp(&right.1))
    });
    near.into_iter()
        .next()
        .map(|(_, name, place)| (name, place))
}
