//! What agents need, held against what the project has.
//!
//! `world` reads what there is, `all` lists whose needs count, `state` says how it stands with each server, `offer` asks what to do about
//! those that are missing, `mcp` plans the edits, `report` says what is left at the end.

mod all;
mod likeness;
mod mcp;
mod offer;
mod plugins;
mod report;
mod state;
mod world;

pub(super) use self::all::all_agents;
pub(super) use self::mcp::{add, bind_agent, drop_unneeded, outdated};
pub use self::offer::{Mode, Offered};
pub(super) use self::offer::{Terms, offer};
pub use self::plugins::MissingPart;
pub(super) use self::plugins::is_of_plugin;
pub(super) use self::report::report;
pub use self::report::{Lost, OddTool, Other, Report, explain};
pub use self::state::{AgentNeeds, Asker, Problem, ServerState, Status};
pub(super) use self::state::{server_names, states};
pub use self::world::World;
