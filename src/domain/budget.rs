//! What the descriptions of agents cost in each session: an estimate in tokens, counted as the client counts it.
//!
//! The client lists every agent that is not its own in each session, and warns once the names and descriptions of all exceed
//! [`LIMIT`]. Its figure is that of a fourth of the UTF-16 units of `NAME: DESCRIPTION`, rounded for each agent, and so is this one; the two
//! are equal. The line in a session also names the tools, which the client does not count.

use super::shell::Command;

/// Above this many tokens of all agents together, the client warns.
pub const LIMIT: usize = 15_000;

/// The tokens of an agent's name and description.
#[must_use]
pub fn tokens(name: &str, description: &str) -> usize {
    let units = |text: &str| text.encode_utf16().count();
    let length = units(name) + 2 + units(description);
    (length + 2) / 4
}

/// The command that gives an agent a shorter description for good.
#[must_use]
pub fn shortening(name: &str) -> Command {
    Command::new(["set", name, "description=\u{2026}"])
}

/// A number of tokens for people: `74`, `9.2k`, `136k`.
#[must_use]
pub fn shown(tokens: usize) -> String {
    match tokens {
        0..1_000 => tokens.to_string(),
        1_000..99_950 if tokens % 1_000 >= 50 && tokens % 1_000 < 950 => {
            let tenths = (tokens + 50) / 100;
            format!("{}.{}k", tenths / 10, tenths % 10)
        }
        _ => format!("{}k", (tokens + 500) / 1_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_a_fourth_of_the_units_rounded_as_the_client_rounds() {
        assert_eq!(tokens("a", "b"), 1);
        assert_eq!(tokens("a", "bc d"), 2);
        assert_eq!(tokens("a", "bcd"), 2, "a half is rounded up");
        assert_eq!(tokens("a", "\u{1f600}\u{1f600}"), 2, "two units each");
    }

    #[test]
    fn large_numbers_are_short() {
        let words = [74, 999, 1_000, 1_049, 1_050, 9_234, 15_000, 15_960, 136_000].map(shown);
        assert_eq!(
            words,
            [
                "74", "999", "1k", "1k", "1.1k", "9.2k", "15k", "16k", "136k"
            ]
        );
    }
}
