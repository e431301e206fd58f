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

/// How many things a line names before it counts the rest.
pub const FEW: usize = 5;

/// Names in one line: all of them, or the first few and how many more there are, as in `a b c d e and 15 more`.
#[must_use]
pub fn few<S: AsRef<str>>(names: &[S], separator: &str) -> String {
    let joined = |names: &[S]| {
        let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
        names.join(separator)
    };
    match names.split_at_checked(FEW) {
        Some((first, rest)) if !rest.is_empty() => {
            format!("{} and {} more", joined(first), rest.len())
        }
        _ => joined(names),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_the_only_singular() {
        let words = [0, 1, 2].map(|count| counted(count, "agent"));
        assert_eq!(words, ["0 agents", "1 agent", "2 agents"]);
        let names = ["a", "b", "c", "d", "e", "f", "g"];
        let lines = [0, 1, 5, 7].map(|count| few(&names[..count], " "));
        assert_eq!(lines, ["", "a", "a b c d e", "a b c d e and 2 more"]);
        let words = [0, 1, 2].map(|count| numbered(count, "agent is", "agents are"));
        assert_eq!(words, ["0 agents are", "1 agent is", "2 agents are"]);
    }
}
