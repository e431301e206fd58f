//! The modes of the terminal, as they were before the first question. A question changes them while it waits for a key, and a signal can
//! end the program in that moment.

#[cfg(unix)]
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
#[cfg(unix)]
use std::sync::OnceLock;

/// `None`: not a terminal.
#[cfg(unix)]
static BEFORE: OnceLock<Option<Termios>> = OnceLock::new();

/// Remembers the modes; the first call counts.
pub(super) fn remember() {
    #[cfg(unix)]
    BEFORE.get_or_init(|| tcgetattr(std::io::stderr()).ok());
}

/// Gives the terminal the modes that it had.
pub(super) fn restore() {
    #[cfg(unix)]
    if let Some(Some(modes)) = BEFORE.get() {
        // The program is about to end; there is nobody left to tell.
        let _ = tcsetattr(std::io::stderr(), OptionalActions::Now, modes);
    }
}
