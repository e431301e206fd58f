//! What is shown above the questions of an update: overview, conflict, new powers, changes. Readable at 80 columns and without colour.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use dialoguer::console::Term;
use similar::{Algorithm, ChangeTag, TextDiff};
use unicode_width::UnicodeWidthStr as _;

use super::{CYAN, DIM, GREEN, YELLOW, one_path, sanitize};
use crate::domain::count::{counted, numbered};
use crate::ops::report::{
    ConflictView, GainsView, InterruptionView, OfferView, OverviewLine, Preview,
};

/// Added words and lines.
const ADDED: Style = AnsiColor::Green.on_default();
/// Removed words and lines.
const REMOVED: Style = AnsiColor::Red.on_default();
/// Unchanged text with more characters than this is cut in the middle.
const LONG: usize = 90;
/// How many characters of it are kept at both ends.
const END: usize = 32;
/// The narrowest terminal that screens are made for.
const MIN_COLUMNS: usize = 30;
/// How many lines of one side of a conflict are shown.
const MAX_LINES: usize = 14;

fn columns() -> usize {
    usize::from(Term::stderr().size().1).clamp(MIN_COLUMNS, 110)
}

/// What an interrupted command was doing.
pub(super) fn steps(view: &InterruptionView) -> String {
    const SHOWN: usize = 20;
    let what = view.label.as_deref().map_or_else(
        || "a command".to_owned(),
        |label| format!("`{}`", sanitize(label)),
    );
    let by = if view.is_sealed {
        ""
    } else {
        ", and not by agentpkg on this machine"
    };
    let mut text = styled(&format!("{what} was interrupted{by}"), YELLOW, 2);
    let done = if view.is_forward {
        "to be completed"
    } else {
        "to be reverted"
    };
    if !view.files.is_empty() {
        let _ = writeln!(text, "  {DIM}{done}:{DIM:#}");
    }
    for (verb, path) in view.files.iter().take(SHOWN) {
        let path = one_path(&sanitize(path), columns() - 13);
        let _ = writeln!(text, "    {verb:<8} {CYAN}{path}{CYAN:#}");
    }
    if view.files.len() > SHOWN {
        let _ = writeln!(
            text,
            "    {DIM}and {} more{DIM:#}",
            view.files.len() - SHOWN
        );
    }
    if let Some(path) = &view.misplaced {
        let what = format!("{} is not agentpkg's to change", sanitize(path));
        text.push_str(&styled(&what, YELLOW, 2));
    }
    text
}

/// What an update found.
pub(super) fn overview(lines: &[OverviewLine]) -> String {
    let (open, clean): (Vec<_>, Vec<_>) = lines.iter().partition(|line| !line.open.is_empty());
    let width = lines
        .iter()
        .map(|line| line.name.width())
        .max()
        .unwrap_or(0);
    let versions = lines
        .iter()
        .map(|line| line.versions.width())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    if !clean.is_empty() {
        let agents = counted(clean.len(), "agent");
        let _ = writeln!(
            text,
            "{GREEN}{:>12}{GREEN:#} {agents}, nothing to decide",
            "Ready"
        );
    }
    for line in open {
        let (name, version) = (sanitize(&line.name), sanitize(&line.versions));
        let row = format!("{name:width$}  {version:versions$}  {}", line.open);
        // Where there is no room for a column of its own, the name is on one line and what it is about on the next.
        if row.width() + 13 <= columns() {
            let rest = row.split_at(width.max(name.len())).1;
            let _ = writeln!(
                text,
                "{YELLOW}{:>12}{YELLOW:#} {CYAN}{name:width$}{CYAN:#}{rest}",
                "To decide"
            );
        } else {
            let _ = writeln!(text, "{YELLOW}To decide{YELLOW:#} {CYAN}{name}{CYAN:#}");
            let rest = format!("{version}  {}", line.open);
            text.push_str(&styled(rest.trim(), DIM, 4));
        }
    }
    text
}

/// One conflict: what each side made of the base, with the changed words in brackets.
pub(super) fn conflict(view: &ConflictView) -> String {
    let texts = &view.texts;
    let mut text = String::new();
    let number = format!("conflict {} of {}", view.number, view.count);
    let (agent, versions) = (sanitize(&view.agent), sanitize(&view.versions));
    let is_one_line = agent.width() + versions.width() + number.len() + 6 <= columns();
    let between = if is_one_line { "   " } else { "\n    " };
    let _ = writeln!(
        text,
        "\n  {CYAN}{agent}{CYAN:#} {versions}{between}{DIM}{number}{DIM:#}"
    );
    if !view.also_in.is_empty() {
        let others = format!("also in {}", view.also_in.join(", "));
        text.push_str(&styled(&others, DIM, 2));
    }
    let (unit, reason) = (sanitize(&texts.unit), sanitize(&texts.reason));
    if unit.width() + reason.width() + 4 <= columns() {
        let _ = writeln!(text, "  {unit}  {DIM}{reason}{DIM:#}");
    } else {
        text.push_str(&styled(&unit, Style::new(), 2));
        text.push_str(&styled(&reason, DIM, 4));
    }
    text.push('\n');
    // Marked words help only where most of them stay; otherwise each text is easier to read as it is.
    let is_marked = [&texts.ours, &texts.theirs]
        .into_iter()
        .all(|side| side.is_empty() || mostly_stays(&texts.base, side));
    if !is_marked && !texts.base.is_empty() {
        side(&mut text, "before", &texts.base, &texts.base);
    }
    let base = |side: &str| {
        if is_marked {
            texts.base.clone()
        } else {
            side.to_owned()
        }
    };
    side(&mut text, "you", &base(&texts.ours), &texts.ours);
    side(&mut text, "upstream", &base(&texts.theirs), &texts.theirs);
    if let Some(suggestion) = &texts.suggestion {
        side(&mut text, "combined", &texts.base, suggestion);
    }
    text
}

/// Whether more than half of the words of the base are still there. If there are few words, the change is obvious anyway.
fn mostly_stays(base: &str, side: &str) -> bool {
    const FEW: usize = 8;
    let count = base.split_whitespace().count();
    if count <= FEW {
        return true;
    }
    let diff = TextDiff::from_words(base, side);
    let is_kept = |change: &similar::Change<&str>| {
        change.tag() == ChangeTag::Equal && !change.value().trim().is_empty()
    };
    diff.iter_all_changes().filter(is_kept).count() * 2 > count
}

/// One side, as changes of the base.
fn side(text: &mut String, label: &str, base: &str, side: &str) {
    let indent = " ".repeat(14);
    let shown = if side.is_empty() {
        "(deleted)".to_owned()
    } else {
        String::new()
    };
    let lines = if shown.is_empty() {
        marked(base, side, columns() - 16)
    } else {
        vec![shown]
    };
    let more = lines.len().saturating_sub(MAX_LINES);
    for (index, line) in lines.iter().take(MAX_LINES).enumerate() {
        let _ = match index {
            0 => writeln!(text, "    {DIM}{label:<9}{DIM:#} {line}"),
            _ => writeln!(text, "{indent}{line}"),
        };
    }
    if more > 0 {
        let more = counted(more, "more line");
        let _ = writeln!(text, "{indent}{DIM}… {more}{DIM:#}");
    }
    text.push('\n');
}

/// The words of a side, wrapped: new words in brackets, removed ones as `[-…-]`.
fn marked(base: &str, side: &str, width: usize) -> Vec<String> {
    let diff = TextDiff::from_words(base, side);
    let mut pieces: Vec<(ChangeTag, String)> = Vec::new();
    for change in diff.iter_all_changes() {
        match pieces.last_mut() {
            Some((tag, text)) if *tag == change.tag() => text.push_str(change.value()),
            _ => pieces.push((change.tag(), change.value().to_owned())),
        }
    }
    // A replacement reads better if the removed text precedes the new one; white space alone is not worth a mark.
    let mut words: Vec<(Style, String)> = Vec::new();
    let last = pieces.len().saturating_sub(1);
    for (index, (tag, piece)) in pieces.iter().enumerate() {
        let piece = sanitize(piece);
        let is_blank = piece.trim().is_empty();
        let (style, text) = match tag {
            ChangeTag::Equal => (Style::new(), shortened(&piece, index == 0, index == last)),
            _ if is_blank => (Style::new(), piece.clone()),
            ChangeTag::Insert => (ADDED.underline(), bracketed(&piece, "[", "]")),
            ChangeTag::Delete => (REMOVED, bracketed(&piece, "[-", "-]")),
        };
        for (number, line) in text.split('\n').enumerate() {
            if number > 0 {
                words.push((Style::new(), "\n".to_owned()));
            }
            words.extend(
                line.split_inclusive(' ')
                    .map(|word| (style, word.to_owned())),
            );
        }
    }
    flow(&words, width)
}

/// Puts marks around the text, but not around the space at its ends.
fn bracketed(piece: &str, open: &str, close: &str) -> String {
    let start = piece.len() - piece.trim_start().len();
    let text = piece.trim();
    format!(
        "{}{open}{text}{close}{}",
        &piece[..start],
        &piece[start + text.len()..]
    )
}

/// A long unchanged text without its middle.
fn shortened(piece: &str, is_first: bool, is_last: bool) -> String {
    let count = piece.chars().count();
    if count <= LONG {
        return piece.to_owned();
    }
    let head: String = piece.chars().take(END).collect();
    let tail: String = piece.chars().skip(count - END).collect();
    match (is_first, is_last) {
        (true, true) => piece.to_owned(),
        (true, false) => format!("… {}", tail.trim_start()),
        (false, true) => format!("{} …", head.trim_end()),
        (false, false) => format!("{} … {}", head.trim_end(), tail.trim_start()),
    }
}

/// Breaks styled words into lines.
fn flow(words: &[(Style, String)], width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for (style, word) in words {
        if word == "\n" {
            lines.push(String::new());
            used = 0;
            continue;
        }
        let length = word.trim_end().width();
        if used > 0 && used + length > width {
            lines.push(String::new());
            used = 0;
        }
        let line = lines.last_mut().expect("there is a line");
        let _ = write!(line, "{style}{word}{style:#}");
        used += word.width();
    }
    while lines.last().is_some_and(|line| line.trim().is_empty()) && lines.len() > 1 {
        lines.pop();
    }
    lines
}

/// Breaks a text into lines of at most this width, at spaces.
#[must_use]
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let words: Vec<(Style, String)> = text
        .split_inclusive(' ')
        .map(|word| (Style::new(), word.to_owned()))
        .collect();
    flow(&words, width)
}

/// A text in so many spaces, wrapped.
fn styled(text: &str, style: Style, indent: usize) -> String {
    let lines = wrapped(&sanitize(text), columns().saturating_sub(indent));
    let mut all = String::new();
    for line in lines {
        let _ = writeln!(all, "{:indent$}{style}{}{style:#}", "", line.trim_end());
    }
    all
}

/// New powers, each with what it means beside it, or below it where there is no room.
pub(super) fn gains(view: &GainsView) -> String {
    let mut text = String::new();
    let agents = view.agents.join(", ");
    let verb = if view.agents.len() == 1 {
        "requests"
    } else {
        "request"
    };
    let more = if view.is_first {
        "permissions that need consent"
    } else {
        "new permissions"
    };
    let title = format!("{agents} {} {verb} {more}", view.versions);
    text.push('\n');
    text.push_str(&styled(&title.replace("  ", " "), YELLOW, 2));
    let gains = view.gains.iter();
    let width = gains.map(|(name, _)| name.width()).max().unwrap_or(0);
    for (name, meaning) in &view.gains {
        let (name, meaning) = (sanitize(name), sanitize(meaning));
        let row = format!("    + {name:width$}  {meaning}");
        if row.trim_end().width() <= columns() {
            let _ = writeln!(text, "{}", row.trim_end());
        } else {
            text.push_str(&styled(&format!("+ {name}"), Style::new(), 4));
            text.push_str(&styled(&meaning, DIM, 8));
        }
    }
    text
}

/// Servers to agree to. What would run is shown completely, even if it is long.
pub(super) fn offers(views: &[OfferView]) -> String {
    let mut text = String::new();
    let known = numbered(views.len(), "known server is", "known servers are");
    let _ = writeln!(text, "\n  {YELLOW}{known} not configured{YELLOW:#}");
    for view in views {
        let _ = writeln!(text, "\n    {CYAN}{}{CYAN:#}", sanitize(&view.name));
        let mut lines: Vec<(&str, String)> = Vec::new();
        match &view.host {
            Some(host) => lines.extend([("host", host.clone()), ("address", view.runs.clone())]),
            None => lines.push(("runs", view.runs.clone())),
        }
        if !view.variables.is_empty() {
            let names = view.variables.iter().map(|(name, has_default)| {
                if *has_default {
                    format!("{name} (has a default)")
                } else {
                    name.clone()
                }
            });
            lines.push(("reads", names.collect::<Vec<_>>().join(", ")));
        }
        if !view.optional.is_empty() {
            lines.push(("optional", view.optional.join(", ")));
        }
        lines.push(("from", view.origin.clone()));
        lines.extend(view.note.iter().map(|note| ("note", note.clone())));
        lines.extend(
            view.problems
                .iter()
                .map(|problem| ("missing", problem.clone())),
        );
        for (label, value) in lines {
            for (index, line) in wrapped(&value, columns() - 16).iter().enumerate() {
                let label = if index == 0 { label } else { "" };
                let _ = writeln!(
                    text,
                    "      {DIM}{label:<8}{DIM:#} {}",
                    sanitize(line.trim_end())
                );
            }
        }
    }
    text.push('\n');
    text
}

/// A change of a file.
pub(super) fn preview(preview: &Preview) -> String {
    let old = format!("{} ({})", preview.path, preview.before_label);
    let new = format!("{} ({})", preview.path, preview.after_label);
    unified(&preview.before, &preview.after, &old, &new)
}

/// A unified diff, coloured; empty if there is no difference.
#[must_use]
pub fn unified(old: &str, new: &str, old_label: &str, new_label: &str) -> String {
    // As the merge compares; thousands of equal lines take a fraction of the time of the other ways.
    let diff = (TextDiff::configure())
        .algorithm(Algorithm::Histogram)
        .diff_lines(old, new);
    let plain = diff
        .unified_diff()
        .context_radius(3)
        .header(&sanitize(old_label), &sanitize(new_label))
        .to_string();
    let mut text = String::new();
    for (index, line) in plain.split_inclusive('\n').enumerate() {
        let (line, end) = line
            .strip_suffix('\n')
            .map_or((line, ""), |line| (line, "\n"));
        let line = line
            .strip_suffix('\r')
            .map_or_else(|| sanitize(line), |line| sanitize(line) + "␍");
        let style = match line.as_bytes().first() {
            _ if index < 2 => Style::new().bold(),
            Some(b'+') => ADDED,
            Some(b'-') => REMOVED,
            Some(b'@') => CYAN,
            _ => Style::new(),
        };
        let _ = write!(text, "{style}{line}{style:#}{end}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(lines: &[String]) -> String {
        anstream::adapter::strip_str(&lines.join("\n")).to_string()
    }

    #[test]
    fn changed_words_are_marked() {
        assert_eq!(
            plain(&marked("use for APIs", "use for our APIs", 80)),
            "use for [our] APIs"
        );
        assert_eq!(plain(&marked("a b c", "a x c", 80)), "a [-b-][x] c");
        assert_eq!(
            plain(&marked("one two three four", "one two three five", 10)),
            "one two \nthree \n[-four-]\n[five]"
        );
    }

    #[test]
    fn long_unchanged_text_is_cut() {
        let base = "word ".repeat(60) + "end.";
        let shown = plain(&marked(&base, &base.replace("end.", "stop."), 200));
        assert!(
            shown.starts_with("… ") && shown.ends_with("[-end.-][stop.]"),
            "{shown}"
        );
    }

    #[test]
    fn a_difference_shows_line_endings() {
        let text =
            anstream::adapter::strip_str(&unified("a\nb\n", "a\r\nb\n", "x", "y")).to_string();
        insta::assert_snapshot!(text, @r"
        --- x
        +++ y
        @@ -1,2 +1,2 @@
        -a
        +a␍
         b
        ");
    }
}
