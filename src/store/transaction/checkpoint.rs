//! Points at which the tests kill the program, or let something happen.

/// Does nothing except in tests.
#[cfg(not(test))]
pub(super) fn checkpoint(_name: &'static str) {}

#[cfg(test)]
pub(super) use super::tests::checkpoint;
