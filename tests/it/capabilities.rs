//! No widening goes unshown: old and new frontmatter are generated, and a model that shares no code with the program says which calls each
//! allows. The model follows the client's documentation and works on the generated values, not on text. If the documentation can be read in
//! several ways, the law holds for each of them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::LazyLock;

use agentpkg::domain::capability::{Capabilities, Gain};
use proptest::prelude::*;

/// One entry of a list of tools.
#[derive(Debug, Clone, PartialEq)]
enum Entry {
    Plain(&'static str),
    Command(&'static str),
    Path(&'static str, &'static str),
    Agents(Vec<&'static str>),
    Server(&'static str, bool),
    Tool(&'static str, &'static str),
    Tools(&'static str, &'static str),
    EveryServer,
    Star,
}

type Hook = (&'static str, &'static str, &'static str);

/// What a definition says.
#[derive(Debug, Clone, PartialEq)]
struct Made {
    tools: Option<Vec<Entry>>,
    denied: Vec<Entry>,
    mode: Option<&'static str>,
    hooks: BTreeSet<Hook>,
    servers: Vec<(&'static str, &'static str)>,
    named: BTreeSet<&'static str>,
    memory: Option<&'static str>,
    others: Others,
    /// The permission mode and a configured server under keys that the client does not read today.
    kebab: (Option<&'static str>, Option<&'static str>),
    spelling: Spelling,
}

/// The rest of the fields that matter, as they are written in the file.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Others {
    name: &'static str,
    prompt: Option<&'static str>,
    observers: Option<&'static str>,
    message: Option<&'static str>,
    observes_subagents: Option<&'static str>,
    observes_results: Option<&'static str>,
    omits: Option<&'static str>,
    isolation: Option<&'static str>,
}

/// How it says so.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Spelling {
    list: u8,
    hooks_apart: bool,
    servers: Servers,
}

/// The layout of servers; only the first is documented.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Servers {
    List,
    Mapping,
    OneItem,
}

/// Something that an agent does, or that is done for it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Action {
    Use(&'static str),
    Touch(&'static str, &'static str),
    Run(&'static str, &'static str),
    Start(&'static str),
    Call(&'static str, &'static str),
    Hook(Hook),
    Bring(&'static str, &'static str),
    Connect(&'static str),
    Mode(&'static str),
    Remember(&'static str),
    Prompt(&'static str),
    Observe(&'static str),
    Tell(&'static str),
    ObserveSubagents,
    ObserveResults,
    Omit,
    Work(&'static str),
    Replace(&'static str),
    HiddenMode(&'static str),
    HiddenConnect(&'static str),
}

const COMMANDS: [&str; 11] = [
    "git",
    "git status",
    "git push",
    "git push origin",
    "git push main",
    "gitk",
    "npm run test",
    "npm",
    "rm x",
    "cat .env",
    "git status && rm x",
];
const AGENTS: [&str; 3] = ["one", "two", "three"];
const SERVERS: [&str; 3] = ["db", "db2", "web"];
const TOOLS: [&str; 4] = ["query", "query_all", "get_one", "get_two"];
const MODES: [&str; 8] = [
    "plan",
    "default",
    "manual",
    "acceptEdits",
    "auto",
    "dontAsk",
    "bypassPermissions",
    "odd",
];
const FREEDOMS: [&str; 6] = [
    "acts",
    "edits",
    "runs what seems harmless",
    "never asks",
    "everything",
    "odd",
];
const FILE_TOOLS: [&str; 4] = ["Read", "Grep", "Edit", "Write"];

// What the documentation does not specify; one bit each.
/// `git *` also means `git` alone.
const BARE: u8 = 1;
/// A limit in `tools` has no effect, except for `Agent`, where it is documented.
const LOOSE: u8 = 2;
/// Old names other than `Task` are understood in lists of tools.
const ALIASES: u8 = 4;
/// `*` takes away everything.
const DENIES_ALL: u8 = 8;
/// Servers in a layout other than the documented one are read.
const LENIENT: u8 = 16;
/// Of servers with the same name, the first counts, not the last.
const FIRST: u8 = 32;
const READINGS: u8 = 64;

/// Everything that consent can be needed for.
static ACTIONS: LazyLock<Vec<Action>> = LazyLock::new(|| {
    let mut all: Vec<Action> = ["TaskStop"].into_iter().map(Action::Use).collect();
    all.extend(
        FILE_TOOLS
            .into_iter()
            .flat_map(|tool| [".env", "src/a"].map(|path| Action::Touch(tool, path))),
    );
    all.extend(COMMANDS.map(|command| Action::Run("Bash", command)));
    all.extend(["git push", "rm x"].map(|command| Action::Run("Monitor", command)));
    all.extend(AGENTS.map(Action::Start));
    all.extend(
        SERVERS
            .into_iter()
            .flat_map(|server| TOOLS.map(|tool| Action::Call(server, tool))),
    );
    for event in ["Stop", "PreToolUse"] {
        all.extend(
            ["", "Bash"]
                .into_iter()
                .flat_map(|matcher| ["a", "b"].map(|run| Action::Hook((event, matcher, run)))),
        );
    }
    all.extend(
        ["own", "other"]
            .into_iter()
            .flat_map(|name| ["npx x@1", "npx x@2"].map(|command| Action::Bring(name, command))),
    );
    all.extend(["db", "own"].map(Action::Connect));
    all.extend(FREEDOMS.map(Action::Mode));
    all.extend(["user", "project"].map(Action::Remember));
    all.extend(["/init now", "Go."].map(Action::Prompt));
    all.extend(["spy", "eye"].map(Action::Observe));
    all.extend(["Be quick.", "Say all."].map(Action::Tell));
    all.extend([
        Action::ObserveSubagents,
        Action::ObserveResults,
        Action::Omit,
    ]);
    all.extend(["here", "this machine", "another machine"].map(Action::Work));
    all.extend(["Plan", "claude"].map(Action::Replace));
    all.extend(FREEDOMS.map(Action::HiddenMode));
    all.extend(["db", "own"].map(Action::HiddenConnect));
    all
});

/// Whether a pattern of commands matches one command.
fn matches(pattern: &str, command: &str, reading: u8) -> bool {
    let words = |text: &str| {
        command
            .strip_prefix(text)
            .is_some_and(|rest| rest.starts_with(' '))
    };
    if pattern == "*" {
        true
    } else if let Some(text) = pattern.strip_suffix(":*") {
        command == text || words(text)
    } else if let Some(text) = pattern.strip_suffix(" *") {
        words(text) || reading & BARE != 0 && command == text
    } else if let Some(text) = pattern.strip_suffix('*') {
        command.starts_with(text)
    } else if let Some((start, end)) = pattern.split_once('*') {
        command.len() >= start.len() + end.len()
            && command.starts_with(start)
            && command.ends_with(end)
    } else {
        command == pattern
    }
}

fn matches_path(pattern: &str, path: &str) -> bool {
    match pattern.strip_suffix("**") {
        Some(folder) => path.starts_with(folder),
        None => path == pattern,
    }
}

fn is_about(entry: &Entry, action: Action, is_denying: bool, reading: u8) -> bool {
    let is_loose = reading & LOOSE != 0 && !is_denying;
    match (entry, action) {
        (Entry::Star, _) => !is_denying || reading & DENIES_ALL != 0,
        (Entry::Plain(name), Action::Use(used)) => {
            *name == used
                || reading & ALIASES != 0
                    && matches!(*name, "KillBash" | "KillShell")
                    && used == "TaskStop"
        }
        (Entry::Plain(name), Action::Touch(tool, _) | Action::Run(tool, _)) => *name == tool,
        (Entry::Plain(name), Action::Start(_)) => matches!(*name, "Agent" | "Task"),
        (Entry::Command(_), Action::Run("Bash", _)) if is_loose => true,
        (Entry::Command(pattern), Action::Run(tool, command)) => {
            // What is denied to Bash is denied to Monitor.
            (tool == "Bash" || is_denying) && matches(pattern, command, reading)
        }
        (Entry::Path(tool, _), Action::Touch(used, _)) if is_loose => *tool == used,
        (Entry::Path(tool, pattern), Action::Touch(used, path)) => {
            let others: &[&str] = if *tool == "Read" {
                &FILE_TOOLS
            } else {
                &["Edit", "Write"]
            };
            (*tool == used || is_denying && others.contains(&used)) && matches_path(pattern, path)
        }
        // The client knows the common commands that read a file.
        (Entry::Path("Read", pattern), Action::Run(_, "cat .env")) => {
            is_denying && matches_path(pattern, ".env")
        }
        (Entry::Agents(names), Action::Start(name)) => names.contains(&name),
        (Entry::Server(server, _), Action::Call(called, _)) => *server == called,
        (Entry::Tool(server, tool), Action::Call(called, used)) => {
            *server == called && *tool == used
        }
        (Entry::Tools(server, prefix), Action::Call(called, used)) => {
            *server == called && used.starts_with(prefix)
        }
        // Only a deny list may omit the server.
        (Entry::EveryServer, Action::Call(..)) => is_denying,
        _ => false,
    }
}

/// What runs without asking, for each mode; and `acts`, which means doing more than planning.
fn freedoms(mode: Option<&str>) -> &'static [&'static str] {
    match mode {
        None | Some("default" | "manual") => &FREEDOMS[..1],
        Some("acceptEdits") => &FREEDOMS[..2],
        Some("auto") => &FREEDOMS[..3],
        Some("dontAsk") => &["acts", "never asks"],
        Some("bypassPermissions") => &FREEDOMS[..5],
        Some("odd") => &["odd"],
        _ => &[],
    }
}

fn may(made: &Made, action: Action, reading: u8) -> bool {
    match action {
        Action::Hook(hook) => made.hooks.contains(&hook),
        Action::Bring(name, command) => {
            let is_taken = reading & LENIENT != 0 || is_laid_out_well(made);
            let mut ours = made.servers.iter().filter(|(other, _)| *other == name);
            let found = if reading & FIRST != 0 {
                ours.next()
            } else {
                ours.next_back()
            };
            is_taken && found == Some(&(name, command))
        }
        Action::Connect(name) => {
            made.named.contains(name) && made.spelling.servers == Servers::List
        }
        Action::Remember(whose) => made.memory == Some(whose),
        Action::Prompt(words) => made.others.prompt == Some(words),
        Action::Observe(name) => {
            let named = made.others.observers.unwrap_or_default();
            named.split(',').any(|other| other.trim() == name)
        }
        Action::Tell(words) => made.others.message == Some(words),
        Action::ObserveSubagents => {
            !matches!(made.others.observes_subagents, Some("false" | "'false'"))
        }
        Action::ObserveResults => {
            let said = made.others.observes_results;
            said.is_none_or(|said| matches!(said, "true" | "'on'" | "1"))
        }
        Action::Omit => matches!(made.others.omits, Some("true" | "'true'")),
        Action::Work(place) => match made.others.isolation {
            Some("worktree") => place == "this machine",
            Some("remote") => place == "another machine",
            _ => place != "another machine",
        },
        Action::Replace(name) => made.others.name == name,
        // In a client that reads them, they count together with the right ones.
        Action::HiddenMode(freedom) => {
            let modes = [made.kebab.0, made.mode];
            let mode = modes.into_iter().flatten().next();
            freedoms(mode).contains(&freedom)
        }
        Action::HiddenConnect(name) => {
            made.kebab.1 == Some(name) || may(made, Action::Connect(name), reading)
        }
        Action::Mode(freedom) => freedoms(made.mode).contains(&freedom),
        // The rules are checked for every command of a command line.
        Action::Run(tool, line) if line.contains(" && ") => {
            let is_denied = |action| {
                made.denied
                    .iter()
                    .any(|entry| is_about(entry, action, true, reading))
            };
            let is_named = made
                .tools
                .iter()
                .flatten()
                .any(|entry| *entry == Entry::Command(line) && tool == "Bash");
            let parts = || line.split(" && ").map(|command| Action::Run(tool, command));
            !parts().any(is_denied)
                && !is_denied(action)
                && (is_named || parts().all(|action| may(made, action, reading)))
        }
        _ => {
            let is_for_memory = made.memory.is_some()
                && matches!(action, Action::Touch("Read" | "Write" | "Edit", _));
            let is_allowed = made.tools.as_ref().is_none_or(|tools| {
                tools
                    .iter()
                    .any(|entry| is_about(entry, action, false, reading))
            });
            (is_allowed || is_for_memory)
                && !made
                    .denied
                    .iter()
                    .any(|entry| is_about(entry, action, true, reading))
        }
    }
}

/// Whether every server is in the documented place.
fn is_laid_out_well(made: &Made) -> bool {
    match made.spelling.servers {
        Servers::List => true,
        Servers::Mapping => false,
        Servers::OneItem => made.servers.len() < 2,
    }
}

/// Whether what is shown names the action.
fn names(shown: &str, action: Action) -> bool {
    let is_every = shown == "every tool" || shown == "*";
    let tool = shown.split('(').next().unwrap_or_default();
    match action {
        Action::Use(name) => {
            is_every
                || shown == name
                || matches!(shown, "KillBash" | "KillShell") && name == "TaskStop"
        }
        Action::Touch(name, _) => {
            let is_file_rule = shown.starts_with("Read(")
                || shown.starts_with("Edit(") && matches!(name, "Edit" | "Write");
            is_every || tool == name || is_file_rule || shown == "memory" && name != "Grep"
        }
        Action::Run(name, command) => {
            is_every
                || tool == name
                || shown.starts_with("Bash(")
                || shown.starts_with("Read(") && command.contains("cat")
        }
        Action::Start(_) => is_every || matches!(tool, "Agent" | "Task"),
        Action::Call(server, _) => {
            is_every || shown.starts_with(&format!("mcp__{server}")) || shown == "mcp__*"
        }
        Action::Hook(..) => shown == "hooks",
        Action::Bring(..) | Action::Connect(_) => shown == "mcpServers",
        Action::Mode(_) => shown == "permissionMode",
        Action::Remember(_) => shown == "memory",
        Action::Prompt(_) => shown == "initialPrompt",
        Action::Observe(_) => shown == "observer",
        Action::Tell(_) => shown == "observerMessage",
        Action::ObserveSubagents => shown == "observeSubagents",
        Action::ObserveResults => shown == "observeToolResults",
        Action::Omit => shown == "omitClaudeMd",
        Action::Work(_) => shown == "isolation",
        Action::Replace(_) => shown == "shadow",
        Action::HiddenMode(_) => matches!(shown, "permission-mode" | "permissionMode"),
        Action::HiddenConnect(_) => matches!(shown, "mcp_servers" | "mcpServers"),
    }
}

fn text(made: &Made) -> String {
    let entry = |entry: &Entry| match entry {
        Entry::Plain(name) => (*name).to_owned(),
        Entry::Command(pattern) => format!("Bash({pattern})"),
        Entry::Path(tool, pattern) => format!("{tool}({pattern})"),
        Entry::Agents(names) => format!("Agent({})", names.join(", ")),
        Entry::Server(server, true) => format!("mcp__{server}__*"),
        Entry::Server(server, false) => format!("mcp__{server}"),
        Entry::Tool(server, tool) => format!("mcp__{server}__{tool}"),
        Entry::Tools(server, prefix) => format!("mcp__{server}__{prefix}*"),
        Entry::EveryServer => "mcp__*".to_owned(),
        Entry::Star => "*".to_owned(),
    };
    let list = |key: &str, entries: &[Entry]| {
        let texts: Vec<String> = entries.iter().map(entry).collect();
        let quoted = |texts: &[String]| {
            texts
                .iter()
                .map(|text| format!("\"{text}\""))
                .collect::<Vec<_>>()
        };
        match made.spelling.list {
            0 => format!("{key}: [{}]\n", quoted(&texts).join(", ")),
            1 if !texts.is_empty() => format!("{key}:\n  - {}\n", quoted(&texts).join("\n  - ")),
            2 => format!("{key}: '{}'\n", texts.join("  ")),
            _ if texts.is_empty() => format!("{key}:\n"),
            _ => format!("{key}: \"{},\"\n", texts.join(" , ")),
        }
    };
    let name = if made.others.name.is_empty() {
        "a"
    } else {
        made.others.name
    };
    let mut text = format!("---\nname: {name}\ndescription: d\n");
    let others = [
        ("initialPrompt", made.others.prompt),
        ("observer", made.others.observers),
        ("observerMessage", made.others.message),
        ("observeSubagents", made.others.observes_subagents),
        ("observeToolResults", made.others.observes_results),
        ("omitClaudeMd", made.others.omits),
        ("isolation", made.others.isolation),
        ("permission-mode", made.kebab.0),
        (
            "mcp_servers",
            made.kebab
                .1
                .map(|server| if server == "db" { "[db]" } else { "[own]" }),
        ),
    ];
    for (key, value) in others {
        if let Some(value) = value {
            let _ = writeln!(text, "{key}: {value}");
        }
    }
    text += &made
        .tools
        .as_ref()
        .map(|tools| list("tools", tools))
        .unwrap_or_default();
    if !made.denied.is_empty() {
        text += &list("disallowedTools", &made.denied);
    }
    if let Some(mode) = made.mode {
        let _ = writeln!(text, "permissionMode: {mode}");
    }
    if let Some(memory) = made.memory {
        let _ = writeln!(text, "memory: {memory}");
    }
    text += &hooks(made);
    text += &servers(made);
    text + "---\n"
}

fn hooks(made: &Made) -> String {
    let mut text = String::new();
    for event in ["Stop", "PreToolUse"] {
        let ours: Vec<&Hook> = made.hooks.iter().filter(|(at, ..)| *at == event).collect();
        if ours.is_empty() {
            continue;
        }
        let _ = writeln!(text, "  {event}:");
        let group = |matcher: &str, commands: &[&str]| {
            let hooks: Vec<String> = commands
                .iter()
                .map(|command| format!("{{type: command, command: {command}}}"))
                .collect();
            let matcher = if matcher.is_empty() {
                String::new()
            } else {
                format!("matcher: {matcher}, ")
            };
            format!("    - {{{matcher}hooks: [{}]}}\n", hooks.join(", "))
        };
        for matcher in ["", "Bash"] {
            let commands: Vec<&str> = ours
                .iter()
                .filter(|(_, at, _)| *at == matcher)
                .map(|(.., command)| *command)
                .collect();
            if made.spelling.hooks_apart {
                text.extend(
                    commands
                        .iter()
                        .rev()
                        .map(|command| group(matcher, &[command])),
                );
            } else if !commands.is_empty() {
                text += &group(matcher, &commands);
            }
        }
    }
    if text.is_empty() {
        text
    } else {
        format!("hooks:\n{text}")
    }
}

fn servers(made: &Made) -> String {
    let own: Vec<String> = made
        .servers
        .iter()
        .map(|(name, command)| {
            let (command, argument) = command.split_once(' ').unwrap();
            format!("{name}: {{command: {command}, args: [{argument}]}}")
        })
        .collect();
    let lines: Vec<String> = match made.spelling.servers {
        Servers::Mapping => own,
        Servers::OneItem if own.is_empty() => own,
        Servers::OneItem => vec![format!("- {{{}}}", own.join(", "))],
        Servers::List => own
            .into_iter()
            .chain(made.named.iter().map(ToString::to_string))
            .map(|item| format!("- {item}"))
            .collect(),
    };
    if lines.is_empty() {
        String::new()
    } else {
        format!("mcpServers:\n  {}\n", lines.join("\n  "))
    }
}

fn entry() -> impl Strategy<Value = Entry> {
    let server = || prop::sample::select(SERVERS.to_vec());
    let plain = [
        "Read",
        "Grep",
        "Edit",
        "Write",
        "Bash",
        "Monitor",
        "Agent",
        "Task",
        "TaskStop",
        "KillBash",
        "KillShell",
    ];
    let commands = [
        "git *",
        "git:*",
        "git*",
        "git status",
        "git push *",
        "git * main",
        "npm run:*",
        "rm x",
        "git push:*",
        "git status && rm x",
        "*",
    ];
    let paths = [
        ("Read", ".env"),
        ("Read", "src/**"),
        ("Edit", ".env"),
        ("Edit", "src/**"),
        ("Edit", "src/a"),
    ];
    prop_oneof![
        6 => prop::sample::select(plain.to_vec()).prop_map(Entry::Plain),
        4 => prop::sample::select(commands.to_vec()).prop_map(Entry::Command),
        2 => prop::sample::select(paths.to_vec()).prop_map(|(tool, path)| Entry::Path(tool, path)),
        2 => prop::sample::subsequence(AGENTS.to_vec(), 1..=3).prop_map(Entry::Agents),
        2 => (server(), any::<bool>()).prop_map(|(server, star)| Entry::Server(server, star)),
        3 => (server(), prop::sample::select(TOOLS.to_vec())).prop_map(|(server, tool)| Entry::Tool(server, tool)),
        1 => (server(), prop::sample::select(vec!["get_", "query", "query_"])).prop_map(|(server, prefix)| Entry::Tools(server, prefix)),
        1 => Just(Entry::EveryServer),
    ]
}

fn entries(most: usize) -> impl Strategy<Value = Vec<Entry>> {
    (prop::collection::vec(entry(), 0..most), 0..20_u8).prop_map(|(mut entries, star)| {
        entries.extend((star == 0).then_some(Entry::Star));
        entries
    })
}

fn spelling() -> impl Strategy<Value = Spelling> {
    let servers = prop_oneof![6 => Just(Servers::List), 1 => Just(Servers::Mapping), 1 => Just(Servers::OneItem)];
    (0..4_u8, any::<bool>(), servers).prop_map(|(list, hooks_apart, servers)| Spelling {
        list,
        hooks_apart,
        servers,
    })
}

fn others() -> impl Strategy<Value = Others> {
    let value = |weight, values: &[&'static str]| {
        prop::option::weighted(weight, prop::sample::select(values.to_vec()))
    };
    let name = prop::sample::select(vec!["", "", "", "", "Plan", "claude", "plan"]);
    (
        name,
        value(0.2, &["/init now", "Go.", "[x]"]),
        value(0.2, &["spy", "spy, eye", "'eye,'", "[spy]"]),
        value(0.2, &["Be quick.", "Say all."]),
        value(0.2, &["true", "false", "'false'", "no"]),
        value(0.2, &["true", "false", "'on'", "1", "0", "x"]),
        value(0.2, &["true", "'true'", "false", "yes"]),
        value(0.3, &["worktree", "remote", "elsewhere"]),
    )
        .prop_map(
            |(name, prompt, observers, message, subagents, results, omits, isolation)| Others {
                name,
                prompt,
                observers: observers.filter(|text| *text != "[spy]"),
                message,
                observes_subagents: subagents,
                observes_results: results,
                omits,
                isolation,
            },
        )
}

fn made() -> impl Strategy<Value = Made> {
    let hook = (
        prop::sample::select(vec!["Stop", "PreToolUse"]),
        prop::sample::select(vec!["", "Bash"]),
        prop::sample::select(vec!["a", "b"]),
    );
    let server = (
        prop::sample::select(vec!["own", "other"]),
        prop::sample::select(vec!["npx x@1", "npx x@2"]),
    );
    let powers = (
        prop::option::weighted(0.4, prop::sample::select(MODES.to_vec())),
        prop::collection::btree_set(hook, 0..3),
        prop::collection::vec(server, 0..3),
        prop::sample::subsequence(vec!["db", "own"], 0..=2),
        prop::option::weighted(0.25, prop::sample::select(vec!["user", "project"])),
    );
    (
        prop::option::weighted(0.85, entries(5)),
        entries(3),
        powers,
        others(),
        (
            prop::option::weighted(0.15, prop::sample::select(MODES.to_vec())),
            prop::option::weighted(0.1, prop::sample::select(vec!["db", "own"])),
        ),
        spelling(),
    )
        .prop_map(
            |(
                tools,
                denied,
                (mode, hooks, mut servers, named, memory),
                others,
                kebab,
                spelling,
            )| {
                // YAML does not allow two equal keys in one mapping.
                if spelling.servers != Servers::List {
                    servers.sort_unstable();
                    servers.dedup_by_key(|(name, _)| *name);
                }
                Made {
                    tools,
                    denied,
                    mode,
                    hooks,
                    servers,
                    named: named.into_iter().collect(),
                    memory,
                    others,
                    kebab,
                    spelling,
                }
            },
        )
}

/// A change as upstream authors make it: a little of everything.
fn pair() -> impl Strategy<Value = (Made, Made)> {
    (made(), made(), prop::collection::vec(any::<bool>(), 24)).prop_map(|(old, other, which)| {
        let mut new = old.clone();
        match (which[0], &mut new.tools, &other.tools) {
            (true, ..) if which[1] => new.tools.clone_from(&other.tools),
            (true, Some(tools), _) if which[2] => drop(tools.pop()),
            (_, Some(tools), Some(others)) => tools.extend(others.first().cloned()),
            _ => {}
        }
        match (which[3], which[4]) {
            (true, true) => new.denied.clone_from(&other.denied),
            (true, false) => drop(new.denied.pop()),
            (false, true) => new.denied.extend(other.denied.first().cloned()),
            (false, false) => {}
        }
        if which[5] && which[6] {
            new.mode = other.mode;
        }
        if which[7] {
            new.hooks = &new.hooks | &other.hooks;
        }
        match (which[8], which[11]) {
            (true, true) => {
                new.servers.clone_from(&other.servers);
                new.spelling.servers = other.spelling.servers;
            }
            (true, false) => drop(new.servers.pop()),
            (false, true) if new.servers.len() < 2 => new.spelling.servers = other.spelling.servers,
            _ => {}
        }
        if which[12] {
            new.named.clone_from(&other.named);
        }
        if which[9] && which[10] {
            new.memory = other.memory;
        }
        let mut take = which[13..].iter();
        let mut is_taken = || take.next() == Some(&true);
        if is_taken() {
            new.others = other.others;
        } else {
            let (ours, theirs) = (&mut new.others, other.others);
            for (mine, his) in [
                (&mut ours.prompt, theirs.prompt),
                (&mut ours.observers, theirs.observers),
                (&mut ours.message, theirs.message),
                (&mut ours.observes_subagents, theirs.observes_subagents),
                (&mut ours.observes_results, theirs.observes_results),
                (&mut ours.omits, theirs.omits),
                (&mut ours.isolation, theirs.isolation),
            ] {
                if is_taken() {
                    *mine = his;
                }
            }
        }
        if is_taken() {
            new.kebab = other.kebab;
        }
        new.spelling.list = other.spelling.list;
        new.spelling.hooks_apart = other.spelling.hooks_apart;
        (old, new)
    })
}

fn gains(old: &Made, new: &Made) -> Vec<Gain> {
    Capabilities::of(text(new).as_bytes()).gains_over(&Capabilities::of(text(old).as_bytes()))
}

fn cases() -> u32 {
    std::env::var("AGENTPKG_LAW_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(30_000)
}

fn judge(old: &Made, new: &Made, reading: u8) -> Result<(), TestCaseError> {
    let gains = gains(old, new);
    let shown: Vec<String> = gains.iter().map(ToString::to_string).collect();
    for action in ACTIONS.iter().copied() {
        if may(new, action, reading) && !may(old, action, reading) {
            prop_assert!(
                shown.iter().any(|gain| names(gain, action)),
                "{action:?} is new, shown is {shown:?}, reading {reading:b}\n{}{}",
                text(old),
                text(new)
            );
        }
    }
    let is_wider = freedoms(new.mode)
        .iter()
        .any(|freedom| !freedoms(old.mode).contains(freedom));
    prop_assert_eq!(
        shown.iter().any(|gain| gain == "permissionMode"),
        is_wider,
        "{:?} -> {:?}",
        old.mode,
        new.mode
    );
    for gain in &gains {
        prop_assert!(
            gain.is_allowed(&[gain.word()]),
            "{gain} is not allowed by {}",
            gain.word()
        );
    }
    Ok(())
}

// The cases are divided between two tests, so that both run at the same time.
proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases().div_ceil(2)) })]

    #[test]
    fn no_widening_goes_unshown((old, new) in pair(), reading in 0..READINGS) {
        judge(&old, &new, reading)?;
    }

    #[test]
    fn no_widening_goes_unshown_either((old, new) in pair(), reading in 0..READINGS) {
        judge(&old, &new, reading)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_000_000) })]

    #[test]
    #[ignore = "takes half an hour"]
    fn no_widening_goes_unshown_in_a_million_pairs((old, new) in pair(), reading in 0..READINGS) {
        judge(&old, &new, reading)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases() / 4) })]

    #[test]
    fn what_only_takes_away_shows_nothing(
        old in made(), which in prop::collection::vec(any::<bool>(), 8), spelling in spelling(), more in entries(3),
    ) {
        let mut old = old;
        // One entry for each name, in the documented layout.
        old.servers.sort_unstable();
        old.servers.dedup_by_key(|(name, _)| *name);
        old.named.retain(|name| old.servers.iter().all(|(other, _)| other != name));
        old.spelling.servers = Servers::List;
        old.kebab.0 = None;
        let mut which = which.into_iter().cycle();
        let mut keep = || which.next().unwrap_or(true);
        let mut new = Made { spelling: Spelling { servers: Servers::List, ..spelling }, ..old.clone() };
        if let Some(tools) = &mut new.tools {
            tools.retain(|_| keep());
        }
        new.denied.extend(more);
        new.hooks.retain(|_| keep());
        new.servers.retain(|_| keep());
        new.named.retain(|_| keep());
        new.memory = new.memory.filter(|_| keep());
        new.mode = new.mode.filter(|mode| matches!(*mode, "plan" | "odd") || keep());
        new.kebab.1 = new.kebab.1.filter(|_| keep());
        new.others.prompt = new.others.prompt.filter(|_| keep());
        new.others.observers = new.others.observers.filter(|_| keep());
        new.others.message = new.others.message.filter(|_| keep());
        new.others.omits = new.others.omits.filter(|_| keep());
        prop_assert_eq!(gains(&old, &new), Vec::<Gain>::new(), "{}{}", text(&old), text(&new));
    }
}

#[test]
fn aliases_are_those_of_the_registry() {
    let data: toml::Table =
        std::str::from_utf8(agentpkg::store::builtin::read("registry.toml").unwrap())
            .unwrap()
            .parse()
            .unwrap();
    let retired = data["tools"]["retired"].as_table().unwrap();
    let known: Vec<(&str, &str)> = retired
        .iter()
        .filter(|(_, tool)| {
            tool.get("alias")
                .is_some_and(|alias| alias.as_bool() == Some(true))
        })
        .map(|(name, tool)| (name.as_str(), tool["now"].as_str().unwrap()))
        .collect();
    let mut expected = agentpkg::domain::tool_rule::ALIASES.to_vec();
    expected.sort_unstable();
    let mut known = known;
    known.sort_unstable();
    assert_eq!(known, expected);
}

/// What the model does not generate: unusual spellings, unusual layouts, files that are not read.
#[test]
fn odd_pairs_are_judged() {
    let capabilities = |fields: &str| {
        Capabilities::of(format!("---\nname: a\ndescription: d\n{fields}\n---\n").as_bytes())
    };
    let wrong = ODD_PAIRS.iter().filter_map(|(old, new, gains)| {
        let shown: Vec<String> = capabilities(new)
            .gains_over(&capabilities(old))
            .iter()
            .map(ToString::to_string)
            .collect();
        (shown != *gains).then(|| format!("{old:?} -> {new:?}: shown is {shown:?}, not {gains:?}"))
    });
    assert_eq!(wrong.collect::<Vec<_>>(), Vec::<String>::new());
    // The client reads frontmatter that is too large for us.
    let large = format!("tools: Bash\n# {}", "x".repeat(1 << 16));
    assert_eq!(
        capabilities(&large)
            .gains_over(&capabilities("tools: Read"))
            .first(),
        Some(&Gain::EveryTool)
    );
    assert_eq!(
        capabilities("tools: Read").gains_over(&capabilities(&large)),
        [Gain::Tool("Read".to_owned())]
    );
}

/// Before, after, and what is shown.
const ODD_PAIRS: &[(&str, &str, &[&str])] = &[
    // Limits that only look alike, or reach further than they look.
    (
        "tools: Bash(git *)",
        "tools: Bash(git a && rm b)",
        &["Bash(git a && rm b)"],
    ),
    (
        "tools: Bash(git *)",
        "tools: Bash(git log > x)",
        &["Bash(git log > x)"],
    ),
    (
        "tools: Bash(git *)",
        "tools: Bash(git $(x))",
        &["Bash(git $(x))"],
    ),
    ("tools: Bash(git *)", "tools: Bash(git log --all *)", &[]),
    (
        "tools: [\"Bash(git *))\"]",
        "tools: [\"Bash(git *)\"]",
        &["Bash(git *)"],
    ),
    (
        "tools: [\"Bash(git *\"]",
        "tools: [\"Bash(git *)\"]",
        &["Bash(git *)"],
    ),
    (
        "tools: [\"Bash( git *)\"]",
        "tools: [\"Bash(git *)\"]",
        &["Bash(git *)"],
    ),
    (
        "tools: ['Bash(echo \\*)']",
        "tools: Bash(echo x)",
        &["Bash(echo x)"],
    ),
    ("tools: Agent(*)", "tools: Agent", &["Agent"]),
    ("tools: Agent(a, *)", "tools: Agent(*)", &["Agent(*)"]),
    ("tools: \"Agent(a,)\"", "tools: Agent()", &["Agent()"]),
    ("tools: Agent(a, b)", "tools: Agent(b)", &[]),
    (
        "disallowedTools: mcp__db__x",
        "disallowedTools: mcp__db__x(y)",
        &["mcp__db__x"],
    ),
    ("tools: mcp__db__x(y)", "tools: mcp__db__x", &["mcp__db__x"]),
    (
        "disallowedTools: mcp__db__x",
        "disallowedTools: mcp__d*",
        &["mcp__db__x"],
    ),
    ("disallowedTools: mcp__db", "disallowedTools: mcp__*", &[]),
    // Old names: only `Task` is documented for lists of tools.
    ("tools: KillBash", "tools: TaskStop", &["TaskStop"]),
    ("tools: TaskStop", "tools: KillShell", &[]),
    (
        "disallowedTools: TaskStop",
        "disallowedTools: KillBash",
        &["TaskStop"],
    ),
    ("tools: Task(a)", "tools: Agent(a)", &[]),
    // A rule about one tool governs others, too.
    (
        "disallowedTools: Edit(src/**)\ntools: Write",
        "tools: Write",
        &["Edit(src/**)"],
    ),
    (
        "disallowedTools: Read(.env)\ntools: Grep",
        "tools: Grep",
        &["Read(.env)"],
    ),
    (
        "disallowedTools: Read(.env)\ntools: Bash",
        "tools: Bash",
        &["Read(.env)"],
    ),
    (
        "disallowedTools: Bash(rm *)\ntools: Monitor",
        "tools: Monitor",
        &["Bash(rm *)"],
    ),
    (
        "disallowedTools: Edit(src/**)\ntools: Read",
        "tools: Read",
        &[],
    ),
    ("disallowedTools: Edit\ntools: Write", "tools: Write", &[]),
    (
        "disallowedTools: Read(.env)\ntools: Read",
        "disallowedTools: Read\ntools: Read",
        &[],
    ),
    (
        "disallowedTools: Read(.env)\ntools: Read, Grep",
        "disallowedTools: Read\ntools: Read, Grep",
        &["Read(.env)"],
    ),
    (
        "disallowedTools: \"Web*\"\ntools: WebFetch",
        "tools: WebFetch",
        &["Web*"],
    ),
    (
        "disallowedTools: mcp__*__query\ntools: mcp__db__query",
        "tools: mcp__db__query",
        &["mcp__*__query"],
    ),
    ("disallowedTools: Bash", "disallowedTools: \"*\"", &["Bash"]),
    (
        "disallowedTools: Bash(git *)\ntools: Read",
        "disallowedTools: Bash(git *)\ntools: Read, Bash(git log)",
        &["Bash(git log)"],
    ),
    // With a memory, the agent has the tools for it.
    (
        "memory: user\ndisallowedTools: Write\ntools: Grep",
        "memory: user\ntools: Grep",
        &["Write"],
    ),
    ("memory: \" user\"", "memory: user", &["memory"]),
    ("", "memory: \" user\"", &["memory"]),
    ("memory: odd", "memory: user", &["memory"]),
    ("memory: user", "memory: odd", &[]),
    // Lists that we may read differently from the client.
    ("x: @y\ntools: *z", "", &["every tool"]),
    ("x: @y\ntools: *z", "tools: Read", &["Read"]),
    ("x: @y\ntools: *z", "x: @y\ntools: *z", &[]),
    (
        "x: @y\ndisallowedTools: [Edit, *z]",
        "",
        &["disallowedTools"],
    ),
    (
        "x: @y\ndisallowedTools: [Edit, *z]",
        "x: @y\ndisallowedTools: [Edit, *z]",
        &[],
    ),
    // Modes.
    (
        "permissionMode: bypassPermissions",
        "permissionMode: acceptEdits",
        &[],
    ),
    ("permissionMode: auto", "permissionMode: acceptEdits", &[]),
    (
        "permissionMode: dontAsk",
        "permissionMode: acceptEdits",
        &["permissionMode"],
    ),
    ("permissionMode: odd", "", &["permissionMode"]),
    ("permissionMode: \"plan \"", "", &["permissionMode"]),
    // Servers in layouts that the client may drop.
    (
        "mcpServers: {a: {command: x}}",
        "mcpServers: [{a: {command: x}}]",
        &["mcpServers"],
    ),
    (
        "mcpServers: {a: {command: x}, b: {command: y}}",
        "mcpServers: {a: {command: x}}",
        &[],
    ),
    (
        "mcpServers: [{a: {command: x}, b: {command: y}}]",
        "mcpServers: [{a: {command: x}}, {b: {command: y}}]",
        &["mcpServers"],
    ),
    (
        "mcpServers: [{a: null}]",
        "mcpServers: [a]",
        &["mcpServers"],
    ),
    (
        "mcpServers: [{a: {command: x}}, {a: {command: y}}]",
        "mcpServers: [{a: {command: x}}]",
        &["mcpServers"],
    ),
    ("mcpServers: [{a: {command: x}}, b]", "mcpServers: [b]", &[]),
    ("mcpServers: a", "mcpServers: [a]", &["mcpServers"]),
    (
        "hooks: {Stop: [{hooks: [{type: command, command: x}]}]}",
        "hooks: {Stop: []}",
        &[],
    ),
];

mod asked {
    use crate::support::sandbox::Sandbox;

    fn agent(name: &str, fields: &str) -> String {
        format!("---\nname: {name}\ndescription: Does things\ntools: Read\n{fields}---\n\nBody.\n")
    }

    fn with(name: &str, fields: &str) -> Sandbox {
        let sandbox = Sandbox::new();
        sandbox.write("up/agents/one.md", agent(name, fields));
        sandbox
    }

    #[test]
    fn a_first_install_asks_about_power_over_the_session_in_any_spelling() {
        for (name, fields, word) in [
            (
                "a",
                "permission-mode: bypassPermissions\n",
                "permissionMode",
            ),
            ("a", "mcp_servers: [{x: {command: evil}}]\n", "mcpServers"),
            (
                "a",
                "Hooks: {Stop: [{hooks: [{type: command, command: x}]}]}\n",
                "hooks",
            ),
            ("Plan", "", "shadow"),
        ] {
            let sandbox = with(name, fields);
            let refused = sandbox.run(&["install", "../up", "--all", "--json"]);
            assert_eq!(refused.code, 4, "{fields}: {}", refused.all());
            assert!(
                refused.all().contains(&format!("--allow {word}")),
                "{}",
                refused.all()
            );
            assert!(
                !sandbox
                    .project(&format!(".claude/agents/{name}.md"))
                    .exists()
            );
            let dry = sandbox.run(&["install", "../up", "--all", "--dry-run", "--json"]);
            let dry = dry.code(0).json();
            assert_eq!(dry["asks"][0]["allow"], word, "{dry}");
            let done = sandbox.run(&["install", "../up", "--all", "--allow", word, "--json"]);
            let done = done.code(0).json();
            assert_eq!(done["agents"][0]["allowed"][0], word, "{done}");
            // What was agreed to is not asked about again.
            std::fs::remove_file(sandbox.project(&format!(".claude/agents/{name}.md"))).unwrap();
            let _ = sandbox.run(&["install", "--locked"]).code(0);
        }
        let sandbox = with("a", "");
        let renamed = sandbox.run(&["install", "../up#a", "--as", "Explore"]);
        assert_eq!(renamed.code, 4, "{}", renamed.all());
        assert!(
            renamed
                .all()
                .contains("runs in place of Claude Code's own agent Explore")
        );
    }

    #[test]
    fn the_other_fields_are_shown_at_first_and_asked_about_when_they_are_gained() {
        let fields = [
            ("initialPrompt", "initialPrompt: /init\n"),
            ("observer", "observer: spy\n"),
            ("observerMessage", "observerMessage: Say all.\n"),
            ("omitClaudeMd", "omitClaudeMd: true\n"),
            ("isolation", "isolation: remote\n"),
            ("memory", "memory: user\n"),
        ];
        let all: String = fields.iter().map(|(_, line)| *line).collect();
        let sandbox = with("a", &all);
        let shown = sandbox.run(&["install", "../up#a"]).code(0).all();
        let json = sandbox.run(&["info", "a", "--json"]).code(0).json();
        let powers: Vec<&str> = json["powers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|power| power["what"].as_str().unwrap())
            .collect();
        for (field, _) in fields {
            assert!(shown.contains(&format!("+ {field}  ")), "{shown}");
            assert!(powers.contains(&field), "{powers:?}");
        }
        for (field, line) in fields {
            let sandbox = with("a", "");
            let _ = sandbox.run(&["install", "../up#a"]).code(0);
            sandbox.write("up/agents/one.md", agent("a", line));
            let refused = sandbox.run(&["update", "--no-input"]);
            assert_eq!(refused.code, 4, "{}", refused.all());
            assert!(
                refused.all().contains(&format!("--allow {field}")),
                "{}",
                refused.all()
            );
            let _ = sandbox.run(&["update", "--allow", field]).code(0);
        }
    }
}
