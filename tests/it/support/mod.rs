//! What the tests stand on: repositories and servers made on the spot.

pub(crate) mod http;
pub(crate) mod repo;
