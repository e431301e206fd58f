//! Counts with nouns.

/// A count with its noun, in the plural unless the count is one: `1 agent`, `3 agents`.
#[must_use]
pub fn counted(count: usize, noun: &str) -> String {
    numbered(count, noun, &format!("{noun}s"))
}

/// A count with the words for one, or those for any other number: `1 agent is`, `3 agents are`.
#[must_use]
pub fn numbered(count: usize, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_the_only_singular() {
        let words = [0, 1, 2].map(|count| counted(count, "agent"));
        assert_eq!(words, ["0 agents", "1 agent", "2 agents"]);
        let words = [0, 1, 2].map(|count| numbered(count, "agent is", "agents are"));
        assert_eq!(words, ["0 agents are", "1 agent is", "2 agents are"]);
    }
}
