//! From the address of a page, as it is pasted from a browser, to a spec: which reference it shows, and which agent.

use super::Resolver;
use crate::domain::shell::shell_quoted;
use crate::domain::spec::{Place, Source, Spec, Target, short_url};
use crate::domain::url::{GitUrl, Shown};
use crate::domain::version::VersionRequest;
use crate::error::{Failure, Kind, Result};
use crate::git::RevisionKind;
use crate::ops::report::{Event, Frontend, relay};
use crate::store::cache::{Freshness, Reach};

impl Resolver<'_> {
    /// The spec that a page stands for, and how it is typed; `None`: the spec is not that of a page. What was taken is said.
    pub fn settled(
        &mut self,
        spec: &Spec,
        frontend: &mut dyn Frontend,
    ) -> Result<Option<(Spec, String)>> {
        let (Place::Source(Source::Git(url)), Some(Target::Page(shown, name))) =
            (&spec.place, &spec.target)
        else {
            return Ok(None);
        };
        let marker = shown.marker();
        let settled = self.read_page(url, shown, name.as_deref(), frontend);
        let (spec, what) = settled.map_err(|failure| match failure.kind() {
            Kind::Interrupted => failure,
            _ => failure.hint(format!(
                "`{marker}` was read as a page of `{source}`; a spec is written `{source}#path/to/agent.md@BRANCH`",
                source = short_url(url)
            )),
        })?;
        let text = shell_quoted(&typed(url, &spec));
        frontend.report(Event::warning(format!(
            "`{marker}` was taken as {what} (hint: the same as a spec is `{text}`)"
        )));
        let text = typed(url, &spec);
        Ok(Some((spec, text)))
    }

    /// The spec of a page, and in words what it shows.
    fn read_page(
        &mut self,
        url: &GitUrl,
        shown: &Shown,
        name: Option<&str>,
        frontend: &mut dyn Frontend,
    ) -> Result<(Spec, String)> {
        let cache = &self.session.cache;
        let mut watch = |event| relay(frontend, event);
        let repository = cache.repository(url, Freshness::Any, &mut watch)?;
        let (reference, kind, path) = repository.split_reference(&shown.rest, &mut watch)?;
        let version = match (reference.as_str(), kind) {
            ("HEAD", _) => None,
            (_, RevisionKind::Commit) => Some(VersionRequest::Revision(reference.clone())),
            (_, kind) => Some(VersionRequest::named(
                &reference,
                kind == RevisionKind::Branch,
            )),
        };
        let at = match version {
            None => "of the default branch".to_owned(),
            Some(_) => format!("of the {} `{reference}`", kind.as_str()),
        };
        let mut spec = Spec {
            place: Place::Source(Source::Git(url.clone())),
            target: name.map(|name| Target::Name(name.to_owned())),
            version,
        };
        if path.is_empty() {
            return Ok((spec, format!("the agents {at}")));
        }
        if shown.is_file {
            let what = format!("the file `{path}` {at}");
            spec.target = Some(Target::File(path));
            return Ok((spec, what));
        }
        if spec.target.is_none() {
            let folder = format!("{path}/");
            let what = format!("the agents in `{folder}` {at}");
            spec.target = Some(Target::Folder(folder));
            return Ok((spec, what));
        }
        let file = self.only_agent(&spec, &path, frontend)?;
        let what = format!("the file `{file}` {at}");
        spec.target = Some(Target::File(file));
        Ok((spec, what))
    }

    /// The file of the only agent in a folder of a source that has the name of a spec.
    fn only_agent(
        &mut self,
        spec: &Spec,
        folder: &str,
        frontend: &mut dyn Frontend,
    ) -> Result<String> {
        let Place::Source(source) = &spec.place else {
            return Err(Failure::failed("a page is one of a source"));
        };
        let now = self.open(None, source, Reach::Head, frontend)?;
        let at = match &spec.version {
            Some(request) => self.snapshot_at(&now, (request, ""), frontend)?,
            None => None,
        };
        let snapshot = at.as_ref().map_or(&*now, |(snapshot, _)| snapshot);
        let watch = &mut |event| relay(frontend, event);
        let found = match &spec.target {
            Some(Target::Name(name)) => snapshot.find(name, watch)?,
            _ => snapshot.offered(watch)?.all(),
        };
        let folder = format!("{folder}/");
        let mut files: Vec<String> = (found.into_iter())
            .map(|entry| entry.file)
            .filter(|file| file.starts_with(&folder))
            .collect();
        if files.len() == 1 {
            return Ok(files.remove(0));
        }
        let failure = Failure::failed(format!("`{folder}` holds {} agents", files.len()));
        let Place::Source(Source::Git(url)) = &spec.place else {
            return Err(failure);
        };
        let specs = files.into_iter().map(|file| {
            let target = Some(Target::File(file));
            shell_quoted(&typed(
                url,
                &Spec {
                    target,
                    ..spec.clone()
                },
            ))
        });
        let specs: Vec<String> = specs.collect();
        let Some(last) = specs.last() else {
            return Err(failure);
        };
        let failure = failure.hint(format!("name one, for example `{last}`"));
        Err(specs.iter().fold(failure, Failure::detail))
    }
}

/// A spec as it is typed.
fn typed(url: &GitUrl, spec: &Spec) -> String {
    let mut text = short_url(url);
    if let Some(target) = &spec.target {
        text = format!("{text}#{target}");
    }
    match &spec.version {
        // Other addresses may hold an `@`, so a version stands only behind a name.
        Some(version) if spec.target.is_some() || text.starts_with("gh:") => {
            format!("{text}@{version}")
        }
        Some(version) => format!("{text}#NAME@{version}"),
        None => text,
    }
}
