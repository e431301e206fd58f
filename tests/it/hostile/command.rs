//! The commands that are run in every hostile project, and the most that each may do.

use std::collections::BTreeSet;

/// The most that a command may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Power {
    /// Nothing at all, in the project or elsewhere.
    Reads,
    /// Change what agentpkg owns, as the user wants it.
    Writes,
    /// Take back or bring back what its own history says.
    UsesRecords,
    /// Complete what a journal says, because a person agreed.
    Accepts,
    /// Move a journal and its temporary files away.
    Discards,
}

/// One command line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Command {
    pub(super) line: &'static str,
    pub(super) power: Power,
}

impl Command {
    const fn new(power: Power, line: &'static str) -> Self {
        Self { line, power }
    }

    /// Whether it asks for candidates, as a shell does.
    pub(super) fn is_completion(&self) -> bool {
        self.line.starts_with("complete ")
    }

    /// The arguments of the program.
    pub(super) fn arguments(&self) -> Vec<&'static str> {
        let words = self.line.split_whitespace();
        if self.is_completion() {
            return ["--", "agentpkg"]
                .into_iter()
                .chain(words.skip(1))
                .chain([""])
                .collect();
        }
        words.collect()
    }

    /// Whether it works on a journal that somebody else may have made.
    pub(super) fn is_recovery(&self) -> bool {
        self.line.split(' ').next() == Some("recover")
    }

    /// Whether the program has it; `help` is the output of `agentpkg --help`.
    fn is_known(&self, help: &BTreeSet<&str>) -> bool {
        match self.line.split(' ').next() {
            None | Some("" | "complete") => true,
            Some(word) => help.contains(word),
        }
    }
}

/// The commands that the program has; `help` is the output of `agentpkg --help`.
pub(super) fn known(help: &str) -> Vec<Command> {
    let listed: BTreeSet<&str> = help
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .collect();
    ALL.iter()
        .copied()
        .filter(|command| command.is_known(&listed))
        .collect()
}

/// All of them.
const ALL: &[Command] = {
    use Power::{Accepts, Discards, Reads, UsesRecords, Writes};
    &[
        Command::new(Reads, ""),
        Command::new(Reads, "list"),
        Command::new(Reads, "list --json"),
        Command::new(Reads, "list --available"),
        Command::new(Reads, "status"),
        Command::new(Reads, "status --json"),
        Command::new(Reads, "check"),
        Command::new(Reads, "check --json"),
        Command::new(Reads, "check --project-only"),
        Command::new(Reads, "search x"),
        Command::new(Reads, "info x"),
        Command::new(Reads, "diff"),
        Command::new(Reads, "diff --merged"),
        Command::new(Reads, "outdated --offline"),
        Command::new(Reads, "doctor"),
        Command::new(Reads, "registry list"),
        Command::new(Reads, "complete remove"),
        Command::new(Reads, "complete install"),
        Command::new(Reads, "complete undo"),
        Command::new(Reads, "undo --list"),
        Command::new(Reads, "undo --list --json"),
        Command::new(Reads, "undo --dry-run"),
        Command::new(Reads, "install backend-architect --dry-run"),
        Command::new(Reads, "remove x --force --dry-run"),
        Command::new(Reads, "update --offline --dry-run"),
        Command::new(Reads, "update --offline --check"),
        Command::new(Writes, "init"),
        Command::new(Writes, "install"),
        Command::new(Writes, "install --locked"),
        Command::new(Writes, "install backend-architect"),
        Command::new(Writes, "registry add ./more"),
        Command::new(Writes, "registry remove local"),
        Command::new(Writes, "check --fix"),
        Command::new(Writes, "update --offline"),
        Command::new(Writes, "update x z --offline --theirs"),
        Command::new(Writes, "update --offline --conflicts=markers"),
        Command::new(Writes, "remove x"),
        Command::new(Writes, "remove x --force"),
        Command::new(Writes, "remove z"),
        Command::new(Writes, "remove nope"),
        Command::new(UsesRecords, "resolve --continue"),
        Command::new(UsesRecords, "resolve --abort"),
        Command::new(UsesRecords, "resolve --theirs --allow all"),
        Command::new(UsesRecords, "resolve --ours"),
        Command::new(UsesRecords, "undo"),
        Command::new(UsesRecords, "undo --force"),
        Command::new(UsesRecords, "undo 1 --force"),
        Command::new(UsesRecords, "undo 3 --force"),
        // Without a person and without an option, nobody can agree.
        Command::new(Discards, "recover"),
        Command::new(Accepts, "recover --accept"),
        Command::new(Discards, "recover --discard"),
    ]
};
