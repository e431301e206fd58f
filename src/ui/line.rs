//! A line of text to edit on the terminal: it is there from the start, and what cannot be taken is refused in place. dialoguer's input
//! miscounts lines that wrap, and knows no key to leave.
//!
//! What a key does and what is shown are pure ([`Line`]); [`run`] is the terminal.

use std::io;

use dialoguer::console::{Key, Term};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::screens::wrapped;
use super::{CYAN, YELLOW, sanitize, styled};

/// What Ctrl-U sends, which empties a line in a shell as well.
const CLEARS: char = '\u{15}';

/// Why a text cannot be taken; `None`: it can.
pub(super) type Refuses<'r> = &'r dyn Fn(&str) -> Option<String>;

/// What a key leads to.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// Go on.
    Open,
    /// This text was taken.
    Taken(String),
    /// The question was left.
    Left,
}

/// A text that is being edited.
struct Line<'r> {
    question: String,
    text: Vec<char>,
    /// How many characters are before the cursor.
    cursor: usize,
    /// Why the text was not taken.
    problem: Option<String>,
    refuses: Refuses<'r>,
}

impl<'r> Line<'r> {
    fn new(question: &str, proposed: &str, refuses: Refuses<'r>) -> Self {
        let text: Vec<char> = sanitize(proposed).chars().collect();
        Self {
            question: sanitize(question),
            cursor: text.len(),
            text,
            problem: None,
            refuses,
        }
    }

    fn key(&mut self, key: &Key) -> Step {
        match *key {
            Key::Enter => return self.taken(),
            Key::Escape => return Step::Left,
            Key::ArrowLeft => self.cursor = self.cursor.saturating_sub(1),
            Key::ArrowRight => self.cursor = (self.cursor + 1).min(self.text.len()),
            Key::Home => self.cursor = 0,
            Key::End => self.cursor = self.text.len(),
            Key::Backspace if self.cursor > 0 => {
                self.cursor -= 1;
                self.text.remove(self.cursor);
            }
            Key::Del if self.cursor < self.text.len() => drop(self.text.remove(self.cursor)),
            Key::Char(CLEARS) => {
                self.text.clear();
                self.cursor = 0;
            }
            Key::Char(c) if !c.is_control() => {
                self.text.insert(self.cursor, c);
                self.cursor += 1;
            }
            _ => return Step::Open,
        }
        self.problem = None;
        Step::Open
    }

    fn taken(&mut self) -> Step {
        let text: String = self.text.iter().collect();
        let text = text.trim().to_owned();
        self.problem = (self.refuses)(&text);
        if self.problem.is_some() {
            Step::Open
        } else {
            Step::Taken(text)
        }
    }

    /// The lines on the screen, of which the last is the text, and the column of the cursor in it.
    fn lines(&self, columns: usize) -> (Vec<String>, usize) {
        let columns = columns.max(20);
        let question = format!("{} (edit it, enter takes it, esc stops):", self.question);
        let mut lines = wrapped(&question, columns);
        if let Some(problem) = &self.problem {
            let problem = wrapped(&sanitize(problem), columns).into_iter();
            lines.extend(problem.map(|line| format!("{YELLOW}{}{YELLOW:#}", line.trim_end())));
        }
        let mut lines: Vec<String> = lines
            .iter()
            .map(|line| line.trim_end().to_owned())
            .collect();
        // The cursor needs a column behind the text.
        let room = columns - 3;
        let mut start = self.cursor;
        let mut before = 0;
        while let Some(c) = start.checked_sub(1).and_then(|at| self.text.get(at)) {
            let width = c.width().unwrap_or(0);
            if before + width > room {
                break;
            }
            before += width;
            start -= 1;
        }
        let mut shown = String::new();
        for c in self.text.iter().skip(start) {
            if shown.width() + c.width().unwrap_or(0) > room {
                break;
            }
            shown.push(*c);
        }
        lines.push(format!("{CYAN}>{CYAN:#} {shown}"));
        (lines, before + 2)
    }
}

/// Shows a text until it is taken; `None`: the question was left. The screen is as before afterwards.
pub(super) fn run(
    question: &str,
    proposed: &str,
    refuses: Refuses<'_>,
) -> io::Result<Option<String>> {
    let term = Term::buffered_stderr();
    let mut line = Line::new(question, proposed, refuses);
    let mut drawn = 0;
    let erase = |drawn: usize| {
        term.clear_line()?;
        term.clear_last_lines(drawn.saturating_sub(1))
    };
    let answer = loop {
        let (lines, cursor) = line.lines(usize::from(term.size().1));
        erase(drawn)?;
        for (index, line) in lines.iter().enumerate() {
            let end = if index + 1 < lines.len() { "\n" } else { "\r" };
            term.write_str(&format!("{}{end}", styled(line)))?;
        }
        term.move_cursor_right(cursor)?;
        term.flush()?;
        drawn = lines.len();
        match term.read_key() {
            Ok(key) => match line.key(&key) {
                Step::Open => {}
                Step::Taken(text) => break Ok(Some(text)),
                Step::Left => break Ok(None),
            },
            Err(error) => break Err(error),
        }
    };
    match answer {
        Ok(_) => erase(drawn)?,
        // Ctrl-C leaves the question on the screen, above what is said about it.
        Err(_) => term.write_str("\n")?,
    }
    term.flush()?;
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refuses(text: &str) -> Option<String> {
        text.is_empty().then(|| "a name is needed".to_owned())
    }

    fn plain(line: &Line<'_>, columns: usize) -> Vec<String> {
        let (lines, _) = line.lines(columns);
        let plain = |line: &String| anstream::adapter::strip_str(line).to_string();
        lines.iter().map(plain).collect()
    }

    #[test]
    fn a_text_is_edited_and_refused_in_place() {
        let mut line = Line::new("Name of studio/planner", "planner-studio", &refuses);
        assert_eq!(
            plain(&line, 80),
            [
                "Name of studio/planner (edit it, enter takes it, esc stops):",
                "> planner-studio"
            ]
        );
        for key in [Key::Home, Key::Char('m'), Key::Char('y'), Key::Char('-')] {
            assert_eq!(line.key(&key), Step::Open);
        }
        assert_eq!(line.lines(80).1, 5, "the cursor is behind `my-`");
        assert_eq!(
            line.key(&Key::Enter),
            Step::Taken("my-planner-studio".to_owned())
        );
        assert_eq!(line.key(&Key::Char(CLEARS)), Step::Open);
        assert_eq!(line.key(&Key::Enter), Step::Open);
        assert_eq!(plain(&line, 80)[1..], ["a name is needed", "> "]);
        let _ = line.key(&Key::Char('x'));
        assert_eq!(plain(&line, 80)[1..], ["> x"], "the reason is gone");
        assert_eq!(line.key(&Key::Escape), Step::Left);
    }

    #[test]
    fn a_long_text_scrolls_and_every_line_fits() {
        let mut line = Line::new("Name of studio/planner", &"long-name-".repeat(9), &refuses);
        for end in [Key::End, Key::Home] {
            let _ = line.key(&end);
            let (_, cursor) = line.lines(40);
            assert!(cursor < 40);
            assert!(plain(&line, 40).iter().all(|line| line.width() <= 40));
        }
        assert!(
            plain(&line, 40)
                .iter()
                .any(|line| line.starts_with("> long-name-long"))
        );
    }
}
