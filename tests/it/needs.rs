//! What agents need, as a user sees it: the table, the offer, `.mcp.json`, bindings, `check`.

use std::fs;

use agentpkg::env::Environment;
use agentpkg::error::Result;
use agentpkg::ops::install::{InstallOptions, Outcome, install};
use agentpkg::ops::session::{Options, Session};
use agentpkg::store::project::Project;

use crate::support::repo::{RepoBuilder, hermetic_git};
use crate::support::sandbox::{Output, Sandbox, finish};
use crate::support::script::Script;

/// Asks for servers of every kind: known, in another spelling, private, built in, archived.
const ANALYST: &str = "---\nname: analyst\ndescription: Looks things up\ntools: Read, LS, BashOutput, KillBash, search/codebase, mcp__context7__resolve-library-id, mcp__context7__get-library-docs, mcp__sequentialthinking__sequentialthinking, mcp__supabase-ours__query, mcp__ide__getDiagnostics, mcp__puppeteer__navigate, mcp__github\n---\n\nYou look things up.\n";

/// A sandbox with one agent to install, and programs that leave a trace if anything starts them.
fn scene(agent: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("upstream/agents/analyst.md", agent);
    for program in ["npx", "uvx", "docker"] {
        let path = format!("bin/{program}");
        sandbox.write(
            &path,
            format!(
                "#!/bin/sh\ntouch \"{}\"\n",
                sandbox.path().join("was-started").display()
            ),
        );
        #[cfg(unix)]
        fs::set_permissions(
            sandbox.path().join(path),
            std::os::unix::fs::PermissionsExt::from_mode(0o755),
        )
        .unwrap();
    }
    sandbox
}

fn run(sandbox: &Sandbox, arguments: &[&str]) -> Output {
    let output = finish(
        sandbox
            .command()
            .env("PATH", sandbox.path().join("bin"))
            .args(arguments),
    );
    assert!(
        !sandbox.path().join("was-started").exists(),
        "a server was started by {arguments:?}"
    );
    output
}

fn install_analyst(sandbox: &Sandbox, more: &[&str]) -> Output {
    run(
        sandbox,
        &[&["install", "../upstream#analyst"], more].concat(),
    )
}

#[test]
fn every_kind_of_server_is_told_apart() {
    let sandbox = scene(ANALYST);
    insta::assert_snapshot!(install_analyst(&sandbox, &[]).code(0).all(), @r#"
    exit 0
    --- stdout
    --- stderr
        Resolved analyst (../upstream)
       Installed .claude/agents/analyst.md
            Cost +6 tokens in each session, 6 of 15k

      may use   Read, LS, BashOutput, KillBash, search/codebase, 7 tools of 6 MCP servers
      retired   LS (use Glob), BashOutput (became TaskOutput; use Read), KillBash (use TaskStop)
      unknown   search/codebase

      server              tools  status
      context7                2  known     npx -y @upstash/context7-mcp@4.1.1
        ! no longer has get-library-docs
      github                all  known     https://api.githubcopilot.com/mcp/
        ! GITHUB_PERSONAL_ACCESS_TOKEN is not set
      ide                     1  built in  available while Claude Code is connected to VS Code or a Jet…
      puppeteer               1  archived  `playwright` took over, with other tools
      sequentialthinking      1  known     npx -y @modelcontextprotocol/server-sequential-thinking@2026…
      supabase-ours           1  unknown   map it with --bind
    warning: 5 servers are missing; `agentpkg check` shows what to do

    Try it in Claude Code: "use the analyst agent to ...".
    "#);
    assert!(
        !sandbox.project(".mcp.json").exists(),
        "nothing is added without a word"
    );
    let output = install_analyst(&sandbox, &["--mcp", "add"]).code(0);
    assert!(
        output
            .stderr
            .contains("Added context7, github, sequentialthinking to .mcp.json"),
        "{}",
        output.all()
    );
    insta::assert_snapshot!(sandbox.read(".mcp.json"), @r#"
    {
      "mcpServers": {
        "context7": {
          "type": "stdio",
          "command": "npx",
          "args": [
            "-y",
            "@upstash/context7-mcp@4.1.1"
          ],
          "env": {}
        },
        "github": {
          "type": "http",
          "url": "https://api.githubcopilot.com/mcp/",
          "headers": {
            "Authorization": "Bearer ${GITHUB_PERSONAL_ACCESS_TOKEN}"
          }
        },
        "sequentialthinking": {
          "type": "stdio",
          "command": "npx",
          "args": [
            "-y",
            "@modelcontextprotocol/server-sequential-thinking@2026.8.31"
          ],
          "env": {}
        }
      }
    }
    "#);
    let _ = run(&sandbox, &["remove", "analyst"]).code(0);
    assert!(!sandbox.project(".mcp.json").exists());
}

#[test]
fn what_others_wrote_into_the_file_stays_byte_for_byte() {
    for text in [
        "{ \"mcpServers\": { \"own\": { \"command\": \"x\", \"cwd\": 3 } }, \"other\": [1,2] }",
        "{\r\n\t\"other\": true\r\n}\r\n",
        "\u{feff}{\n    \"mcpServers\": {}\n}\n",
    ] {
        let sandbox = scene(ANALYST);
        sandbox.write("project/.mcp.json", text);
        let _ = install_analyst(&sandbox, &["--mcp", "add"]).code(0);
        let added = sandbox.read(".mcp.json");
        assert!(
            added.contains("context7-mcp@") && added.len() > text.len(),
            "{added}"
        );
        let _ = run(&sandbox, &["undo"]).code(0);
        assert_eq!(sandbox.read(".mcp.json"), text, "undone");
        let _ = install_analyst(&sandbox, &["--mcp", "add"]).code(0);
        let _ = run(&sandbox, &["remove", "analyst"]).code(0);
        assert_eq!(sandbox.read(".mcp.json"), text, "removed");
    }
}

#[test]
fn a_server_of_the_user_is_neither_overwritten_nor_removed() {
    let sandbox = scene(ANALYST);
    let own =
        "{\n  \"mcpServers\": {\n    \"context7\": {\n      \"command\": \"mine\"\n    }\n  }\n}\n";
    sandbox.write("project/.mcp.json", own);
    let output = install_analyst(&sandbox, &["--mcp", "add"]).code(0);
    assert!(
        output
            .stderr
            .contains("Added github, sequentialthinking to"),
        "{}",
        output.all()
    );
    assert!(
        output.stderr.contains("`mine` is not on PATH"),
        "{}",
        output.all()
    );
    // An entry that was changed since it was added belongs to the user.
    let changed = sandbox
        .read(".mcp.json")
        .replace("server-sequential-thinking@", "another-package@");
    sandbox.write("project/.mcp.json", &changed);
    let output = run(&sandbox, &["check"]).code(4);
    assert!(
        output
            .stdout
            .contains("sequentialthinking: was changed since you agreed to it"),
        "{}",
        output.all()
    );
    let output = run(&sandbox, &["remove", "analyst"]).code(0);
    assert!(
        output.stderr.contains("Removed github from .mcp.json")
            && output.stderr.contains("Kept sequentialthinking"),
        "{}",
        output.all()
    );
    let left = sandbox.read(".mcp.json");
    assert!(
        left.contains("\"mine\"")
            && left.contains("another-package@")
            && !left.contains("githubcopilot"),
        "{left}"
    );
}

#[test]
fn a_file_that_the_client_ignores_is_left_alone() {
    let sandbox = scene(ANALYST);
    let text = "{\n  \"mcpServers\": {\n    // local only\n  }\n}\n";
    sandbox.write("project/.mcp.json", text);
    insta::assert_snapshot!(install_analyst(&sandbox, &["--mcp", "add"]).code(1).all(), @r#"
    exit 1
    --- stdout
    --- stderr
    error: .mcp.json is not valid JSON
     --> .mcp.json:3:5
      |
    3 |     // local only
      |     ^^^^^^^^^^^^^ comments are not allowed here; Claude Code ignores the whole file

    hint: fix it, then run `agentpkg check`; the file was not changed
    "#);
    assert!(!sandbox.project(".claude").exists(), "nothing was written");
    let output = install_analyst(&sandbox, &[]).code(0);
    assert!(
        output
            .stderr
            .contains("warning: .mcp.json is not valid JSON")
            && output.stderr.contains(".mcp.json:3:5"),
        "{}",
        output.all()
    );
    let output = run(&sandbox, &["check", "--json"]).code(4);
    assert_eq!(output.json()["broken_mcp_file"]["place"]["line"], 3);
    let _ = run(&sandbox, &["remove", "analyst"]).code(0);
    assert_eq!(sandbox.read(".mcp.json"), text);
}

#[test]
fn a_binding_is_kept_through_edits_and_updates() {
    let sandbox = scene(ANALYST);
    sandbox.write(
        "project/.mcp.json",
        "{\"mcpServers\": {\"supabase\": {\"command\": \"npx\"}}}",
    );
    let output = install_analyst(&sandbox, &[]).code(0);
    assert!(
        output
            .stderr
            .contains("looks like `supabase`, which you have; --bind"),
        "{}",
        output.all()
    );
    // The user's edit and the binding are both in the file afterwards.
    let path = ".claude/agents/analyst.md";
    sandbox.write(
        &format!("project/{path}"),
        sandbox.read(path).replace("You look", "You carefully look"),
    );
    let _ = run(
        &sandbox,
        &["install", "analyst", "--bind", "supabase-ours=supabase"],
    )
    .code(0);
    let text = sandbox.read(path);
    assert!(
        text.contains("mcp__supabase__query") && text.contains("carefully"),
        "{text}"
    );
    assert!(
        sandbox
            .read("agentpkg.toml")
            .contains("bind = { supabase-ours = \"supabase\" }"),
        "{}",
        sandbox.read("agentpkg.toml")
    );
    assert!(
        sandbox
            .read("agentpkg.lock")
            .contains("adaptations = [\"bind:supabase-ours=supabase\"]")
    );
    let _ = run(&sandbox, &["install", "--locked"]).code(0);
    // Upstream changes the same line as the binding.
    sandbox.write(
        "upstream/agents/analyst.md",
        ANALYST.replace(
            "mcp__supabase-ours__query",
            "mcp__supabase-ours__query, mcp__supabase-ours__list",
        ),
    );
    let output = run(&sandbox, &["update", "--allow", "supabase"]).code(0);
    assert!(output.stderr.contains("Merged analyst"), "{}", output.all());
    let text = sandbox.read(path);
    assert!(
        text.contains("mcp__supabase__query, mcp__supabase__list") && text.contains("carefully"),
        "{text}"
    );
    // Taken out of the manifest by hand, it is gone after the next install, at the same version.
    sandbox.write(
        "project/agentpkg.toml",
        sandbox.read("agentpkg.toml").replace(
            "bind = { supabase-ours = \"supabase\" }",
            "bind = { ide = \"editor\" }",
        ),
    );
    let _ = run(&sandbox, &["install"]).code(0);
    let text = sandbox.read(path);
    assert!(
        text.contains("mcp__supabase-ours__list")
            && text.contains("mcp__editor__getDiagnostics")
            && text.contains("carefully"),
        "{text}"
    );
}

#[test]
fn bindings_that_make_no_sense_are_refused() {
    let sandbox = scene(ANALYST);
    let output = install_analyst(&sandbox, &["--bind", "supabase-theirs=supabase"]).code(1);
    assert!(
        output
            .stderr
            .contains("no server `supabase-theirs` is used by analyst")
            && output.stderr.contains("supabase-ours"),
        "{}",
        output.all()
    );
    for bind in ["a", "=b", "a=b c", "a=mcp__x", "a=b,b=c"] {
        let _ = install_analyst(&sandbox, &["--bind", bind]).code(2);
    }
    let _ = run(&sandbox, &["install", "--bind", "a=b"]).code(2);
    assert!(!sandbox.project(".claude").exists());
}

#[test]
fn servers_of_the_user_and_the_folder_above_count() {
    let sandbox = scene(ANALYST);
    sandbox
        .write("home/.claude.json", "{\"mcpServers\": {\"context7\": {\"type\": \"http\", \"url\": \"https://x.example/mcp\"}}}");
    sandbox.write(
        ".mcp.json",
        "{\"mcpServers\": {\"sequential-thinking\": {\"command\": \"npx\"}}}",
    );
    let output = install_analyst(&sandbox, &["--json"]).code(0);
    let servers = output.json()["needs"]["servers"].clone();
    let status = |name: &str| {
        let found = servers
            .as_array()
            .unwrap()
            .iter()
            .find(|server| server["name"] == name)
            .unwrap();
        format!(
            "{} {} {}",
            found["status"].as_str().unwrap(),
            found["scope"],
            found["other"]
        )
    };
    assert_eq!(status("context7"), "configured \"user\" null");
    assert_eq!(
        status("sequentialthinking"),
        "other_name null \"sequential-thinking\""
    );
    assert_eq!(status("ide"), "built_in null null");
    assert_eq!(status("puppeteer"), "archived null \"playwright\"");
    assert_eq!(status("supabase-ours"), "unknown null null");
    assert_eq!(
        output.json()["needs"]["odd_tools"]
            .as_array()
            .unwrap()
            .len(),
        4
    );
}

#[test]
fn a_registry_brings_servers_of_its_own() {
    let entry = r#"{"name": "example.team/warehouse", "description": "d", "version": "2.0.0", "packages": [{"registryType": "pypi", "identifier": "team-warehouse", "version": "2.0.0", "transport": {"type": "stdio"}, "environmentVariables": [{"name": "WAREHOUSE_TOKEN", "isRequired": true, "isSecret": true}]}]}"#;
    let sandbox = scene(
        "---\nname: analyst\ndescription: d\ntools: mcp__wh__ask, mcp__context7__query-docs\n---\n",
    );
    sandbox.write("upstream/registry.toml", "[agents.analyst]\nversion = \"1.0.0\"\nrequires = { mcp = [\"github\"], programs = [\"wh\"], env = [\"WH_HOME\"] }\n[mcp.aliases]\nwh = \"warehouse\"\n");
    sandbox.write("upstream/mcp/warehouse.json", entry);
    // A registry cannot redefine a name that the built-in one knows.
    sandbox.write(
        "upstream/mcp/context7.json",
        entry.replace("example.team/warehouse", "example.team/context7"),
    );
    sandbox.write("upstream/mcp/broken.json", "{");
    let _ = run(
        &sandbox,
        &["registry", "add", "../upstream", "--name", "team"],
    )
    .code(0);
    insta::assert_snapshot!(run(&sandbox, &["install", "team/analyst", "--mcp", "add"]).code(0).stderr, @r#"
        Resolved analyst 1.0.0 (team)
       Installed .claude/agents/analyst.md
           Added context7, github, wh to .mcp.json
            Cost +3 tokens in each session, 3 of 15k

      may use   2 tools of 2 MCP servers

      server    tools  status
      context7      1  added   npx -y @upstash/context7-mcp@4.1.1
      github      all  added   https://api.githubcopilot.com/mcp/
        ! GITHUB_PERSONAL_ACCESS_TOKEN is not set
      wh            1  added   uvx team-warehouse==2.0.0
        ! WAREHOUSE_TOKEN is not set
      program wh is not on PATH  .claude/agents/analyst.md
      variable WH_HOME is not set  .claude/agents/analyst.md

    Try it in Claude Code: "use the analyst agent to ...".
    "#);
    let file: serde_json::Value = serde_json::from_str(&sandbox.read(".mcp.json")).unwrap();
    assert_eq!(file["mcpServers"]["wh"]["args"][0], "team-warehouse==2.0.0");
    assert_eq!(
        file["mcpServers"]["wh"]["env"]["WAREHOUSE_TOKEN"],
        "${WAREHOUSE_TOKEN}"
    );
    assert_eq!(
        file["mcpServers"]["context7"]["args"][1]
            .as_str()
            .unwrap()
            .split_once("-mcp@")
            .unwrap()
            .0,
        "@upstash/context7"
    );
    // A newer entry is offered, not taken automatically.
    sandbox.write(
        "upstream/mcp/warehouse.json",
        entry.replace("2.0.0", "2.1.0"),
    );
    let output = run(&sandbox, &["check"]).code(4);
    assert!(
        output.stdout.contains("the catalogue has 2.1.0 now")
            && output.stdout.contains("agentpkg update --mcp add"),
        "{}",
        output.all()
    );
    let before = sandbox.read(".mcp.json");
    let _ = run(&sandbox, &["update"]).code(0);
    assert_eq!(sandbox.read(".mcp.json"), before);
    let output = run(&sandbox, &["update", "--mcp", "add"]).code(0);
    assert!(
        output.stderr.contains("Changed wh in .mcp.json"),
        "{}",
        output.all()
    );
    assert!(sandbox.read(".mcp.json").contains("team-warehouse==2.1.0"));
}

#[test]
fn an_update_says_what_a_new_server_is() {
    let plain = "---\nname: analyst\ndescription: d\ntools: Read\n---\n";
    let sandbox = scene(plain);
    let _ = install_analyst(&sandbox, &[]).code(0);
    sandbox.write(
        "upstream/agents/analyst.md",
        plain.replace("Read", "Read, Bash, mcp__context7__query-docs"),
    );
    insta::assert_snapshot!(run(&sandbox, &["update"]).code(4).stderr, @r"
    error: `analyst` requests new permissions; nothing was written
      analyst: + Bash  can run any command
      analyst: + server context7  not configured; would run npx -y @upstash/context7-mcp@4.1.1
      analyst: + mcp__context7__query-docs  of the MCP server context7

    hint: if that is meant: `agentpkg update --allow Bash,mcp__context7`
    ");
    let output = run(
        &sandbox,
        &["update", "--allow", "Bash,context7", "--mcp", "add"],
    )
    .code(0);
    insta::assert_snapshot!(output.stderr, @r#"
         Checked 1 source
         Updated analyst
                 + Bash  can run any command
                 + mcp__context7__query-docs  of the MCP server context7
           Added context7 to .mcp.json

      server    tools  status
      context7      1  added   npx -y @upstash/context7-mcp@4.1.1
    Undo with `agentpkg undo`.
    "#);
    assert!(sandbox.read(".mcp.json").contains("@upstash/context7-mcp@"));
    insta::assert_snapshot!(run(&sandbox, &["update"]).code(0).stderr, @r#"
    Checked 1 source
       Kept analyst  up to date
    "#);
}

#[test]
fn check_finds_what_is_wrong_and_says_how_to_fix_it() {
    let sandbox = scene(
        "---\nname: analyst\ndescription: d\ntools: Read, LS, Agent(helper), mcp__github, mcp__serena__x\nskills: [notes]\n---\n",
    );
    let _ = run(&sandbox, &["check"]).code(0);
    let _ = install_analyst(&sandbox, &["--mcp", "add"]).code(0);
    fs::remove_file(sandbox.path().join("bin/uvx")).unwrap();
    sandbox.write(
        "project/.claude/agents/mine.md",
        "---\nname: mine\ndescription: d\ntools: mcp__nobody__x\n---\n",
    );
    insta::assert_snapshot!(run(&sandbox, &["check"]).code(4).all(), @r#"
    exit 4
    --- stdout
        error  github: GITHUB_PERSONAL_ACCESS_TOKEN is not set
               .claude/agents/analyst.md:4
               export GITHUB_PERSONAL_ACCESS_TOKEN=…

        error  nobody: is not configured, and not known; a private server?
               .claude/agents/mine.md:4
               edit .claude/agents/mine.md:4

        error  serena: `uvx` is not on PATH
               .claude/agents/analyst.md:4
               install uv: https://docs.astral.sh/uv

      warning  helper: may be started, but is not installed
               .claude/agents/analyst.md:4
               agentpkg install helper

      warning  notes: is a skill that is not installed
               .claude/agents/analyst.md:5
               put it at .claude/skills/notes/SKILL.md

         note  analyst: names tools that Claude Code does not have: LS (now Glob)
               .claude/agents/analyst.md:4
               agentpkg set analyst modernise=true
    --- stderr
    1 file is unmanaged; `agentpkg adopt --all --dry-run` finds out where it is from.
    error: the agents of this project have 3 errors and 2 warnings
    "#);
    let path = "project/.claude/agents/analyst.md";
    sandbox.write(
        path,
        fs::read_to_string(sandbox.path().join(path))
            .unwrap()
            .replace("mcp__serena__x", "Bash"),
    );
    let json = run(&sandbox, &["check", "--json"]).code(4).json();
    let kinds: Vec<String> = json["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| {
            format!(
                "{} {} {}",
                finding["level"].as_str().unwrap(),
                finding["kind"].as_str().unwrap(),
                finding["subject"].as_str().unwrap()
            )
        })
        .collect();
    insta::assert_snapshot!(kinds.join("\n"), @r#"
    error unset-variable github
    error missing-server nobody
    warning widened analyst
    warning missing-agent helper
    warning missing-skill notes
    warning unused-server serena
    note odd-tools analyst
    "#);
    let output = run(&sandbox, &["check", "--fix"]).code(4);
    assert!(
        output.stderr.contains("Removed serena from .mcp.json"),
        "{}",
        output.all()
    );
    assert!(!sandbox.read(".mcp.json").contains("serena"));
    fs::remove_file(sandbox.project(".claude/agents/mine.md")).unwrap();
    let output = finish(
        sandbox
            .command()
            .env("PATH", sandbox.path().join("bin"))
            .env("GITHUB_PERSONAL_ACCESS_TOKEN", "x")
            .args(["check"]),
    );
    let _ = output.code(0);
    let output = finish(
        sandbox
            .command()
            .env("PATH", sandbox.path().join("bin"))
            .env("GITHUB_PERSONAL_ACCESS_TOKEN", "x")
            .args(["check", "--strict"]),
    );
    let _ = output.code(4);
    let output = run(&sandbox, &["check", "--project-only"]).code(0);
    assert!(!output.stdout.contains("GITHUB"), "{}", output.all());
}

#[test]
fn the_users_own_servers_are_only_the_clients_to_write() {
    let sandbox = scene(ANALYST);
    sandbox.write(
        "home/.claude.json",
        "{\"mcpServers\": {}, \"numStartups\": 7}",
    );
    let before = fs::read(sandbox.path().join("home/.claude.json")).unwrap();
    let output = run(
        &sandbox,
        &["--user", "install", "../upstream#analyst", "--mcp", "add"],
    )
    .code(2);
    assert!(
        output
            .stderr
            .contains("claude mcp add-json --scope user context7"),
        "{}",
        output.all()
    );
    let _ = run(&sandbox, &["--user", "install", "../upstream#analyst"]).code(0);
    assert_eq!(
        fs::read(sandbox.path().join("home/.claude.json")).unwrap(),
        before
    );
    assert!(!sandbox.project(".mcp.json").exists());
}

fn session(sandbox: &Sandbox) -> Session {
    let root = fs::canonicalize(sandbox.project("")).unwrap();
    let environment = Environment::within(root.clone(), &sandbox.path().join("home"));
    Session::new(
        Project::at(&root, &environment).unwrap(),
        environment,
        Options {
            is_offline: true,
            ..Options::default()
        },
    )
}

fn ask(sandbox: &Sandbox, script: &mut Script) -> Result<Outcome> {
    let specs = vec![sandbox.path().join("upstream").display().to_string() + "#analyst"];
    install(
        &session(sandbox),
        &InstallOptions {
            specs,
            ..InstallOptions::default()
        },
        script,
    )
}

#[test]
fn a_terminal_is_asked_about_each_server() {
    let sandbox = scene(ANALYST);
    let mut script = Script::new(&["context7 sequentialthinking", "to context7"]);
    let outcome = ask(&sandbox, &mut script).unwrap();
    insta::assert_snapshot!(script.asked.join("\n"), @r#"
    offer context7: npx -y @upstash/context7-mcp@4.1.1 [io.github.upstash/context7 4.1.1 (builtin)]
    offer github: https://api.githubcopilot.com/mcp/, reads GITHUB_PERSONAL_ACCESS_TOKEN [io.github.github/github-mcp-server 1.0.0 (builtin)]
    offer sequentialthinking: npx -y @modelcontextprotocol/server-sequential-thinking@2026.8.31 [io.github.modelcontextprotocol/server-sequential-thinking 2026.8.31 (builtin)]
    Add to .mcp.json?
    Bind supabase-ours?
    "#);
    assert_eq!(outcome.needs.unwrap().bound.len(), 1);
    let text = sandbox.read(".claude/agents/analyst.md");
    assert!(
        text.contains("mcp__context7__query") && !text.contains("supabase-ours"),
        "{text}"
    );
    assert!(
        sandbox
            .read("agentpkg.toml")
            .contains("bind = { supabase-ours = \"context7\" }")
    );
    let file: serde_json::Value = serde_json::from_str(&sandbox.read(".mcp.json")).unwrap();
    assert_eq!(file["mcpServers"].as_object().unwrap().len(), 2);
    let before = sandbox.files();
    // The second time everything is fine; what is still missing is offered again, and can be left out.
    let mut script = Script::new(&[""]);
    let _ = ask(&sandbox, &mut script).unwrap();
    assert_eq!(sandbox.files(), before);
}

#[test]
fn whoever_chooses_nothing_gets_nothing() {
    let sandbox = scene(ANALYST);
    let mut script = Script::new(&[""]);
    let _ = ask(&sandbox, &mut script).unwrap();
    assert!(!sandbox.project(".mcp.json").exists());
    assert!(
        sandbox
            .read(".claude/agents/analyst.md")
            .contains("supabase-ours")
    );
}

#[test]
fn a_registry_in_git_brings_its_servers_too() {
    let sandbox = scene(ANALYST);
    if hermetic_git(&sandbox.path().join("home")).is_none() {
        return;
    }
    let entry = r#"{"name": "example.team/warehouse", "description": "d", "version": "1.0.0", "remotes": [{"type": "streamable-http", "url": "https://mcp.example.com/wh"}]}"#;
    let mut repo = RepoBuilder::bare(&sandbox.path().join("team.git"));
    repo.file(
        "registry.toml",
        "name = \"team\"\n[agents.asker]\nversion = \"1.0.0\"\n",
    )
    .file("mcp/warehouse.json", entry)
    .file(
        "agents/asker.md",
        "---\nname: asker\ndescription: d\ntools: mcp__warehouse__ask\n---\n",
    );
    let _ = repo.commit("first");
    let _ = sandbox
        .run(&["registry", "add", repo.url().as_str(), "--name", "team"])
        .code(0);
    // First from what was just fetched, then from the index in the cache.
    for _ in 0..2 {
        let output = sandbox
            .run(&["install", "team/asker", "--mcp", "add"])
            .code(0);
        assert!(
            output.stderr.contains("Added warehouse to .mcp.json"),
            "{}",
            output.all()
        );
        assert!(
            sandbox
                .read(".mcp.json")
                .contains("https://mcp.example.com/wh")
        );
        let _ = sandbox.run(&["remove", "asker"]).code(0);
        assert!(!sandbox.project(".mcp.json").exists());
    }
}

#[test]
fn a_person_in_an_empty_folder_picks_from_what_there_is() {
    let sandbox = Sandbox::new();
    let mut script = Script::new(&["builtin/debugger"]);
    let outcome = install(&session(&sandbox), &InstallOptions::default(), &mut script).unwrap();
    assert_eq!(
        (outcome.agents[0].name.as_str(), script.asked.as_slice()),
        ("debugger", &["Which agents?".to_owned()][..])
    );
    let sandbox = Sandbox::new();
    let mut script = Script::new(&["none of them"]);
    let outcome = install(&session(&sandbox), &InstallOptions::default(), &mut script).unwrap();
    assert!(outcome.agents.is_empty() && sandbox.files().is_empty());
    // A registry is not an agent.
    let sandbox = Sandbox::new();
    sandbox.write(
        "upstream/agents/planner.md",
        "---\nname: planner\ndescription: Plans\ntools: Read\n---\n",
    );
    let _ = sandbox
        .run(&["registry", "add", "../upstream", "--name", "studio"])
        .code(0);
    let mut script = Script::new(&["studio/planner"]);
    let outcome = install(&session(&sandbox), &InstallOptions::default(), &mut script).unwrap();
    assert_eq!(outcome.agents[0].name.as_str(), "planner");
}

#[test]
fn a_server_that_the_settings_keep_out_is_not_simply_configured() {
    let sandbox = scene(
        "---\nname: analyst\ndescription: d\ntools: mcp__context7__query-docs, mcp__db__ask, mcp__fetch__fetch\n---\n",
    );
    let servers = "{\"mcpServers\": {\"context7\": {\"command\": \"npx\"}, \"db\": {\"command\": \"missing-program\"}}}";
    sandbox.write("project/.mcp.json", servers);
    sandbox.write(
        "project/.claude/settings.local.json",
        "{\"disabledMcpjsonServers\": [\"context7\"]}",
    );
    sandbox.write(
        "project/.claude/settings.json",
        "{\"deniedMcpServers\": [{\"serverCommand\": [\"missing-program\"]}]}",
    );
    sandbox.write(
        "home/.claude/settings.json",
        "{\"deniedMcpServers\": [{\"serverName\": \"fetch\"}], \"allowedMcpServers\": \"all\"}",
    );
    let output = install_analyst(&sandbox, &["--mcp", "add"]).code(0);
    insta::assert_snapshot!(output.stderr, @r#"
    warning: `allowedMcpServers` in ~/.claude/settings.json is not a list; it is ignored
        Resolved analyst (../upstream)
       Installed .claude/agents/analyst.md
            Cost +3 tokens in each session, 3 of 15k

      may use   3 tools of 3 MCP servers

      server    tools  status
      context7      1  disabled  disabled in .claude/settings.local.json; configured in .mcp.json
      db            1  disabled  denied in .claude/settings.json; configured in .mcp.json
      fetch         1  known     uvx mcp-server-fetch==2026.10.24
        ! if it were added, it would be denied in ~/.claude/settings.json
    warning: 1 server is missing; `agentpkg check` shows what to do
    warning: 2 servers are disabled; `agentpkg check` shows what to do

    Try it in Claude Code: "use the analyst agent to ...".
    "#);
    assert_eq!(
        sandbox.read(".mcp.json"),
        servers,
        "what would not start is not added"
    );
    insta::assert_snapshot!(run(&sandbox, &["check"]).code(4).stdout, @r#"
    error  context7: is configured in .mcp.json, but disabled in .claude/settings.local.json
           .claude/agents/analyst.md:4
           take it out of `disabledMcpjsonServers` in .claude/settings.local.json

    error  db: is configured in .mcp.json, but denied in .claude/settings.json
           .claude/agents/analyst.md:4
           change `deniedMcpServers` in .claude/settings.json

    error  fetch: is not configured; known: uvx mcp-server-fetch==2026.10.24; if it were added, it would be denied in ~/.claude/settings.json
           .claude/agents/analyst.md:4
           change `deniedMcpServers` in ~/.claude/settings.json
    "#);
    insta::assert_snapshot!(run(&sandbox, &["status"]).code(0).all(), @r#"
    exit 0
    --- stdout
    analyst		clean		
    --- stderr
    warning: `allowedMcpServers` in ~/.claude/settings.json is not a list; it is ignored
      1 server missing: fetch  `agentpkg check`
      2 servers disabled: context7, db  `agentpkg check`
    "#);
    let output = run(&sandbox, &["info", "analyst"]).code(0);
    let says = "context7      1  disabled  disabled in .claude/settings.local.json; configured in .mcp.json";
    assert!(output.stdout.contains(says), "{}", output.all());
    let output = run(&sandbox, &["check", "--project-only"]).code(4);
    assert!(
        !output.stdout.contains("context7") && output.stdout.contains("db: is configured"),
        "{}",
        output.all()
    );
    let json = run(&sandbox, &["check", "--json"]).code(4).json();
    assert_eq!(json["servers"][0]["status"], "disabled");
    assert_eq!(
        json["servers"][0]["disabled"],
        "disabled in .claude/settings.local.json"
    );
    assert_eq!(
        (
            &json["servers"][0]["missing"],
            &json["servers"][2]["disabled"]
        ),
        (&false.into(), &serde_json::Value::Null)
    );
}

#[test]
fn what_manages_the_machine_is_said_by_name() {
    let sandbox = scene(
        "---\nname: analyst\ndescription: d\ntools: mcp__context7__query-docs, mcp__search__find\n---\n",
    );
    sandbox.write(
        "project/.mcp.json",
        "{\"mcpServers\": {\"context7\": {\"command\": \"npx\"}}}",
    );
    sandbox.write(
        "managed/managed-mcp.json",
        "{\"mcpServers\": {\"search\": {\"command\": \"npx\"}}}",
    );
    let before = fs::read(sandbox.path().join("managed/managed-mcp.json")).unwrap();
    let plain = |text: &str| text.replace(&sandbox.path().display().to_string(), "");
    let output = install_analyst(&sandbox, &[]).code(0);
    insta::assert_snapshot!(plain(&run(&sandbox, &["check"]).code(4).stdout), @r#"
    error  context7: is configured in .mcp.json, but excluded by /managed/managed-mcp.json
           .claude/agents/analyst.md:4
           ask the administrator of this machine, who wrote /managed/managed-mcp.json
    "#);
    let info = run(&sandbox, &["info", "analyst", "--json"]).code(0).json();
    let text =
        |index: usize, field: &str| plain(info["needs"]["servers"][index][field].as_str().unwrap());
    assert_eq!(
        (text(0, "status"), text(0, "disabled")),
        (
            "disabled".into(),
            "excluded by /managed/managed-mcp.json".into()
        )
    );
    assert_eq!(
        (text(1, "status"), text(1, "scope")),
        ("configured".into(), "/managed/managed-mcp.json".into())
    );
    assert!(
        output.stderr.contains("1 server is disabled"),
        "{}",
        output.all()
    );
    assert_eq!(
        fs::read(sandbox.path().join("managed/managed-mcp.json")).unwrap(),
        before
    );
    let _ = run(&sandbox, &["check", "--project-only"]).code(0);
}

#[test]
fn what_the_client_does_not_read_is_said() {
    let text = "---\nname: analyst\ndescription: Looks things up --- and writes them down\ntools: Read\n---\n\nYou look.\n";
    let sandbox = scene(text);
    insta::assert_snapshot!(install_analyst(&sandbox, &[]).code(0).stderr, @r#"
        Resolved analyst (../upstream)
       Installed .claude/agents/analyst.md
            Cost +6 tokens in each session, 6 of 15k

      may use   every tool (it has no `tools` line)
      can       run any command, change files, reach the network
      needs     nothing else
    warning: analyst loses `tools`: the `---` in line 3 ends its frontmatter

    Try it in Claude Code: "use the analyst agent to ...".
    "#);
    insta::assert_snapshot!(run(&sandbox, &["check"]).code(0).stdout, @r#"
    warning  analyst: loses `tools`: the `---` in line 3 ends its frontmatter
             .claude/agents/analyst.md:3
             write that `---` in another way; your edit survives updates
    "#);
    let json = run(&sandbox, &["info", "analyst", "--json"]).code(0).json();
    assert_eq!(
        json["needs"]["lost_text"][0]["place"], ".claude/agents/analyst.md:3",
        "{json:#}"
    );
    // Known problems are not reported again, new ones are.
    let mended = text.replace(" --- ", ": ").replace("up: and", "up and");
    for (upstream, warns) in [
        (format!("{text}More.\n"), false),
        (mended.clone(), false),
        (
            mended.replace("tools: Read", "tools: Read\nmodel: opus\nmodel: sonnet"),
            true,
        ),
    ] {
        sandbox.write("upstream/agents/analyst.md", upstream);
        let output = run(&sandbox, &["update", "--yes"]).code(0);
        let says = "warning: analyst has `model` in lines 5, 6; Claude Code reads only the last";
        assert_eq!(output.stderr.contains(says), warns, "{}", output.all());
        assert_eq!(
            output.stderr.contains("warning: analyst"),
            warns,
            "{}",
            output.all()
        );
    }
}

#[test]
fn a_name_that_a_shell_would_obey_is_in_no_command() {
    let sandbox = Sandbox::new();
    let evil = "---\nname: evil\ndescription: d\ntools: Read, Task(x;touch PWNED), mcp__x;touch${IFS}PWNED;#__a, mcp__github__x\n---\nb\n";
    sandbox
        .write("project/evil.md", evil)
        .write("home/.claude/.keep", "");
    let output = sandbox.run(&["install", "./evil.md"]).code(0);
    assert!(
        output.stderr.contains("name yours in the agent"),
        "{}",
        output.stderr
    );
    let findings = sandbox.run(&["check", "--json"]).code(4).json()["findings"].clone();
    let fixes: Vec<&str> = findings
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|finding| finding["fix"].as_str())
        .collect();
    assert!(
        fixes.contains(&"edit .claude/agents/evil.md:4")
            && fixes.contains(&"agentpkg install evil --mcp add"),
        "{fixes:?}"
    );
    assert!(
        fixes
            .iter()
            .all(|fix| !fix.contains("PWNED") || fix.contains("'x;touch PWNED'")),
        "{fixes:?}"
    );
    // An update that asks for such a tool, too.
    let sandbox = Sandbox::new();
    sandbox.write(
        "upstream/agents/planner.md",
        "---\nname: planner\ndescription: d\ntools: Read\n---\n",
    );
    let _ = sandbox.run(&["install", "../upstream#planner"]).code(0);
    sandbox.write(
        "upstream/agents/planner.md",
        "---\nname: planner\ndescription: d\ntools: Read, x;touch${IFS}PWNED\n---\n",
    );
    for arguments in [&["update"][..], &["update", "--conflicts=skip"]] {
        let output = sandbox.run(arguments).code(4);
        assert!(
            output.stderr.contains("--allow 'x;touch${IFS}PWNED'"),
            "{}",
            output.all()
        );
    }
}

#[test]
fn an_agent_without_a_tool_that_exists_is_called_that_at_install() {
    let sandbox = Sandbox::new();
    let agent = |name: &str, tools: &str| {
        format!("---\nname: {name}\ndescription: d\ntools: {tools}\n---\n")
    };
    sandbox
        .write(
            "up/agents/a.md",
            agent("a", "read_file, editFiles, web/fetch"),
        )
        .write("up/agents/b.md", agent("b", "read_file, Read"))
        .write("up/agents/c.md", agent("c", "TaskOutput, TeamCreate"))
        .write("up/agents/d.md", agent("d", "KillBash"))
        .write(
            "up/agents/e.md",
            agent("e", "SetGoal, propose_skills, ListPeers"),
        );
    let output = sandbox.run(&["install", "../up", "--all"]).code(0);
    let lame = |name: &str| {
        output
            .stderr
            .contains(&format!("warning: none of the tools of {name} exists ("))
    };
    assert_eq!(
        ["a", "b", "c", "d", "e"].map(lame),
        [true, false, true, false, false],
        "{}",
        output.all()
    );
    let document = sandbox.run(&["info", "a", "--json"]).code(0).json();
    assert_eq!(document["needs"]["without_tools"], serde_json::json!(["a"]));
    let meant: Vec<&str> = document["needs"]["odd_tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["meant"].as_str().unwrap())
        .collect();
    assert_eq!(meant, ["Read", "Edit", "WebFetch"]);
}
