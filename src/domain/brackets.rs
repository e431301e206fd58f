//! Lists in `[…]` and tables in `{…}`, as YAML and TOML write them, edited item by item: every byte that is not about the item stays,
//! comments and line breaks too. What an item means is left to the caller, who also checks that the result means what it should.

use std::ops::Range;

/// A list as it is written: where its brackets and items are.
#[derive(Debug)]
pub struct Brackets<'t> {
    text: &'t str,
    /// After the opening bracket.
    open: usize,
    items: Vec<Item>,
    /// The closing bracket.
    close: usize,
}

#[derive(Debug)]
struct Item {
    range: Range<usize>,
    /// The comma behind it.
    comma: Option<usize>,
}

impl Item {
    /// Its end, with the comma.
    fn end(&self) -> usize {
        self.comma.map_or(self.range.end, |comma| comma + 1)
    }
}

impl<'t> Brackets<'t> {
    /// Finds the items; only white space may precede the brackets, and only white space and a comment follow. `None`: there are none.
    #[must_use]
    pub fn read(text: &'t str) -> Option<Self> {
        let start = text.len() - text.trim_start().len();
        let opening = text[start..].chars().next().filter(|c| "[{".contains(*c))?;
        let mut list = Self {
            text,
            open: start + 1,
            items: Vec::new(),
            close: 0,
        };
        let mut item: Option<Range<usize>> = None;
        let (mut last, mut quote) = (opening, None);
        let (mut is_escaped, mut depth) = (false, 0);
        let mut rest = text.char_indices().skip_while(|(at, _)| *at <= start);
        while let Some((at, c)) = rest.next() {
            let end = at + c.len_utf8();
            if let Some(mark) = quote {
                let is_end = c == mark && !is_escaped;
                is_escaped = mark == '"' && c == '\\' && !is_escaped;
                quote = quote.filter(|_| !is_end);
                item = item.map(|item| item.start..end);
                last = c;
                continue;
            }
            match c {
                // Within a word, a quote is a character like any other.
                '"' | '\'' if !last.is_alphanumeric() => {
                    quote = Some(c);
                    item = Some(item.map_or(at, |item| item.start)..end);
                }
                '#' if last.is_whitespace() || ",[{]}\"'".contains(last) => {
                    let _ = rest.find(|(_, c)| *c == '\n')?;
                    last = '\n';
                    continue;
                }
                ',' | ']' | '}' if depth == 0 => {
                    let comma = (c == ',').then_some(at);
                    let range = item.take();
                    list.items.extend(range.map(|range| Item { range, comma }));
                    if c != ',' {
                        list.close = at;
                        let behind = text[end..].trim_start();
                        return (behind.is_empty() || behind.starts_with('#')).then_some(list);
                    }
                }
                c if c.is_whitespace() => {}
                _ => {
                    match c {
                        '[' | '{' => depth += 1,
                        ']' | '}' => depth -= 1,
                        _ => {}
                    }
                    item = Some(item.map_or(at, |item| item.start)..end);
                }
            }
            last = c;
        }
        None
    }

    /// Where the items are.
    #[must_use]
    pub fn items(&self) -> impl DoubleEndedIterator<Item = Range<usize>> + ExactSizeIterator {
        self.items.iter().map(|item| item.range.clone())
    }

    /// The text without an item, and without its line and the comment behind it, if it has a line of its own.
    #[must_use]
    pub fn without(&self, index: usize) -> String {
        let Some(item) = self.items.get(index) else {
            return self.text.to_owned();
        };
        let before = index.checked_sub(1).map(|before| &self.items[before]);
        let after = self.items.get(index + 1);
        let is_blank = |range: Range<usize>| self.text[range].trim().is_empty();
        let is_near =
            |range: Range<usize>| is_blank(range.clone()) && !self.text[range].contains('\n');
        let cut = match (self.line_of(item), before, after) {
            (Some(line), _, _) => line,
            (None, _, Some(after)) if is_near(item.end()..after.range.start) => {
                item.range.start..after.range.start
            }
            (None, Some(before), _) if is_blank(before.end()..item.range.start) => {
                let start = if item.comma.is_some() {
                    before.end()
                } else {
                    before.range.end
                };
                start..item.end()
            }
            (None, None, Some(after)) if is_blank(item.end()..after.range.start) => {
                item.range.start..after.range.start
            }
            _ => item.range.start..item.end(),
        };
        // The last item has a comma only where it had one before.
        let comma = before.and_then(|before| before.comma);
        let comma = comma.filter(|comma| item.comma.is_none() && !cut.contains(comma));
        let mut text = self.text.to_owned();
        text.replace_range(cut, "");
        if let Some(comma) = comma {
            text.remove(comma);
        }
        text
    }

    /// The text with one more item at the end, in the manner of the others.
    #[must_use]
    pub fn with(&self, item: &str) -> String {
        let mut text = self.text.to_owned();
        let Some(last) = self.items.last() else {
            let inner = &self.text[self.open..self.close];
            let at = if inner.contains(['#', '\n']) {
                self.close
            } else {
                self.open
            };
            text.insert_str(at, item);
            return text;
        };
        if let Some(line) = self.line_of(last) {
            let indent = &self.text[line.start..last.range.start];
            let end = if self.text[line.clone()].ends_with("\r\n") {
                "\r\n"
            } else {
                "\n"
            };
            let comma = if last.comma.is_some() { "," } else { "" };
            text.insert_str(line.end, &format!("{indent}{item}{comma}{end}"));
            if last.comma.is_none() {
                text.insert(last.range.end, ',');
            }
            return text;
        }
        let between = match self.items.as_slice() {
            [first, second, ..] => &self.text[first.end()..second.range.start],
            _ => " ",
        };
        let between = if between.trim().is_empty() {
            between
        } else {
            " "
        };
        text.insert_str(last.range.end, &format!(",{between}{item}"));
        text
    }

    /// The line of an item that has one of its own, with its line break and a comment.
    fn line_of(&self, item: &Item) -> Option<Range<usize>> {
        let start = self.text[self.open..item.range.start].rfind('\n')? + self.open + 1;
        let length = self.text[item.end()..self.close].find('\n')? + 1;
        let end = item.end() + length;
        let is_in = |other: &&Item| other.range.start < end && other.range.end > start;
        let is_alone = self.items.iter().filter(is_in).count() == 1;
        (is_alone && self.text[start..item.range.start].trim().is_empty()).then_some(start..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_goes_and_everything_else_stays() {
        for (text, index, expected) in [
            ("[a, b, c]", 0, "[b, c]"),
            ("[a, b, c]", 1, "[a, c]"),
            ("[a, b, c]", 2, "[a, b]"),
            (" [ a,b , c ] # x", 2, " [ a,b ] # x"),
            ("[a]", 0, "[]"),
            ("[a, b,]", 1, "[a,]"),
            (
                "[\n  a, # one\n  b, # two\n  c # three\n]",
                1,
                "[\n  a, # one\n  c # three\n]",
            ),
            ("[\n  a, # one\n  b # two\n]", 1, "[\n  a # one\n]"),
            (
                "[\n  a,\n  # about b\n  b,\n]",
                1,
                "[\n  a,\n  # about b\n]",
            ),
            ("[a,\n b]", 1, "[a]"),
            ("[a,\n b]", 0, "[b]"),
            ("[a, # one\n b]", 1, "[a # one\n ]"),
            ("[a, # one\n b]", 0, "[ # one\n b]"),
            ("[a, b,\r\n c, d]", 1, "[a,\r\n c, d]"),
            ("[\"a, b\", 'it''s', \"\\\"]\"]", 0, "['it''s', \"\\\"]\"]"),
            (
                "{ a = [\n 1, # ]\n 2], b = \"}\" } # x",
                0,
                "{ b = \"}\" } # x",
            ),
            ("{a=1, b={c=2, d=3}}", 1, "{a=1}"),
        ] {
            let list = Brackets::read(text).unwrap();
            assert_eq!(list.without(index), expected, "{text}");
        }
    }

    #[test]
    fn an_item_comes_in_the_manner_of_the_others() {
        for (text, expected) in [
            ("[a, b]", "[a, b, new]"),
            ("[a,b]", "[a,b,new]"),
            ("[a]", "[a, new]"),
            ("[]", "[new]"),
            ("[ # none\n]", "[ # none\nnew]"),
            ("[a, b,]", "[a, b, new,]"),
            ("[\n  a,\n  b # two\n]", "[\n  a,\n  b, # two\n  new\n]"),
            ("[\r\n  a,\r\n]", "[\r\n  a,\r\n  new,\r\n]"),
            ("[a,\n b]", "[a,\n b,\n new]"),
            ("[a, # one\n b]", "[a, # one\n b, new]"),
        ] {
            assert_eq!(
                Brackets::read(text).unwrap().with("new"),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_list_is_left_alone() {
        for text in ["a, b", "[a", "[a] b", "[\"a]", "[a # b]", "[[a]"] {
            assert!(Brackets::read(text).is_none(), "{text}");
        }
    }
}
