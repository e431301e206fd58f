//! What `check` found, as data: how much it matters, where it is, and how to fix it.

use crate::domain::shell::{Command, shell_quoted};
use crate::domain::spec::{Place, Spec, Target};
use crate::error::Advice;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// An agent does not work as it is.
    Error,
    /// Something is not as it was agreed to, or is left over.
    Warning,
    /// Worth knowing.
    Note,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub level: Level,
    /// What kind of finding it is; stable, for scripts.
    pub kind: &'static str,
    /// The agent or the server that it is about.
    pub subject: String,
    /// What was found.
    pub message: String,
    /// Where: path, and line if there is one.
    pub places: Vec<String>,
    /// How to fix it.
    pub fix: Option<Fix>,
    /// The tools that it is about, if the client does not have them.
    pub tools: Vec<AbsentTool>,
    /// The rule of the policy that it violates.
    pub rule: Option<&'static str>,
    /// Whether another machine might not have it: a program or a variable that is missing here, or the settings of a person.
    pub is_about_machine: bool,
}

/// How to fix something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fix {
    /// With this command of agentpkg.
    Run(Command),
    /// With this line, typed into a shell.
    Type(String),
    /// As these words say.
    Say(Advice),
}

/// A tool that an agent names and the client does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AbsentTool {
    /// The tool as it is written.
    pub name: String,
    /// The tool to name instead: what took over, or what is meant. Of several that took over, the first.
    pub now: Option<String>,
}

impl Finding {
    /// A finding that says what and about whom; where it is and how to fix it can follow.
    pub(super) fn new(
        level: Level,
        kind: &'static str,
        subject: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            level,
            kind,
            subject: subject.into(),
            message: message.into(),
            places: Vec::new(),
            fix: None,
            tools: Vec::new(),
            rule: None,
            is_about_machine: matches!(kind, "missing-program" | "unset-variable"),
        }
    }

    /// That an agent does not work as it is.
    pub(super) fn error(
        kind: &'static str,
        subject: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self::new(Level::Error, kind, subject, message)
    }

    /// That something is not as it was agreed to, or is left over.
    pub(super) fn warning(
        kind: &'static str,
        subject: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self::new(Level::Warning, kind, subject, message)
    }

    /// Something worth knowing.
    pub(super) fn note(
        kind: &'static str,
        subject: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self::new(Level::Note, kind, subject, message)
    }

    /// The same with the place where it is.
    #[must_use]
    pub(super) fn at(self, place: impl Into<String>) -> Self {
        self.places(vec![place.into()])
    }

    /// The same with the places where it is.
    #[must_use]
    pub(super) fn places(mut self, places: Vec<String>) -> Self {
        self.places = places;
        self
    }

    /// The same with how to fix it.
    #[must_use]
    pub(super) fn fix(mut self, fix: impl Into<Fix>) -> Self {
        self.fix = Some(fix.into());
        self
    }
}

impl From<Command> for Fix {
    fn from(command: Command) -> Self {
        Self::Run(command)
    }
}

impl From<Advice> for Fix {
    fn from(advice: Advice) -> Self {
        Self::Say(advice)
    }
}

impl From<String> for Fix {
    fn from(words: String) -> Self {
        Self::Say(words.into())
    }
}

impl From<&str> for Fix {
    fn from(words: &str) -> Self {
        Self::Say(words.into())
    }
}

/// How to get an agent that another one names; in words where the text is no name.
pub(super) fn how_to_install(name: &str) -> Fix {
    match Spec::parse(name) {
        Ok(Spec {
            place: Place::Anywhere,
            target: Some(Target::Name(_)),
            ..
        }) => Command::new(["install", name]).into(),
        _ => Advice::say("look for it with ")
            .and_run(Command::new(["search"]))
            .into(),
    }
}

/// How to set variables; in words where a shell has no such variable.
pub(super) fn how_to_set(names: &[String]) -> Fix {
    let is_name = |name: &String| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        name.bytes().all(is_plain) && !name.starts_with(|c: char| c.is_ascii_digit())
    };
    let lines: Vec<String> = names
        .iter()
        .map(|name| {
            if is_name(name) {
                format!("export {name}=…")
            } else {
                format!("set the variable `{name}`")
            }
        })
        .collect();
    let lines = lines.join("; ");
    if names.iter().all(is_name) {
        Fix::Type(lines)
    } else {
        lines.into()
    }
}

/// Where a program comes from.
pub(in crate::ops) fn how_to_get(program: &str) -> String {
    match program {
        "npx" | "node" | "npm" => "install Node.js: https://nodejs.org".to_owned(),
        "uvx" | "uv" => "install uv: https://docs.astral.sh/uv".to_owned(),
        "docker" => "install Docker: https://docs.docker.com/get-docker".to_owned(),
        other => format!("install `{other}`, or put it on PATH"),
    }
}

/// How to change a file by hand.
pub(super) fn by_hand(place: &str) -> Fix {
    format!("edit {}", shell_quoted(place)).into()
}
