//! One upstream version of an agent, adapted and ready to be installed or merged. Nothing is decided, asked or written here.

use super::own;
use super::report::{Frontend, relay};
use super::resolver::Resolved;
use super::session::Session;
use crate::domain::definition::{
    AdaptError, Adaptation, Adapted, Definition, OverrideError, Request, Successor, adapt,
    modernised, overridden,
};
use crate::domain::digest::Digest;
use crate::domain::discovery;
use crate::domain::folder::Folder;
use crate::domain::name::AgentName;
use crate::domain::overrides::Overrides;
use crate::domain::registry_file::AgentRecord;
use crate::domain::required::RequiredAgent;
use crate::domain::shell::Command;
use crate::error::{Advice, Failure, Result};
use crate::fs::Content;
use crate::store::agreement::versions;
use crate::store::builtin;
use crate::store::lockfile::LockedAgent;
use crate::store::manifest::{Wanted, source_text};

/// What would be installed.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    /// Its lock entry; nothing is allowed in it yet.
    pub(super) locked: LockedAgent,
    /// The adapted bytes, without overrides: the base of later merges.
    pub(super) base: Content,
    /// The adapted bytes with the overrides.
    pub(super) bytes: Content,
    /// The agents that it requires, as its registry says it: names, or specs.
    pub(super) required: Vec<String>,
}

impl Candidate {
    /// A version that was adapted before, with its lock entry, which says what overrides it has.
    pub(super) fn adapted(name: &AgentName, locked: LockedAgent, base: Content) -> Result<Self> {
        let candidate = Self {
            locked,
            bytes: base.clone(),
            base,
            required: Vec::new(),
        };
        candidate.written(name)
    }

    /// The same with these overrides and no others. `overrides`: as they are declared; `before`: the lock entry that was written with them,
    /// if it was.
    pub(super) fn overriding(
        mut self,
        name: &AgentName,
        overrides: Overrides,
        before: Option<&LockedAgent>,
    ) -> Result<Self> {
        let base = self.base.bytes().into_owned();
        self.locked.overrides = modern(overrides, &base);
        let overrides = self.locked.overrides.clone();
        let to = versions(Some(&self.locked));
        self.written(name).map_err(|failure| {
            let is_upstreams =
                before.is_some_and(|before| overrides.declares_same(&before.overrides));
            let error = overridden(&base, &overrides).err();
            match error.as_ref().and_then(OverrideError::key) {
                Some(key) if is_upstreams => failure
                    .detail(
                        format!("it could be applied until upstream's new version {to}").trim_end(),
                    )
                    .hint(
                        Advice::run(Command::new(["unset", name.as_str(), key]))
                            .and(" removes the override; then update again"),
                    ),
                _ => failure,
            }
        })
    }

    /// With the overrides that its lock entry records.
    fn written(mut self, name: &AgentName) -> Result<Self> {
        self.bytes = as_written(name, &self.locked, &self.base)?;
        let is_changed = self.bytes != self.base;
        self.locked.written = is_changed.then(|| self.bytes.digest());
        Ok(self)
    }

    /// Reads and adapts `resolved`, which is to be installed as `name`.
    pub(super) fn of(
        session: &Session,
        name: &AgentName,
        wanted: &Wanted,
        resolved: &Resolved<'_>,
        frontend: &mut dyn Frontend,
    ) -> Result<Self> {
        let Resolved {
            snapshot,
            entry,
            version,
            commit,
            listed_at: _,
        } = resolved;
        own::refuse_file(session, &snapshot.source, &entry.file)?;
        let upstream = snapshot.read(entry, &mut |event| relay(frontend, event))?;
        let rename = (entry.name != *name).then(|| name.to_string());
        let mut request = adaptation(
            &entry.file,
            &upstream,
            rename,
            wanted.is_verbatim,
            &|name| snapshot.record(name),
        );
        if !wanted.is_verbatim {
            request.bind.clone_from(&wanted.bind);
        }
        let adapted = adapt(&upstream, &request).map_err(|error| not_adaptable(name, &error))?;
        let required = snapshot
            .record(entry.name.as_str())
            .map(|record| record.requires.clone())
            .unwrap_or_default();
        session.cache.keep_content(entry.blob, &upstream);
        let adaptations = adaptations(&adapted, &request);
        let base = Content::from(adapted.bytes);
        let locked = LockedAgent {
            folder: Folder::default(),
            registry: snapshot.registry.clone(),
            source: source_text(&snapshot.source),
            agent: entry.name.to_string(),
            file: entry.file.clone(),
            version: version.as_ref().map(ToString::to_string),
            reference: snapshot.reference.clone(),
            commit: *commit,
            blob: entry.blob,
            sha256: Digest::of(&upstream),
            base: base.digest(),
            adaptations,
            requires: required
                .iter()
                .filter_map(|text| RequiredAgent::parse(text, snapshot.is_local()).ok())
                .map(|required| required.name)
                .collect(),
            allowed: Vec::new(),
            overrides: Overrides::default(),
            written: None,
        };
        Ok(Self {
            locked,
            bytes: base.clone(),
            base,
            required,
        })
    }
}

/// Overrides as they are declared, with what they come to for a base.
pub(super) fn modern(overrides: Overrides, base: &[u8]) -> Overrides {
    if overrides.modernise != Some(true) {
        return overrides;
    }
    let retired = builtin::retired_tools();
    let now = |name: &str| {
        let tool = retired.get(name)?;
        Some(Successor {
            tool: tool.now.first().cloned(),
            is_alias: tool.is_alias,
        })
    };
    Overrides {
        modern: modernised(base, &now),
        ..overrides
    }
}

/// A base with the overrides that a lock entry records.
pub(super) fn as_written(
    name: &AgentName,
    locked: &LockedAgent,
    base: &Content,
) -> Result<Content> {
    if locked.overrides.is_empty() {
        return Ok(base.clone());
    }
    let written = overridden(&base.bytes(), &locked.overrides).map_err(|error| {
        Failure::failed(format!(
            "the overrides of `{name}` cannot be applied: {error}"
        ))
        .detail(locked.overrides.texts().join(", "))
        .hint(
            "leave that one out; the overrides are in `[agents]` and `[defaults]` of agentpkg.toml",
        )
    })?;
    Ok(written.into())
}

/// The same upstream bytes adapted as the manifest wants it now: the bytes, and what the lock says about it.
pub(super) fn readapt(
    name: &AgentName,
    locked: &LockedAgent,
    wanted: &Wanted,
    upstream: &[u8],
) -> Result<(Vec<u8>, Vec<String>)> {
    let rename = (locked.agent != name.as_str()).then(|| name.to_string());
    let mut request = adaptation(&locked.file, upstream, rename, wanted.is_verbatim, &|_| {
        None
    });
    if !wanted.is_verbatim {
        request.bind.clone_from(&wanted.bind);
    }
    let adapted = adapt(upstream, &request).map_err(|error| not_adaptable(name, &error))?;
    let adaptations = adaptations(&adapted, &request);
    Ok((adapted.bytes, adaptations))
}

/// What the lock says about adaptations: bindings also where this version does not name the server, because a later one may.
fn adaptations(adapted: &Adapted, request: &Request) -> Vec<String> {
    let others = adapted
        .applied
        .iter()
        .filter(|applied| !matches!(applied, Adaptation::Bind { .. }));
    let bind = request
        .bind
        .iter()
        .map(|(from, to)| format!("bind:{from}={to}"));
    let mut bind: Vec<String> = bind.collect();
    bind.sort();
    others.map(ToString::to_string).chain(bind).collect()
}

/// How upstream bytes are adapted.
pub(super) fn adaptation<'r>(
    file: &str,
    bytes: &[u8],
    rename: Option<String>,
    is_verbatim: bool,
    record: &dyn Fn(&str) -> Option<&'r AgentRecord>,
) -> Request {
    if is_verbatim {
        return Request::default();
    }
    Request {
        rename,
        ..discovery::request(file, &Definition::parse(bytes), record)
    }
}

fn not_adaptable(name: &AgentName, error: &AdaptError) -> Failure {
    Failure::failed(format!("`{name}` cannot be made to load: {error}"))
        .hint("`--verbatim` installs it as it is; Claude Code will ignore it")
}
