//! A registry at one point in time: what it offers, and the bytes of each agent. Built-in, folder and git registries have the same
//! interface.
//!
//! Of a git repository only what is asked for is read, and fetched, unless all of it was read before: `parts` does that, `known` holds what
//! was read, `snapshot` is what they are about, and `open` makes one.

mod known;
mod open;
mod parts;
mod snapshot;

pub use self::known::About;
pub use self::open::{newest_index, open};
pub use self::snapshot::Snapshot;
