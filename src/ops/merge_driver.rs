//! `init --merge-driver`: has git merge agents and lockfile with agentpkg, in this clone. Only git's own files change: what they say is
//! nobody else's business.

use super::session::Session;
use crate::domain::shell::shell_quoted;
use crate::error::{Failure, Result};
use crate::git::LocalConfig;

/// The files, with the drivers that merge them.
const FILES: [(&str, &str); 2] = [
    (".claude/agents/**/*.md", "agentpkg"),
    ("agentpkg.lock", "agentpkg-lock"),
];
/// The settings of git.
const SETTINGS: [(&str, &str); 4] = [
    ("merge.agentpkg.name", "agents, merged by agentpkg"),
    (
        "merge.agentpkg.driver",
        "agentpkg merge-file --path=%P --marker-size=%L -L %X -L %S -L %Y %A %O %B",
    ),
    (
        "merge.agentpkg-lock.name",
        "agentpkg.lock, merged by agentpkg",
    ),
    (
        "merge.agentpkg-lock.driver",
        "agentpkg merge-file --lock --path=%P -L %X -L %S -L %Y %A %O %B",
    ),
];

/// What is done, each step as it would be typed or written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Steps {
    /// The commands.
    pub commands: Vec<String>,
    /// The lines of the file.
    pub lines: Vec<String>,
    /// The file, for display.
    pub file: String,
    is_on: bool,
}

/// What setting the drivers up does, or taking them away.
pub fn steps(session: &Session, is_on: bool) -> Result<Steps> {
    let config = around(session)?;
    let command = |(key, value): &(&str, &str)| {
        if is_on {
            format!("git config {key} {}", shell_quoted(value))
        } else {
            format!("git config --unset {key}")
        }
    };
    Ok(Steps {
        commands: SETTINGS.iter().map(command).collect(),
        lines: lines(&config),
        file: session.project.display(config.attributes_path()),
        is_on,
    })
}

/// Carries the steps out.
pub fn set_up(session: &Session, steps: &Steps) -> Result<()> {
    let mut config = around(session)?;
    let found = config.attributes()?;
    let changed = attributes(&found, &steps.lines, steps.is_on);
    if changed != found {
        config.set_attributes(&changed)?;
    }
    for (key, value) in SETTINGS {
        config.set(key, steps.is_on.then_some(value))?;
    }
    Ok(())
}

/// The settings of the repository that the project is in.
fn around(session: &Session) -> Result<LocalConfig> {
    let root = session.project.root();
    LocalConfig::around(root).ok_or_else(|| {
        Failure::failed(format!("`{}` is in no git repository", root.display()))
            .hint("`git init` makes one")
    })
}

/// The lines that say which driver merges what.
fn lines(config: &LocalConfig) -> Vec<String> {
    let line = |(file, driver): &(&str, &str)| {
        // A pattern with a space in it would end there.
        let pattern = format!("/{}{file}", config.prefix()).replace(' ', "?");
        format!("{pattern} merge={driver}")
    };
    FILES.iter().map(line).collect()
}

/// The attributes with or without our lines; every other byte stays.
fn attributes(text: &str, lines: &[String], is_on: bool) -> String {
    let is_ours = |line: &str| lines.iter().any(|known| known == line.trim());
    if !is_on {
        let others = text.split_inclusive('\n').filter(|line| !is_ours(line));
        return others.collect();
    }
    let mut text = text.to_owned();
    for line in lines {
        if text.lines().any(|known| known.trim() == line) {
            continue;
        }
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::attributes;

    #[test]
    fn other_lines_of_the_attributes_stay() {
        let own = "* text=auto\r\n*.png binary";
        let lines = ["/a merge=b".to_owned(), "/c merge=d".to_owned()];
        let with = attributes(own, &lines, true);
        assert_eq!(with, format!("{own}\n/a merge=b\n/c merge=d\n"));
        assert_eq!(attributes(&with, &lines, true), with);
        assert_eq!(attributes(&with, &lines, false), format!("{own}\n"));
        assert_eq!(attributes("", &lines, false), "");
    }
}
