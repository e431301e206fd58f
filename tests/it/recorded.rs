//! The recorded sessions of `docs/update-session.md` and `docs/requirements.md` show what the program shows in a terminal: every command of
//! their `text` blocks is run, with the keys that the pages name, and the screen is compared.
//!
//! The agents and registries are created here, with commits that never change. Of the lists of answers, a page shows only those that matter
//! for the session; the others are replaced by the answer. Only on Linux, because a page uses a `sed` that edits in place.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::support::repo::{RepoBuilder, hermetic_git};
use crate::support::sandbox::Sandbox;
use crate::support::terminal::Terminal;

/// The `text` blocks of a page, one after the other.
fn blocks(page: &str) -> Vec<String> {
    let page = fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("docs")
            .join(page),
    )
    .unwrap();
    let parts = page.split("\n```");
    parts
        .filter_map(|part| part.strip_prefix("text\n"))
        .map(|block| format!("{block}\n"))
        .collect()
}

/// Compares with a block; after an intended change, the output can be copied into the page.
#[track_caller]
fn compare(shown: &str, block: Option<&String>) {
    let page = block.map_or("", String::as_str);
    let first = page
        .lines()
        .zip(shown.lines())
        .find(|(page, shown)| page != shown);
    assert!(
        page == shown,
        "the page says otherwise, first here: {first:?}\n--- shown\n{shown}"
    );
}

/// The program in a terminal of the sandbox.
fn start(sandbox: &Sandbox, arguments: &str) -> Terminal {
    let bin = sandbox.path().join("bin");
    let path = std::env::split_paths(&std::env::var_os("PATH").unwrap()).collect::<Vec<_>>();
    let path = std::env::join_paths([vec![bin.clone()], path].concat()).unwrap();
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    Terminal::start(
        sandbox,
        &arguments,
        &[("PATH", path), ("VISUAL", bin.join("editor").into())],
    )
}

/// A whole command that asks nothing, with its line.
fn run(sandbox: &Sandbox, arguments: &str) -> String {
    format!(
        "$ agentpkg {arguments}\n{}",
        start(sandbox, arguments).end()
    )
}

fn executable(sandbox: &Sandbox, path: &str, text: &str) {
    sandbox.write(path, text);
    fs::set_permissions(sandbox.path().join(path), PermissionsExt::from_mode(0o755)).unwrap();
}

/// Three agents of a git registry, each with an edit; upstream has changed them too.
fn conflicts() -> Option<Sandbox> {
    let sandbox = Sandbox::new();
    hermetic_git(&sandbox.path().join("home"))?;
    let designer = |name: &str| {
        format!(
            "---\nname: {name}\ndescription: Designs what others build on\ntools: Read, Write\nmodel: sonnet\n---\n\n# Design\n\nYou design APIs.\n\n## Responsibilities\n- design endpoints\n- review schemas\n- write migrations\n\n## Rules\n- ask first\n"
        )
    };
    let reviewer = "---\nname: reviewer\ndescription: Reviews code\ntools: Read\nmodel: sonnet\n---\n\nYou review code.\n\n- read it all\n- be kind\n";
    let mut upstream = RepoBuilder::bare(&sandbox.path().join("team.git"));
    for name in ["backend", "designer"] {
        upstream.file(&format!("agents/{name}.md"), designer(name));
    }
    let _ = upstream
        .file("agents/reviewer.md", reviewer)
        .commit("first");
    let _ = sandbox
        .run(&["registry", "add", upstream.url().as_str(), "--name", "team"])
        .code(0);
    let _ = sandbox
        .run(&["install", "team/backend", "team/designer", "team/reviewer"])
        .code(0);
    for name in ["backend", "designer"] {
        let mine = designer(name)
            .replace("sonnet", "haiku")
            .replace("review schemas", "review schemas twice");
        sandbox.write(&format!("project/.claude/agents/{name}.md"), mine);
        let theirs = designer(name)
            .replace("sonnet", "opus")
            .replace("design endpoints", "design endpoints and events");
        upstream.file(&format!("agents/{name}.md"), theirs);
    }
    sandbox.write(
        "project/.claude/agents/reviewer.md",
        reviewer.replace("be kind", "be kind, always"),
    );
    let theirs = reviewer
        .replace("read it all", "read it all, slowly")
        .replace("be kind", "be polite");
    let _ = upstream.file("agents/reviewer.md", theirs).commit("second");
    executable(
        &sandbox,
        "bin/editor",
        "#!/bin/sh\necho '- be kind and polite, always' >\"$1\"\n",
    );
    Some(sandbox)
}

#[test]
fn the_session_of_an_update_is_true() {
    let Some(sandbox) = conflicts() else { return };
    let page = blocks("update-session.md");

    let mut terminal = start(&sandbox, "update");
    terminal.wait_for("  stop");
    let asked = terminal.screen();
    compare(&format!("$ agentpkg update\n{asked}"), page.first());

    terminal.choose("always keep my model");
    terminal.choose("edit");
    terminal.choose("show the changes");
    terminal.choose("write 3 agents");
    let above = asked.split("Your choice ").next().unwrap();
    let shown = terminal.end();
    compare(
        shown
            .strip_prefix(above)
            .unwrap_or_else(|| panic!("{shown}")),
        page.get(1),
    );

    let mut shown = run(&sandbox, "undo") + &run(&sandbox, "update --conflicts=markers");
    let sed = "sed -i '/^<<<<<<</d; /^|||||||/,/^>>>>>>>/d' .agentpkg/conflicts/*.md";
    assert!(
        Command::new("sh")
            .args(["-c", sed])
            .current_dir(sandbox.project(""))
            .status()
            .unwrap()
            .success()
    );
    shown += &format!(
        "$ {sed}\n{}{}",
        run(&sandbox, "resolve --continue"),
        run(&sandbox, "status")
    );
    compare(&shown, page.get(2));

    // Once more, but this time nothing is decided. The edited files would prevent being asked again.
    let _ = sandbox.run(&["undo"]).code(0);
    assert!(
        sandbox
            .run(&["update"])
            .code(3)
            .stderr
            .contains("3 unfinished resolutions would be overwritten")
    );
    let _ = sandbox.run(&["resolve", "--abort"]).code(0);
    let before = sandbox.files();
    let mut terminal = start(&sandbox, "update");
    terminal.wait_for("  stop");
    terminal.press("\u{3}");
    // There may or may not be an empty line: the question and the signal handler both report it, and the quicker one is shown.
    let shown = terminal.end().replace("\n\nerror:", "\nerror:");
    compare(
        &shown[shown
            .find("Your choice (")
            .unwrap_or_else(|| panic!("{shown}"))..],
        page.get(3),
    );
    assert!(sandbox.files() == before, "nothing was written");
}

/// An agent with many tools, in a project that has one server.
fn needs() -> Sandbox {
    let sandbox = Sandbox::new();
    let servers = [
        ("context7", "resolve-library-id get-library-docs"),
        ("ide", "getDiagnostics executeCode"),
        ("ledger-eu", "list_accounts run_query"),
        (
            "playwright",
            "browser_click browser_install browser_navigate browser_navigate_forward browser_snapshot browser_tab_close browser_tab_list browser_tab_new browser_tab_select browser_type",
        ),
        ("sequentialthinking", "sequentialthinking_tools"),
        ("supabase-payments", "execute_sql"),
        ("warehouse-eu", "ask describe"),
    ];
    let mut tools = String::from("Glob, Grep, LS, Read, WebFetch, TodoWrite, BashOutput, KillBash");
    for (server, names) in servers {
        for name in names.split(' ') {
            tools.push_str(&format!(", mcp__{server}__{name}"));
        }
    }
    let agent = format!(
        "---\nname: payments-analyst\ndescription: Finds out why a payment failed.\nmodel: sonnet\ntools: {tools}\n---\n\nYou look for the cause.\n"
    );
    sandbox.write("agents/payments-analyst.md", agent);
    let server = "{\n  \"mcpServers\": {\n    \"supabase\": {\n      \"type\": \"http\",\n      \"url\": \"https://mcp.supabase.com/mcp\"\n    }\n  }\n}\n";
    sandbox.write("project/.mcp.json", server);
    executable(&sandbox, "bin/npx", "#!/bin/sh\n");
    sandbox
}

#[test]
fn the_session_of_an_agent_with_needs_is_true() {
    let sandbox = needs();
    let page = blocks("requirements.md");
    let command = "install ../agents/payments-analyst.md";
    let mut terminal = start(&sandbox, command);
    terminal.wait_for("  [ ] sequentialthinking");
    terminal.press(" ");
    terminal.wait_for("> [x] context7");
    terminal.press("\u{1b}[B");
    terminal.wait_for("> [ ] playwright");
    terminal.press(" ");
    terminal.wait_for("> [x] playwright");
    terminal.press("\r");
    terminal.wait_for("  > Add to .mcp.json? context7, playwright");
    for (question, answer) in [
        ("ledger-eu", "no"),
        ("supabase-payments", "to supabase"),
        ("warehouse-eu", "no"),
    ] {
        terminal.wait_for(&format!("Bind {question}"));
        terminal.choose(answer);
    }
    let shown = format!(
        "$ agentpkg {command}\n{}{}",
        terminal.end(),
        run(&sandbox, "check")
    );
    compare(&shown, page.first());
}
