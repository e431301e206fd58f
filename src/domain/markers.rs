//! Texts with the conflict markers of a version control system: where they are, and the two sides.

/// The line of the first conflict that is marked in a text, counted from 1; `None`: there is none. A line that only looks like a marker is
/// none: each conflict has a begin, a middle and an end.
#[must_use]
pub fn first(text: &[u8]) -> Option<usize> {
    let mut start = None;
    let mut is_divided = false;
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        match Marker::of(line) {
            Some(Marker::Start) => (start, is_divided) = (Some(index + 1), false),
            Some(Marker::Middle) => is_divided = start.is_some(),
            Some(Marker::End) if is_divided => return start,
            _ => {}
        }
    }
    None
}

/// The two sides of a text with markers, each as a whole; `None`: nothing is marked, or the marks do not fit together.
#[must_use]
pub fn sides(text: &str) -> Option<[String; 2]> {
    #[derive(Clone, Copy, PartialEq)]
    enum At {
        Common,
        Ours,
        Base,
        Theirs,
    }
    // Of a text without markers, which is the usual one, nothing is copied.
    if !text.contains("<<<<<<<") {
        return None;
    }
    let mut at = At::Common;
    let mut sides = [String::new(), String::new()];
    let mut was_marked = false;
    for line in text.split_inclusive('\n') {
        at = match (Marker::of(line.as_bytes()), at) {
            (Some(Marker::Start), At::Common) => At::Ours,
            (Some(Marker::Base), At::Ours) => At::Base,
            (Some(Marker::Middle), At::Ours | At::Base) => At::Theirs,
            (Some(Marker::End), At::Theirs) => {
                was_marked = true;
                At::Common
            }
            (Some(_), _) => return None,
            (None, at) => {
                if matches!(at, At::Common | At::Ours) {
                    sides[0].push_str(line);
                }
                if matches!(at, At::Common | At::Theirs) {
                    sides[1].push_str(line);
                }
                at
            }
        };
    }
    (was_marked && at == At::Common).then_some(sides)
}

enum Marker {
    Start,
    Base,
    Middle,
    End,
}

impl Marker {
    fn of(line: &[u8]) -> Option<Self> {
        let line = line.trim_ascii_end();
        let is = |mark: &[u8]| {
            line.strip_prefix(mark)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(b" "))
        };
        if is(b"<<<<<<<") {
            Some(Self::Start)
        } else if is(b"|||||||") {
            Some(Self::Base)
        } else if line == b"=======" {
            Some(Self::Middle)
        } else if is(b">>>>>>>") {
            Some(Self::End)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_has_a_begin_a_middle_and_an_end() {
        let text = b"a\n<<<<<<< HEAD\nb\n=======\nc\n>>>>>>> other\nd\n";
        assert_eq!(first(text), Some(2));
        for text in [
            "a\n=======\nb\n",
            "a heading\n=======\n",
            "<<<<<<< HEAD\nb\n",
            "<<<<<<< HEAD\n>>>>>>> other\n",
            "a <<<<<<< HEAD\n=======\n>>>>>>> x\n",
        ] {
            assert_eq!(first(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn each_side_is_whole() {
        let text = "a\n<<<<<<< HEAD\nb\n||||||| base\nx\n=======\nc\n>>>>>>> other\nd";
        assert_eq!(
            sides(text),
            Some(["a\nb\nd".to_owned(), "a\nc\nd".to_owned()])
        );
        assert_eq!(sides("a\nb\n"), None);
        assert_eq!(
            sides("<<<<<<< HEAD\n<<<<<<< HEAD\n=======\n>>>>>>> x\n"),
            None
        );
        assert_eq!(sides("<<<<<<< HEAD\na\n=======\n"), None);
    }
}
