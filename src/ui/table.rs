//! Tables: one row is one line, however narrow the terminal. The name is never cut; sources are shortened in the middle before
//! descriptions are, and what does not fit after that is left out from the right. Into a pipe everything is printed whole, with a tab
//! between columns.

use std::fmt::Write as _;

use anstyle::Style;
use unicode_width::UnicodeWidthStr as _;

use super::DIM;
use super::sanitize::{one_line, one_path, sanitize};

/// What stands before each row.
const INDENT: usize = 2;
/// What stands between two columns.
const GAP: usize = 2;
/// The narrowest that a source is shortened to.
const MIN_SOURCE: usize = 12;
/// The narrowest description that says anything.
const MIN_TEXT: usize = 12;
/// The longest name that other columns may have to go for.
const LONG_NAME: usize = 36;
/// The narrowest column of names before longer ones get a line of their own.
const MIN_NAME: usize = 12;

/// How many rows there are before what they share becomes a heading: in a short table it would hide more than it saves.
const MIN_SHARING: usize = 4;

/// What is in a column, which says how it is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Name,
    Word,
    Number,
    Source,
    Text,
}

/// One column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    title: &'static str,
    kind: Kind,
    is_minor: bool,
}

impl Column {
    /// Names: never cut.
    #[must_use]
    pub const fn name(title: &'static str) -> Self {
        Self {
            title,
            kind: Kind::Name,
            is_minor: false,
        }
    }

    /// Single words and versions: shown whole, or left out.
    #[must_use]
    pub const fn word(title: &'static str) -> Self {
        Self {
            title,
            kind: Kind::Word,
            is_minor: false,
        }
    }

    /// Numbers, to the right.
    #[must_use]
    pub const fn number(title: &'static str) -> Self {
        Self {
            title,
            kind: Kind::Number,
            is_minor: false,
        }
    }

    /// The same, for a column that goes before all others do.
    #[must_use]
    pub const fn minor(self) -> Self {
        Self {
            is_minor: true,
            ..self
        }
    }

    /// Addresses and paths: shortened in the middle.
    #[must_use]
    pub const fn source(title: &'static str) -> Self {
        Self {
            title,
            kind: Kind::Source,
            is_minor: false,
        }
    }

    /// Sentences: cut at the end.
    #[must_use]
    pub const fn text(title: &'static str) -> Self {
        Self {
            title,
            kind: Kind::Text,
            is_minor: false,
        }
    }
}

/// What stands in one place.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// The same in a colour.
    #[must_use]
    pub fn styled(mut self, style: Style) -> Self {
        self.style = style;
        self
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        // Nothing in a cell begins a line or a column of its own.
        let text = sanitize(&text.into())
            .replace('\n', "\\n")
            .replace('\t', "\\t");
        Self {
            text,
            style: Style::new(),
        }
    }
}

/// Rows of text in columns.
#[derive(Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
    has_titles: bool,
}

impl Table {
    /// A table without rows.
    #[must_use]
    pub fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        Self {
            columns: columns.into_iter().collect(),
            rows: Vec::new(),
            has_titles: false,
        }
    }

    /// The same with a line of titles.
    #[must_use]
    pub fn titled(mut self) -> Self {
        self.has_titles = true;
        self
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        self.rows.push(cells.into());
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lines. `width`: how wide they may be; `None`: a program reads them.
    #[must_use]
    pub fn lines(&self, width: Option<usize>) -> Vec<String> {
        match width {
            None => self.rows.iter().map(|row| tabbed(row)).collect(),
            Some(width) => self.laid_out(width),
        }
    }

    fn laid_out(&self, width: usize) -> Vec<String> {
        let (mut lines, rows) = self.by_row(width);
        lines.extend(rows.into_iter().flatten());
        lines
    }

    /// What stands above the rows, and the lines of each row.
    #[must_use]
    pub fn by_row(&self, width: usize) -> (Vec<String>, Vec<Vec<String>>) {
        let mut lines = Vec::new();
        let (heading, shown) = self.heading();
        if !heading.is_empty() {
            lines.push(format!("{:INDENT$}{DIM}{heading}{DIM:#}", ""));
        }
        let widths = self.widths(&shown, width);
        if self.has_titles && !self.rows.is_empty() {
            let titles: Vec<Cell> = self
                .columns
                .iter()
                .map(|column| Cell::from(column.title).styled(DIM))
                .collect();
            lines.extend(self.line(&titles, &widths));
        }
        let rows = self
            .rows
            .iter()
            .map(|row| self.line(row, &widths))
            .collect();
        (lines, rows)
    }

    /// What is the same in every row, and the columns that are left.
    fn heading(&self) -> (String, Vec<usize>) {
        let (mut heading, mut shown) = (Vec::new(), Vec::new());
        for (index, column) in self.columns.iter().enumerate() {
            let mut texts = self
                .rows
                .iter()
                .map(|row| row.get(index).map_or("", |cell| cell.text.as_str()));
            let first = texts.next().unwrap_or_default();
            let is_same = texts.all(|text| text == first);
            let is_heading = matches!(column.kind, Kind::Word | Kind::Source);
            if is_same && first.is_empty() && !self.rows.is_empty() {
                continue;
            }
            if is_same && is_heading && self.rows.len() >= MIN_SHARING && !self.has_titles {
                heading.push(format!("{} {first}", column.title).trim_start().to_owned());
                continue;
            }
            shown.push(index);
        }
        (heading.join(", "), shown)
    }

    /// How wide each column is, by its number; a column that is not shown has no width.
    fn widths(&self, shown: &[usize], width: usize) -> Vec<Option<usize>> {
        let natural = |index: usize| {
            let titles = self.has_titles.then(|| self.columns[index].title.width());
            let cells = self.rows.iter().filter_map(|row| row.get(index));
            cells
                .map(|cell| cell.text.width())
                .chain(titles)
                .max()
                .unwrap_or(0)
        };
        let mut widths: Vec<Option<usize>> = vec![None; self.columns.len()];
        for index in shown {
            widths[*index] = Some(natural(*index));
        }
        let of = |kind: Kind| -> Vec<usize> {
            let columns = shown.iter().copied();
            columns
                .filter(|index| self.columns[*index].kind == kind)
                .collect()
        };
        let over = |widths: &[Option<usize>]| {
            let used: usize = widths.iter().flatten().map(|width| width + GAP).sum();
            (used + INDENT).saturating_sub(width + GAP)
        };
        for (kind, min) in [(Kind::Source, MIN_SOURCE), (Kind::Text, MIN_TEXT)] {
            for index in of(kind) {
                let now = widths[index].unwrap_or(0);
                let needed = over(&widths);
                widths[index] = Some(now - needed.min(now.saturating_sub(min)));
            }
        }
        // A name that is longer than most gets a line of its own, so that the others keep their columns.
        for index in of(Kind::Name) {
            if over(&widths) > 0 {
                let cells = self.rows.iter().filter_map(|row| row.get(index));
                let names = cells.map(|cell| cell.text.width());
                let most = names.filter(|width| *width <= LONG_NAME).max();
                let now = widths[index].unwrap_or(0);
                widths[index] = Some(now.min(most.unwrap_or(MIN_NAME).max(MIN_NAME)));
            }
        }
        // What still does not fit goes, the least telling first.
        let minor = shown.iter().copied();
        let minor: Vec<usize> = minor
            .filter(|index| self.columns[*index].is_minor)
            .collect();
        let kinds = [Kind::Text, Kind::Source, Kind::Number, Kind::Word];
        let leaving = std::iter::once(minor).chain(kinds.map(of));
        for index in leaving.flat_map(|columns| columns.into_iter().rev()) {
            if over(&widths) > 0 {
                widths[index] = None;
            }
        }
        for index in of(Kind::Name) {
            let now = widths[index].unwrap_or(0);
            widths[index] = Some(now - over(&widths).min(now.saturating_sub(MIN_NAME)));
        }
        // What went may have left room.
        for index in of(Kind::Text).into_iter().chain(of(Kind::Source)) {
            if let Some(now) = widths[index] {
                let used: usize = widths.iter().flatten().map(|width| width + GAP).sum();
                let free = (width + GAP).saturating_sub(used + INDENT);
                widths[index] = Some((now + free).min(natural(index)));
            }
        }
        widths
    }

    /// A row in one line; in two, if its name is wider than all that there is.
    fn line(&self, row: &[Cell], widths: &[Option<usize>]) -> Vec<String> {
        let mut lines = Vec::new();
        let mut line = " ".repeat(INDENT);
        let mut pending = 0;
        for ((cell, column), width) in row.iter().zip(&self.columns).zip(widths) {
            let Some(width) = *width else { continue };
            let text = match column.kind {
                Kind::Source => one_path(&cell.text, width),
                Kind::Text => one_line(&cell.text, width),
                Kind::Name | Kind::Word | Kind::Number => cell.text.clone(),
            };
            let room = width.saturating_sub(text.width());
            let (before, after) = if column.kind == Kind::Number {
                (room, 0)
            } else {
                (0, room)
            };
            if text.is_empty() {
                pending += width + GAP;
                continue;
            }
            line.push_str(&" ".repeat(pending + before));
            let style = cell.style;
            let _ = write!(line, "{style}{text}{style:#}");
            pending = after + GAP;
            if text.width() > width {
                lines.push(std::mem::replace(&mut line, " ".repeat(INDENT)));
                pending = width + GAP;
            }
        }
        if !line.trim().is_empty() {
            lines.push(line);
        }
        lines
    }
}

/// A row for a program: whole, with tabs.
fn tabbed(row: &[Cell]) -> String {
    let texts: Vec<&str> = row.iter().map(|cell| cell.text.as_str()).collect();
    texts.join("\t")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: &str = "awesome-claude-code-subagents";
    const SOURCE: &str = "https://git.example.com/platform-team/claude-code-agents";

    fn table() -> Table {
        let mut table = Table::new([
            Column::name("agent"),
            Column::word("version"),
            Column::number("tools"),
            Column::source("source"),
            Column::text("description"),
        ]);
        let about = "Reviews what was written, line by line, and says what to do next about it";
        table.row([
            LONG.into(),
            "1.2.0".into(),
            "7".into(),
            SOURCE.into(),
            about.into(),
        ]);
        table.row([
            "planner".into(),
            "10.0.0".into(),
            "12".into(),
            "builtin".into(),
            "Plans".into(),
        ]);
        table
    }

    #[test]
    fn every_row_is_one_line_and_its_name_whole() {
        for width in [40, 60, 80, 120] {
            let lines = table().lines(Some(width));
            assert_eq!(lines.len(), 2, "{lines:#?}");
            for line in &lines {
                assert!(line.width() <= width, "{width}: {line}");
            }
            assert!(lines[0].contains(LONG));
        }
    }

    #[test]
    fn sources_are_shortened_before_descriptions_and_numbers_are_to_the_right() {
        assert_eq!(
            table().lines(Some(120)),
            [
                "  awesome-claude-code-subagents  1.2.0    7  htt…e-agents  Reviews what was written, line by line, and says what to do…",
                "  planner                        10.0.0  12  builtin       Plans",
            ]
            .map(str::to_owned)
            .to_vec()
        );
    }

    #[test]
    fn a_program_gets_everything_between_tabs() {
        let lines = table().lines(None);
        assert_eq!(lines[1], "planner\t10.0.0\t12\tbuiltin\tPlans");
        assert!(lines[0].contains(SOURCE));
    }

    #[test]
    fn what_is_the_same_in_every_row_is_said_once() {
        let mut table = Table::new([
            Column::name(""),
            Column::word("state"),
            Column::source("from"),
        ]);
        for (name, state) in [
            ("a", "clean"),
            ("b", "edited"),
            ("c", "clean"),
            ("d", "clean"),
        ] {
            table.row([name.into(), state.into(), "studio".into()]);
        }
        assert_eq!(
            table.lines(Some(80))[..3],
            [
                "  \u{1b}[2mfrom studio\u{1b}[0m",
                "  a  clean",
                "  b  edited"
            ]
        );
    }

    #[test]
    fn a_name_wider_than_the_terminal_stands_alone() {
        let mut table = Table::new([Column::name(""), Column::word("state")]);
        let name = "a-name-that-is-much-longer-than-forty-columns-are";
        table.row([name.into(), "clean".into()]);
        table.row(["b".into(), "edited".into()]);
        let lines = table.lines(Some(40));
        assert_eq!(lines[0].trim(), name);
        assert!(lines.iter().skip(1).all(|line| line.width() <= 40));
    }

    #[test]
    fn nothing_in_a_cell_moves_the_cursor() {
        let mut table = Table::new([Column::name(""), Column::word("")]);
        table.row(["e\n".into(), "\u{1b}[2K".into()]);
        assert_eq!(table.lines(Some(80)), ["  e\\n  \\u{1b}[2K"]);
    }
}
