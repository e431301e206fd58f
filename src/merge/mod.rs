//! Three-way merge of agent definitions: Markdown with YAML frontmatter.
//!
//! A merge compares a base with two versions that were made from it, *ours* (the user's) and *theirs* (upstream's). What only one side
//! changed is taken; what both changed in different ways is a [`Conflict`]. There are far fewer conflicts than in a merge of plain lines,
//! because the structure of the file is known:
//!
//! * byte order mark, line endings and the final newline are values of their own,
//! * the frontmatter is merged key by key, lists of tools as sets,
//! * in the body, adjacent edits are both made, and a new section does not conflict with a line added above it.
//!
//! ```
//! use agentpkg::merge::merge;
//!
//! let base = b"---\nname: reviewer\nmodel: sonnet\ntools: Read, Grep\n---\nReview.\n";
//! let ours = b"---\nname: reviewer\nmodel: haiku\ntools: Read, Grep\n---\nReview.\n";
//! let theirs = b"---\nname: reviewer\nmodel: sonnet\ntools: Read, Grep, Glob\n---\nReview with care.\n";
//! let merged = merge(base, ours, theirs);
//! assert!(merged.is_clean());
//! assert_eq!(merged.to_bytes().unwrap(), b"---\nname: reviewer\nmodel: haiku\ntools: Read, Grep, Glob\n---\nReview with care.\n");
//! ```
//!
//! If nothing determines the right order, the texts do, never the side: exchanging the sides gives the same result. No tool that one side
//! removed comes back through the other. Bytes that no edit touches are kept. Nothing here reads files, asks questions or knows registries;
//! [`Unit`] and [`Reason`] explain a conflict to a person.

mod align;
mod blocks;
mod conflict;
mod diff3;
mod frontmatter;
#[cfg(test)]
mod laws;
mod layout;
mod lines;
mod list;
mod markers;
mod moved;
mod order;
mod rewrite;
mod stranger;
#[cfg(test)]
mod tests;
mod text;
mod words;

use std::borrow::Cow;
use std::ops::Range;

pub use self::conflict::{Author, Choice, Conflict, Reason, Unit};
use self::diff3::Interner;
use self::frontmatter::{From, Frontmatter, Heads, Piece};
use self::lines::{Chunk, Inputs, Merged, Side, Way};
use self::list::List;
pub use self::markers::{Labels, Leftover, Style, leftover};
pub use self::stranger::Fault;
use self::text::{Document, Ending, Line, Out, Surroundings};

/// What was done in addition to plain three-way comparison of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// Two lists were merged as sets.
    Set,
    /// Two edits of one line were made, because they are in different sentences, or one only changes white space.
    Sentences,
    /// Edits of neighbouring lines were both made.
    Neighbours,
    /// One side moved a section, the other edited it.
    Moved,
}

impl Rule {
    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Sentences => "sentences",
            Self::Neighbours => "neighbours",
            Self::Moved => "moved",
        }
    }
}

/// A stretch of the result, in order.
#[derive(Debug)]
enum Part<'a> {
    Lines(Vec<Out<'a>>),
    /// The number of a conflict.
    Conflict(usize),
}

/// The outcome of a merge: settled stretches and conflicts.
#[derive(Debug)]
pub struct Merge<'a> {
    parts: Vec<Part<'a>>,
    conflicts: Vec<Conflict<'a>>,
    rules: Vec<(Rule, Unit)>,
    around: Surroundings,
    /// The unchanged inputs, if one of them is the result.
    whole: Option<&'a [u8]>,
    /// How many lines the frontmatter of the result has, including the fences.
    head: usize,
}

/// Of two values, the one that differs from a third; `None` if both do, in different ways.
fn three_way<'v, T: PartialEq + ?Sized>(base: &'v T, ours: &'v T, theirs: &'v T) -> Option<&'v T> {
    if ours == theirs || theirs == base {
        Some(ours)
    } else if ours == base {
        Some(theirs)
    } else {
        None
    }
}

/// The options of a merge.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Keys of the frontmatter that keep our value, regardless of theirs.
    pub pins: Vec<String>,
    /// Removing a `tools` line that ours has is a conflict, because without it every tool is granted. For callers that do not ask for
    /// consent to new powers afterwards. With this option the result depends on the side.
    pub guards_tools_line: bool,
}

/// Merges two versions that were made from `base`. Takes any bytes, and never fails.
///
/// If one side removes the `tools` line, which means every tool, that is merged like any other change: the caller must ask for consent, as
/// for every other new power. [`Options::guards_tools_line`] is for callers that cannot.
#[must_use]
pub fn merge<'a>(base: &'a [u8], ours: &'a [u8], theirs: &'a [u8]) -> Merge<'a> {
    merge_with(base, ours, theirs, &Options::default())
}

/// Merges as [`merge`] does, with options.
#[must_use]
pub fn merge_with<'a>(
    base: &'a [u8],
    ours: &'a [u8],
    theirs: &'a [u8],
    options: &Options,
) -> Merge<'a> {
    let documents = [base, ours, theirs].map(Document::of);
    let [b, o, t] = &documents;
    let around = Surroundings::merge(b, o, t);
    let mut merge = Merge {
        parts: Vec::new(),
        conflicts: Vec::new(),
        rules: Vec::new(),
        around,
        whole: None,
        head: 0,
    };
    // Pins apply even if ours changed nothing.
    if options.pins.is_empty() || ours == theirs || theirs == base {
        merge.whole = three_way(base, ours, theirs);
    }
    if merge.whole.is_some() {
        return merge;
    }
    if [base, ours, theirs].iter().any(|bytes| bytes.contains(&0)) {
        let whole = |bytes: &'a [u8]| text::split(bytes);
        merge.conflict(
            Unit::File,
            Reason::Binary,
            [whole(base), whole(ours), whole(theirs)],
            None,
        );
        return merge;
    }
    let heads = documents
        .each_ref()
        .map(|document| Frontmatter::of(&document.lines));
    let mut interner = Interner::new();
    let sides = documents.map(|document| Side::of(document.lines, &mut interner));
    let [b, o, t] = &sides;
    let inputs = Inputs {
        base: b,
        ours: o,
        theirs: t,
    };
    if let [Some(base), Some(ours), Some(theirs)] = &heads {
        merge.by_keys(Heads {
            inputs,
            base,
            ours,
            theirs,
            options,
        });
        merge.or_plain(inputs, [base.close, ours.close, theirs.close], options);
    } else {
        merge.by_lines(inputs, options);
    }
    merge
}

/// What is wrong with `result` as a merge of base, ours and theirs, however it was made; `None`: nothing that is checked.
#[must_use]
pub fn fault(texts: [&[u8]; 3], result: &[u8]) -> Option<Fault> {
    let [base, ours, theirs] = texts;
    let [base, ours, theirs, result] = [base, ours, theirs, result].map(|text| {
        let lines = Document::of(text).lines.into_iter();
        lines.map(|line| line.text).collect::<Vec<_>>()
    });
    stranger::fault(&base, &ours, &theirs, &result)
}

impl<'a> Merge<'a> {
    /// Whether there is nothing to decide.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.conflicts.is_empty()
    }

    /// What must be decided, in the order of the file.
    #[must_use]
    pub fn conflicts(&self) -> &[Conflict<'a>] {
        &self.conflicts
    }

    /// What was merged by more than plain comparison, and where.
    #[must_use]
    pub fn rules(&self) -> &[(Rule, Unit)] {
        &self.rules
    }

    /// The result; `None` if there are conflicts.
    #[must_use]
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        self.is_clean().then(|| self.resolve(&[]))
    }

    /// The result with each conflict decided by `choices`, in the order of the conflicts; conflicts without a choice are decided for ours.
    #[must_use]
    pub fn resolve(&self, choices: &[Choice]) -> Vec<u8> {
        if let Some(whole) = self.whole {
            return whole.to_vec();
        }
        let decided: Vec<Vec<Out<'_>>> = self
            .conflicts
            .iter()
            .enumerate()
            .map(|(index, conflict)| {
                conflict.decided(choices.get(index).unwrap_or(&Choice::Ours), self.around)
            })
            .collect();
        if let [Part::Conflict(_)] = self.parts.as_slice()
            && let [
                Conflict {
                    unit: Unit::File, ..
                },
            ] = self.conflicts.as_slice()
            && let Some(bytes) = self.conflicts[0].whole(choices.first().unwrap_or(&Choice::Ours))
        {
            return bytes;
        }
        let lines = self.parts.iter().flat_map(|part| match part {
            Part::Lines(lines) => lines,
            Part::Conflict(index) => &decided[*index],
        });
        self.around.assemble(lines)
    }

    fn push(&mut self, lines: Vec<Out<'a>>) {
        match self.parts.last_mut() {
            Some(Part::Lines(last)) => last.extend(lines),
            _ => self.parts.push(Part::Lines(lines)),
        }
    }

    fn conflict(
        &mut self,
        unit: Unit,
        reason: Reason,
        [base, ours, theirs]: [Vec<Line<'a>>; 3],
        suggestion: Option<Vec<u8>>,
    ) {
        self.parts.push(Part::Conflict(self.conflicts.len()));
        self.conflicts.push(Conflict {
            unit,
            reason,
            base,
            ours,
            theirs,
            suggestion,
        });
    }

    /// Merges by lines, because at least one of the files has no clear frontmatter. The text between the fences is merged with plain
    /// comparison only, because making adjacent edits is safe in text, but not in YAML.
    fn by_lines(&mut self, inputs: Inputs<'_, 'a>, options: &Options) {
        let Inputs { base, ours, theirs } = inputs;
        let all = [base, ours, theirs];
        let starts = all.map(|side| head_lines(&side.lines).map_or(0, |head| head.len() + 2));
        let starts = if starts.contains(&0) { [0; 3] } else { starts };
        let mut interner = Interner::new();
        let mut part = |from: [usize; 3], to: [usize; 3]| {
            [0, 1, 2].map(|index| {
                Side::of(
                    all[index].lines[from[index]..to[index]].to_vec(),
                    &mut interner,
                )
            })
        };
        let [base, ours, theirs] = &part([0; 3], starts);
        let heads = Inputs { base, ours, theirs };
        self.add(heads, lines::merge_plainly(heads, self.around), &|_| {
            Unit::Frontmatter
        });
        let [base, ours, theirs] = &part(starts, all.map(|side| side.lines.len()));
        self.add_body(Inputs { base, ours, theirs });
        if let Some(problem) = self.problem(inputs, options) {
            self.start_again();
            self.conflict(
                Unit::File,
                problem,
                all.map(|side| side.lines.clone()),
                None,
            );
        }
    }

    /// Why the result of a merge by lines must not be used, if so.
    fn problem(&self, inputs: Inputs<'_, 'a>, options: &Options) -> Option<Reason> {
        let result = self.to_bytes()?;
        let is_yaml = |lines: &[Line<'_>]| {
            head_lines(lines).is_none_or(|head| frontmatter::is_yaml(&head.join(&b'\n')))
        };
        let Inputs { base, ours, theirs } = inputs;
        let all = [base, ours, theirs].map(|side| frontmatter::key_counts(&side.lines));
        let repeats = |(key, count): (&Vec<u8>, &usize)| {
            let of = |side: usize| all[side].get(key).copied().unwrap_or(0);
            *count > 1 && *count > of(1).max(of(2))
        };
        if frontmatter::key_counts(&Document::of(&result).lines)
            .iter()
            .any(repeats)
        {
            return Some(Reason::BothAdded);
        }
        if !is_yaml(&Document::of(&result).lines)
            && [base, ours, theirs].iter().all(|side| is_yaml(&side.lines))
        {
            return Some(Reason::NotYaml);
        }
        regranted(inputs, &result, options)
    }

    /// If comparing the lines of the whole files finds no conflict, there is none in the body, unless a guard or the `stranger` finds one.
    /// `closes` are the lines of the closing fences.
    fn or_plain(&mut self, inputs: Inputs<'_, 'a>, closes: [usize; 3], options: &Options) {
        let is_rewritten =
            |conflict: &Conflict<'_>| matches!(conflict.reason, Reason::Rewritten(_));
        if self.is_clean()
            || self.head == 0
            || inputs.must_conflict()
            || self.conflicts.iter().any(is_rewritten)
            || !self
                .conflicts
                .iter()
                .all(|conflict| matches!(conflict.unit, Unit::Body(_)))
        {
            return;
        }
        let mut merged = lines::merge_plainly(inputs, self.around);
        let [Chunk::Lines(lines)] = merged.chunks.as_mut_slice() else {
            return;
        };
        let bytes = self.around.assemble(lines.iter());
        let close = Frontmatter::of(&Document::of(&bytes).lines).map(|head| head.close);
        let (Some(close), Some(Part::Lines(head))) = (close, self.parts.first_mut()) else {
            return;
        };
        let mut bodies = inputs
            .all()
            .into_iter()
            .zip(closes)
            .map(|(side, close)| side.texts(close + 1));
        let (Some(base), Some(ours), Some(theirs)) = (bodies.next(), bodies.next(), bodies.next())
        else {
            return;
        };
        let body: Vec<&[u8]> = lines[close + 1..].iter().map(|line| &*line.text).collect();
        if regranted(inputs, &bytes, options).is_some() {
            return;
        }
        if let Some(fault) = stranger::fault(&base, &ours, &theirs, &body) {
            self.conflicts
                .iter_mut()
                .for_each(|conflict| conflict.reason = Reason::Torn(fault.clone()));
            return;
        }
        // The frontmatter is kept as it was merged by keys.
        head.truncate(self.head);
        let head = std::mem::take(head);
        let body = lines.split_off(close + 1);
        self.parts = vec![Part::Lines(head.into_iter().chain(body).collect())];
        self.conflicts.clear();
        self.rules.retain(|(_, unit)| matches!(unit, Unit::Key(_)));
    }

    fn start_again(&mut self) {
        self.parts.clear();
        self.conflicts.clear();
        self.rules.clear();
    }

    /// Merges the frontmatter key by key, then the body.
    fn by_keys(&mut self, heads: Heads<'_, 'a>) {
        let Inputs { base, ours, theirs } = heads.inputs;
        let closes = [heads.base.close, heads.ours.close, heads.theirs.close];
        self.push(vec![self.fence(heads.inputs, [0, 0, 0])]);
        for piece in frontmatter::merge(heads, self.around) {
            self.entry(heads.inputs, piece);
        }
        self.check_head(heads);
        self.push(vec![self.fence(heads.inputs, closes)]);
        if let [Part::Lines(lines)] = self.parts.as_slice() {
            self.head = lines.len();
        }
        let bodies = [
            base.from(closes[0] + 1),
            ours.from(closes[1] + 1),
            theirs.from(closes[2] + 1),
        ];
        let [base, ours, theirs] = &bodies;
        self.add_body(Inputs { base, ours, theirs });
    }

    /// Merges the text below the frontmatter: in the plainest way whose result passes the check of `stranger`.
    fn add_body(&mut self, inputs: Inputs<'_, 'a>) {
        let Inputs { base, ours, theirs } = inputs;
        let unit = |range: &Range<usize>| {
            Unit::Body(blocks::path(
                &base.lines,
                base.blocks(),
                range.start,
                range.end,
            ))
        };
        let texts = inputs.all().map(|side| side.texts(0));
        let is_one_sided = three_way(&texts[0], &texts[1], &texts[2]).is_some();
        let mut fault = None;
        let mut best: Option<Merged<'a>> = None;
        let must_conflict = inputs.must_conflict();
        for way in lines::WAYS {
            if way == Way::SECOND
                && (best.is_some() || must_conflict)
                && let Some(author) = rewrite::author(inputs)
            {
                let lines = [base, ours, theirs].map(|side| side.lines.clone());
                self.conflict(
                    Unit::Body(Vec::new()),
                    Reason::Rewritten(author),
                    lines,
                    None,
                );
                return;
            }
            if must_conflict && way.is_plain() {
                continue;
            }
            let Some(merged) = lines::merge_by(way, inputs, self.around) else {
                continue;
            };
            let Some(result) = merged.texts() else {
                best = Some(lines::better(best, merged));
                continue;
            };
            let found = if is_one_sided {
                None
            } else {
                stranger::fault(&texts[0], &texts[1], &texts[2], &result)
            };
            if found.is_none() {
                self.add(inputs, merged, &unit);
                return;
            }
            fault = fault.or(found);
        }
        if best.is_none() && must_conflict {
            // The closer look found no conflict, but what must not be written.
            let plain = lines::WAYS.into_iter().filter(|way| way.is_plain());
            let plain = plain.filter_map(|way| lines::merge_by(way, inputs, self.around));
            best = plain.fold(None, |best, merged| Some(lines::better(best, merged)));
        }
        let start = self.conflicts.len();
        if let Some(merged) = best {
            self.add(inputs, merged, &unit);
        } else {
            let lines = [base, ours, theirs].map(|side| side.lines.clone());
            self.conflict(Unit::Body(Vec::new()), Reason::BothChanged, lines, None);
        }
        if let Some(fault) = fault {
            for conflict in &mut self.conflicts[start..] {
                conflict.reason = Reason::Torn(fault.clone());
            }
        }
    }

    /// A fence line; the three differ at most in white space.
    fn fence(&self, inputs: Inputs<'_, 'a>, [b, o, t]: [usize; 3]) -> Out<'a> {
        let (b, o, t) = (
            inputs.base.lines[b],
            inputs.ours.lines[o],
            inputs.theirs.lines[t],
        );
        let text = three_way(b.text, o.text, t.text).unwrap_or_else(|| o.text.min(t.text));
        Out {
            text: Cow::Borrowed(text),
            ending: self.around.shared(b.ending, o.ending, t.ending),
        }
    }

    fn entry(&mut self, inputs: Inputs<'_, 'a>, piece: Piece<'a>) {
        let Inputs { base, ours, theirs } = inputs;
        match piece {
            Piece::Taken {
                base: rb,
                ours: ro,
                theirs: rt,
                from,
            } => {
                let (b, o, t) = (&base.lines[rb], &ours.lines[ro], &theirs.lines[rt]);
                let side = if from == From::Theirs { t } else { o };
                let around = self.around;
                let ending =
                    |index: usize, own: Ending| match (b.get(index), o.get(index), t.get(index)) {
                        (Some(b), Some(o), Some(t))
                            if b.text == o.text || b.text == t.text || o.text == t.text =>
                        {
                            around.shared(b.ending, o.ending, t.ending)
                        }
                        (_, Some(o), Some(t)) if from == From::Both => {
                            around.fresh(o.ending.min(t.ending))
                        }
                        _ => around.fresh(own),
                    };
                let lines = side.iter().enumerate();
                self.push(
                    lines
                        .map(|(index, line)| Out {
                            text: Cow::Borrowed(line.text),
                            ending: ending(index, line.ending),
                        })
                        .collect(),
                );
            }
            Piece::Made { key, lines, rule } => {
                let ending = self.around.fresh(Ending::Lf);
                let lines = lines.into_iter().map(|line| Out {
                    text: Cow::Owned(line),
                    ending,
                });
                self.push(lines.collect());
                self.rules.push((rule, Unit::Key(key)));
            }
            Piece::Within { key, merged } => {
                for (rule, _) in &merged.rules {
                    self.rules.push((*rule, Unit::Key(key.clone())));
                }
                for chunk in merged.chunks {
                    if let Chunk::Lines(lines) = chunk {
                        self.push(lines);
                    }
                }
            }
            Piece::Conflict {
                key,
                reason,
                base: rb,
                ours: ro,
                theirs: rt,
            } => {
                let (b, o, t) = (
                    base.lines[rb].to_vec(),
                    ours.lines[ro].to_vec(),
                    theirs.lines[rt].to_vec(),
                );
                let suggestion = match (b.as_slice(), o.as_slice(), t.as_slice()) {
                    ([b], [o], [t]) if !list::grants(&key) => {
                        words::suggest(b.text, o.text, t.text)
                    }
                    _ => None,
                };
                self.conflict(Unit::Key(key), reason, [b, o, t], suggestion);
            }
        }
    }

    /// Three blocks that are YAML must not become one that is not.
    fn check_head(&mut self, heads: Heads<'_, 'a>) {
        let Inputs { base, ours, theirs } = heads.inputs;
        let closes = [
            (base, heads.base.close),
            (ours, heads.ours.close),
            (theirs, heads.theirs.close),
        ];
        let lines = closes.map(|(side, close)| side.lines[1..close].to_vec());
        let [b, o, t] = &lines;
        let texts = |lines: &[Line<'a>]| lines.iter().map(|line| line.text).collect::<Vec<_>>();
        // What only one side wrote is used as written.
        if !self.conflicts.is_empty() || three_way(&texts(b), &texts(o), &texts(t)).is_some() {
            return;
        }
        let result = match self.parts.as_slice() {
            [Part::Lines(lines)] => lines[1..]
                .iter()
                .map(|line| &*line.text)
                .collect::<Vec<_>>()
                .join(&b'\n'),
            _ => return,
        };
        let was_yaml = || {
            [b, o, t]
                .iter()
                .all(|lines| frontmatter::is_yaml(&texts(lines).join(&b'\n')))
        };
        if !frontmatter::is_yaml(&result) && was_yaml() {
            self.start_again();
            self.push(vec![self.fence(heads.inputs, [0, 0, 0])]);
            self.conflict(Unit::Frontmatter, Reason::NotYaml, lines, None);
        }
    }

    /// Adds merged lines; `unit` returns the place of a range of the base.
    fn add(
        &mut self,
        inputs: Inputs<'_, 'a>,
        merged: Merged<'a>,
        unit: &dyn Fn(&Range<usize>) -> Unit,
    ) {
        let Inputs { base, ours, theirs } = inputs;
        self.rules.extend(
            merged
                .rules
                .iter()
                .map(|(rule, range)| (*rule, unit(range))),
        );
        for chunk in merged.chunks {
            match chunk {
                Chunk::Lines(lines) => self.push(lines),
                Chunk::Conflict {
                    base: rb,
                    ours: ro,
                    theirs: rt,
                    suggestion,
                } => {
                    let lines = [
                        base.lines[rb.clone()].to_vec(),
                        ours.lines[ro].to_vec(),
                        theirs.lines[rt].to_vec(),
                    ];
                    let reason = conflict::reason(&lines);
                    self.conflict(unit(&rb), reason, lines, suggestion);
                }
            }
        }
    }
}

/// The lines between the fences, if there are two.
fn head_lines<'l>(lines: &[Line<'l>]) -> Option<Vec<&'l [u8]>> {
    let is_fence = |line: &&Line<'_>| line.text.starts_with(b"---");
    lines.first().filter(is_fence)?;
    let close = lines.iter().skip(1).position(|line| is_fence(&line))?;
    Some(lines[1..=close].iter().map(|line| line.text).collect())
}

/// Whether a result grants a tool that one side had removed, if the frontmatter was not merged by keys.
fn regranted(inputs: Inputs<'_, '_>, result: &[u8], options: &Options) -> Option<Reason> {
    let document = Document::of(result);
    let tools = |lines: &[Line<'_>]| -> Option<List> {
        let close = lines
            .iter()
            .skip(1)
            .position(|line| line.text.starts_with(b"---"))?
            + 1;
        let start = lines[..close]
            .iter()
            .rposition(|line| line.text.starts_with(b"tools:"))?;
        let more = lines[start + 1..close].iter().take_while(|line| {
            line.text
                .first()
                .is_some_and(|first| b" \t-".contains(first))
        });
        List::read("tools", &lines[start..=start + more.count()])
    };
    let sides = (
        tools(&inputs.base.lines),
        tools(&inputs.ours.lines),
        tools(&inputs.theirs.lines),
    );
    let result = tools(&document.lines);
    if options.guards_tools_line && sides.0.is_some() && sides.1.is_some() {
        let has_star = |list: &List| list.values().contains(&"*");
        match &result {
            None => return Some(Reason::ToolsLine),
            Some(list) if has_star(list) && !sides.1.as_ref().is_some_and(has_star) => {
                return Some(Reason::EveryTool);
            }
            Some(_) => {}
        }
    }
    let ((Some(base), Some(ours), Some(theirs)), Some(result)) = (sides, result) else {
        return None;
    };
    if let Some(reason) = list::guard(&base.values(), &ours.values(), &theirs.values())
        && three_way(&base.values(), &ours.values(), &theirs.values()).is_none()
    {
        return Some(reason);
    }
    let result = result.values();
    let kept = |side: &List| {
        base.values()
            .iter()
            .all(|tool| side.values().contains(tool) || !result.contains(tool))
    };
    (!kept(&ours) || !kept(&theirs)).then_some(Reason::BothChanged)
}

/// How much a version differs from its base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Difference {
    /// Runs of lines that were changed.
    pub edits: usize,
    /// Added lines.
    pub added: usize,
    /// Removed lines.
    pub removed: usize,
}

/// Counts the differences between `side` and its base; line endings and byte order marks count only if nothing else differs.
#[must_use]
pub fn difference(base: &[u8], side: &[u8]) -> Difference {
    let mut interner = Interner::new();
    let [old, new] = [base, side].map(|bytes| {
        let lines = Document::of(bytes).lines.into_iter();
        interner.ids(lines.map(|line| line.text))
    });
    let edits = diff3::edits(similar::Algorithm::Histogram, &old, &new);
    let difference = Difference {
        edits: edits.len(),
        added: edits.iter().map(|(_, new)| new.len()).sum(),
        removed: edits.iter().map(|(old, _)| old.len()).sum(),
    };
    if difference == Difference::default() && base != side {
        Difference {
            edits: 1,
            ..difference
        }
    } else {
        difference
    }
}
