//! A model of Markdown: what each line is under.

use std::collections::HashMap;

/// How long the text of a line in a message is, in characters.
const SHOWN: usize = 60;
/// The tab width, in columns.
const TAB: usize = 4;

/// The texts of lines, each with a number. White space is normalised, and list markers are not part of a text.
#[derive(Debug, Default)]
pub(super) struct Names<'a> {
    numbers: HashMap<String, usize>,
    texts: Vec<String>,
    /// Lines that were read already: most lines are in all texts.
    lines: HashMap<&'a [u8], Reading>,
}

/// A line by itself.
#[derive(Debug, Clone, Copy)]
struct Reading {
    kind: Kind,
    /// The column that it begins in.
    indent: usize,
    /// Its text without the list marker, and with it.
    name: usize,
    whole: usize,
    says_something: bool,
    words: usize,
    closes_comment: bool,
    /// The key that it begins with.
    key: Option<usize>,
    is_rule: bool,
}

/// What a line is, if it is not inside code or a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Blank,
    /// The character, its count, and whether nothing else is on the line.
    Fence(char, usize, bool),
    /// The start of a comment that is not closed on the line.
    Comment,
    /// The level, and the number that it begins with.
    Heading(usize, Option<u32>),
    /// The number of cells.
    TableRow(usize),
    /// The number, if it has one.
    Item(Option<u32>),
    /// A tag alone on its line, and whether it is a closing one.
    Tag(bool),
    /// Other text, and whether it ends with a colon.
    Text(bool),
}

impl<'a> Names<'a> {
    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    fn number(&mut self, text: String) -> usize {
        if let Some(number) = self.numbers.get(&text) {
            return *number;
        }
        self.texts.push(text.clone());
        self.numbers.insert(text, self.texts.len() - 1);
        self.texts.len() - 1
    }

    fn read(&mut self, line: &'a [u8]) -> Reading {
        if let Some(reading) = self.lines.get(line) {
            return *reading;
        }
        let text = String::from_utf8_lossy(line);
        let indent = columns(&text);
        let text = text.trim();
        let kind = kind(text);
        let whole = self.number(even(text));
        let name = match kind {
            Kind::Item(_) => {
                self.number(item(text).map_or_else(String::new, |(_, rest)| even(rest)))
            }
            Kind::TableRow(_) => self.number(table_text(text)),
            Kind::Tag(_) => self.number(text.replace('/', "")),
            _ => whole,
        };
        let key = key(&String::from_utf8_lossy(line)).map(|key| format!("{key}: …"));
        let key = key.map(|key| self.number(key));
        let reading = Reading {
            kind,
            key,
            is_rule: text == "---",
            indent,
            name,
            whole,
            says_something: text.chars().any(char::is_alphanumeric),
            words: words(text).count(),
            closes_comment: text.contains("-->"),
        };
        self.lines.insert(line, reading);
        reading
    }

    /// The text, cut to be shown in a sentence.
    pub(super) fn text(&self, number: usize) -> String {
        let text = &self.texts[number];
        if text.chars().count() <= SHOWN {
            return text.clone();
        }
        text.chars().take(SHOWN - 1).chain(['…']).collect()
    }

    pub(super) fn words(&self, number: usize) -> impl Iterator<Item = &str> {
        words(&self.texts[number])
    }

    /// Whether two texts have most of their words in common.
    pub(super) fn are_alike(&self, one: usize, other: usize) -> bool {
        let (common, longer) = self.common(one, other);
        common > 0 && 5 * common >= 3 * longer
    }

    /// Whether two texts have almost all of their words in common.
    pub(super) fn are_twins(&self, one: usize, other: usize) -> bool {
        let (common, longer) = self.common(one, other);
        5 * common >= 4 * longer
    }

    /// How many words two texts have in common, and how many the longer one has.
    fn common(&self, one: usize, other: usize) -> (usize, usize) {
        let [one, mut other] = [one, other].map(|number| self.words(number).collect::<Vec<_>>());
        let longer = one.len().max(other.len());
        let mut is_there = |word: &&str| {
            other
                .iter()
                .position(|known| known == word)
                .map(|at| other.swap_remove(at))
                .is_some()
        };
        (one.iter().filter(|word| is_there(word)).count(), longer)
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
}

/// What a line is under; texts are given by their numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Spot {
    /// The heading; for a heading, its parent.
    pub(super) heading: Option<usize>,
    /// The line with a colon that introduces the list; for other text, the line that opens the paragraph.
    pub(super) lead: Option<usize>,
    /// The list item.
    pub(super) parent: Option<usize>,
    /// The first row of the table.
    pub(super) table: Option<usize>,
    /// 0 if it is read as Markdown, 1 inside code, 2 inside a comment.
    pub(super) hidden: usize,
}

impl Spot {
    pub(super) const FIELDS: usize = 5;
    pub(super) const LEAD: usize = 1;

    pub(super) fn field(&self, index: usize) -> Option<usize> {
        match index {
            0 => self.heading,
            1 => self.lead,
            2 => self.parent,
            3 => self.table,
            _ => Some(self.hidden),
        }
    }

    pub(super) fn is_code(&self) -> bool {
        self.hidden == 1
    }
}

/// A line that is not blank.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) name: usize,
    pub(super) spot: Spot,
    pub(super) is_heading: bool,
    /// Whether it contains a letter or digit.
    pub(super) says_something: bool,
    pub(super) words: usize,
}

impl Row {
    /// Whether a row ends the scope of something.
    pub(super) fn is_boundary(&self, under: Option<usize>) -> bool {
        self.is_heading && Some(self.name) == under
    }
}

/// A text as rows.
#[derive(Debug, Default)]
pub(super) struct Outline {
    pub(super) rows: Vec<Row>,
    /// The first row with each text, and the next row with the text of each row; past the end: none.
    first: Vec<usize>,
    next: Vec<usize>,
    /// Fences and comments that are never closed.
    pub(super) open: Vec<usize>,
    /// Rows of tables with more or fewer cells than the first.
    pub(super) uneven: Vec<usize>,
    /// Tags that are never closed, or never opened.
    pub(super) untagged: Vec<usize>,
    /// Keys between the fences that the text begins with, as in a second frontmatter.
    pub(super) keys: Vec<usize>,
    /// Items of numbered lists, and numbered headings, whose numbers are not consecutive.
    pub(super) miscounted: Vec<usize>,
}

/// What is open while a text is read.
#[derive(Default)]
struct Reader {
    /// Level and text.
    headings: Vec<(usize, usize)>,
    /// Indentation and text.
    items: Vec<(usize, usize)>,
    lead: Option<usize>,
    /// The first line of the paragraph.
    paragraph: Option<usize>,
    /// The text and the number of cells of the first row.
    table: Option<(usize, usize)>,
    /// Character, length and text.
    fence: Option<(char, usize, usize)>,
    comment: Option<usize>,
    /// Whether nothing, or only the first fence, has been read.
    is_first: bool,
    is_head: bool,
    tags: Vec<usize>,
    /// The last number of each list, by indentation.
    numbers: Vec<(usize, u32)>,
    /// The last number of headings, by level.
    heading_numbers: Vec<(usize, u32)>,
}

impl Reader {
    /// Closes the list items that do not contain a line with this indentation, and returns the one that does.
    fn parent(&mut self, indent: usize) -> Option<usize> {
        while self.items.last().is_some_and(|(above, _)| *above >= indent) {
            self.items.pop();
        }
        self.items.last().map(|(_, name)| *name)
    }

    /// The same for a line that ends the numbered list which does not contain it.
    fn block(&mut self, indent: usize) -> Option<usize> {
        let parent = self.parent(indent);
        if parent.is_none() {
            self.numbers.clear();
        }
        parent
    }
}

impl Outline {
    pub(super) fn of<'a>(lines: &[&'a [u8]], names: &mut Names<'a>) -> Self {
        let mut outline = Self::default();
        let mut reader = Reader {
            is_first: true,
            ..Reader::default()
        };
        for line in lines {
            let reading = names.read(line);
            outline.add(reading, &mut reader);
        }
        outline.open.extend(reader.fence.map(|(_, _, name)| name));
        outline.open.extend(reader.comment);
        outline.untagged.extend(reader.tags);
        outline.first = vec![usize::MAX; names.len()];
        outline.next = vec![usize::MAX; outline.rows.len()];
        for (index, row) in outline.rows.iter().enumerate().rev() {
            outline.next[index] = std::mem::replace(&mut outline.first[row.name], index);
        }
        outline
    }

    /// The first row with a text.
    pub(super) fn find(&self, name: usize) -> Option<&Row> {
        self.all(name).next().map(|index| &self.rows[index])
    }

    /// All rows with a text.
    pub(super) fn all(&self, name: usize) -> impl Iterator<Item = usize> {
        let first = self
            .first
            .get(name)
            .copied()
            .filter(|index| *index < self.rows.len());
        std::iter::successors(first, |index| {
            Some(self.next[*index]).filter(|next| *next < self.rows.len())
        })
    }

    fn push(&mut self, reading: Reading, name: usize, spot: Spot) {
        let is_heading = spot.hidden == 0 && matches!(reading.kind, Kind::Heading(..));
        self.rows.push(Row {
            name,
            spot,
            is_heading,
            says_something: reading.says_something,
            words: reading.words,
        });
    }

    fn add(&mut self, reading: Reading, reader: &mut Reader) {
        let Reading {
            kind,
            indent,
            name,
            whole,
            ..
        } = reading;
        // The opening and the closing tag are two texts, although they belong together.
        let text = if matches!(kind, Kind::Tag(_)) {
            whole
        } else {
            name
        };
        let spot = Spot {
            heading: reader.headings.last().map(|(_, name)| *name),
            ..Spot::default()
        };
        if kind == Kind::Blank {
            reader.table = reader.table.filter(|_| reader.fence.is_some());
            reader.paragraph = None;
            return;
        }
        if reading.is_rule && (reader.is_first || reader.is_head) {
            reader.is_head = reader.is_first;
        } else if reader.is_head {
            self.keys.extend(reading.key);
        }
        reader.is_first = false;
        if let Some((mark, length, _)) = reader.fence {
            self.push(reading, text, Spot { hidden: 1, ..spot });
            if matches!(kind, Kind::Fence(other, run, true) if other == mark && run >= length) {
                reader.fence = None;
            }
            return;
        }
        if reader.comment.is_some() {
            self.push(reading, text, Spot { hidden: 2, ..spot });
            reader.comment = reader.comment.filter(|_| !reading.closes_comment);
            return;
        }
        // A line of text directly below a table is read as part of it.
        let is_text = matches!(kind, Kind::Text(_) | Kind::Tag(_));
        if !matches!(kind, Kind::TableRow(_)) && !is_text {
            reader.table = None;
        }
        if !is_text {
            reader.paragraph = None;
        }
        match kind {
            Kind::Blank => {}
            Kind::Fence(mark, run, _) => {
                let parent = reader.block(indent);
                self.push(reading, name, Spot { parent, ..spot });
                reader.fence = Some((mark, run, name));
            }
            Kind::Comment => {
                self.push(reading, name, spot);
                reader.comment = Some(name);
            }
            Kind::Heading(level, number) => self.add_heading(reading, level, number, reader),
            Kind::TableRow(cells) => {
                let parent = reader.block(indent);
                let table = reader.table.map(|(first, _)| first);
                if reader.table.is_some_and(|(_, count)| count != cells) {
                    self.uneven.push(name);
                }
                reader.table = reader.table.or(Some((name, cells)));
                self.push(
                    reading,
                    name,
                    Spot {
                        parent,
                        table,
                        ..spot
                    },
                );
            }
            Kind::Item(number) => self.add_item(reading, number, spot, reader),
            Kind::Tag(_) | Kind::Text(_) => {
                let table = reader.table.map(|(first, _)| first);
                let parent = reader.parent(indent);
                let lead = reader.paragraph.filter(|_| parent.is_none());
                reader.table = None;
                if parent.is_none() {
                    reader.paragraph = reader.paragraph.or(Some(name));
                    reader.lead = (kind == Kind::Text(true)).then_some(name);
                    reader.numbers.clear();
                }
                self.push(
                    reading,
                    text,
                    Spot {
                        lead,
                        parent,
                        table,
                        ..spot
                    },
                );
                self.add_tag(reading, reader);
            }
        }
    }

    fn add_heading(
        &mut self,
        reading: Reading,
        level: usize,
        number: Option<u32>,
        reader: &mut Reader,
    ) {
        while reader
            .headings
            .last()
            .is_some_and(|(above, _)| *above >= level)
        {
            reader.headings.pop();
        }
        let heading = reader.headings.last().map(|(_, name)| *name);
        self.push(
            reading,
            reading.name,
            Spot {
                heading,
                ..Spot::default()
            },
        );
        reader.headings.push((level, reading.name));
        reader.items.clear();
        reader.numbers.clear();
        reader.lead = None;
        while reader
            .heading_numbers
            .last()
            .is_some_and(|(above, _)| *above > level)
        {
            reader.heading_numbers.pop();
        }
        let Some(number) = number else { return };
        match reader.heading_numbers.last_mut() {
            Some((above, last)) if *above == level => {
                if number == *last {
                    self.miscounted.push(reading.name);
                }
                *last = number;
            }
            _ => reader.heading_numbers.push((level, number)),
        }
    }

    fn add_item(&mut self, reading: Reading, number: Option<u32>, spot: Spot, reader: &mut Reader) {
        let Reading { indent, name, .. } = reading;
        let parent = reader.parent(indent);
        let lead = reader.lead.filter(|_| parent.is_none());
        self.push(
            reading,
            name,
            Spot {
                lead,
                parent,
                ..spot
            },
        );
        reader.items.push((indent, name));
        while reader
            .numbers
            .last()
            .is_some_and(|(above, _)| *above > indent)
        {
            reader.numbers.pop();
        }
        let last = reader
            .numbers
            .pop_if(|(above, _)| *above == indent)
            .map(|(_, last)| last);
        if let Some(number) = number {
            // Lists begin with 1, and some have 1 everywhere.
            if number > 1 && last.is_none_or(|last| number != last + 1) {
                self.miscounted.push(name);
            }
            reader.numbers.push((indent, number));
        }
    }

    fn add_tag(&mut self, reading: Reading, reader: &mut Reader) {
        match reading.kind {
            Kind::Tag(false) => reader.tags.push(reading.name),
            Kind::Tag(true) if reader.tags.last() == Some(&reading.name) => {
                reader.tags.pop();
            }
            Kind::Tag(true) => self.untagged.push(reading.name),
            _ => {}
        }
    }
}

fn kind(text: &str) -> Kind {
    let first = text.chars().next();
    match first {
        None => return Kind::Blank,
        Some(mark @ ('`' | '~')) => {
            let run = text
                .chars()
                .take_while(|character| *character == mark)
                .count();
            if run >= 3 && !(mark == '`' && text[run..].contains('`')) {
                return Kind::Fence(mark, run, text.len() == run);
            }
        }
        Some('#') => {
            if let Some(level) = heading_level(text) {
                return Kind::Heading(level, heading_number(&text[level..]));
            }
        }
        Some('|') => return Kind::TableRow(cells(text).count()),
        Some('<') if text.starts_with("<!--") && !text.contains("-->") => return Kind::Comment,
        Some('<') => {
            if let Some(closes) = tag(text) {
                return Kind::Tag(closes);
            }
        }
        _ => {}
    }
    match item(text) {
        Some((number, _)) => Kind::Item(number),
        None => Kind::Text(text.trim_end_matches(['*', '_']).ends_with([':', '：'])),
    }
}

/// The key that a line of YAML begins with.
fn key(line: &str) -> Option<&str> {
    let (key, _) = line.split_once(':')?;
    let is_name = |character: char| character.is_alphanumeric() || "_-.".contains(character);
    (!key.is_empty() && key.chars().all(is_name)).then_some(key)
}

/// Whether a text is a tag, and whether it is a closing one.
fn tag(text: &str) -> Option<bool> {
    let inner = text.strip_prefix('<')?.strip_suffix('>')?;
    let (closes, word) = inner
        .strip_prefix('/')
        .map_or((false, inner), |word| (true, word));
    let is_name = |character: char| character.is_ascii_alphanumeric() || "_-".contains(character);
    (!word.is_empty() && word.chars().all(is_name)).then_some(closes)
}

fn cells(text: &str) -> impl Iterator<Item = String> {
    let inner = text.strip_prefix('|').unwrap_or(text);
    inner
        .strip_suffix('|')
        .unwrap_or(inner)
        .split('|')
        .map(even)
}

/// A row of a table, regardless of its alignment.
fn table_text(text: &str) -> String {
    let is_rule = |cell: &String| {
        !cell.is_empty() && cell.chars().all(|character| matches!(character, '-' | ':'))
    };
    if cells(text).all(|cell| is_rule(&cell)) {
        return "|---".to_owned();
    }
    format!("| {}", cells(text).collect::<Vec<_>>().join(" | "))
}

/// The number that a heading begins with, as in `## 2. Report`.
fn heading_number(text: &str) -> Option<u32> {
    let text = text.trim_start();
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    text[digits..]
        .starts_with(['.', ')', ':'])
        .then(|| text[..digits].parse().ok())?
}

/// The column that a line begins in.
fn columns(line: &str) -> usize {
    let mut column = 0;
    for character in line.chars() {
        match character {
            ' ' => column += 1,
            '\t' => column += TAB - column % TAB,
            _ => break,
        }
    }
    column
}

fn heading_level(text: &str) -> Option<usize> {
    let level = text
        .chars()
        .take_while(|character| *character == '#')
        .count();
    ((1..=6).contains(&level) && text[level..].starts_with([' ', '\t'])).then_some(level)
}

/// The number of a list item, if it has one, and its text.
fn item(text: &str) -> Option<(Option<u32>, &str)> {
    if let Some(rest) = text.strip_prefix(['-', '*', '+'])
        && rest.starts_with([' ', '\t'])
    {
        return Some((None, rest));
    }
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    if !(1..=9).contains(&digits) {
        return None;
    }
    let rest = text[digits..].strip_prefix(['.', ')'])?;
    rest.starts_with([' ', '\t'])
        .then(|| (text[..digits].parse().ok(), rest))
}

/// A text with single spaces.
fn even(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
