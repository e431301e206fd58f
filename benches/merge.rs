//! How well and how fast definitions are merged: agentpkg beside libgit2 and similar, over a folder of real triples, in one run.
//!
//! ```text
//! cargo bench --bench merge -- DIR [--core] [--git] [--show N] [--json]
//! ```
//!
//! `DIR` (or `AGENTPKG_TRIPLES`) holds `index.jsonl`, one triple per line with the blob ids `base`, `ours`, `theirs` and perhaps
//! `resolved` (what a person made of it), and `blobs/<id>.md`. What the rows mean:
//!
//! * *per commit*: conflicts if all triples of one `ours_commit` together count once, as they are much alike.
//! * *gold*: clean results beside `resolved`.
//! * *lost lines*: clean results without a line that one side added. A line of the frontmatter is there if its words are. Two edits
//!   within one line make a line that neither side wrote; where *a new word too* is nowhere in the result, something was lost for certain.
//! * *re-grants*: clean results with a tool that ours had removed; apart from these, results without the `tools` line that base and
//!   ours have.
//! * *endings, real*: clean results of triples whose line endings differ; exact if all are those of the side that changed them.
//! * *endings, flipped*: made from each triple in which base and theirs end their lines with LF: ours is the base with CRLF, so
//!   that the result can only be theirs with CRLF.
//!
//! Each merge is timed three times, and the best is taken. The laws are what must hold for any three files; a violation is a failure.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark stands outside the doors"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use agentpkg::merge::{Merge, Options, Unit, merge, merge_with};
use serde_json::{Value, json};

const USAGE: &str = "usage: cargo bench --bench merge -- DIR [--core] [--git] [--show N] [--json]

DIR, or else the environment variable AGENTPKG_TRIPLES, is a folder of triples: index.jsonl, one triple per line with the ids
base, ours, theirs and perhaps resolved, and blobs/<id>.md. Skipped: there is no such folder here.

  --core    only the triples that are marked core
  --git     `git merge-file` as a process too
  --show N  the ids of up to N triples for each thing that is odd
  --json    the same as JSON";

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode, String> {
    let arguments = Arguments::read()?;
    let Some(folder) = &arguments.folder else {
        println!("{USAGE}");
        return Ok(ExitCode::SUCCESS);
    };
    let triples = load(Path::new(folder), arguments.is_core)?;
    if triples.is_empty() {
        return Err(format!("there are no such triples in {folder}"));
    }
    let scores = engines(arguments.is_git)?
        .iter()
        .map(|engine| Score::of(engine, &triples))
        .collect::<Vec<_>>();
    let beyond = [
        beyond_git(&triples, &scores, &Options::default(), 0),
        beyond_git(&triples, &scores, &guarded(), 1),
    ];
    let laws = laws(&triples);
    if arguments.is_json {
        println!(
            "{:#}",
            as_json(&triples, &scores, &beyond, &laws, arguments.shown)
        );
    } else {
        print(&triples, &scores, &beyond, &laws, arguments.shown);
    }
    let is_broken = laws.iter().any(|(_, broken)| !broken.is_empty());
    Ok(if is_broken {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

#[derive(Default)]
struct Arguments {
    folder: Option<String>,
    is_core: bool,
    is_git: bool,
    is_json: bool,
    shown: usize,
}

impl Arguments {
    fn read() -> Result<Self, String> {
        let mut found = Self::default();
        let mut rest = std::env::args().skip(1);
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                // Cargo adds it.
                "--bench" => {}
                "--core" => found.is_core = true,
                "--git" => found.is_git = true,
                "--json" => found.is_json = true,
                "--show" => {
                    let number = rest.next().and_then(|number| number.parse().ok());
                    found.shown = number.ok_or("`--show` needs a number")?;
                }
                option if option.starts_with('-') => {
                    return Err(format!("unknown option {option}\n\n{USAGE}"));
                }
                _ if found.folder.is_none() => found.folder = Some(argument),
                _ => return Err(format!("one folder only, not {argument} too")),
            }
        }
        found.folder = found.folder.or_else(|| {
            std::env::var("AGENTPKG_TRIPLES")
                .ok()
                .filter(|folder| !folder.is_empty())
        });
        Ok(found)
    }
}

struct Triple {
    id: String,
    base: Vec<u8>,
    ours: Vec<u8>,
    theirs: Vec<u8>,
    resolved: Option<Vec<u8>>,
    commit: String,
}

fn load(folder: &Path, is_core: bool) -> Result<Vec<Triple>, String> {
    let index = folder.join("index.jsonl");
    let text =
        fs::read_to_string(&index).map_err(|error| format!("{}: {error}", index.display()))?;
    let mut triples = Vec::new();
    for (number, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let wrong = |what: &str| format!("{}: line {}: {what}", index.display(), number + 1);
        let row: Value = serde_json::from_str(line).map_err(|error| wrong(&error.to_string()))?;
        if is_core && row["core"] != true {
            continue;
        }
        let value = |key: &str| {
            row[key]
                .as_str()
                .ok_or_else(|| wrong(&format!("there is no `{key}`")))
        };
        let blob = |key: &str| {
            let path = folder.join("blobs").join(format!("{}.md", value(key)?));
            fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))
        };
        let id = value("id")?.to_owned();
        triples.push(Triple {
            base: blob("base")?,
            ours: blob("ours")?,
            theirs: blob("theirs")?,
            resolved: row["resolved"]
                .is_string()
                .then(|| blob("resolved"))
                .transpose()?,
            commit: row["ours_commit"].as_str().unwrap_or(&id).to_owned(),
            id,
        });
    }
    Ok(triples)
}

/// Base, ours and theirs.
type Inputs<'a> = [&'a [u8]; 3];
/// The bytes if they are clean, nothing if there are conflicts.
type Outcome = Result<Option<Vec<u8>>, String>;

struct Engine {
    name: &'static str,
    run: Box<dyn Fn(Inputs<'_>) -> Outcome>,
}

/// agentpkg comes first, then agentpkg with its guard, then what they are compared with.
fn engines(is_git: bool) -> Result<Vec<Engine>, String> {
    // libgit2 has to be woken before its free function for merging works.
    git2::Oid::hash_object(git2::ObjectType::Blob, b"")
        .map_err(|error| format!("libgit2: {error}"))?;
    let mut engines = vec![
        Engine {
            name: "agentpkg",
            run: Box::new(|[base, ours, theirs]| Ok(merge(base, ours, theirs).to_bytes())),
        },
        Engine {
            name: "guarded",
            run: Box::new(|[base, ours, theirs]| {
                Ok(merge_with(base, ours, theirs, &guarded()).to_bytes())
            }),
        },
        Engine {
            name: "libgit2",
            run: Box::new(by_libgit2),
        },
        Engine {
            name: "similar",
            run: Box::new(by_similar),
        },
    ];
    if is_git {
        let folder = tempfile::tempdir().map_err(|error| format!("a folder for git: {error}"))?;
        engines.push(Engine {
            name: "git",
            run: Box::new(move |inputs| by_git(folder.path(), inputs)),
        });
    }
    Ok(engines)
}

fn guarded() -> Options {
    Options {
        guards_tools_line: true,
        ..Options::default()
    }
}

fn by_libgit2(inputs: Inputs<'_>) -> Outcome {
    let [base, ours, theirs] = inputs.map(|bytes| {
        let mut input = git2::MergeFileInput::new();
        input.content(bytes);
        input
    });
    let merged =
        git2::merge_file(&base, &ours, &theirs, None).map_err(|error| error.to_string())?;
    Ok(merged.is_automergeable().then(|| merged.content().to_vec()))
}

fn by_similar(inputs: Inputs<'_>) -> Outcome {
    let text = |bytes| std::str::from_utf8(bytes).map_err(|error| error.to_string());
    let merged =
        similar::TextMerge::from_lines(text(inputs[0])?, text(inputs[1])?, text(inputs[2])?);
    Ok((!merged.is_conflicted()).then(|| merged.to_string().into_bytes()))
}

/// The time of this is mostly that of starting a process and of writing its inputs.
fn by_git(folder: &Path, inputs: Inputs<'_>) -> Outcome {
    for (name, bytes) in ["base", "ours", "theirs"].into_iter().zip(inputs) {
        fs::write(folder.join(name), bytes).map_err(|error| format!("{name}: {error}"))?;
    }
    let mut command = Command::new("git");
    command
        .args(["merge-file", "-p", "-q", "ours", "base", "theirs"])
        .current_dir(folder)
        .stdin(Stdio::null());
    let output = command.output().map_err(|error| format!("git: {error}"))?;
    match output.status.code() {
        Some(0) => Ok(Some(output.stdout)),
        Some(1..=127) => Ok(None),
        _ => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

/// What one engine did, mostly as numbers of triples.
#[derive(Default)]
struct Score {
    name: &'static str,
    /// The conflicts of every commit, and how many triples it has.
    commits: BTreeMap<String, (usize, usize)>,
    clean: BTreeSet<usize>,
    errors: Vec<String>,
    equal: usize,
    white_space: usize,
    different: Vec<String>,
    lost: Vec<String>,
    lost_words: Vec<String>,
    regranted: Vec<String>,
    line_gone: Vec<String>,
    endings_exact: usize,
    endings_inexact: Vec<String>,
    flipped_conflicts: usize,
    flipped_exact: usize,
    flipped_inexact: Vec<String>,
    times: Vec<Duration>,
}

impl Score {
    fn of(engine: &Engine, triples: &[Triple]) -> Self {
        let mut score = Self {
            name: engine.name,
            ..Self::default()
        };
        for (index, triple) in triples.iter().enumerate() {
            let (outcome, time) = timed(engine, [&triple.base, &triple.ours, &triple.theirs]);
            score.times.push(time);
            let commit = score.commits.entry(triple.commit.clone()).or_default();
            commit.1 += 1;
            match outcome {
                Ok(None) => commit.0 += 1,
                Ok(Some(merged)) => {
                    score.clean.insert(index);
                    score.judge(triple, &merged);
                }
                Err(error) => score.errors.push(format!("{}: {error}", triple.id)),
            }
            score.flip(engine, triple);
        }
        score.times.sort_unstable();
        score
    }

    fn judge(&mut self, triple: &Triple, merged: &[u8]) {
        let id = || triple.id.clone();
        if let Some(resolved) = &triple.resolved {
            let words = |bytes: &[u8]| {
                String::from_utf8_lossy(bytes)
                    .split_whitespace()
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            };
            if merged == resolved {
                self.equal += 1;
            } else if words(merged) == words(resolved) {
                self.white_space += 1;
            } else {
                self.different.push(id());
            }
        }
        let result = Text::of(merged);
        let base = Text::of(&triple.base);
        let sides = [&triple.ours, &triple.theirs].map(|side| Text::of(side));
        let lost = sides.each_ref().map(|side| base.lost(side, &result));
        if lost.iter().any(|lost| !lost.is_empty()) {
            self.lost.push(id());
        }
        let is_gone = |word: &&str| !base.words.contains(*word) && !result.words.contains(*word);
        if lost
            .iter()
            .flatten()
            .any(|line| words(line).iter().any(is_gone))
        {
            self.lost_words.push(id());
        }
        if let (Some(old), Some(ours)) = (tools(&triple.base), tools(&triple.ours)) {
            match tools(merged) {
                None => self.line_gone.push(id()),
                Some(tools) if old.difference(&ours).any(|tool| tools.contains(tool)) => {
                    self.regranted.push(id());
                }
                Some(_) => {}
            }
        }
        match wanted_ending(triple) {
            Some(wanted) if ending(merged) == Some(wanted) => self.endings_exact += 1,
            Some(_) => self.endings_inexact.push(id()),
            None => {}
        }
    }

    /// Merges with nothing but the line endings changed on our side.
    fn flip(&mut self, engine: &Engine, triple: &Triple) {
        let Some([ours, wanted]) = flipped(triple) else {
            return;
        };
        match (engine.run)([&triple.base, &ours, &triple.theirs]) {
            Ok(Some(merged)) if merged == wanted => self.flipped_exact += 1,
            Ok(Some(_)) => self.flipped_inexact.push(triple.id.clone()),
            Ok(None) => self.flipped_conflicts += 1,
            Err(error) => self.errors.push(format!("{}, flipped: {error}", triple.id)),
        }
    }

    /// The rows of the table. Shares are in percent, times in microseconds.
    fn rows(&self) -> Vec<(&'static str, Value)> {
        let (commits, triples) = (self.commits.len(), self.times.len());
        let conflicts: usize = self.commits.values().map(|(conflicts, _)| conflicts).sum();
        let per_commit: f64 = self
            .commits
            .values()
            .map(|(conflicts, all)| percent(*conflicts, *all))
            .sum();
        let at = |share: usize| {
            let time = self
                .times
                .get((triples * share / 100).min(triples.saturating_sub(1)));
            json!(time.map_or(0, |time| time.as_micros().try_into().unwrap_or(u64::MAX)))
        };
        vec![
            ("triples", json!(triples)),
            ("conflicts %", rounded(percent(conflicts, triples))),
            (
                "conflicts %, per commit",
                rounded(per_commit / number(commits.max(1))),
            ),
            ("errors", json!(self.errors.len())),
            ("gold: equal", json!(self.equal)),
            ("gold: white space only", json!(self.white_space)),
            ("gold: different", json!(self.different.len())),
            ("lost lines", json!(self.lost.len())),
            ("lost lines, a new word too", json!(self.lost_words.len())),
            ("re-grants", json!(self.regranted.len())),
            ("tools line gone", json!(self.line_gone.len())),
            ("endings, real: exact", json!(self.endings_exact)),
            (
                "endings, real: not exact",
                json!(self.endings_inexact.len()),
            ),
            ("endings, flipped: exact", json!(self.flipped_exact)),
            (
                "endings, flipped: not exact",
                json!(self.flipped_inexact.len()),
            ),
            ("endings, flipped: conflict", json!(self.flipped_conflicts)),
            ("p50 \u{b5}s", at(50)),
            ("p99 \u{b5}s", at(99)),
            ("max \u{b5}s", at(100)),
        ]
    }

    /// What may be listed.
    fn lists(&self) -> [(&'static str, &[String]); 8] {
        [
            ("error", &self.errors),
            ("different", &self.different),
            ("lost", &self.lost),
            ("lost with a word", &self.lost_words),
            ("re-grant", &self.regranted),
            ("tools line gone", &self.line_gone),
            ("endings, real", &self.endings_inexact),
            ("endings, flipped", &self.flipped_inexact),
        ]
    }
}

fn timed(engine: &Engine, inputs: Inputs<'_>) -> (Outcome, Duration) {
    let mut best = Duration::MAX;
    let mut outcome = Ok(None);
    for _ in 0..3 {
        let start = Instant::now();
        outcome = (engine.run)(inputs);
        best = best.min(start.elapsed());
    }
    (outcome, best)
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

fn percent(count: usize, all: usize) -> f64 {
    100.0 * number(count) / number(all.max(1))
}

fn rounded(number: f64) -> Value {
    json!((number * 10.0).round() / 10.0)
}

/// A file as the judge sees it.
struct Text {
    /// How often each line is there, without the white space around it.
    lines: BTreeMap<String, usize>,
    head: BTreeSet<String>,
    words: BTreeSet<String>,
}

impl Text {
    fn of(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_start_matches('\u{feff}');
        let mut lines = BTreeMap::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            *lines.entry(line.to_owned()).or_default() += 1;
        }
        Self {
            lines,
            head: frontmatter(text)
                .iter()
                .map(|line| line.trim().to_owned())
                .collect(),
            words: words(text).into_iter().map(str::to_owned).collect(),
        }
    }

    /// The lines that `side` has more often than `self`, and that `result` does not have at all.
    fn lost<'t>(&self, side: &'t Self, result: &Self) -> Vec<&'t str> {
        let is_new = |line: &str, count: usize| count > self.lines.get(line).copied().unwrap_or(0);
        let is_there = |line: &str| {
            let is_in_head = side.head.contains(line)
                && words(line).iter().all(|word| result.words.contains(*word));
            result.lines.contains_key(line) || is_in_head
        };
        side.lines
            .iter()
            .filter(|(line, count)| is_new(line, **count) && !is_there(line))
            .map(|(line, _)| line.as_str())
            .collect()
    }
}

fn words(text: &str) -> BTreeSet<&str> {
    text.split(|character: char| !character.is_alphanumeric() && character != '_')
        .filter(|word| !word.is_empty())
        .collect()
}

/// The lines between the fences, read independently of agentpkg.
fn frontmatter(text: &str) -> Vec<&str> {
    let mut lines = text.lines();
    if !lines.next().is_some_and(|first| first.starts_with("---")) {
        return Vec::new();
    }
    let lines: Vec<&str> = lines.collect();
    let close = lines
        .iter()
        .position(|line| line.starts_with("---"))
        .unwrap_or(0);
    lines[..close].to_vec()
}

/// The tools that a file names; `None` if it has no such line.
fn tools(bytes: &[u8]) -> Option<BTreeSet<String>> {
    let text = String::from_utf8_lossy(bytes);
    let head = frontmatter(text.trim_start_matches('\u{feff}'));
    let start = head.iter().position(|line| line.starts_with("tools:"))?;
    let more = head[start + 1..]
        .iter()
        .copied()
        .take_while(|line| line.starts_with([' ', '\t', '-']));
    let mut found = BTreeSet::new();
    for line in std::iter::once(&head[start]["tools:".len()..]).chain(more) {
        let mut depth = 0_usize;
        let parts = line.split(|character| {
            match character {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            character == ',' && depth == 0
        });
        let names = parts
            .map(|part| part.trim_matches(|c: char| c.is_whitespace() || "-[]\"'".contains(c)));
        found.extend(names.filter(|name| !name.is_empty()).map(str::to_owned));
    }
    Some(found)
}

#[derive(Clone, Copy, PartialEq)]
enum LineEnding {
    Lf,
    Crlf,
}

/// The line ending of a file that has only one kind.
fn ending(bytes: &[u8]) -> Option<LineEnding> {
    let all = bytes.iter().filter(|byte| **byte == b'\n').count();
    match bytes.windows(2).filter(|pair| pair == b"\r\n").count() {
        _ if all == 0 => None,
        0 => Some(LineEnding::Lf),
        crlf => (crlf == all).then_some(LineEnding::Crlf),
    }
}

/// The line ending that a result must have, if the three files do not all have the same.
fn wanted_ending(triple: &Triple) -> Option<LineEnding> {
    let (base, ours, theirs) = (
        ending(&triple.base)?,
        ending(&triple.ours)?,
        ending(&triple.theirs)?,
    );
    // There are two kinds only, so one that differs from the base is the change.
    (base != ours || base != theirs).then_some(if ours == base { theirs } else { ours })
}

/// The base and theirs with other line endings.
fn flipped(triple: &Triple) -> Option<[Vec<u8>; 2]> {
    let flip = |bytes: &[u8]| {
        let is_lf = ending(bytes) == Some(LineEnding::Lf);
        is_lf.then(|| {
            bytes
                .split(|byte| *byte == b'\n')
                .collect::<Vec<_>>()
                .join(&b"\r\n"[..])
        })
    };
    Some([flip(&triple.base)?, flip(&triple.theirs)?])
}

/// How agentpkg and git differ in what is clean.
struct Beyond {
    name: &'static str,
    git: &'static str,
    clean_here_only: usize,
    clean_in_git_only: Vec<String>,
    reasons: BTreeMap<String, usize>,
}

/// Compares one score with git's: that of the program if it ran, that of libgit2 otherwise.
fn beyond_git(triples: &[Triple], scores: &[Score], options: &Options, index: usize) -> Beyond {
    let (here, git) = (&scores[index], scores.get(4).unwrap_or(&scores[2]));
    let mut beyond = Beyond {
        name: here.name,
        git: git.name,
        clean_here_only: here.clean.difference(&git.clean).count(),
        clean_in_git_only: Vec::new(),
        reasons: BTreeMap::new(),
    };
    for triple in git
        .clean
        .difference(&here.clean)
        .map(|index| &triples[*index])
    {
        beyond.clean_in_git_only.push(triple.id.clone());
        for conflict in merge_with(&triple.base, &triple.ours, &triple.theirs, options).conflicts()
        {
            let reason = match conflict.unit() {
                Unit::Key(key) => format!("{key}: {}", conflict.reason()),
                _ => conflict.reason().to_string(),
            };
            *beyond.reasons.entry(reason).or_default() += 1;
        }
    }
    beyond
}

/// Each law with the triples that break it.
type Laws = Vec<(&'static str, Vec<String>)>;
type Law = fn(&Triple) -> bool;

fn laws(triples: &[Triple]) -> Laws {
    let laws: [(&str, Law); 5] = [
        ("identity", has_identity),
        ("symmetry", is_symmetric),
        ("determinism", is_determined),
        ("merging again asks nothing", asks_nothing_again),
        ("line endings alone change nothing else", keeps_endings),
    ];
    let broken = |law: Law| {
        triples
            .iter()
            .filter(|triple| !law(triple))
            .map(|triple| triple.id.clone())
            .collect()
    };
    laws.into_iter()
        .map(|(name, law)| (name, broken(law)))
        .collect()
}

fn has_identity(
    Triple {
        base, ours, theirs, ..
    }: &Triple,
) -> bool {
    let gives = |merge: &Merge<'_>, wanted: &[u8]| merge.to_bytes().as_deref() == Some(wanted);
    gives(&merge(base, ours, base), ours)
        && gives(&merge(base, base, theirs), theirs)
        && gives(&merge(base, ours, ours), ours)
}

fn is_symmetric(
    Triple {
        base, ours, theirs, ..
    }: &Triple,
) -> bool {
    let (one, other) = (merge(base, ours, theirs), merge(base, theirs, ours));
    one.to_bytes() == other.to_bytes() && one.conflicts().len() == other.conflicts().len()
}

fn is_determined(
    Triple {
        base, ours, theirs, ..
    }: &Triple,
) -> bool {
    let (one, other) = (merge(base, ours, theirs), merge(base, ours, theirs));
    let reasons = |merge: &Merge<'_>| {
        merge
            .conflicts()
            .iter()
            .map(|one| (one.unit().clone(), one.reason().clone()))
            .collect::<Vec<_>>()
    };
    one.resolve(&[]) == other.resolve(&[]) && reasons(&one) == reasons(&other)
}

/// After an update theirs is the base.
fn asks_nothing_again(
    Triple {
        base, ours, theirs, ..
    }: &Triple,
) -> bool {
    let merged = merge(base, ours, theirs).to_bytes();
    merged.is_none_or(|merged| merge(theirs, &merged, theirs).to_bytes().as_ref() == Some(&merged))
}

/// Whether the result is exact too is a row of the table.
fn keeps_endings(triple: &Triple) -> bool {
    flipped(triple).is_none_or(|[ours, wanted]| {
        merge(&triple.base, &ours, &triple.theirs).to_bytes() == Some(wanted)
    })
}

fn print(triples: &[Triple], scores: &[Score], beyond: &[Beyond], laws: &Laws, shown: usize) {
    let columns: Vec<_> = scores.iter().map(Score::rows).collect();
    print_row("", scores.iter().map(|score| score.name.to_owned()));
    for (row, (name, _)) in columns[0].iter().enumerate() {
        print_row(name, columns.iter().map(|column| column[row].1.to_string()));
    }
    println!();
    for Beyond {
        name,
        git,
        clean_here_only,
        clean_in_git_only,
        reasons,
    } in beyond
    {
        println!(
            "clean in {git} but conflict in {name}: {} (the other way round: {clean_here_only})",
            clean_in_git_only.len()
        );
        for (reason, count) in reasons {
            println!("{count:>7}  {reason}");
        }
    }
    println!("\nlaws on these triples, violations of {}", triples.len());
    for (name, broken) in laws {
        println!("{:>7}  {name}", broken.len());
    }
    for (what, ids) in listed(scores, beyond, laws)
        .iter()
        .filter(|(_, ids)| shown > 0 && !ids.is_empty())
    {
        println!("\n{what}:");
        for id in ids.iter().take(shown) {
            println!("  {id}");
        }
    }
}

fn print_row(name: &str, cells: impl Iterator<Item = String>) {
    print!("{name:<28}");
    for cell in cells {
        print!("{cell:>10}");
    }
    println!();
}

/// Everything that `--show` lists.
fn listed<'a>(
    scores: &'a [Score],
    beyond: &'a [Beyond],
    laws: &'a Laws,
) -> Vec<(String, &'a [String])> {
    let of_score = |score: &'a Score| {
        score
            .lists()
            .map(|(what, ids)| (format!("{}, {what}", score.name), ids))
    };
    let of_beyond = |one: &'a Beyond| {
        (
            format!("{}, clean in {} only", one.name, one.git),
            one.clean_in_git_only.as_slice(),
        )
    };
    let of_law = |(name, broken): &'a (&str, Vec<String>)| {
        (format!("law broken, {name}"), broken.as_slice())
    };
    scores
        .iter()
        .flat_map(of_score)
        .chain(beyond.iter().map(of_beyond))
        .chain(laws.iter().map(of_law))
        .collect()
}

fn as_json(
    triples: &[Triple],
    scores: &[Score],
    beyond: &[Beyond],
    laws: &Laws,
    shown: usize,
) -> Value {
    let engine = |score: &Score| {
        let rows = score
            .rows()
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        (score.name.to_owned(), Value::Object(rows.collect()))
    };
    let difference = |one: &Beyond| {
        json!({
            "engine": one.name,
            "git": one.git,
            "clean in git only": one.clean_in_git_only.len(),
            "clean here only": one.clean_here_only,
            "reasons": one.reasons,
        })
    };
    let ids = listed(scores, beyond, laws)
        .into_iter()
        .filter(|(_, ids)| shown > 0 && !ids.is_empty());
    json!({
        "triples": triples.len(),
        "engines": scores.iter().map(engine).collect::<serde_json::Map<_, _>>(),
        "beyond git": beyond.iter().map(difference).collect::<Vec<_>>(),
        "laws": laws.iter().map(|(name, broken)| ((*name).to_owned(), json!(broken.len()))).collect::<serde_json::Map<_, _>>(),
        "shown": ids.map(|(what, ids)| (what, json!(ids[..shown.min(ids.len())]))).collect::<serde_json::Map<_, _>>(),
    })
}
