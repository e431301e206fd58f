//! The one failure type that crosses floors: what went wrong, where, and what to do next, as data. Rendering is `ui`'s.
//!
//! Pure floors have their own error enums; the floor that knows the next step turns them into a [`Failure`] with a hint.

use std::fmt;
use std::ops::Range;

use crate::domain::count::FEW;
use crate::domain::shell::Command;
use crate::domain::url::redact;

/// What a failure means to the caller of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Something failed. Exit code 1.
    Failed,
    /// What was typed has several meanings, and nobody can be asked which one. Exit code 1.
    Ambiguous,
    /// Wrong arguments. Exit code 2.
    Usage,
    /// Conflicts are left to resolve. Exit code 3.
    Conflict,
    /// Consent is missing, or something that an agent needs. Exit code 4.
    Consent,
    /// A `--check` found something to do. Exit code 5.
    Check,
    /// The user stopped the command; nothing was written. Exit code 130.
    Interrupted,
}

impl Kind {
    /// If there are several kinds, the one with the lowest rank counts.
    #[must_use]
    pub fn rank(self) -> u8 {
        match self {
            Self::Interrupted => 0,
            Self::Usage => 1,
            Self::Failed | Self::Ambiguous => 2,
            Self::Consent => 3,
            Self::Conflict => 4,
            Self::Check => 5,
        }
    }

    /// The exit code of this kind.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Failed | Self::Ambiguous => 1,
            Self::Usage => 2,
            Self::Conflict => 3,
            Self::Consent => 4,
            Self::Check => 5,
            Self::Interrupted => 130,
        }
    }
}

/// A place in a file that a person wrote, with the text to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The path as the user would type it.
    pub path: String,
    /// The whole text of the file.
    pub source: String,
    /// The byte range to underline.
    pub span: Range<usize>,
    /// What is wrong there, a lower-case fragment.
    pub label: String,
}

impl Location {
    /// The line that it begins on, from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        1 + self
            .source
            .get(..self.span.start)
            .unwrap_or_default()
            .matches('\n')
            .count()
    }
}

/// What to do next, or what to know: words, with the commands among them as data. Where a command is shown in a text, it is put in
/// backticks. Several commands in one advice are meant to be run one after the other; alternatives are separate pieces of advice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Advice(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Words(String),
    /// To be run one after the other.
    Commands(Vec<Command>),
}

impl Advice {
    /// Advice that begins with words.
    #[must_use]
    pub fn say(words: impl Into<String>) -> Self {
        Self::default().and(words)
    }

    /// Advice that begins with a command.
    #[must_use]
    pub fn run(command: Command) -> Self {
        Self::default().and_run(command)
    }

    /// The same with more words, including the spaces around them.
    #[must_use]
    pub fn and(mut self, words: impl Into<String>) -> Self {
        self.0.push(Part::Words(words.into()));
        self
    }

    /// The same with one more command.
    #[must_use]
    pub fn and_run(self, command: Command) -> Self {
        self.and_run_all(vec![command])
    }

    /// The same with one line for a shell that runs commands one after the other.
    #[must_use]
    pub fn and_run_all(mut self, commands: Vec<Command>) -> Self {
        self.0.push(Part::Commands(commands));
        self
    }

    /// The commands, in the order in which they are to be run.
    pub fn commands(&self) -> impl Iterator<Item = &Command> {
        self.0.iter().flat_map(|part| match part {
            Part::Words(_) => &[],
            Part::Commands(commands) => commands.as_slice(),
        })
    }

    /// The text, with these global options in its commands.
    #[must_use]
    pub fn text(&self, place: &[String]) -> String {
        let shown = |part: &Part| match part {
            Part::Words(words) => words.clone(),
            Part::Commands(commands) => {
                let shown = commands.iter().map(|command| command.in_place(place));
                let shown: Vec<String> = shown.map(|command| command.to_string()).collect();
                format!("`{}`", shown.join(" && "))
            }
        };
        self.0.iter().map(shown).collect()
    }
}

impl From<String> for Advice {
    fn from(words: String) -> Self {
        Self::say(words)
    }
}

impl From<&str> for Advice {
    fn from(words: &str) -> Self {
        Self::say(words)
    }
}

impl From<&Self> for Advice {
    fn from(advice: &Self) -> Self {
        advice.clone()
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text(&[]))
    }
}

/// Why a command stopped, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(Box<Parts>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Parts {
    kind: Kind,
    message: String,
    causes: Vec<String>,
    details: Vec<String>,
    location: Option<Location>,
    hints: Vec<Advice>,
    unknown: Option<String>,
}

/// The result of everything above the pure floors.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

impl Failure {
    /// A failure with a message: a lower-case fragment without a full stop, with names in backticks. Passwords and tokens in addresses
    /// that people typed are left out of it, and of its causes and details.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            kind,
            message: redact(&message.into()),
            causes: Vec::new(),
            details: Vec::new(),
            location: None,
            hints: Vec::new(),
            unknown: None,
        }))
    }

    /// A failure of kind [`Kind::Failed`].
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Kind::Failed, message)
    }

    /// A failure of kind [`Kind::Usage`].
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// The same with what follows from it, at the end of its message.
    #[must_use]
    pub fn and_so(mut self, consequence: &str) -> Self {
        self.0.message.push_str("; ");
        self.0.message.push_str(consequence);
        self
    }

    /// Adds a cause.
    #[must_use]
    pub fn caused_by(mut self, cause: impl fmt::Display) -> Self {
        self.0.causes.push(redact(&cause.to_string()));
        self
    }

    /// Adds a line of detail below the message, for example one candidate of several.
    #[must_use]
    pub fn detail(mut self, line: impl Into<String>) -> Self {
        self.0.details.push(redact(&line.into()));
        self
    }

    /// Adds one line each for the first of many things, and how many more there are.
    #[must_use]
    pub fn listing(self, lines: impl IntoIterator<Item = String>) -> Self {
        let mut lines = lines.into_iter();
        let first: Vec<String> = lines.by_ref().take(FEW).collect();
        let failure = first.into_iter().fold(self, Self::detail);
        match lines.count() {
            0 => failure,
            more => failure.detail(format!("and {more} more")),
        }
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Advice>) -> Self {
        self.0.hints.push(hint.into());
        self
    }

    /// Says that all that is wrong is a name that means nothing, so that several of these can be shown as one.
    #[must_use]
    pub fn about_unknown(mut self, name: impl Into<String>) -> Self {
        self.0.unknown = Some(name.into());
        self
    }

    /// The name that means nothing, if that is all that is wrong.
    #[must_use]
    pub fn unknown(&self) -> Option<&str> {
        self.0.unknown.as_deref()
    }

    /// The value that a hinted command gives to an option, if there is one.
    #[must_use]
    pub fn value_of(&self, option: &str) -> Option<String> {
        let mut commands = self.0.hints.iter().flat_map(Advice::commands);
        commands.find_map(|command| {
            let words = command.words();
            let at = words.iter().position(|word| word == option)?;
            words.get(at + 1).cloned()
        })
    }

    /// The same as something that a person has to decide before anything is written.
    #[must_use]
    pub fn as_question(mut self) -> Self {
        self.0.kind = Kind::Consent;
        self
    }

    /// Points into a file.
    #[must_use]
    pub fn at(mut self, location: Location) -> Self {
        self.0.location = Some(location);
        self
    }

    /// What it means to the caller.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The message alone.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The causes, outermost first.
    #[must_use]
    pub fn causes(&self) -> &[String] {
        &self.0.causes
    }

    /// Lines to show below the message.
    #[must_use]
    pub fn details(&self) -> &[String] {
        &self.0.details
    }

    /// The place in a file, if there is one.
    #[must_use]
    pub fn location(&self) -> Option<&Location> {
        self.0.location.as_ref()
    }

    /// What to do next.
    #[must_use]
    pub fn hints(&self) -> &[Advice] {
        &self.0.hints
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.message)?;
        self.0
            .causes
            .iter()
            .try_for_each(|cause| write!(formatter, ": {cause}"))
    }
}

impl std::error::Error for Failure {}
