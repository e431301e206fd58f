//! Files whose keys stand at the top, but not between fences: after a title, in a code block, or with one fence missing.

use super::FIELDS;
use super::layout::key;
use super::mend::{OTHERS, requoted};

/// Whether this is what git-lfs leaves in place of a file.
pub(super) fn is_pointer(bytes: &[u8]) -> bool {
    bytes.starts_with(b"version https://git-lfs.github.com/spec/") && bytes.len() < 1024
}

/// The file with its keys between fences, and all other lines after them. `None` without both a name and a description.
pub(super) fn fenced(text: &str) -> Option<String> {
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let is_blank = |line: &&str| line.trim().is_empty();
    let next = |from: usize| (from..lines.len()).find(|at| !is_blank(&lines[*at]));
    let mut at = next(0)?;
    let mut before: Vec<&str> = Vec::new();
    if lines[at].starts_with('#') {
        before = lines[..next(at + 1)?].to_vec();
        at = before.len();
    }
    let is_code = lines[at].trim_start().starts_with("```");
    at += usize::from(is_code);
    // One fence may be there; with both, in a code block, the keys are between them.
    at += usize::from(lines.get(at)?.trim_end() == "---");
    let start = at;
    let is_field = |line: &str| {
        key(line.trim_start_matches('\u{feff}').as_bytes())
            .is_some_and(|key| FIELDS.contains(&&*key))
    };
    if !is_field(lines.get(start)?) {
        return None;
    }
    while let Some(line) = lines.get(at) {
        let is_end = line.trim_end() == "---"
            || line.starts_with('#')
            || is_code && line.trim_start().starts_with("```");
        if is_end || is_blank(line) && !next(at).is_some_and(|next| is_field(lines[next])) {
            break;
        }
        at += 1;
    }
    let head = &lines[start..at];
    let has = |name: &str| {
        head.iter()
            .any(|line| key(line.as_bytes()).as_deref() == Some(name))
    };
    if !has("name") || !has("description") || head.iter().any(|line| line.contains("---")) {
        return None;
    }
    at += usize::from(lines.get(at).is_some_and(|line| line.trim_end() == "---"));
    at += usize::from(is_code && lines.get(at).is_some_and(|line| line.trim_end() == "```"));
    let mut file = format!("---{end}");
    for entry in entries(head) {
        file.push_str(&written(&entry, end));
    }
    file.extend(["---", end]);
    file.extend(before);
    file.push_str(&lines[at..].concat());
    Some(file)
}

/// The lines of each entry. Where the description goes on, only a known key ends it.
fn entries<'l>(head: &[&'l str]) -> Vec<Vec<&'l str>> {
    let mut entries: Vec<Vec<&str>> = Vec::new();
    let mut is_description = false;
    for line in head {
        let name = key(line.as_bytes());
        let is_known = |name: &str| FIELDS.contains(&name) || OTHERS.contains(&name);
        match name.filter(|name| !is_description || is_known(name)) {
            Some(name) => {
                is_description = name == "description";
                entries.push(vec![line]);
            }
            None => match entries.last_mut() {
                Some(entry) => entry.push(line),
                None => entries.push(vec![line]),
            },
        }
    }
    entries
}

/// An entry, as text if it goes on at the margin.
fn written(lines: &[&str], end: &str) -> String {
    let text = lines.concat();
    let is_loose =
        |line: &&str| !line.trim().is_empty() && !line.starts_with([' ', '\t', '-', '#']);
    let name = key(lines.first().map_or(&[][..], |line| line.as_bytes()));
    match name.filter(|_| lines.iter().skip(1).any(is_loose)) {
        Some(name) => requoted(&name, &text, end),
        None if text.ends_with('\n') => text,
        None => text + end,
    }
}
