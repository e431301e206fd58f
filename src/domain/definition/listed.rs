//! Adds names to a list of tools in the frontmatter and removes names from it. The list is in brackets, one item a line, or names in one
//! text. All other bytes stay as they are. `overridden` checks that the result means what it should.

use std::ops::Range;

use super::adapt::quote;
use super::split_tools;
use crate::domain::brackets::Brackets;

/// A list as it is written: what follows the colon.
enum List<'t> {
    /// `[a, b]`, on one line or on several.
    Brackets(Brackets<'t>),
    /// One item a line: the lines of the items, and where in the text their items are.
    Lines(Vec<(Range<usize>, Range<usize>)>),
    /// Names in one text: where they are.
    Names(Vec<Range<usize>>),
}

/// What follows the colon once names are removed from a list and added to it. `None`: it is written in a way that is not edited name by
/// name. `end`: the line break of the file.
pub(super) fn edited(
    written: &str,
    is_removed: &dyn Fn(&String) -> bool,
    added: &[String],
    end: &str,
) -> Option<String> {
    let count = List::read(written)?.len();
    let mut text = written.to_owned();
    // What is added first gives a list a last item to follow, also where all others go.
    for name in added {
        text = List::read(&text)?.with(&text, name, end);
    }
    for index in (0..count).rev() {
        text = List::read(&text)?.without(&text, index, is_removed)?;
    }
    Some(text)
}

impl<'t> List<'t> {
    fn read(written: &'t str) -> Option<Self> {
        if written.trim_start().starts_with('[') {
            return Brackets::read(written).map(Self::Brackets);
        }
        let first = written.split('\n').next().unwrap_or_default().trim();
        if first.is_empty() && written.contains('\n') || first.starts_with('#') {
            return lines(written).map(Self::Lines);
        }
        names(written).map(Self::Names)
    }

    fn len(&self) -> usize {
        match self {
            Self::Brackets(list) => list.items().len(),
            Self::Lines(lines) => lines.len(),
            Self::Names(names) => names.len(),
        }
    }

    /// The text without those names of an item that are removed.
    fn without(
        &self,
        text: &str,
        index: usize,
        is_removed: &dyn Fn(&String) -> bool,
    ) -> Option<String> {
        match self {
            Self::Brackets(list) => {
                let item = list.items().nth(index)?;
                Some(match reduced(&text[item.clone()], is_removed)? {
                    Reduced::Nothing => list.without(index),
                    Reduced::Text(item_text) => replaced(text, item, &item_text),
                })
            }
            Self::Lines(lines) => {
                let (line, item) = lines.get(index)?.clone();
                Some(match reduced(&text[item.clone()], is_removed)? {
                    // The last line of a value has no line break of its own; that of the line before it goes.
                    Reduced::Nothing if !text[line.clone()].ends_with('\n') => {
                        let start = text[..line.start].trim_end_matches(['\n', '\r']).len();
                        replaced(text, start..line.end, "")
                    }
                    Reduced::Nothing => replaced(text, line, ""),
                    Reduced::Text(item_text) => replaced(text, item, &item_text),
                })
            }
            Self::Names(names) => {
                let name = names.get(index)?;
                if !is_removed(&text[name.clone()].to_owned()) {
                    return Some(text.to_owned());
                }
                let before = index.checked_sub(1).map(|before| names[before].end);
                let cut = match (names.get(index + 1), before) {
                    (Some(next), _) => name.start..next.start,
                    (None, Some(before)) => before..name.end,
                    (None, None) => name.clone(),
                };
                Some(replaced(text, cut, ""))
            }
        }
    }

    /// The text with one more name at the end.
    fn with(&self, text: &str, name: &str, end: &str) -> String {
        match self {
            Self::Brackets(list) => {
                let last = list.items().next_back();
                list.with(&item(name, last.map(|last| &text[last])))
            }
            Self::Lines(lines) => {
                let Some((line, last)) = lines.last() else {
                    return format!("{text}{end}  - {}", item(name, None));
                };
                let mark = &text[line.start..last.start];
                let new = format!("{mark}{}", item(name, Some(&text[last.clone()])));
                // The last line of a value has no line break of its own.
                let new = if text[line.clone()].ends_with('\n') {
                    format!("{new}{end}")
                } else {
                    format!("{end}{new}")
                };
                replaced(text, line.end..line.end, &new)
            }
            Self::Names(names) => {
                let between = match names.as_slice() {
                    [] if text.trim().is_empty() => return format!(" {name}"),
                    [] => "",
                    [.., before, last] => &text[before.end..last.start],
                    [_] => ", ",
                };
                let at = names.last().map_or(text.len(), |last| last.end);
                replaced(text, at..at, &format!("{between}{name}"))
            }
        }
    }
}

/// An item without some of its names.
enum Reduced {
    /// None is left.
    Nothing,
    /// As it is written now.
    Text(String),
}

/// An item, which is a text that may have several names, without those that are removed. `None`: it cannot be told what it says.
fn reduced(item: &str, is_removed: &dyn Fn(&String) -> bool) -> Option<Reduced> {
    let all = names(item)?;
    let is_out = |name: &Range<usize>| is_removed(&item[name.clone()].to_owned());
    if !all.is_empty() && all.iter().all(is_out) {
        return Some(Reduced::Nothing);
    }
    let text = edited_text(item, all.len(), is_removed)?;
    Some(Reduced::Text(text))
}

fn edited_text(item: &str, count: usize, is_removed: &dyn Fn(&String) -> bool) -> Option<String> {
    let mut text = item.to_owned();
    for index in (0..count).rev() {
        text = List::Names(names(&text)?).without(&text, index, is_removed)?;
    }
    Some(text)
}

fn replaced(text: &str, range: Range<usize>, by: &str) -> String {
    let mut text = text.to_owned();
    text.replace_range(range, by);
    text
}

/// The lines of a list that has one item a line, each with its line break where it has one.
fn lines(written: &str) -> Option<Vec<(Range<usize>, Range<usize>)>> {
    let mut items = Vec::new();
    let mut at = 0;
    for (index, line) in written.split_inclusive('\n').enumerate() {
        let range = at..at + line.len();
        at = range.end;
        let text = line.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let rest = text.strip_prefix('-').filter(|_| index > 0)?;
        let item = rest.strip_prefix([' ', '\t'])?.trim_start();
        let start = range.start + line.trim_end().len() - item.len();
        let item = &item[..item.len() - comment_of(item).map_or(0, str::len)];
        // What goes on in another line, or is a collection, is no name.
        let _ = names(item)?;
        items.push((range, start..start + item.len()));
    }
    Some(items)
}

/// Where the names in a text are, as the client splits it. The text may be quoted, and may go on over several lines.
fn names(written: &str) -> Option<Vec<Range<usize>>> {
    let start = written.len() - written.trim_start().len();
    let text = written.trim();
    let inner = match text.chars().next() {
        Some(mark @ ('"' | '\'')) => {
            let end = text.rfind(mark).filter(|end| *end > 0)?;
            let behind = text[end + 1..].trim_start();
            let inner = &text[1..end];
            let is_plain = !inner.contains([mark, '\\']);
            let is_end = behind.is_empty() || behind.starts_with('#');
            (is_plain && is_end).then_some(1..end)?
        }
        Some('|' | '>') => text.find('\n')? + 1..text.len(),
        Some('&' | '*' | '!' | '{' | '[') => return None,
        _ => 0..text.len() - comment_of(text).map_or(0, str::len),
    };
    let mut names: Vec<Range<usize>> = Vec::new();
    let mut name: Option<Range<usize>> = None;
    let mut is_inside = false;
    for (at, c) in text[inner.clone()].char_indices() {
        let at = start + inner.start + at;
        match c {
            '(' => is_inside = true,
            ')' => is_inside = false,
            _ => {}
        }
        if !is_inside && (c == ',' || c.is_whitespace()) {
            names.extend(name.take());
        } else {
            name = Some(name.map_or(at, |name| name.start)..at + c.len_utf8());
        }
    }
    names.extend(name);
    Some(names)
}

/// The comment behind a value on its line, with the space before it.
pub(super) fn comment_of(text: &str) -> Option<&str> {
    let mut quote = None;
    let mut last = ' ';
    for (at, c) in text.char_indices() {
        if quote.is_some() {
            quote = quote.filter(|mark| c != *mark || last == '\\');
        } else if matches!(c, '"' | '\'') && matches!(last, ' ' | '[' | ',') {
            quote = Some(c);
        } else if c == '#' && last.is_whitespace() {
            let start = text[..at].trim_end().len();
            return Some(&text[start..]);
        }
        last = c;
    }
    None
}

/// A name as an item: quoted as the item before it is, or if it has characters that mean something there.
fn item(name: &str, last: Option<&str>) -> String {
    let mark = last.and_then(|last| last.chars().next());
    let is_one = split_tools(name).len() == 1;
    match mark {
        Some('\'') if is_one && !name.contains('\'') => return format!("'{name}'"),
        Some('"') => return quote(name),
        _ => {}
    }
    let is_plain = name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !name.contains([',', '[', ']', '{', '}', '#', '"', '\''])
        && !name.contains(": ");
    if is_plain {
        name.to_owned()
    } else {
        quote(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_and_go_and_every_other_byte_stays() {
        for (written, expected) in [
            (" Read, Bash, Grep # few", " Read, Grep, New # few"),
            (" Read,Bash , Grep", " Read,Grep , New"),
            (" Read Bash(git *) Bash", " Read New"),
            (" \"Read, Bash\" # x", " \"Read, New\" # x"),
            (" [Read, Bash]  # x", " [Read, New]  # x"),
            (" ['Read','Bash']", " ['Read','New']"),
            (
                " [\n  Read, # all\n  Bash, # no\n  Grep # some\n ]",
                " [\n  Read, # all\n  Grep, # some\n  New\n ]",
            ),
            (" [\"Read, Bash\", Grep]", " [\"Read\", Grep, New]"),
            (
                "\n  - Read # all\n  # about shells\n  -   Bash # no\n\n  - 'Grep'",
                "\n  - Read # all\n  # about shells\n\n  - 'Grep'\n  - 'New'",
            ),
            (" # these\n- Read\n- Bash", " # these\n- Read\n- New"),
            ("\r\n- Bash\r\n- Read", "\r\n- Read\n- New"),
            ("\n  - Read, Bash\n  # end", "\n  - Read\n  - New\n  # end"),
            (
                " >-\n  Read,\n  Bash,\n  Grep",
                " >-\n  Read,\n  Grep,\n  New",
            ),
            (" Read,\n  Bash", " Read,\n  New"),
            (" Bash", " New"),
        ] {
            let is_removed = |name: &String| name.starts_with("Bash");
            let found = edited(written, &is_removed, &["New".to_owned()], "\n");
            assert_eq!(found.as_deref(), Some(expected), "{written}");
        }
        for written in [
            " &a [Read]",
            " {a: b}",
            "\n  - [Read]",
            "\n  - Read\n    Bash",
        ] {
            let found = edited(written, &|_| false, &[], "\n");
            assert_eq!(found, None, "{written}");
        }
    }
}
