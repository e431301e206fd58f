//! The one list to choose from: typing narrows it, several can be marked where that makes sense, names are whole, and the description of
//! the current line stands below. dialoguer's lists can filter or mark but not both, and have no place for a description.
//!
//! What a key does and what is shown are pure ([`Picker`]); [`run`] is the terminal.

use std::io;

use dialoguer::console::{Key, Term};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr as _};

use super::sanitize::{one_path, sanitize};
use super::screens::wrapped;
use super::{CYAN, DIM, styled};
use crate::ops::report::Choice;

/// How many lines of a list are shown at most.
const MAX_LINES: usize = 12;
/// How many lines a description may have.
const MAX_DETAIL: usize = 2;
/// How many choices there are before typing is worth a line.
const MIN_FILTER: usize = 10;
/// The shortest beginning that all labels share and that is said in the title instead.
const MIN_SHARED: usize = 8;

/// How a list is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// One of them has to be taken.
    One,
    /// At least one of them: the current one, if none is marked.
    Some,
    /// Any of them.
    Many,
}

impl Mode {
    /// Whether several can be marked.
    fn marks(self) -> bool {
        matches!(self, Self::Some | Self::Many)
    }
}

/// What comes of a key.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// Go on.
    Open,
    /// These were taken; empty: none.
    Taken(Vec<usize>),
    /// The list was left.
    Left,
}

/// A list and what was typed so far.
#[derive(Debug)]
struct Picker {
    question: String,
    choices: Vec<Choice>,
    mode: Mode,
    /// What all labels begin with.
    shared: String,
    filter: String,
    /// The choices that match, in the order in which they are shown.
    shown: Vec<usize>,
    /// Which of them is the current one.
    current: usize,
    marked: Vec<usize>,
}

impl Picker {
    fn new(question: &str, choices: &[Choice], mode: Mode, default: usize) -> Self {
        let choices: Vec<Choice> = choices
            .iter()
            .map(|choice| Choice {
                label: sanitize(&choice.label).replace(['\n', '\t'], " "),
                detail: sanitize(&choice.detail).replace(['\n', '\t'], " "),
            })
            .collect();
        let shown: Vec<usize> = (0..choices.len()).collect();
        Self {
            question: sanitize(question),
            shared: shared(&choices),
            choices,
            mode,
            filter: String::new(),
            current: default.min(shown.len().saturating_sub(1)),
            shown,
            marked: Vec::new(),
        }
    }

    /// Whether typing narrows the list. In a short one letters would only surprise.
    fn can_filter(&self) -> bool {
        self.choices.len() >= MIN_FILTER
    }

    fn key(&mut self, key: &Key) -> Step {
        let last = self.shown.len().saturating_sub(1);
        match *key {
            Key::ArrowUp | Key::BackTab => {
                self.current = self.current.checked_sub(1).unwrap_or(last);
            }
            Key::ArrowDown | Key::Tab => {
                self.current = if self.current < last {
                    self.current + 1
                } else {
                    0
                };
            }
            Key::PageUp => self.current = self.current.saturating_sub(MAX_LINES),
            Key::PageDown => self.current = (self.current + MAX_LINES).min(last),
            Key::Home => self.current = 0,
            Key::End => self.current = last,
            Key::Char(' ') if self.mode.marks() => self.mark(),
            Key::Char(c) if self.can_filter() && !c.is_control() => {
                self.filter.push(c);
                self.narrow();
            }
            Key::Backspace => {
                self.filter.pop();
                self.narrow();
            }
            Key::Enter => return self.taken(),
            Key::Escape if !self.filter.is_empty() => {
                self.filter.clear();
                self.narrow();
            }
            Key::Escape => return Step::Left,
            _ => {}
        }
        Step::Open
    }

    fn mark(&mut self) {
        let Some(index) = self.shown.get(self.current).copied() else {
            return;
        };
        match self.marked.iter().position(|marked| *marked == index) {
            Some(at) => drop(self.marked.remove(at)),
            None => self.marked.push(index),
        }
    }

    fn taken(&self) -> Step {
        let current = self.shown.get(self.current).copied();
        let mut marked = self.marked.clone();
        marked.sort_unstable();
        match (self.mode, current) {
            (Mode::Many, _) => Step::Taken(marked),
            (Mode::Some, _) if !marked.is_empty() => Step::Taken(marked),
            (_, Some(current)) => Step::Taken(vec![current]),
            (_, None) => Step::Open,
        }
    }

    /// Shows what matches all words: exact names first, then what begins like them, then the rest in its order.
    fn narrow(&mut self) {
        let filter = self.filter.to_lowercase();
        let words: Vec<&str> = filter.split_whitespace().collect();
        let mut found: Vec<(u8, usize)> = Vec::new();
        for (index, choice) in self.choices.iter().enumerate() {
            let label = choice.label.to_lowercase();
            let detail = choice.detail.to_lowercase();
            if words
                .iter()
                .all(|word| label.contains(word) || detail.contains(word))
            {
                found.push((rank(&label, &filter, &words), index));
            }
        }
        found.sort_unstable();
        self.shown = found.into_iter().map(|(_, index)| index).collect();
        self.current = 0;
    }

    /// What is on the screen, at most `rows` lines of `columns`.
    fn lines(&self, rows: usize, columns: usize) -> Vec<String> {
        let columns = columns.max(20);
        let title = wrapped(&self.title(columns), columns);
        let mut head: Vec<String> = title
            .iter()
            .map(|line| line.trim_end().to_owned())
            .collect();
        if self.can_filter() {
            let room = columns.saturating_sub("filter:  ".len());
            head.push(format!(
                "{DIM}filter:{DIM:#} {}",
                ending(&self.filter, room)
            ));
        }
        let detail = self.detail(columns);
        let list = rows
            .saturating_sub(head.len() + detail.len() + 2)
            .clamp(1, MAX_LINES);
        let mut lines = head;
        lines.extend(self.list(list, columns));
        if self.shown.is_empty() {
            lines.push(format!("{DIM}  nothing matches{DIM:#}"));
        } else if self.shown.len() > list {
            let place = format!("  {} of {}", self.current + 1, self.shown.len());
            lines.push(format!("{DIM}{place}{DIM:#}"));
        }
        lines.extend(detail);
        lines
    }

    /// The question, what all lines share, and the keys.
    fn title(&self, columns: usize) -> String {
        let shared = if self.shared.is_empty() {
            String::new()
        } else {
            format!(" ({}…)", one_path(&self.shared, columns.saturating_sub(6)))
        };
        let mut keys = Vec::new();
        if self.can_filter() {
            keys.push("type to filter");
        }
        match self.mode {
            Mode::Many => keys.extend(["space marks", "enter when done"]),
            Mode::Some => keys.extend(["space marks several", "esc to leave"]),
            Mode::One => keys.extend(["arrows move", "enter chooses"]),
        }
        format!("{}{shared} ({}):", self.question, keys.join(", "))
    }

    fn list(&self, count: usize, columns: usize) -> Vec<String> {
        let first = self
            .current
            .saturating_sub(count / 2)
            .min(self.shown.len().saturating_sub(count));
        let labels: Vec<&str> = self.shown.iter().map(|index| self.label(*index)).collect();
        let visible = labels.iter().skip(first).take(count);
        let width = visible.map(|label| label.width()).max().unwrap_or(0);
        let has_room = |detail: &str| !detail.is_empty() && columns > width + 16;
        // Where one is the usual answer, boxes come with the first mark.
        let has_boxes = self.mode == Mode::Many || !self.marked.is_empty();
        let line = |(at, index): (usize, &usize)| {
            let is_current = at == self.current;
            let mark = match (has_boxes, self.marked.contains(index)) {
                (true, true) => "[x] ",
                (true, false) => "[ ] ",
                _ => "",
            };
            let label = short_label(labels[at], columns.saturating_sub(2 + mark.len()));
            let detail = &self.choices[*index].detail;
            let room = columns.saturating_sub(width + 5 + mark.len());
            let about = if has_room(detail) && label.width() <= width {
                let gap = width - label.width() + 2;
                let about = super::sanitize::one_line(detail, room);
                format!("{:gap$}{DIM}{about}{DIM:#}", "")
            } else {
                String::new()
            };
            if is_current {
                format!("{CYAN}> {mark}{label}{CYAN:#}{about}")
            } else {
                format!("  {mark}{label}{about}")
            }
        };
        let shown = self.shown.iter().enumerate();
        shown.skip(first).take(count).map(line).collect()
    }

    fn label(&self, index: usize) -> &str {
        let label = self.choices[index].label.as_str();
        label.strip_prefix(self.shared.as_str()).unwrap_or(label)
    }

    /// The whole description of the current choice, if it does not fit beside it.
    fn detail(&self, columns: usize) -> Vec<String> {
        let Some(index) = self.shown.get(self.current) else {
            return Vec::new();
        };
        let choice = &self.choices[*index];
        let shown = self.shown.iter();
        let width = shown.map(|index| self.label(*index).width()).max();
        let is_beside = width.unwrap_or(0) + choice.detail.width() + 9 <= columns;
        if choice.detail.is_empty() || is_beside && !self.can_filter() {
            return Vec::new();
        }
        let mut lines = wrapped(&choice.detail, columns.saturating_sub(4));
        lines.truncate(MAX_DETAIL);
        let line = |line: &String| format!("  {DIM}{}{DIM:#}", line.trim_end());
        lines.iter().map(line).collect()
    }
}

/// A label in so many columns: where it is from is shortened before its name is.
fn short_label(label: &str, width: usize) -> String {
    let name = label.rfind(['/', '#']).map_or(0, |end| end + 1);
    let (from, name) = label.split_at(name);
    match width.checked_sub(name.width()) {
        Some(room) if label.width() > width && room > 1 => {
            format!("{}{name}", one_path(from, room))
        }
        _ => one_path(label, width),
    }
}

/// The end of what was typed.
fn ending(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut left = width.saturating_sub(1);
    let fits = |c: &char| {
        let rest = left.checked_sub(UnicodeWidthChar::width(*c).unwrap_or(0));
        rest.inspect(|rest| left = *rest).is_some()
    };
    let end: Vec<char> = text.chars().rev().take_while(fits).collect();
    format!("…{}", end.into_iter().rev().collect::<String>())
}

/// How well a label matches: 0 for the very name.
fn rank(label: &str, filter: &str, words: &[&str]) -> u8 {
    let name = label.rsplit(['/', '#']).next().unwrap_or(label);
    let name = name.split('@').next().unwrap_or(name);
    if name == filter {
        0
    } else if name.starts_with(filter) {
        1
    } else if words.iter().all(|word| name.contains(word)) {
        2
    } else if words.iter().all(|word| label.contains(word)) {
        3
    } else {
        4
    }
}

/// The beginning that all labels have, up to the end of a part of an address.
fn shared(choices: &[Choice]) -> String {
    let Some((first, rest)) = choices.split_first().filter(|(_, rest)| !rest.is_empty()) else {
        return String::new();
    };
    let mut shared = first.label.as_str();
    for choice in rest {
        let same = shared
            .char_indices()
            .zip(choice.label.chars())
            .take_while(|((_, one), other)| one == other)
            .map(|((at, c), _)| at + c.len_utf8())
            .last()
            .unwrap_or(0);
        shared = &shared[..same];
    }
    match shared.rfind(['/', '#']) {
        Some(end) if end + 1 >= MIN_SHARED => shared[..=end].to_owned(),
        _ => String::new(),
    }
}

/// Shows a list until it is answered; `None`: it was left. The screen is as before afterwards.
pub(super) fn run(
    question: &str,
    choices: &[Choice],
    mode: Mode,
    default: usize,
) -> io::Result<Option<Vec<usize>>> {
    let term = Term::buffered_stderr();
    let mut picker = Picker::new(question, choices, mode, default);
    let mut drawn = 0;
    term.hide_cursor()?;
    let answer = loop {
        let (rows, columns) = term.size();
        let lines = picker.lines(usize::from(rows), usize::from(columns));
        term.clear_last_lines(drawn)?;
        for line in &lines {
            term.write_line(&styled(line))?;
        }
        term.flush()?;
        drawn = lines.len();
        match term.read_key() {
            Ok(key) => match picker.key(&key) {
                Step::Open => {}
                Step::Taken(taken) => break Ok(Some(taken)),
                Step::Left => break Ok(None),
            },
            Err(error) => break Err(error),
        }
    };
    // Ctrl-C leaves the question on the screen, above what is said about it.
    if answer.is_ok() {
        term.clear_last_lines(drawn)?;
    }
    term.show_cursor()?;
    term.flush()?;
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agents(count: usize) -> Vec<Choice> {
        let choice = |number| Choice {
            label: format!("https://git.example.com/platform-team/agents#agent-{number}"),
            detail: format!("Does thing number {number}, and reports what it has found about it"),
        };
        (0..count).map(choice).collect()
    }

    fn plain(picker: &Picker, rows: usize, columns: usize) -> Vec<String> {
        let lines = picker.lines(rows, columns);
        let plain = |line: &String| anstream::adapter::strip_str(line).to_string();
        lines.iter().map(plain).collect()
    }

    fn typed(picker: &mut Picker, text: &str) {
        for c in text.chars() {
            assert_eq!(picker.key(&Key::Char(c)), Step::Open);
        }
    }

    #[test]
    fn a_short_list_is_chosen_from_with_arrows() {
        let choices = [Choice::plain("keep mine"), Choice::plain("take theirs")];
        let mut picker = Picker::new("Your choice", &choices, Mode::One, 0);
        assert_eq!(
            plain(&picker, 24, 80),
            [
                "Your choice (arrows move, enter chooses):",
                "> keep mine",
                "  take theirs"
            ]
        );
        assert_eq!(
            picker.key(&Key::Char('t')),
            Step::Open,
            "letters do nothing"
        );
        assert_eq!(picker.key(&Key::ArrowDown), Step::Open);
        assert_eq!(picker.key(&Key::Enter), Step::Taken(vec![1]));
        assert_eq!(picker.key(&Key::Escape), Step::Left);
    }

    #[test]
    fn typing_narrows_and_the_very_name_comes_first() {
        let mut picker = Picker::new("Which agent?", &agents(2000), Mode::Some, 0);
        typed(&mut picker, "agent-7");
        assert_eq!(picker.shown.first(), Some(&7));
        assert!(picker.shown.len() > 1);
        assert_eq!(picker.key(&Key::Enter), Step::Taken(vec![7]));
        typed(&mut picker, "zzz");
        assert!(picker.shown.is_empty());
        assert_eq!(
            picker.key(&Key::Enter),
            Step::Open,
            "there is nothing to take"
        );
        assert_eq!(
            picker.key(&Key::Escape),
            Step::Open,
            "the filter goes first"
        );
        assert_eq!(picker.shown.len(), 2000);
    }

    #[test]
    fn several_are_marked_whatever_the_filter_shows() {
        let mut picker = Picker::new("Which agents?", &agents(20), Mode::Many, 0);
        typed(&mut picker, "agent-3 ");
        typed(&mut picker, "\u{8}");
        for _ in 0.."agent-3".len() {
            let _ = picker.key(&Key::Backspace);
        }
        typed(&mut picker, " ");
        assert_eq!(picker.key(&Key::Enter), Step::Taken(vec![0, 3]));
    }

    #[test]
    fn every_screen_fits() {
        for (rows, columns) in [(24, 80), (20, 40), (40, 120)] {
            let picker = Picker::new("Which agent?", &agents(300), Mode::Many, 150);
            let lines = plain(&picker, rows, columns);
            assert!(lines.len() < rows, "{lines:#?}");
            assert!(
                lines.iter().all(|line| line.width() <= columns),
                "{lines:#?}"
            );
            assert!(lines.iter().any(|line| line.starts_with("> [ ] agent-150")));
            assert!(lines[..4].concat().contains("agents#"), "{lines:#?}");
        }
    }
}
