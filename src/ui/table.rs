//! Aligned columns, two spaces apart, indented by two.

use unicode_width::UnicodeWidthStr as _;

/// Rows of text in columns.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a row. Line breaks in a cell do not start a new line.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let shown = |cell: String| {
            super::sanitize(&cell)
                .replace('\n', "\\n")
                .replace('\t', "\\t")
        };
        self.rows.push(cells.into_iter().map(shown).collect());
    }

    /// The lines; the last column is not padded.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.width())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let line = |row: &Vec<String>| {
            let mut line = String::from(" ");
            for (cell, width) in row.iter().zip(&widths) {
                line.push(' ');
                line.push_str(cell);
                line.push_str(&" ".repeat(width - cell.width() + 1));
            }
            line.trim_end().to_owned()
        };
        self.rows.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut table = Table::new();
        table.row(["a".to_owned(), "bb".to_owned()]);
        table.row(["ccc".to_owned(), "d".to_owned()]);
        table.row(["e\n".to_owned(), "\u{1b}[2K".to_owned()]);
        assert_eq!(
            table.lines(),
            ["  a    bb", "  ccc  d", "  e\\n  \\u{1b}[2K"]
        );
    }
}
