//! What `requires.agents` of a registry may say: the name of an agent beside the one that requires it, or a spec that names one in another
//! source. Pure.

use super::name::AgentName;
use super::spec::{Place, Source, Spec, Target};
use super::url::Transport;
use super::version::VersionRequest;

/// An agent that another one requires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequiredAgent {
    /// As it is written.
    pub text: String,
    /// Its name in its source.
    pub name: AgentName,
    /// Where it is; `None`: where the agent is that requires it.
    pub place: Option<Place>,
    /// Which version; `None`: the newest.
    pub version: Option<VersionRequest>,
}

impl RequiredAgent {
    /// Reads a requirement. `is_local`: whether its author's source is on this machine, and may mean others that are.
    pub fn parse(text: &str, is_local: bool) -> Result<Self, String> {
        let spec = Spec::parse(text).map_err(|error| error.to_string())?;
        let name = match &spec.target {
            Some(Target::Name(name) | Target::Plugin { agent: name, .. }) => name.clone(),
            _ => return Err("it names no agent".to_owned()),
        };
        let name = AgentName::from_title(&name).map_err(|error| error.to_string())?;
        let place = match spec.place {
            Place::Anywhere => None,
            Place::Source(Source::Git(url)) if url.transport() == Transport::File && !is_local => {
                return Err("it is a repository of its author's machine".to_owned());
            }
            Place::Source(Source::Folder(_) | Source::File(_)) => {
                return Err("a path means nothing on another machine".to_owned());
            }
            place => Some(place),
        };
        Ok(Self {
            text: text.to_owned(),
            name,
            place,
            version: spec.version,
        })
    }

    /// The spec that means it, where it is in another source.
    #[must_use]
    pub fn spec(&self) -> Option<Spec> {
        Some(Spec {
            place: self.place.clone()?,
            target: Some(Target::Name(self.name.to_string())),
            version: self.version.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_specs_are_read() {
        for (text, name, is_beside) in [
            ("reviewer", "reviewer", true),
            ("Code Reviewer", "code-reviewer", true),
            ("studio/reviewer", "reviewer", false),
            ("gh:o/r#reviewer@^1", "reviewer", false),
            ("reviewer@^1", "reviewer", true),
        ] {
            let read = RequiredAgent::parse(text, false).unwrap();
            assert_eq!(read.name.as_str(), name, "{text}");
            assert_eq!(read.place.is_none(), is_beside, "{text}");
            assert_eq!(read.spec().is_none(), is_beside, "{text}");
        }
        for text in [
            "",
            "gh:o/r",
            "./x#y",
            "gh:o/r#a/b.md",
            "file:///x/y#z",
            "../evil",
        ] {
            assert!(RequiredAgent::parse(text, false).is_err(), "{text}");
        }
        assert!(RequiredAgent::parse("file:///x/y.git#z", true).is_ok());
    }
}
