//! How a merge base is kept in `.agentpkg/base`: each line begins with the first digits of the base's digest, so that no two bases have a
//! line in common. Git would take two versions of an agent for one file that was renamed, and two people who update it to different
//! versions would get conflicts in files that nobody edits.

use crate::domain::digest::Digest;

/// How many digits of the digest each line begins with.
const DIGITS: usize = 4;

/// The content of the file for a base.
#[must_use]
pub fn encode(digest: &Digest, base: &[u8]) -> Vec<u8> {
    let mark = mark(digest);
    let lines = base.split(|byte| *byte == b'\n');
    let lines: Vec<Vec<u8>> = lines.map(|line| [&mark, line].concat()).collect();
    lines.join(&b'\n')
}

/// The base in the content of its file; `None` if it does not match the digest. A base without marks is taken as it is.
#[must_use]
pub fn decode(digest: &Digest, content: &[u8]) -> Option<Vec<u8>> {
    let mark = mark(digest);
    let lines = content.split(|byte| *byte == b'\n');
    let lines: Option<Vec<&[u8]>> = lines.map(|line| line.strip_prefix(&*mark)).collect();
    let base = lines.map_or_else(|| content.to_vec(), |lines| lines.join(&b'\n'));
    (Digest::of(&base) == *digest).then_some(base)
}

fn mark(digest: &Digest) -> Vec<u8> {
    let mut mark = digest.to_string().into_bytes();
    mark.truncate(DIGITS);
    mark.push(b' ');
    mark
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_decoded_is_what_was_encoded() {
        for base in ["", "\n", "a", "a\n", "a\r\nb\n\nc", "\u{fffd}\n0123 a\n"] {
            let digest = Digest::of(base.as_bytes());
            let content = encode(&digest, base.as_bytes());
            assert_eq!(decode(&digest, &content).as_deref(), Some(base.as_bytes()));
            assert_eq!(
                decode(&digest, base.as_bytes()).as_deref(),
                Some(base.as_bytes())
            );
            let other = Digest::of(b"another");
            assert_eq!(decode(&other, &content), None);
        }
    }

    #[test]
    fn two_bases_have_no_line_in_common() {
        let [one, other] = ["same\nsame\none\n", "same\nsame\nother\n"].map(|base| {
            let content = encode(&Digest::of(base.as_bytes()), base.as_bytes());
            String::from_utf8(content).unwrap()
        });
        assert!(
            one.lines()
                .all(|line| !other.lines().any(|known| known == line))
        );
    }
}
