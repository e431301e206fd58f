//! What somebody has begun and not finished: files that were moved, and updates that were put off.

use super::Checker;
use super::finding::Finding;
use crate::domain::name::AgentName;
use crate::domain::shell::Command;
use crate::error::Result;
use crate::ops::change::pending;
use crate::store::placed::MovedFile;

impl Checker<'_> {
    /// Files that are not where agentpkg.lock has them.
    pub(super) fn moved(&mut self, moved: &[MovedFile]) {
        for file in moved {
            let path = self.session.project.shown_path(&file.name, &file.to);
            let message = "its file was moved here, which agentpkg.lock does not say yet";
            let finding = Finding::warning("moved-file", file.name.as_str(), message);
            self.findings
                .push(finding.at(path).fix(Command::new(["install"])));
        }
    }

    /// That the file of an agent is gone, or that several files may be it.
    pub(super) fn missing_file(&self, name: &AgentName) -> Finding {
        let Some(folders) = self.unsure.get(name) else {
            return Finding::error("missing-file", name.as_str(), "its file is gone")
                .fix(Command::new(["install"]));
        };
        let shown = |folder| self.session.project.shown_path(name, folder);
        let files: Vec<String> = folders.iter().map(shown).collect();
        let message = format!("its file is gone, and may be any of {}", files.join(", "));
        Finding::error("missing-file", name.as_str(), message)
            .fix("leave one of these files in the agents folder, then run `install`")
    }

    /// Updates that somebody put off until their conflicts are resolved.
    pub(super) fn pending(&mut self) -> Result<()> {
        for name in pending::names(&self.session.project)? {
            let message = "its update is pending until its conflicts are resolved";
            let finding = Finding::note("pending", name.as_str(), message);
            self.findings.push(Finding {
                is_about_machine: true,
                ..finding.fix(Command::new(["resolve", name.as_str()]))
            });
        }
        Ok(())
    }
}
