//! What in an agent's file belongs to a plugin: agents and skills with the name of a plugin, tools of a plugin's server, the folder of a
//! plugin, and files that may be beside the agent upstream. Pure; whether it is there, `ops` finds out.

use serde_json::{Map, Value};

use super::definition::{Definition, tools_in};
use super::text_of;

/// The variable that the client sets for what belongs to a plugin.
pub const ROOT: &str = "${CLAUDE_PLUGIN_ROOT}";

/// The largest number of files that are looked for.
const MAX_FILES: usize = 64;

/// What belongs to a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// An agent: the plugin, and the name in it.
    Agent(String, String),
    /// A skill: the plugin, and the name in it.
    Skill(String, String),
    /// The folder of the agent's own plugin.
    Root,
    /// A file that may be beside the agent upstream: a relative path.
    File(String),
}

/// A place in an agent's file where something of a plugin is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    /// What.
    pub part: Part,
    /// As it is written.
    pub text: String,
    /// The line of the file, from 1.
    pub line: Option<usize>,
}

/// Everything in a file that belongs to a plugin, each once. `values`: its frontmatter as the client reads it.
#[must_use]
pub fn bound(definition: &Definition<'_>, values: &Map<String, Value>, bytes: &[u8]) -> Vec<Bound> {
    let mut found: Vec<Bound> = Vec::new();
    let mut note = |part: Part, text: &str, line: Option<usize>| {
        if !found.iter().any(|known| known.part == part) {
            let text = text.to_owned();
            found.push(Bound { part, text, line });
        }
    };
    let texts = |key: &str| values.get(key).map(tools_in).unwrap_or_default();
    for tool in texts("tools") {
        let (name, argument) = tool.split_once('(').unwrap_or((&tool, ""));
        let agents: Vec<&str> = if matches!(name, "Agent" | "Task") {
            argument.trim_end_matches(')').split(',').collect()
        } else {
            vec![tool.as_str()]
        };
        for agent in agents {
            if let Some((plugin, name)) = qualified(agent.trim()) {
                let line = definition.line_of("tools", agent.trim());
                note(Part::Agent(plugin, name), agent.trim(), line);
            }
        }
    }
    for skill in texts("skills") {
        if let Some((plugin, name)) = qualified(&skill) {
            let line = definition.line_of("skills", &skill);
            note(Part::Skill(plugin, name), &skill, line);
        }
    }
    let text = text_of(bytes);
    if text.contains('$') && text.contains("CLAUDE_PLUGIN_ROOT") {
        for (number, line) in text.lines().enumerate() {
            if line.contains(ROOT) || line.contains("$CLAUDE_PLUGIN_ROOT") {
                note(Part::Root, ROOT, Some(number + 1));
            }
        }
    }
    let first = definition.body_line();
    let body = text_of(definition.body());
    // Most lines have no path in them.
    let lines = if body.contains('/') { &body } else { "" }.lines();
    let mut left = MAX_FILES;
    let mut is_code = false;
    for (number, line) in lines.enumerate() {
        let start = line.trim_start();
        is_code ^= start.starts_with("```") || start.starts_with("~~~");
        if !line.contains('/') {
            continue;
        }
        let is_meant = |path: &&str| !is_usual(path) && (!is_code || is_run(line, path));
        for path in paths(line).filter(is_meant).take(left) {
            note(Part::File(path.to_owned()), path, Some(first + number));
            left -= 1;
        }
    }
    found
}

/// A name with that of a plugin in front of it.
fn qualified(text: &str) -> Option<(String, String)> {
    let (plugin, name) = text.split_once(':')?;
    let is_word = |text: &str| {
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        text.starts_with(char::is_alphanumeric) && text.chars().all(is_part)
    };
    let is_name = is_word(plugin) && name.split(':').all(is_word);
    is_name.then(|| (plugin.to_owned(), name.to_owned()))
}

/// Folders that projects of all kinds have: a path that begins with one is about the user's project.
const USUAL_FOLDERS: [&str; 63] = [
    "__tests__",
    "api",
    "app",
    "apps",
    "artifacts",
    "backend",
    "build",
    "client",
    "cmd",
    "components",
    "config",
    "controllers",
    "coverage",
    "css",
    "database",
    "db",
    "dist",
    "doc",
    "docs",
    "e2e",
    "frontend",
    "infra",
    "internal",
    "js",
    "k8s",
    "lib",
    "libs",
    "logs",
    "middleware",
    "migrations",
    "models",
    "node_modules",
    "out",
    "packages",
    "pages",
    "path",
    "pkg",
    "public",
    "reports",
    "resources",
    "routes",
    "server",
    "services",
    "spec",
    "specs",
    "src",
    "static",
    "styles",
    "target",
    "terraform",
    "test",
    "tests",
    "utils",
    "views",
    "web",
    ".circleci",
    ".cursor",
    ".git",
    ".github",
    ".gitlab",
    ".vscode",
    "your",
    "my",
];

/// Files that projects of all kinds have, without what follows the first dot.
const USUAL_FILES: [&str; 21] = [
    "__init__",
    "app",
    "changelog",
    "config",
    "constants",
    "contributing",
    "example",
    "helpers",
    "index",
    "lib",
    "license",
    "main",
    "mod",
    "package",
    "readme",
    "settings",
    "setup",
    "test",
    "tsconfig",
    "types",
    "utils",
];

/// Programs that run the file which is named after them.
const INTERPRETERS: [&str; 14] = [
    "bash", "bun", "cat", "deno", "node", "npx", "perl", "pwsh", "python", "python3", "ruby", "sh",
    "source", "uv",
];

/// Whether a path is one that the user's own project may well have, so that a file of this name beside the agent upstream says nothing.
fn is_usual(path: &str) -> bool {
    let is_one_of =
        |names: &[&str], name: &str| names.iter().any(|known| name.eq_ignore_ascii_case(known));
    let folder = path.split('/').next().unwrap_or_default();
    let file = path.rsplit('/').next().unwrap_or_default();
    is_one_of(&USUAL_FOLDERS, folder)
        || is_one_of(&USUAL_FILES, file.split('.').next().unwrap_or_default())
        || path.starts_with(".claude/agents/")
        || path.starts_with(".claude/settings")
}

/// Whether a line of a code block runs a file, and is not only an example of code that names it.
fn is_run(line: &str, path: &str) -> bool {
    let first = line
        .trim_start_matches(['$', '>', ' ', '\t'])
        .split_whitespace()
        .next()
        .unwrap_or_default();
    INTERPRETERS.contains(&first) || first.strip_prefix("./").unwrap_or(first) == path
}

/// The relative paths of files in a line, in whatever stands around them: quotes, brackets, spaces.
fn paths(line: &str) -> impl Iterator<Item = &str> {
    let is_outside = |c: char| {
        c.is_whitespace()
            || matches!(
                c,
                '`' | '"' | '\'' | '(' | ')' | '[' | ']' | '<' | '>' | ',' | ';' | '=' | '|'
            )
    };
    let words = line.split(is_outside);
    words.filter(|word| word.contains('/')).filter_map(|word| {
        let word = word.trim_end_matches(['.', ':', '!', '?', '*']);
        let word = word
            .strip_prefix("./")
            .unwrap_or(word)
            .trim_start_matches('*');
        let (folders, file) = word.rsplit_once('/')?;
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
        let (stem, extension) = file.rsplit_once('.')?;
        let is_file = !stem.is_empty()
            && (1..=5).contains(&extension.len())
            && extension.chars().all(|c| c.is_ascii_alphanumeric());
        let is_path = word.chars().all(is_part)
            && !word.starts_with(['/', '-'])
            && !folders.contains("//")
            && folders.split('/').all(|folder| folder != "..");
        (is_file && is_path).then_some(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_any_project_and_examples_of_code_are_no_files_of_a_plugin() {
        let text = "---\nname: a\ndescription: d\n---\n\nSee `src/x/deep.ts`, docs/guide.md, `.github/workflows/ci.yml` and kit/README.md.\nUpdate `.claude/agents/other.md` and `.claude/settings.json`; obey `.claude/rules/own.md`.\n\n```ts\nimport x from \"kit/code.ts\";\n```\n\n```bash\n$ python3 kit/check.py --all\n./kit/run.sh\necho kit/other.sh\n```\n\nRead kit/guide.md.\n";
        let definition = Definition::parse(text.as_bytes());
        let found = bound(&definition, &definition.values(), text.as_bytes());
        let found: Vec<&str> = found.iter().map(|bound| bound.text.as_str()).collect();
        assert_eq!(
            found,
            [
                ".claude/rules/own.md",
                "kit/check.py",
                "kit/run.sh",
                "kit/guide.md"
            ]
        );
    }

    #[test]
    fn everything_of_a_plugin_is_found_with_its_line() {
        let text = "---\nname: a\ndescription: d\ntools: Read, Agent(kit:helper, own), Bash(npm run:*), kit:other\nskills: [kit:write, plain]\n---\n\nRun `${CLAUDE_PLUGIN_ROOT}/x.sh` or scripts/check.py, see [it](references/a.md).\nNot https://x.y/z.md, /etc/passwd.conf, ../up.md nor a/b.\n";
        let definition = Definition::parse(text.as_bytes());
        let found = bound(&definition, &definition.values(), text.as_bytes());
        let shown: Vec<(String, Option<usize>)> = found
            .into_iter()
            .map(|bound| (bound.text, bound.line))
            .collect();
        let expected = [
            ("kit:helper", 4),
            ("kit:other", 4),
            ("kit:write", 5),
            (ROOT, 8),
            ("scripts/check.py", 8),
            ("references/a.md", 8),
        ];
        assert_eq!(
            shown,
            expected.map(|(text, line)| (text.to_owned(), Some(line)))
        );
    }
}
