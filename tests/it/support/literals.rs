//! The string literals of Rust sources, without those of comments, attributes and tests.

/// A string literal.
pub(crate) struct Literal {
    /// Its line, from 1.
    pub(crate) line: usize,
    /// The text between the quotes, as it is written.
    pub(crate) text: String,
    /// The code before it, without comments.
    pub(crate) before: String,
}

/// The literals of a source.
pub(crate) fn literals(source: &str) -> Vec<Literal> {
    let mut reader = Reader {
        rest: source,
        source,
        code: String::new(),
        found: Vec::new(),
    };
    while !reader.rest.is_empty() {
        reader.step();
    }
    reader.found
}

struct Reader<'s> {
    source: &'s str,
    rest: &'s str,
    code: String,
    found: Vec<Literal>,
}

impl<'s> Reader<'s> {
    fn take(&mut self, length: usize) -> &'s str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    /// Reads a comment, a literal, an attribute, or one character of anything else.
    fn step(&mut self) {
        let rest = self.rest;
        if rest.starts_with("//") {
            self.take(rest.find('\n').unwrap_or(rest.len()));
        } else if rest.starts_with("/*") {
            self.take(rest.find("*/").map_or(rest.len(), |end| end + 2));
        } else if rest.starts_with("#[") || rest.starts_with("#![") {
            self.attribute();
        } else if let Some(hashes) = raw(rest).filter(|_| !self.is_in_word()) {
            let end = format!("\"{}", "#".repeat(hashes));
            let open = rest.find('"').unwrap() + 1;
            let length = rest[open..].find(&end).unwrap_or(rest.len() - open);
            self.literal(open, length, end.len());
        } else if let Some(behind) = rest.strip_prefix('"') {
            let mut is_escaped = false;
            let closes = |c: char| {
                let is_end = c == '"' && !is_escaped;
                is_escaped = c == '\\' && !is_escaped;
                is_end
            };
            let length = behind.find(closes).unwrap_or(behind.len());
            self.literal(1, length, 1);
        } else if let Some(length) = character(rest) {
            self.code.push_str("''");
            self.take(length);
        } else {
            let c = rest.chars().next().unwrap();
            self.code.push(c);
            self.take(c.len_utf8());
        }
    }

    fn is_in_word(&self) -> bool {
        let last = self.code.chars().next_back();
        last.is_some_and(|c| c.is_alphanumeric() || c == '_')
    }

    fn literal(&mut self, open: usize, length: usize, close: usize) {
        let line = 1 + self.source[..self.source.len() - self.rest.len()]
            .matches('\n')
            .count();
        self.take(open);
        let text = self.take(length).to_owned();
        self.take(close.min(self.rest.len()));
        self.found.push(Literal {
            line,
            text,
            before: self.code.clone(),
        });
        self.code.push_str("\"\"");
    }

    /// Skips an attribute, and with a test attribute the item that it belongs to.
    fn attribute(&mut self) {
        let (found, begin) = (self.found.len(), self.code.len());
        let sign = self.take(self.rest.find('[').unwrap_or_default());
        self.code.push_str(sign);
        self.until(&['['], &[']']);
        let is_test = self.code[begin..].replace(' ', "") == "#[cfg(test)]";
        self.code.truncate(begin);
        if is_test {
            self.until(&['{'], &['}', ';']);
            self.code.truncate(begin);
        }
        self.found.truncate(found);
    }

    /// Reads to the end of what the first bracket opens, or to an earlier end.
    fn until(&mut self, opening: &[char], closing: &[char]) {
        let mut depth = 0;
        while !self.rest.is_empty() {
            let before = self.code.len();
            self.step();
            let last = self.code[before..].chars().next();
            if last.is_some_and(|c| opening.contains(&c)) {
                depth += 1;
            } else if last.is_some_and(|c| closing.contains(&c)) {
                if last != Some(';') {
                    depth -= 1;
                }
                if depth == 0 {
                    return;
                }
            }
        }
    }
}

/// How many `#` a raw string begins with, if one begins here.
fn raw(rest: &str) -> Option<usize> {
    let behind = rest.strip_prefix('b').unwrap_or(rest).strip_prefix('r')?;
    let hashes = behind.len() - behind.trim_start_matches('#').len();
    behind[hashes..].starts_with('"').then_some(hashes)
}

/// The length of a character literal, if one begins here; a lifetime is not one.
fn character(rest: &str) -> Option<usize> {
    let behind = rest.strip_prefix('\'')?;
    if let Some(escaped) = behind.strip_prefix('\\') {
        return escaped[1..].find('\'').map(|end| end + 4);
    }
    let c = behind.chars().next()?;
    behind[c.len_utf8()..]
        .starts_with('\'')
        .then_some(c.len_utf8() + 2)
}

#[test]
fn literals_are_told_from_comments_attributes_and_tests() {
    let source = r#"
//! "no"
/* "no" */
#[arg(help = "no [", value = ']')]
fn f<'a>(c: char) -> &'a str {
    let _ = ('"', '\'', "one \" // more", r"raw two", b"three");
    g("four")
}
#[cfg(test)]
mod tests { fn t() { "no" } }
#[cfg(test)]
use no;
const X: &str = "five";
"#;
    let found = literals(source);
    let texts: Vec<&str> = found.iter().map(|literal| literal.text.as_str()).collect();
    assert_eq!(
        texts,
        ["one \\\" // more", "raw two", "three", "four", "five"]
    );
    assert_eq!(found[3].line, 7);
    assert!(found[3].before.ends_with("g("));
}
