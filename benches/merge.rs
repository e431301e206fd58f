//! How well and how fast definitions are merged, over a folder of triples, beside libgit2's and similar's merge of lines in the same run.
//!
//! ```text
//! cargo bench --bench merge -- DIR [--core] [--show N]
//! ```
//!
//! `DIR` holds `index.jsonl`, one triple per line with the blob ids `base`, `ours`, `theirs` and perhaps `resolved` (what a person made
//! of it), and `blobs/<id>.md`. `--core` takes only the triples marked so. Everything runs in this process.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a program of its own that prints a report"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use agentpkg::domain::definition::{Definition, Verdict, split_tools};
use agentpkg::merge::{Options, merge, merge_with};

struct Triple {
    id: String,
    base: Vec<u8>,
    ours: Vec<u8>,
    theirs: Vec<u8>,
    resolved: Option<Vec<u8>>,
    /// Triples of one commit are much alike.
    commit: String,
}

/// What a merge gave: the bytes if it was clean.
type Merged = Option<Vec<u8>>;
type Engine = fn(&Triple) -> Merged;

const ENGINES: [(&str, Engine); 4] = [
    ("agentpkg", |triple| merge(&triple.base, &triple.ours, &triple.theirs).to_bytes()),
    ("merge-file", |triple| {
        let options = Options { guards_tools_line: true, ..Options::default() };
        merge_with(&triple.base, &triple.ours, &triple.theirs, &options).to_bytes()
    }),
    ("libgit2", by_libgit2),
    ("similar", by_similar),
];

fn by_libgit2(triple: &Triple) -> Merged {
    let input = |bytes| {
        let mut input = git2::MergeFileInput::new();
        input.content(bytes);
        input
    };
    let (base, ours, theirs) = (input(&triple.base), input(&triple.ours), input(&triple.theirs));
    let merged = git2::merge_file(&base, &ours, &theirs, None).ok()?;
    merged.is_automergeable().then(|| merged.content().to_vec())
}

fn by_similar(triple: &Triple) -> Merged {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (base, ours, theirs) = (text(&triple.base), text(&triple.ours), text(&triple.theirs));
    let merged = similar::TextMerge::from_lines(&base, &ours, &theirs);
    (!merged.is_conflicted()).then(|| merged.to_string().into_bytes())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let folder = arguments.iter().find(|argument| !argument.starts_with("--") && argument.parse::<usize>().is_err());
    let folder = folder.cloned().or_else(|| std::env::var("AGENTPKG_TRIPLES").ok());
    let Some(folder) = folder else {
        println!("skipped: no triples; run `cargo bench --bench merge -- DIR`");
        return ExitCode::SUCCESS;
    };
    let is_core = arguments.iter().any(|argument| argument == "--core");
    let shown = arguments.iter().position(|argument| argument == "--show");
    let shown = shown.and_then(|at| arguments.get(at + 1)?.parse().ok()).unwrap_or(0);
    match load(Path::new(&folder), is_core) {
        Ok(triples) if triples.is_empty() => fail("there are no triples in it"),
        Ok(triples) => report(&triples, shown),
        Err(message) => fail(&message),
    }
}

fn fail(message: &str) -> ExitCode {
    eprintln!("error: {message}");
    ExitCode::FAILURE
}

fn load(folder: &Path, is_core: bool) -> Result<Vec<Triple>, String> {
    let read = |path: PathBuf| fs::read(&path).map_err(|error| format!("{}: {error}", path.display()));
    let index = String::from_utf8_lossy(&read(folder.join("index.jsonl"))?).into_owned();
    let mut triples = Vec::new();
    for line in index.lines().filter(|line| !line.trim().is_empty()) {
        let row: serde_json::Value = serde_json::from_str(line).map_err(|error| format!("index.jsonl: {error}"))?;
        if is_core && row["core"] != true {
            continue;
        }
        let text = |key: &str| row[key].as_str().map(str::to_owned);
        let blob = |key: &str| {
            let id = text(key).ok_or_else(|| format!("index.jsonl: a triple without `{key}`"))?;
            read(folder.join("blobs").join(format!("{id}.md")))
        };
        triples.push(Triple {
            id: text("id").unwrap_or_default(),
            base: blob("base")?,
            ours: blob("ours")?,
            theirs: blob("theirs")?,
            resolved: text("resolved").is_some().then(|| blob("resolved")).transpose()?,
            commit: text("ours_commit").unwrap_or_default(),
        });
    }
    Ok(triples)
}

#[derive(Default)]
struct Score {
    conflicts: BTreeSet<usize>,
    equal: usize,
    white_space: usize,
    different: Vec<String>,
    lost: Vec<String>,
    regranted: Vec<String>,
    line_gone: usize,
    times: Vec<Duration>,
}

fn report(triples: &[Triple], shown: usize) -> ExitCode {
    // libgit2 has to be woken before its free function for merging works.
    let folder = std::env::temp_dir().join(format!("agentpkg-merge-{}", std::process::id()));
    let _ = git2::Repository::init_bare(&folder);
    let scores: Vec<(&str, Score)> = ENGINES.iter().map(|(name, engine)| (*name, score(*engine, triples))).collect();
    let _ = fs::remove_dir_all(&folder);
    println!("{} triples\n", triples.len());
    println!(
        "{:<12}{:>10}{:>12}{:>8}{:>8}{:>8}{:>7}{:>9}{:>11}{:>9}{:>9}{:>9}",
        "", "conflicts", "per commit", "gold =", "space", "differ", "lost", "regrant", "line gone", "p50 ms", "p99 ms", "max ms"
    );
    for (name, score) in &scores {
        let mut times = score.times.clone();
        times.sort_unstable();
        let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)].as_secs_f64() * 1000.0;
        println!(
            "{name:<12}{:>9.1}%{:>11.1}%{:>8}{:>8}{:>8}{:>7}{:>9}{:>11}{:>9.3}{:>9.3}{:>9.3}",
            percent(score.conflicts.len(), triples.len()),
            per_commit(&score.conflicts, triples),
            score.equal,
            score.white_space,
            score.different.len(),
            score.lost.len(),
            score.regranted.len(),
            score.line_gone,
            at(50),
            at(99),
            at(100)
        );
    }
    for (what, of) in [("differ", (|score: &Score| &score.different) as fn(&Score) -> &Vec<String>), ("lost", |score| &score.lost)]
    {
        for id in of(&scores[0].1).iter().take(shown) {
            println!("{what}: {id}");
        }
    }
    guards(triples, &scores);
    laws(triples)
}

fn percent(count: usize, total: usize) -> f64 {
    100.0 * f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / f64::from(u32::try_from(total.max(1)).unwrap_or(u32::MAX))
}

/// The share of conflicts if every commit counts once.
fn per_commit(conflicts: &BTreeSet<usize>, triples: &[Triple]) -> f64 {
    let mut commits: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (index, triple) in triples.iter().enumerate() {
        let entry = commits.entry(&triple.commit).or_default();
        entry.0 += usize::from(conflicts.contains(&index));
        entry.1 += 1;
    }
    let sum: f64 = commits.values().map(|(count, total)| percent(*count, *total)).sum();
    sum / f64::from(u32::try_from(commits.len().max(1)).unwrap_or(u32::MAX))
}

fn score(engine: Engine, triples: &[Triple]) -> Score {
    let mut score = Score::default();
    for (index, triple) in triples.iter().enumerate() {
        let mut best = Duration::MAX;
        let mut merged = None;
        for _ in 0..3 {
            let start = Instant::now();
            merged = engine(triple);
            best = best.min(start.elapsed());
        }
        score.times.push(best);
        let Some(merged) = merged else {
            score.conflicts.insert(index);
            continue;
        };
        judge(triple, &merged, &mut score);
    }
    score
}

fn judge(triple: &Triple, merged: &[u8], score: &mut Score) {
    if let Some(resolved) = &triple.resolved {
        let words = |bytes: &[u8]| {
            bytes.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).map(<[u8]>::to_vec).collect::<Vec<_>>()
        };
        if merged == resolved {
            score.equal += 1;
        } else if words(merged) == words(resolved) {
            score.white_space += 1;
        } else {
            score.different.push(triple.id.clone());
        }
    }
    if has_lost(&triple.base, &triple.ours, merged) || has_lost(&triple.base, &triple.theirs, merged) {
        score.lost.push(triple.id.clone());
    }
    if let (Some(base), Some(ours)) = (tools(&triple.base), tools(&triple.ours)) {
        match tools(merged) {
            None => score.line_gone += 1,
            Some(result) if base.difference(&ours).any(|tool| result.contains(tool)) => score.regranted.push(triple.id.clone()),
            Some(_) => {}
        }
    }
}

/// Whether a result lacks a line that a side added. A line of the frontmatter is there if its words are.
fn has_lost(base: &[u8], side: &[u8], merged: &[u8]) -> bool {
    let lines = |bytes: &[u8]| -> BTreeSet<String> {
        String::from_utf8_lossy(bytes).lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
    };
    let (old, new, have) = (lines(base), lines(side), lines(merged));
    let words = |text: &str| -> BTreeSet<String> {
        text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    let text = String::from_utf8_lossy(side).replace("\r\n", "\n");
    let head = text.trim_start_matches('\u{feff}').split("\n---\n").next().map(str::to_owned).unwrap_or_default();
    let in_head = lines(head.as_bytes());
    let all = words(&String::from_utf8_lossy(merged));
    new.difference(&old).any(|line| !(have.contains(line) || in_head.contains(line) && words(line).is_subset(&all)))
}

/// The tools that the client would grant by name; `None`: all, or it skips the file.
fn tools(bytes: &[u8]) -> Option<BTreeSet<String>> {
    match Definition::parse(bytes).verdict() {
        Verdict::Loads(loaded) => Some(loaded.tools.as_ref()?.iter().cloned().collect()),
        // What is not valid for the client may still hold a line that reads as one.
        Verdict::Skipped(_) => {
            let text = String::from_utf8_lossy(bytes);
            let line = text.lines().take_while(|line| !line.starts_with("## ")).find_map(|line| line.strip_prefix("tools:"))?;
            Some(split_tools(line.trim_matches(['[', ']', ' '])).into_iter().collect())
        }
    }
}

/// Conflicts where libgit2 has none: each must be a guard.
fn guards(triples: &[Triple], scores: &[(&str, Score)]) {
    let git = &scores[2].1.conflicts;
    for (name, score) in &scores[..2] {
        let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
        for index in score.conflicts.difference(git) {
            let triple = &triples[*index];
            let options = Options { guards_tools_line: *name == "merge-file", ..Options::default() };
            for conflict in merge_with(&triple.base, &triple.ours, &triple.theirs, &options).conflicts() {
                *reasons.entry(format!("{}: {}", conflict.unit(), conflict.reason())).or_default() += 1;
            }
        }
        println!("\n{name}: {} conflicts where libgit2 has none", score.conflicts.difference(git).count());
        for (reason, count) in reasons {
            println!("  {count} {reason}");
        }
    }
}

fn laws(triples: &[Triple]) -> ExitCode {
    let mut broken: BTreeMap<&str, usize> =
        ["identity", "symmetry", "determinism", "merging again asks nothing", "line endings only"]
            .into_iter()
            .map(|law| (law, 0))
            .collect();
    let mut check = |law: &'static str, holds: bool| *broken.entry(law).or_default() += usize::from(!holds);
    for Triple { base, ours, theirs, .. } in triples {
        let one = merge(base, ours, theirs);
        let bytes = one.to_bytes();
        let identity = merge(base, ours, base).to_bytes().as_ref() == Some(ours)
            && merge(base, base, theirs).to_bytes().as_ref() == Some(theirs);
        check("identity", identity);
        let other = merge(base, theirs, ours);
        check("symmetry", other.to_bytes() == bytes && other.conflicts().len() == one.conflicts().len());
        check("determinism", merge(base, ours, theirs).to_bytes() == bytes);
        if let Some(bytes) = &bytes {
            check("merging again asks nothing", merge(theirs, bytes, theirs).to_bytes().as_ref() == Some(bytes));
        }
        let crlf = String::from_utf8_lossy(base).replace("\r\n", "\n").replace('\n', "\r\n").into_bytes();
        let flipped = merge(base, &crlf, theirs);
        check("line endings only", flipped.is_clean());
    }
    println!("\nlaws broken on these triples:");
    for (law, count) in &broken {
        println!("  {count:>5}  {law}");
    }
    if broken.values().all(|count| *count == 0) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
