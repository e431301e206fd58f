//! No widening goes unshown: old and new frontmatter are made up, and a model that shares nothing with the program says which calls
//! each allows. The model is written from the client's documentation and works on what was made up, not on text.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use agentpkg::domain::capability::Capabilities;
use proptest::prelude::*;

/// One entry of a list of tools.
#[derive(Debug, Clone, PartialEq)]
enum Entry {
    Plain(&'static str),
    Command(&'static str),
    Agents(Vec<&'static str>),
    Server(&'static str, bool),
    Tool(&'static str, &'static str),
    Tools(&'static str, &'static str),
    EveryServer,
    Star,
}

/// What a definition says.
#[derive(Debug, Clone, PartialEq)]
struct Made {
    tools: Option<Vec<Entry>>,
    denied: Vec<Entry>,
    mode: Option<&'static str>,
    hooks: BTreeSet<(&'static str, &'static str)>,
    servers: BTreeSet<(&'static str, &'static str)>,
    memory: Option<&'static str>,
    is_list: bool,
}

/// Something that an agent does, or that is done for it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Action {
    Use(&'static str),
    Run(&'static str),
    Start(&'static str),
    Call(&'static str, &'static str),
    Hook(&'static str, &'static str),
    Bring(&'static str, &'static str),
    Mode(&'static str),
    Remember(&'static str),
}

const COMMANDS: [&str; 8] = ["git", "git status", "git push", "git push origin", "gitk", "npm run test", "npm", "rm x"];
const AGENTS: [&str; 3] = ["one", "two", "three"];
const SERVERS: [&str; 3] = ["db", "db2", "web"];
const TOOLS: [&str; 4] = ["query", "query_all", "get_one", "get_two"];
const MODES: [&str; 6] = ["plan", "default", "acceptEdits", "auto", "dontAsk", "bypassPermissions"];

fn actions() -> Vec<Action> {
    let mut all: Vec<Action> = ["Read", "Edit", "TaskStop"].into_iter().map(Action::Use).collect();
    all.extend(COMMANDS.map(Action::Run));
    all.extend(AGENTS.map(Action::Start));
    all.extend(SERVERS.into_iter().flat_map(|server| TOOLS.map(|tool| Action::Call(server, tool))));
    all.extend(["Stop", "PreToolUse"].into_iter().flat_map(|event| ["a", "b"].map(|command| Action::Hook(event, command))));
    all.extend(["own", "other"].into_iter().flat_map(|name| ["npx x@1", "npx x@2"].map(|command| Action::Bring(name, command))));
    all.extend(MODES.map(Action::Mode));
    all.extend(["user", "project"].map(Action::Remember));
    all
}

/// Whether a pattern of commands matches. `bare`: `git *` also means `git` alone; the documentation can be read in both ways.
fn matches(pattern: &str, command: &str, bare: bool) -> bool {
    let words = |text: &str| command.strip_prefix(text).is_some_and(|rest| rest.starts_with(' '));
    if let Some(text) = pattern.strip_suffix(":*") {
        command == text || words(text)
    } else if let Some(text) = pattern.strip_suffix(" *") {
        words(text) || bare && command == text
    } else if let Some(text) = pattern.strip_suffix('*') {
        command.starts_with(text)
    } else {
        command == pattern
    }
}

fn is_about(entry: &Entry, action: Action, is_denying: bool, bare: bool) -> bool {
    match (entry, action) {
        (Entry::Star, Action::Use(_) | Action::Run(_) | Action::Start(_) | Action::Call(..)) => true,
        (Entry::Plain(name), Action::Use(used)) => *name == used || *name == "KillBash" && used == "TaskStop",
        (Entry::Plain(name), Action::Run(_)) => *name == "Bash",
        (Entry::Plain(name), Action::Start(_)) => matches!(*name, "Agent" | "Task"),
        (Entry::Command(pattern), Action::Run(command)) => matches(pattern, command, bare),
        (Entry::Agents(names), Action::Start(name)) => names.contains(&name),
        (Entry::Server(server, _), Action::Call(called, _)) => *server == called,
        (Entry::Tool(server, tool), Action::Call(called, used)) => *server == called && *tool == used,
        (Entry::Tools(server, prefix), Action::Call(called, used)) => *server == called && used.starts_with(prefix),
        // Only a list of what is denied may leave out the server.
        (Entry::EveryServer, Action::Call(..)) => is_denying,
        _ => false,
    }
}

fn may(made: &Made, action: Action, bare: bool) -> bool {
    match action {
        Action::Hook(event, command) => made.hooks.contains(&(event, command)),
        Action::Bring(name, command) => made.servers.contains(&(name, command)),
        Action::Remember(whose) => made.memory == Some(whose),
        // A mode is a power if it asks less than usual; not to plan only is one, too.
        Action::Mode("default") => made.mode != Some("plan"),
        Action::Mode("plan") => false,
        Action::Mode(mode) => made.mode == Some(mode),
        _ => {
            let is_allowed = made.tools.as_ref().is_none_or(|tools| tools.iter().any(|entry| is_about(entry, action, false, bare)));
            is_allowed && !made.denied.iter().any(|entry| is_about(entry, action, true, bare))
        }
    }
}

/// Whether what is shown names the action.
fn names(shown: &str, action: Action) -> bool {
    let is_every = shown == "every tool" || shown == "*";
    match action {
        Action::Use(name) => is_every || shown == name || shown == "KillBash" && name == "TaskStop",
        Action::Run(_) => is_every || shown.starts_with("Bash"),
        Action::Start(_) => is_every || shown.starts_with("Agent") || shown.starts_with("Task"),
        Action::Call(server, _) => is_every || shown.starts_with(&format!("mcp__{server}")) || shown == "mcp__*",
        Action::Hook(..) => shown == "hooks",
        Action::Bring(..) => shown == "mcpServers",
        Action::Mode(_) => shown == "permissionMode",
        Action::Remember(_) => shown == "memory",
    }
}

fn text(made: &Made) -> String {
    let entry = |entry: &Entry| match entry {
        Entry::Plain(name) => (*name).to_owned(),
        Entry::Command(pattern) => format!("Bash({pattern})"),
        Entry::Agents(names) => format!("Agent({})", names.join(", ")),
        Entry::Server(server, true) => format!("mcp__{server}__*"),
        Entry::Server(server, false) => format!("mcp__{server}"),
        Entry::Tool(server, tool) => format!("mcp__{server}__{tool}"),
        Entry::Tools(server, prefix) => format!("mcp__{server}__{prefix}*"),
        Entry::EveryServer => "mcp__*".to_owned(),
        Entry::Star => "*".to_owned(),
    };
    let list = |entries: &[Entry]| {
        let texts: Vec<String> = entries.iter().map(entry).collect();
        if made.is_list {
            format!("[{}]", texts.iter().map(|text| format!("\"{text}\"")).collect::<Vec<_>>().join(", "))
        } else {
            format!("\"{}\"", texts.join(", "))
        }
    };
    let mut text = "---\nname: a\ndescription: d\n".to_owned();
    if let Some(tools) = &made.tools {
        let _ = writeln!(text, "tools: {}", list(tools));
    }
    if !made.denied.is_empty() {
        let _ = writeln!(text, "disallowedTools: {}", list(&made.denied));
    }
    if let Some(mode) = made.mode {
        let _ = writeln!(text, "permissionMode: {mode}");
    }
    if let Some(memory) = made.memory {
        let _ = writeln!(text, "memory: {memory}");
    }
    if !made.hooks.is_empty() {
        text += "hooks:\n";
        for event in ["Stop", "PreToolUse"] {
            let commands: Vec<&str> = made.hooks.iter().filter(|(at, _)| *at == event).map(|(_, command)| *command).collect();
            if !commands.is_empty() {
                let hooks: Vec<String> = commands.iter().map(|command| format!("{{type: command, command: {command}}}")).collect();
                let _ = writeln!(text, "  {event}:\n    - hooks: [{}]", hooks.join(", "));
            }
        }
    }
    if !made.servers.is_empty() {
        text += "mcpServers:\n";
        for (name, command) in &made.servers {
            let (command, argument) = command.split_once(' ').unwrap();
            let _ = writeln!(text, "  - {name}: {{command: {command}, args: [{argument}]}}");
        }
    }
    text + "---\n"
}

fn entry() -> impl Strategy<Value = Entry> {
    let server = || prop::sample::select(SERVERS.to_vec());
    prop_oneof![
        5 => prop::sample::select(vec!["Read", "Edit", "Bash", "Agent", "Task", "TaskStop", "KillBash"]).prop_map(Entry::Plain),
        3 => prop::sample::select(vec!["git *", "git:*", "git*", "git status", "git push *", "npm run:*", "rm x", "git push:*"]).prop_map(Entry::Command),
        2 => prop::sample::subsequence(AGENTS.to_vec(), 1..=3).prop_map(Entry::Agents),
        2 => (server(), any::<bool>()).prop_map(|(server, star)| Entry::Server(server, star)),
        3 => (server(), prop::sample::select(TOOLS.to_vec())).prop_map(|(server, tool)| Entry::Tool(server, tool)),
        1 => (server(), prop::sample::select(vec!["get_", "query", "query_"])).prop_map(|(server, prefix)| Entry::Tools(server, prefix)),
        1 => Just(Entry::EveryServer),
    ]
}

fn made() -> impl Strategy<Value = Made> {
    let star = prop_oneof![20 => Just(false), 1 => Just(true)];
    let tools = prop::option::weighted(0.85, (prop::collection::vec(entry(), 0..5), star));
    let hooks =
        prop::collection::btree_set((prop::sample::select(vec!["Stop", "PreToolUse"]), prop::sample::select(vec!["a", "b"])), 0..3);
    // One entry for each name, as in a real file.
    let servers = prop::collection::btree_map(
        prop::sample::select(vec!["own", "other"]),
        prop::sample::select(vec!["npx x@1", "npx x@2"]),
        0..3,
    );
    let mode = prop::option::weighted(0.3, prop::sample::select(MODES.to_vec()));
    let memory = prop::option::weighted(0.2, prop::sample::select(vec!["user", "project"]));
    (tools, prop::collection::vec(entry(), 0..3), mode, hooks, servers, memory, any::<bool>()).prop_map(
        |(tools, denied, mode, hooks, servers, memory, is_list)| Made {
            tools: tools.map(|(mut tools, star)| {
                tools.extend(star.then_some(Entry::Star));
                tools
            }),
            denied,
            mode,
            hooks,
            servers: servers.into_iter().collect(),
            memory,
            is_list,
        },
    )
}

/// A change as upstreams make it: a little of this, a little of that.
fn pair() -> impl Strategy<Value = (Made, Made)> {
    (made(), made(), prop::collection::vec(any::<bool>(), 12)).prop_map(|(old, other, which)| {
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
        if which[8] {
            new.servers.clone_from(&other.servers);
        }
        if which[9] && which[10] {
            new.memory = other.memory;
        }
        new.is_list = other.is_list;
        (old, new)
    })
}

fn gains(old: &Made, new: &Made) -> Vec<String> {
    let gains = Capabilities::of(text(new).as_bytes()).gains_over(&Capabilities::of(text(old).as_bytes()));
    gains.iter().map(ToString::to_string).collect()
}

fn cases() -> u32 {
    std::env::var("AGENTPKG_LAW_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(100_000)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases()) })]

    #[test]
    fn no_widening_goes_unshown((old, new) in pair()) {
        let shown = gains(&old, &new);
        for bare in [false, true] {
            for action in actions() {
                if may(&new, action, bare) && !may(&old, action, bare) {
                    prop_assert!(shown.iter().any(|gain| names(gain, action)), "{action:?} is new, shown is {shown:?}\n{}{}", text(&old), text(&new));
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases() / 4) })]

    #[test]
    fn what_only_takes_away_shows_nothing(old in made(), which in prop::collection::vec(any::<bool>(), 8), is_list in any::<bool>()) {
        let mut which = which.into_iter().cycle();
        let mut keep = || which.next().unwrap_or(true);
        let mut new = Made { is_list, ..old.clone() };
        if let Some(tools) = &mut new.tools {
            tools.retain(|_| keep());
        }
        new.hooks.retain(|_| keep());
        new.servers.retain(|_| keep());
        new.memory = new.memory.filter(|_| keep());
        new.mode = new.mode.filter(|mode| *mode == "plan" || keep());
        prop_assert_eq!(gains(&old, &new), Vec::<String>::new(), "{}{}", text(&old), text(&new));
    }
}

#[test]
fn aliases_are_those_of_the_registry() {
    let data: toml::Table = std::str::from_utf8(agentpkg::store::builtin::read("registry.toml").unwrap()).unwrap().parse().unwrap();
    let retired = data["tools"]["retired"].as_table().unwrap();
    let known: Vec<(&str, &str)> = retired
        .iter()
        .filter(|(_, tool)| tool.get("alias").is_some_and(|alias| alias.as_bool() == Some(true)))
        .map(|(name, tool)| (name.as_str(), tool["now"].as_str().unwrap()))
        .collect();
    let mut expected = agentpkg::domain::tool_rule::ALIASES.to_vec();
    expected.sort_unstable();
    let mut known = known;
    known.sort_unstable();
    assert_eq!(known, expected);
}
