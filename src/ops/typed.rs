//! The command as it was typed, as data, so that a hint can repeat it with something added or exchanged. What the words mean is not
//! known here; `commands` fills it in.

use std::collections::BTreeSet;

use crate::domain::shell::Command;
use crate::domain::spec::Spec;
use crate::domain::version::Written;

/// A command line, in the parts that hints exchange.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Typed {
    /// The subcommand; empty where nothing was typed that could be typed again.
    pub command: String,
    /// The specs or names of agents.
    pub names: Vec<String>,
    /// Whether `--all` was given, which is dropped with the names that it belongs to.
    pub is_all: bool,
    /// The other options.
    pub options: Vec<String>,
    /// The options that decide about conflicts.
    pub conflicts: Vec<String>,
    /// What was allowed with `--allow`.
    pub allowed: Vec<String>,
}

impl Typed {
    /// Whether there is a command that could be typed again.
    #[must_use]
    pub fn is_command(&self) -> bool {
        !self.command.is_empty()
    }

    /// Whether one of the options is `option`.
    #[must_use]
    pub fn has(&self, option: &str) -> bool {
        self.options.iter().any(|known| known == option)
    }

    /// The value that was given to an option.
    #[must_use]
    pub fn value_of(&self, option: &str) -> Option<String> {
        let at = self.options.iter().position(|known| known == option)?;
        self.options.get(at + 1).cloned()
    }

    /// The whole command.
    #[must_use]
    pub fn again(&self) -> Command {
        self.allowing(&[])
    }

    /// The whole command with more allowed.
    #[must_use]
    pub fn allowing(&self, more: &[String]) -> Command {
        let words = self.allowed.iter().chain(more);
        let words: BTreeSet<&str> = words.map(String::as_str).collect();
        let command = Command::new([&self.command])
            .args(&self.names)
            .args(self.is_all.then_some("--all"))
            .args(&self.options)
            .args(&self.conflicts);
        if words.is_empty() {
            return command;
        }
        let words: Vec<&str> = words.into_iter().collect();
        command.arg("--allow").arg(words.join(","))
    }

    /// The whole command with one more option.
    #[must_use]
    pub fn with(&self, option: &[&str]) -> Command {
        self.again().args(option.iter().copied())
    }

    /// The same for other agents. What was typed for all of a source is typed for them alone.
    #[must_use]
    pub fn naming<N: Into<String>>(&self, names: impl IntoIterator<Item = N>) -> Self {
        Self {
            names: names.into_iter().map(Into::into).collect(),
            is_all: false,
            ..self.clone()
        }
    }

    /// The same with another spec in the place of one. With `--all`, agents of a source are tried one at a time, and named alone.
    #[must_use]
    pub fn replacing(&self, slot: Slot, name: String) -> Self {
        let Slot::Name(index) = slot else {
            let mut typed = self.clone();
            let at = typed.options.iter().position(|known| known == "--from");
            if let Some(value) = at.and_then(|at| typed.options.get_mut(at + 1)) {
                *value = name;
            }
            return typed;
        };
        if self.is_all {
            return self.naming([name]);
        }
        let mut names = self.names.clone();
        if let Some(slot) = names.get_mut(index) {
            *slot = name;
        }
        self.naming(names)
    }

    /// The same without the options that decide about conflicts.
    #[must_use]
    pub fn asking(&self) -> Self {
        Self {
            conflicts: Vec::new(),
            ..self.clone()
        }
    }
}

/// Who asks for an agent: a hint says what to write there instead.
#[derive(Debug, Clone, Default)]
pub struct Asker {
    /// The command.
    pub typed: Typed,
    /// Where in it, or in agentpkg.toml, the agent is asked for.
    pub place: AskerPlace,
}

/// Where an agent is asked for.
#[derive(Debug, Clone, Default)]
pub enum AskerPlace {
    /// In agentpkg.toml.
    #[default]
    Manifest,
    /// In agentpkg.toml, but the version was typed, with `--to`.
    To,
    /// A spec of the command line.
    Spec {
        /// Where in it.
        slot: Slot,
        /// The spec without its version.
        bare: String,
        /// The version as it was typed, if there is one.
        version: Option<String>,
    },
}

/// Where a spec is in a command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// Among the names: its number.
    Name(usize),
    /// Behind `--from`.
    From,
}

impl Asker {
    /// A spec as it was typed.
    #[must_use]
    pub fn spec(typed: &Typed, slot: Slot, text: &str, spec: &Spec) -> Self {
        let parts = text.rsplit_once('@').filter(|_| spec.version.is_some());
        let (bare, version) = parts.map_or((text, None), |(bare, version)| (bare, Some(version)));
        Self {
            typed: typed.clone(),
            place: AskerPlace::Spec {
                slot,
                bare: bare.to_owned(),
                version: version.map(str::to_owned),
            },
        }
    }

    /// Where a version was asked for.
    #[must_use]
    pub fn written(&self) -> Written {
        match &self.place {
            AskerPlace::To => Written::To(self.typed.value_of("--to").unwrap_or_default()),
            AskerPlace::Spec {
                bare,
                version: Some(version),
                ..
            } => Written::Behind {
                spec: bare.clone(),
                version: version.clone(),
            },
            AskerPlace::Spec { .. } | AskerPlace::Manifest => Written::Manifest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_repeated_with_what_was_exchanged() {
        let typed = Typed {
            command: "install".to_owned(),
            names: ["a", "b"].map(str::to_owned).to_vec(),
            is_all: false,
            options: ["--mcp", "add"].map(str::to_owned).to_vec(),
            conflicts: Vec::new(),
            allowed: vec!["hooks".to_owned()],
        };
        let shown = |command: Command| command.to_string();
        assert_eq!(
            shown(typed.allowing(&["Bash".to_owned(), "hooks".to_owned()])),
            "agentpkg install a b --mcp add --allow Bash,hooks"
        );
        assert_eq!(
            shown(typed.replacing(Slot::Name(1), "r/b".to_owned()).again()),
            "agentpkg install a r/b --mcp add --allow hooks"
        );
        let from = Typed {
            command: "adopt".to_owned(),
            options: ["--from", "r"].map(str::to_owned).to_vec(),
            is_all: true,
            ..Typed::default()
        };
        assert_eq!(
            shown(from.replacing(Slot::From, "r/b".to_owned()).again()),
            "agentpkg adopt --all --from r/b"
        );
        let whole = Typed {
            names: vec!["r".to_owned()],
            is_all: true,
            ..typed
        };
        assert_eq!(
            shown(whole.again()),
            "agentpkg install r --all --mcp add --allow hooks"
        );
        assert_eq!(
            shown(whole.replacing(Slot::Name(0), "r/b".to_owned()).again()),
            "agentpkg install r/b --mcp add --allow hooks"
        );
    }
}
