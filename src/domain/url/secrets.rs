//! The one filter that every text passes before it is printed: addresses lose their passwords, and tokens of known shapes are left out.

use std::borrow::Cow;

use super::parts::TOKENS;

/// What stands for a secret.
const MASK: &str = "***";
/// What can stand before an address that lacks its slashes.
const PREFIXES: [&str; 9] = [
    "https:", "http:", "ssh:", "git:", "file:", "gh:", "github:", "gitlab:", "git+ssh:",
];
/// How many characters make the beginning of a token a token.
const MIN_TOKEN: usize = 8;

/// `text` with the user and password of each address in it replaced by `***`, whatever the address lacks or has too much, and with each
/// token of a known shape replaced as well. The user name `git` alone is kept. For text that did not parse, and for output of git.
#[must_use]
pub fn redact(text: &str) -> String {
    if !text.contains('@') && !TOKENS.iter().any(|token| text.contains(token)) {
        return text.to_owned();
    }
    let mut shown = String::with_capacity(text.len());
    for part in text.split_inclusive(is_border) {
        let border = part.chars().next_back().filter(|c| is_border(*c));
        let word = &part[..part.len() - border.map_or(0, char::len_utf8)];
        shown.push_str(&without_tokens(&without_user(word, &may_be_secret)));
        shown.extend(border);
    }
    shown
}

/// Whether a text holds a password or a token, so that it is no address to use or to keep.
#[must_use]
pub fn has_secret(text: &str) -> bool {
    let is_password = |user: &str, _: bool| may_be_secret(user, false);
    text.split(is_border)
        .any(|word| without_user(word, &is_password) != word || without_tokens(word) != word)
}

/// Whether a character ends an address in a text.
fn is_border(c: char) -> bool {
    matches!(c, '\'' | '"' | '`' | '<' | '>' | '(' | ')') || c.is_whitespace()
}

/// A word without what stands for a user in each address in it, as far as `is_secret` says of it and of whether it follows a scheme.
fn without_user<'w>(word: &'w str, is_secret: &dyn Fn(&str, bool) -> bool) -> Cow<'w, str> {
    if !word.contains('@') {
        return Cow::Borrowed(word);
    }
    let mut shown = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(at) = rest.find("//") {
        let (before, after) = rest.split_at(at + 2);
        shown.push_str(before);
        rest = match user_end(after) {
            Some(end) if is_secret(&after[..end], before.ends_with("://")) => {
                shown.push_str(MASK);
                &after[end..]
            }
            _ => after,
        };
    }
    if shown.is_empty() {
        let start = PREFIXES
            .iter()
            .find(|prefix| {
                word.get(..prefix.len())
                    .is_some_and(|begin| begin.eq_ignore_ascii_case(prefix))
            })
            .map_or(0, |prefix| prefix.len());
        let (prefix, after) = word.split_at(start);
        // A version may follow an `@` as well, but no host, path or port follows that.
        if let Some(end) = user_end(after)
            && (start > 0 || after[end..].contains(['/', ':']))
            && is_secret(&after[..end], false)
        {
            return Cow::Owned(format!("{prefix}{MASK}{}", &after[end..]));
        }
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

/// Where the `@` after a user is in what follows the scheme. A password may hold a slash, which then is not where the host ends.
fn user_end(after: &str) -> Option<usize> {
    let authority = after.split(['/', '#', '?']).next().unwrap_or(after);
    if let Some(end) = authority.rfind('@') {
        return Some(end);
    }
    let (_, port) = authority.split_once(':')?;
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit());
    after.rfind('@').filter(|_| !is_port)
}

/// Whether what stands before an `@` may be secret: any user of an address but `git`, elsewhere a password with one.
fn may_be_secret(user: &str, is_address: bool) -> bool {
    if is_address {
        return !user.is_empty() && user != "git";
    }
    !user.contains('#')
        && user
            .split_once(':')
            .is_some_and(|(_, password)| !password.is_empty())
}

/// A word without tokens of known shapes.
fn without_tokens(word: &str) -> Cow<'_, str> {
    let Some((at, token)) = TOKENS
        .iter()
        .filter_map(|token| Some((word.find(token)?, token)))
        .min()
    else {
        return Cow::Borrowed(word);
    };
    let after = &word[at + token.len()..];
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let end = after.find(|c| !is_part(c)).unwrap_or(after.len());
    let rest = without_tokens(&after[end..]);
    if end < MIN_TOKEN {
        return Cow::Owned(format!("{}{rest}", &word[..word.len() - after.len() + end]));
    }
    Cow::Owned(format!("{}{MASK}{rest}", &word[..at]))
}

#[cfg(test)]
mod tests {
    use super::{has_secret, redact};

    #[test]
    fn passwords_of_malformed_addresses_and_tokens_are_masked() {
        for (text, shown) in [
            ("https:u:S@h/x", "https:***@h/x"),
            ("gh:u:S@a/b#name", "gh:***@a/b#name"),
            ("//u:S@h/x", "//***@h/x"),
            ("u:S@h/x", "***@h/x"),
            ("u:S@h:x", "***@h:x"),
            ("`https://u:S@h/x\n`", "`https://***@h/x\n`"),
            ("https://u:S/T@h/x", "https://***@h/x"),
            ("https://x-access-token:T@h/a/b", "https://***@h/a/b"),
            ("see ghp_0123456789abcdef, then", "see ***, then"),
            ("glpat-0123456789ab/x github_pat_0123456789", "***/x ***"),
            ("ghp_short", "ghp_short"),
        ] {
            assert_eq!(redact(text), shown, "{text}");
            assert_eq!(has_secret(text), text != shown, "{text}");
        }
        for plain in [
            "git@host:a/b",
            "ssh://git@host/a",
            "gh:owner/repo#name@v1.0.0",
            "plugin:agent@1.2.0",
            "https://host:8080/a/b#x@dev/y",
            "registry/name@^1",
            "me@example.com",
        ] {
            assert_eq!(redact(plain), plain);
            assert!(!has_secret(plain), "{plain}");
        }
    }
}
