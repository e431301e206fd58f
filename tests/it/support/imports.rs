//! Which file of the crate uses which, read from the sources without a compiler, and where that forms a circle.
//!
//! A file uses another one if a path in it, in a `use` or anywhere else, leads to something that the other one defines; a re-export counts
//! for the file that defines the item. Uses without a path are not seen: methods and fields of a value.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A path of modules, or of modules and an item.
type Path = Vec<String>;

/// The sources of a crate.
pub(crate) struct Crate {
    modules: BTreeMap<Path, Module>,
}

/// One file.
#[derive(Default)]
struct Module {
    file: String,
    /// What it defines at its top level.
    items: BTreeSet<String>,
    uses: Vec<Use>,
    /// The paths of two and more names in its code.
    paths: Vec<Path>,
    /// The names in its code that a path begins with.
    names: BTreeSet<String>,
}

/// One name that a `use` imports.
struct Use {
    path: Path,
    /// The name in this file; `*` for everything there.
    name: String,
    is_public: bool,
}

/// The target of a path.
enum Target {
    Module(Path),
    /// To what is defined in a file.
    Item {
        file: String,
        name: String,
    },
}

/// One file uses something of another one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Edge {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) name: String,
}

/// Files that use each other.
pub(crate) struct Circle {
    /// All files that can be reached from each other.
    pub(crate) files: BTreeSet<String>,
    /// The shortest circle.
    pub(crate) way: Vec<Edge>,
}

impl Circle {
    /// The circle, file by file.
    pub(crate) fn spelled_out(&self) -> String {
        let steps = self.way.iter();
        let lines = steps.map(|Edge { from, to, name }| format!("{from} uses `{name}` of {to}"));
        lines.collect::<Vec<_>>().join("\n")
    }
}

impl Crate {
    /// `sources`: paths below `src`, with `/`, and texts. Tests are left out.
    pub(crate) fn new<'s>(sources: impl IntoIterator<Item = (&'s str, &'s str)>) -> Self {
        let is_test = |path: &str| {
            path.split('/')
                .any(|part| part == "tests" || part == "tests.rs")
        };
        let modules = sources
            .into_iter()
            .filter(|(path, _)| !is_test(path) && *path != "main.rs")
            .map(|(path, text)| (module_path(path), Module::read(path, text)));
        Self {
            modules: modules.collect(),
        }
    }

    /// What the files of a folder use of each other.
    pub(crate) fn edges(&self, folder: &str) -> BTreeSet<Edge> {
        let mut edges = BTreeSet::new();
        for (path, module) in &self.modules {
            let mut add = |used: &Path, is_all: bool| {
                let (to, name) = match self.resolve(path, used, &mut BTreeSet::new()) {
                    Some(Target::Item { file, name }) => (file, name),
                    Some(Target::Module(all)) if is_all => {
                        (self.modules[&all].file.clone(), "*".to_owned())
                    }
                    _ => return,
                };
                let is_inside = |file: &str| file.starts_with(&format!("{folder}/"));
                if to != module.file && is_inside(&to) && is_inside(&module.file) {
                    let from = module.file.clone();
                    edges.insert(Edge { from, to, name });
                }
            };
            for used in &module.uses {
                // A name that is only re-exported is not used.
                if !used.is_public || module.names.contains(&used.name) {
                    add(&used.path, used.name == "*");
                }
            }
            for used in &module.paths {
                add(used, false);
            }
        }
        edges
    }

    /// The target of a path in the module `from`.
    fn resolve(
        &self,
        from: &[String],
        path: &[String],
        seen: &mut BTreeSet<(Path, Path)>,
    ) -> Option<Target> {
        if !seen.insert((from.to_vec(), path.to_vec())) {
            return None;
        }
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => self.walk(&[], rest, seen),
            "self" => self.walk(from, rest, seen),
            "super" => {
                let (_, above) = from.split_last()?;
                if rest.first().is_some_and(|next| next == "super") {
                    self.resolve(above, rest, seen)
                } else {
                    self.walk(above, rest, seen)
                }
            }
            _ if self.modules.contains_key(&joined(from, first)) => self.walk(from, path, seen),
            _ => {
                let module = self.modules.get(from)?;
                if module.items.contains(first) {
                    return Some(module.item(first));
                }
                let used = module.uses.iter().find(|used| used.name == *first)?;
                let whole: Path = used.path.iter().chain(rest).cloned().collect();
                self.resolve(from, &whole, seen)
            }
        }
    }

    /// The target of a path that begins inside a module.
    fn walk(
        &self,
        module: &[String],
        path: &[String],
        seen: &mut BTreeSet<(Path, Path)>,
    ) -> Option<Target> {
        let Some((first, rest)) = path.split_first() else {
            return Some(Target::Module(module.to_vec()));
        };
        let child = joined(module, first);
        let is_child = self.modules.contains_key(&child);
        if is_child && !rest.is_empty() {
            return self.walk(&child, rest, seen);
        }
        let here = self.modules.get(module)?;
        if here.items.contains(first) {
            return Some(here.item(first));
        }
        // A module and its main item may have the same name: then the item is meant.
        if let Some(used) = here.uses.iter().find(|used| used.name == *first) {
            let whole: Path = used.path.iter().chain(rest).cloned().collect();
            let target = self.resolve(module, &whole, seen);
            if target.is_some() || !is_child {
                return target;
            }
        }
        if is_child {
            return Some(Target::Module(child));
        }
        for all in here.uses.iter().filter(|used| used.name == "*") {
            if let Some(Target::Module(other)) = self.resolve(module, &all.path, seen)
                && self
                    .modules
                    .get(&other)
                    .is_some_and(|other| other.has(first))
            {
                return self.walk(&other, path, seen);
            }
        }
        // Made by a macro.
        Some(here.item(first))
    }
}

impl Module {
    fn read(file: &str, text: &str) -> Self {
        let tokens = without_tests(&tokens(text));
        let mut module = Self {
            file: file.to_owned(),
            ..Self::default()
        };
        let (mut at, mut depth) = (0, 0_usize);
        while at < tokens.len() {
            let next = |ahead: usize| tokens.get(at + ahead).map_or("", String::as_str);
            match tokens[at].as_str() {
                "{" => depth += 1,
                "}" => depth -= 1,
                "use" if next(1) != "<" => {
                    let end = at
                        + tokens[at..]
                            .iter()
                            .position(|token| token == ";")
                            .expect("a use ends");
                    let mut uses = Vec::new();
                    use_tree(&tokens[at + 1..end], &[], &mut uses);
                    let is_public = is_behind_pub(&tokens[..at]);
                    module.uses.extend(uses.into_iter().map(|(path, name)| Use {
                        path,
                        name,
                        is_public,
                    }));
                    at = end;
                }
                "mod" if depth == 0 => {
                    assert!(
                        next(2) == ";",
                        "{file}: modules in a file are not understood"
                    );
                    at += 2;
                }
                "fn" | "struct" | "enum" | "trait" | "type" | "const" | "static" | "union"
                    if depth == 0 && is_name(next(1)) && next(1) != "fn" =>
                {
                    module.items.insert(next(1).to_owned());
                    at += 1;
                }
                "macro_rules" if depth == 0 => {
                    module.items.insert(next(2).to_owned());
                }
                token if is_name(token) && !matches!(last(&tokens[..at]), "." | "::") => {
                    module.names.insert(token.to_owned());
                    let mut path = vec![token.to_owned()];
                    while tokens.get(at + 1).is_some_and(|token| token == "::")
                        && tokens.get(at + 2).is_some_and(|token| is_name(token))
                    {
                        path.push(tokens[at + 2].clone());
                        at += 2;
                    }
                    if path.len() > 1 {
                        module.paths.push(path);
                    }
                }
                _ => {}
            }
            at += 1;
        }
        module
    }

    fn item(&self, name: &str) -> Target {
        let (file, name) = (self.file.clone(), name.to_owned());
        Target::Item { file, name }
    }

    fn has(&self, name: &str) -> bool {
        self.items.contains(name) || self.uses.iter().any(|used| used.name == name)
    }
}

/// The circles among the files: one for each group of files that can be reached from each other.
pub(crate) fn circles(edges: &BTreeSet<Edge>) -> Vec<Circle> {
    let files: BTreeSet<&str> = edges.iter().map(|edge| edge.from.as_str()).collect();
    let mut circles: Vec<Circle> = Vec::new();
    for file in files {
        if circles.iter().any(|circle| circle.files.contains(file)) {
            continue;
        }
        let reached = |from: &str| -> BTreeSet<String> {
            let (mut reached, mut open) = (BTreeSet::new(), vec![from.to_owned()]);
            while let Some(from) = open.pop() {
                for edge in edges.iter().filter(|edge| edge.from == from) {
                    if reached.insert(edge.to.clone()) {
                        open.push(edge.to.clone());
                    }
                }
            }
            reached
        };
        let mut together = reached(file);
        if !together.contains(file) {
            continue;
        }
        together.retain(|other| reached(other).contains(file));
        let ways = together.iter().filter_map(|file| way_round(file, edges));
        let way = ways.min_by_key(Vec::len).expect("it is a circle");
        circles.push(Circle {
            files: together,
            way,
        });
    }
    circles
}

/// The shortest way from a file to itself.
fn way_round(file: &str, edges: &BTreeSet<Edge>) -> Option<Vec<Edge>> {
    let (mut ways, mut seen) = (VecDeque::from([Vec::<Edge>::new()]), BTreeSet::new());
    while let Some(way) = ways.pop_front() {
        let end = way.last().map_or(file, |edge| edge.to.as_str());
        if end == file && !way.is_empty() {
            return Some(way);
        }
        for edge in edges.iter().filter(|edge| edge.from == end) {
            if seen.insert(&edge.to) {
                ways.push_back(way.iter().chain([edge]).cloned().collect());
            }
        }
    }
    None
}

/// The module that a file is.
fn module_path(file: &str) -> Path {
    let path = file.trim_end_matches(".rs");
    let mut parts: Path = path.split('/').map(str::to_owned).collect();
    if matches!(last(&parts), "mod" | "lib") {
        parts.pop();
    }
    parts
}

fn joined(path: &[String], name: &str) -> Path {
    path.iter().cloned().chain([name.to_owned()]).collect()
}

fn last(path: &[String]) -> &str {
    path.last().map_or("", String::as_str)
}

/// What a `use` imports: path and name.
fn use_tree(tokens: &[String], prefix: &[String], uses: &mut Vec<(Path, String)>) {
    let mut path = prefix.to_vec();
    for (at, token) in tokens.iter().enumerate() {
        match token.as_str() {
            "::" => {}
            "{" => {
                let inside = &tokens[at + 1..tokens.len() - 1];
                let mut depth = 0_usize;
                let parts = inside.split(|token| {
                    match token.as_str() {
                        "{" => depth += 1,
                        "}" => depth -= 1,
                        _ => {}
                    }
                    depth == 0 && token == ","
                });
                for part in parts.filter(|part| !part.is_empty()) {
                    use_tree(part, &path, uses);
                }
                return;
            }
            "*" => return uses.push((path, "*".to_owned())),
            "as" => return uses.push((path, tokens[at + 1].clone())),
            // `a::{self}` is `a`.
            "self" if !path.is_empty() => {}
            name => path.push(name.to_owned()),
        }
    }
    let name = last(&path).to_owned();
    uses.push((path, name));
}

/// Whether the following item is exported: `pub`, or `pub(…)`.
fn is_behind_pub(before: &[String]) -> bool {
    match last(before) {
        "pub" => true,
        ")" => {
            let open = before.iter().rposition(|token| token == "(");
            open.is_some_and(|open| last(&before[..open]) == "pub")
        }
        _ => false,
    }
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// The tokens without those that are only there for tests.
fn without_tests(tokens: &[String]) -> Vec<String> {
    const TEST: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at..].iter().take(TEST.len()).eq(TEST.iter()) {
            at = item_end(tokens, at + TEST.len());
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// Where an item ends: after its `;`, or after its braces.
fn item_end(tokens: &[String], start: usize) -> usize {
    let is_use = tokens[start..]
        .iter()
        .take_while(|token| !matches!(token.as_str(), ";" | "{"))
        .any(|token| token == "use");
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(start) {
        match token.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" if depth == 0 => return at,
            "}" if depth == 1 && !is_use => return at + 1,
            ")" | "]" | "}" => depth -= 1,
            ";" if depth == 0 => return at + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// Names, `::`, and single other characters; no comments, no literals of text, no lifetimes.
fn tokens(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let is_word = |at: usize| {
        chars
            .get(at)
            .is_some_and(|c| c.is_alphanumeric() || *c == '_')
    };
    let starts = |at: usize, with: &str| {
        with.chars()
            .eq(chars[at..].iter().copied().take(with.len()))
    };
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let raw = raw_text(&chars[at..]).filter(|_| at == 0 || !is_word(at - 1));
        if starts(at, "//") {
            while at < chars.len() && chars[at] != '\n' {
                at += 1;
            }
        } else if starts(at, "/*") {
            while at < chars.len() && !starts(at, "*/") {
                at += 1;
            }
            at += 2;
        } else if let Some(length) = raw {
            at += length;
        } else if chars[at] == '"' {
            at += 1;
            while at < chars.len() && chars[at] != '"' {
                at += if chars[at] == '\\' { 2 } else { 1 };
            }
            at += 1;
        } else if chars[at] == '\'' {
            at += 1;
            if chars.get(at) == Some(&'\\') {
                at += 2;
                while at < chars.len() && chars[at] != '\'' {
                    at += 1;
                }
                at += 1;
            } else if chars.get(at + 1) == Some(&'\'') {
                at += 2;
            } else {
                while is_word(at) {
                    at += 1;
                }
            }
        } else if is_word(at) {
            let start = at;
            while is_word(at) {
                at += 1;
            }
            tokens.push(chars[start..at].iter().collect());
        } else if starts(at, "::") {
            tokens.push("::".to_owned());
            at += 2;
        } else {
            if !chars[at].is_whitespace() {
                tokens.push(chars[at].to_string());
            }
            at += 1;
        }
    }
    tokens
}

/// The length of a raw string that begins here.
fn raw_text(chars: &[char]) -> Option<usize> {
    let start = chars.iter().position(|c| !matches!(c, 'b' | 'c' | 'r'))?;
    if start == 0 || start > 2 || chars[start - 1] != 'r' {
        return None;
    }
    let marks = chars[start..].iter().take_while(|c| **c == '#').count();
    if chars.get(start + marks) != Some(&'"') {
        return None;
    }
    let inside = start + marks + 1;
    let end = (inside..chars.len()).find(|at| {
        chars[*at] == '"' && (1..=marks).all(|mark| chars.get(at + mark) == Some(&'#'))
    })?;
    Some(end + 1 + marks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(sources: &[(&str, &str)]) -> Vec<String> {
        let sources = Crate::new(sources.iter().copied().chain([("ops/mod.rs", "")]));
        let circles = circles(&sources.edges("ops"));
        circles.iter().map(Circle::spelled_out).collect()
    }

    #[test]
    fn a_circle_through_a_re_export_is_found() {
        let circle = found(&[
            (
                "ops/a.rs",
                "use super::b::Thing;\npub fn one(thing: &Thing) {}",
            ),
            ("ops/b/mod.rs", "mod inner;\npub use self::inner::Thing;"),
            (
                "ops/b/inner.rs",
                "pub struct Thing;\nfn two() { crate::ops::a::one(&Thing) }",
            ),
        ]);
        assert_eq!(
            circle,
            ["ops/a.rs uses `Thing` of ops/b/inner.rs\nops/b/inner.rs uses `one` of ops/a.rs"]
        );
    }

    #[test]
    fn handing_on_is_not_using_but_both_together_are() {
        let inner = "use super::Base;\npub struct Thing(Base);";
        let facade = "mod inner;\npub use self::inner::Thing;\npub struct Base;";
        assert!(found(&[("ops/b/mod.rs", facade), ("ops/b/inner.rs", inner)]).is_empty());
        let user = format!("{facade}\nfn of(thing: Thing) {{}}");
        assert_eq!(
            found(&[("ops/b/mod.rs", &user), ("ops/b/inner.rs", inner)]),
            [
                "ops/b/inner.rs uses `Base` of ops/b/mod.rs\nops/b/mod.rs uses `Thing` of ops/b/inner.rs"
            ]
        );
    }

    #[test]
    fn groups_and_renamed_modules_and_three_files_are_followed() {
        let circle = found(&[
            (
                "ops/a.rs",
                "use crate::ops::{b::{self as other, Unused}, d};\nfn a() { other::b::<u8>() }",
            ),
            (
                "ops/b.rs",
                "use std::fmt;\nuse super::{c};\npub struct Unused;\npub fn b() { c::c() }",
            ),
            ("ops/c.rs", "use super::a::*;\npub fn c() {}"),
            ("ops/d.rs", "pub fn d() {}"),
        ]);
        assert_eq!(circle.len(), 1);
        assert_eq!(circle[0].lines().count(), 3, "{circle:?}");
    }

    #[test]
    fn tests_comments_and_texts_do_not_count() {
        let a = "pub struct A;\n// super::b::B\nconst X: &str = \"super::b::B\"; const Y: &str = r#\"a \" super::b::B\"#;
            const Q: char = '\"';
            #[cfg(test)]\nuse super::b::{B, C};\n#[cfg(test)]\nfn f(x: [u8; 2]) { super::b::g() }
            #[cfg(test)]\nmod tests { use super::super::b::B; fn x() {} }\nfn g<'a>(x: &'a str) {}";
        let b = "use super::a::A;\npub struct B(A); pub struct C; pub fn g() {}";
        assert!(found(&[("ops/a.rs", a), ("ops/b.rs", b)]).is_empty());
        let behind = format!("{a}\nfn h() {{ super::b::g() }}");
        assert_eq!(found(&[("ops/a.rs", &behind), ("ops/b.rs", b)]).len(), 1);
    }
}
