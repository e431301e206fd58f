//! Points where the tests let the program die, or let something happen.

/// Does nothing but in tests.
#[cfg(not(test))]
pub(super) fn checkpoint(_name: &'static str) {}

#[cfg(test)]
pub(super) use super::tests::checkpoint;
