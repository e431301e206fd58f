//! Real histories, replayed: every agent that disappears between two commits is followed, and held against what git's own rename detection
//! says. Takes a folder of repositories; without one it does nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::path::Path;

use agentpkg::domain::digest::ObjectId;
use agentpkg::domain::discovery::plugins::Plugins;
use agentpkg::domain::discovery::{self, Finding, IndexEntry};
use agentpkg::domain::lineage::{Fate, Known, Lineage, Tree};
use git2::{Delta, DiffFindOptions, Oid, Repository};

/// How far apart the commits of a pair are.
const STEPS: [usize; 5] = [1, 5, 20, 100, 300];

#[derive(Default)]
struct Figures {
    pairs: usize,
    disappeared: usize,
    same: usize,
    moved: BTreeMap<String, usize>,
    gone: usize,
    forbidden: usize,
    renames: usize,
    renames_followed: usize,
}

struct Source {
    repository: Repository,
    seen: HashMap<(String, Oid), Option<IndexEntry>>,
}

impl Source {
    fn tree(&self, commit: Oid) -> BTreeMap<String, Oid> {
        let tree = self.repository.find_commit(commit).unwrap().tree().unwrap();
        let mut files = BTreeMap::new();
        tree.walk(git2::TreeWalkMode::PreOrder, |folder, entry| {
            let name = entry.name().unwrap_or_default();
            if entry.kind() == Some(git2::ObjectType::Blob) && name.ends_with(".md") {
                files.insert(format!("{folder}{name}"), entry.id());
            }
            git2::TreeWalkResult::Ok
        })
        .unwrap();
        files
    }

    fn text(&self, blob: Oid) -> Vec<u8> {
        let blob = self.repository.find_blob(blob);
        blob.map(|blob| blob.content().to_vec()).unwrap_or_default()
    }

    fn offered(&mut self, files: &BTreeMap<String, Oid>) -> Vec<IndexEntry> {
        let mut all = Vec::new();
        for (path, blob) in files {
            if !discovery::is_candidate(path, ".md", &Plugins::default()) {
                continue;
            }
            let key = (path.clone(), *blob);
            if !self.seen.contains_key(&key) {
                let found = discovery::examine(
                    path,
                    id(*blob),
                    &self.text(*blob),
                    &Plugins::default(),
                    &|_| None,
                );
                let entry = match found {
                    Finding::Agent(entry) => Some(entry),
                    _ => None,
                };
                self.seen.insert(key.clone(), entry);
            }
            all.extend(self.seen[&key].clone());
        }
        all
    }
}

fn id(oid: Oid) -> ObjectId {
    oid.to_string().parse().unwrap()
}

#[test]
fn real_histories() {
    let Some(folder) = std::env::var_os("AGENTPKG_HISTORIES") else {
        return;
    };
    let mut report = String::new();
    let mut cases = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let figures = replay(&path, &mut cases);
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        writeln!(
            report,
            "{name}: {} pairs, {} disappeared: {} same, {:?} moved, {} gone, {} forbidden; git sees {} single renames, {} followed",
            figures.pairs,
            figures.disappeared,
            figures.same,
            figures.moved,
            figures.gone,
            figures.forbidden,
            figures.renames,
            figures.renames_followed
        )
        .unwrap();
        assert_eq!(figures.forbidden, 0, "{report}");
    }
    eprintln!("{report}");
    if let Some(path) = std::env::var_os("AGENTPKG_CASES") {
        std::fs::write(path, cases).unwrap();
    }
}

fn replay(path: &Path, cases: &mut String) -> Figures {
    let repository = Repository::open(path).unwrap();
    let mut commits: Vec<Oid> = Vec::new();
    let mut next = Some(repository.head().unwrap().peel_to_commit().unwrap().id());
    while let Some(commit) = next {
        commits.push(commit);
        next = repository.find_commit(commit).unwrap().parent_ids().next();
    }
    commits.reverse();
    let mut source = Source {
        repository,
        seen: HashMap::new(),
    };
    let mut figures = Figures::default();
    let mut known_pairs = BTreeSet::new();
    for step in STEPS {
        let stride = if step == 1 { 1 } else { (step / 2).max(1) };
        for start in (0..commits.len().saturating_sub(step)).step_by(stride) {
            let pair = (commits[start], commits[start + step]);
            figures.pairs += 1;
            compare(
                &mut source,
                pair,
                step,
                &mut figures,
                &mut known_pairs,
                cases,
            );
        }
    }
    figures
}

fn compare(
    source: &mut Source,
    (from, to): (Oid, Oid),
    step: usize,
    figures: &mut Figures,
    known: &mut BTreeSet<(String, Oid, String)>,
    cases: &mut String,
) {
    let (base, now) = (source.tree(from), source.tree(to));
    let left: Vec<&String> = base
        .keys()
        .filter(|path| base.get(*path) != now.get(*path))
        .collect();
    if left.is_empty() {
        return;
    }
    let (offered, later) = (source.offered(&base), source.offered(&now));
    let stands = |entry: &IndexEntry| {
        later
            .iter()
            .any(|other| other.file == entry.file && other.name.folded() == entry.name.folded())
    };
    let gone: Vec<IndexEntry> = offered.into_iter().filter(|entry| !stands(entry)).collect();
    if gone.is_empty() {
        return;
    }
    let renames = renames(&source.repository, from, to);
    let tree: Tree = base
        .iter()
        .map(|(path, blob)| (path.clone(), id(*blob)))
        .collect();
    let mut lineage = Lineage::new(Some(tree), later);
    for entry in gone {
        figures.disappeared += 1;
        let agent = Known {
            file: &entry.file,
            name: entry.name.as_str(),
            description: Some(&entry.description),
            blob: entry.blob,
        };
        let fate = lineage.follow(&agent, &mut |blobs| {
            let blobs = blobs.iter();
            blobs
                .map(|blob| {
                    (
                        *blob,
                        source.text(Oid::from_str(&blob.to_string()).unwrap()),
                    )
                })
                .collect()
        });
        let target = match &fate {
            Fate::Same(found) => {
                figures.same += 1;
                Some(found.clone())
            }
            Fate::Moved(found, how) => {
                let how = format!("{how:?}");
                let how = how.split('(').next().unwrap_or(&how).to_owned();
                *figures.moved.entry(how).or_default() += 1;
                let stood = base.get(&found.file);
                // A copy is the one file that may have stood there.
                if stood.is_some_and(|blob| id(*blob) != entry.blob) {
                    figures.forbidden += 1;
                }
                Some(found.clone())
            }
            Fate::Gone(_) => {
                figures.gone += 1;
                None
            }
        };
        if let Some(renamed) = renames.get(&entry.file) {
            figures.renames += 1;
            let is_twin = |found: &IndexEntry| {
                now.get(renamed).map(|blob| id(*blob)) == Some(found.blob) || found.file == *renamed
            };
            if target.as_ref().is_some_and(is_twin) {
                figures.renames_followed += 1;
            } else {
                writeln!(
                    cases,
                    "RENAME {from} {to} {} git:{renamed} {}",
                    entry.file,
                    short(&fate)
                )
                .unwrap();
            }
        }
        let key = (
            entry.file.clone(),
            Oid::from_str(&entry.blob.to_string()).unwrap(),
            short(&fate),
        );
        if known.insert(key) {
            writeln!(
                cases,
                "CASE {step} {from} {to} {} [{}] {}",
                entry.file,
                entry.name,
                short(&fate)
            )
            .unwrap();
        }
    }
}

fn short(fate: &Fate) -> String {
    match fate {
        Fate::Same(entry) => format!("same [{}]", entry.name),
        Fate::Moved(entry, how) => format!("{how:?} {} [{}]", entry.file, entry.name),
        Fate::Gone(successors) => {
            let agents = successors.agents.iter().take(4);
            let agents: Vec<String> = agents
                .map(|(entry, why)| format!("{}:{why:?}", entry.file))
                .collect();
            format!("gone copies={} {}", successors.copies, agents.join(" "))
        }
    }
}

/// The files that git takes for renamed, each to one file that has no other origin, and that is an agent's.
fn renames(repository: &Repository, from: Oid, to: Oid) -> BTreeMap<String, String> {
    let tree = |commit: Oid| repository.find_commit(commit).unwrap().tree().unwrap();
    let mut diff = repository
        .diff_tree_to_tree(Some(&tree(from)), Some(&tree(to)), None)
        .unwrap();
    diff.find_similar(Some(
        DiffFindOptions::new()
            .renames(true)
            .rename_threshold(60)
            .rename_limit(2000),
    ))
    .unwrap();
    let renamed = diff
        .deltas()
        .filter(|delta| delta.status() == Delta::Renamed);
    let path = |file: git2::DiffFile<'_>| file.path().unwrap().to_string_lossy().into_owned();
    renamed
        .map(|delta| (path(delta.old_file()), path(delta.new_file())))
        .filter(|(_, new)| discovery::is_candidate(new, ".md", &Plugins::default()))
        .collect()
}
