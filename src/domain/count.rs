//! Counts with nouns.

/// A count with its noun, in the plural unless the count is one: `1 agent`, `3 agents`.
#[must_use]
pub fn counted(count: usize, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_the_only_singular() {
        let words = [0, 1, 2].map(|count| counted(count, "agent"));
        assert_eq!(words, ["0 agents", "1 agent", "2 agents"]);
    }
}
