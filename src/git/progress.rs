//! The progress of a fetch, read from the output of `git --progress`. Not responsible for showing it.

/// What git is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Connecting, and waiting for the server to prepare its answer.
    Waiting,
    /// Objects arrive.
    Receiving,
    /// What has arrived is assembled and checked.
    Resolving,
}

/// The progress of a fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What git is doing.
    pub phase: Phase,
    /// Objects done in this phase.
    pub objects: u64,
    /// Objects in this phase, 0 while unknown.
    pub total_objects: u64,
    /// Bytes stored so far by this fetch.
    pub received_bytes: u64,
}

impl Progress {
    /// Nothing has happened yet.
    pub(super) const START: Self = Self {
        phase: Phase::Waiting,
        objects: 0,
        total_objects: 0,
        received_bytes: 0,
    };

    /// Reads a line such as `Receiving objects:  45% (9/20), 1.2 MiB | 3 MiB/s`; false if it is no such line.
    pub(super) fn read(&mut self, line: &str) -> bool {
        let (phase, rest) = if let Some(rest) = line.strip_prefix("Receiving objects:") {
            (Phase::Receiving, rest)
        } else if let Some(rest) = line
            .strip_prefix("Resolving deltas:")
            .or_else(|| line.strip_prefix("Unpacking objects:"))
        {
            (Phase::Resolving, rest)
        } else {
            return false;
        };
        let counts = rest
            .split_once('(')
            .and_then(|(_, rest)| rest.split_once(')'))
            .and_then(|(counts, _)| counts.split_once('/'));
        if let Some((Ok(objects), Ok(total))) =
            counts.map(|(done, total)| (done.parse(), total.parse()))
        {
            *self = Self {
                phase,
                objects,
                total_objects: total,
                ..*self
            };
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_from_the_line() {
        let mut progress = Progress::START;
        assert!(progress.read("Receiving objects:  45% (9/20), 1.2 MiB | 3.00 MiB/s"));
        assert_eq!(
            (progress.phase, progress.objects, progress.total_objects),
            (Phase::Receiving, 9, 20)
        );
        assert!(progress.read("Resolving deltas: 100% (3/3), done."));
        assert_eq!(
            (progress.phase, progress.objects, progress.total_objects),
            (Phase::Resolving, 3, 3)
        );
        assert!(progress.read("Resolving deltas: what"));
        assert!(!progress.read("fatal: (1/2)"));
    }
}
