//! Overrides: values that the manifest declares, through every command that writes an agent.

mod edited;
mod required;
mod together;
mod told;

use crate::support::sandbox::Sandbox;

const FILE: &str = ".claude/agents/planner.md";

fn planner(model: &str, tools: &str, text: &str) -> String {
    format!(
        "---\nname: planner\ndescription: Plans the work.\ntools: {tools}\nmodel: {model}\n---\n# Planner\n\n{text}\n"
    )
}

fn upstream(sandbox: &Sandbox, model: &str, tools: &str, text: &str) {
    sandbox.write("studio/agents/planner.md", planner(model, tools, text));
}

/// A project with an agent of a registry.
fn installed() -> Sandbox {
    project("planner", |sandbox| {
        upstream(sandbox, "opus", "Read, Grep, Bash", "Plan.");
    })
}

/// A project in which an agent of the registry `studio` is installed. `write`: writes the registry.
fn project(name: &str, write: impl Fn(&Sandbox)) -> Sandbox {
    let sandbox = Sandbox::new();
    write(&sandbox);
    let _ = run(&sandbox, "registry add ../studio", 0);
    let _ = run(&sandbox, &format!("install {name}"), 0);
    sandbox
}

fn run(sandbox: &Sandbox, line: &str, code: i32) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    sandbox.run(&words).code(code).all()
}

fn remove(sandbox: &Sandbox, path: &str) {
    std::fs::remove_file(sandbox.path().join(path)).unwrap();
}

fn edit(sandbox: &Sandbox, from: &str, to: &str) {
    let text = sandbox.read(FILE);
    assert!(text.contains(from), "{text}");
    sandbox.write(&format!("project/{FILE}"), text.replace(from, to));
}

fn line_of(sandbox: &Sandbox, key: &str) -> String {
    let text = sandbox.read(FILE);
    let mut lines = text.lines();
    let line = lines.find(|line| line.starts_with(&format!("{key}:")));
    line.unwrap_or_default().to_owned()
}

#[test]
fn set_then_unset_gives_the_bytes_from_before() {
    let sandbox = installed();
    let files = [FILE, "agentpkg.toml", "agentpkg.lock"];
    let before = files.map(|file| sandbox.read(file));
    for (set, unset) in [
        ("set planner model=haiku", "unset planner model"),
        (
            "set planner tools-=Bash tools+=Glob --allow Glob",
            "unset planner tools --allow Bash",
        ),
        (
            "set planner description=Short effort=low color=red",
            "unset planner color effort description",
        ),
        (
            "set planner permissionMode=plan",
            "unset planner permissionMode --allow permissionMode",
        ),
    ] {
        let _ = run(&sandbox, set, 0);
        assert_ne!(sandbox.read(FILE), before[0], "{set}");
        let _ = run(&sandbox, "install --locked", 0);
        assert!(run(&sandbox, "list", 0).contains("clean"), "{set}");
        let _ = run(&sandbox, unset, 0);
        assert_eq!(files.map(|file| sandbox.read(file)), before, "{unset}");
    }
}

#[test]
fn an_overridden_key_never_asks_and_is_never_lost() {
    let sandbox = installed();
    let _ = run(&sandbox, "set planner model=haiku tools-=Bash", 0);
    edit(&sandbox, "Plan.", "Plan with care.");
    upstream(
        &sandbox,
        "sonnet",
        "Read, Grep, Bash, Write",
        "Plan.\n\nWrite.",
    );
    let said = run(&sandbox, "update --allow Write", 0);
    assert!(
        said.contains("upstream changed `model`; your override stays"),
        "{said}"
    );
    assert_eq!(line_of(&sandbox, "model"), "model: haiku");
    assert_eq!(line_of(&sandbox, "tools"), "tools: Read, Grep, Write");
    assert!(sandbox.read(FILE).contains("Plan with care.\n\nWrite."));
    // Without the overrides it is what upstream has, and the hand edit. That a tool returns is asked about.
    let said = run(&sandbox, "unset planner model tools", 4);
    assert!(said.contains("+ Bash"), "{said}");
    let _ = run(&sandbox, "unset planner model tools --allow Bash", 0);
    let plain = planner(
        "sonnet",
        "Read, Grep, Bash, Write",
        "Plan with care.\n\nWrite.",
    );
    assert_eq!(sandbox.read(FILE), plain);
}

#[test]
fn install_applies_what_the_manifest_says_now() {
    let sandbox = installed();
    let text = sandbox.read("agentpkg.toml");
    let with = |more: &str| {
        let text = text.replace(
            "planner = { registry = \"studio\" }",
            "planner = { registry = \"studio\", model = \"haiku\" }",
        );
        sandbox.write("project/agentpkg.toml", format!("{text}{more}"));
    };
    with("");
    let said = run(&sandbox, "install --locked", 1);
    assert!(said.contains("not locked with the overrides"), "{said}");
    assert_eq!(line_of(&sandbox, "model"), "model: opus");
    let _ = run(&sandbox, "install", 0);
    assert_eq!(line_of(&sandbox, "model"), "model: haiku");
    // Defaults are for all agents; what an agent says itself comes first.
    with("\n[defaults]\nmodel = \"sonnet\"\neffort = \"low\"\n");
    let _ = run(&sandbox, "install", 0);
    assert_eq!(line_of(&sandbox, "model"), "model: haiku");
    assert_eq!(line_of(&sandbox, "effort"), "effort: low");
    assert!(run(&sandbox, "status", 0).contains("clean"));
    // A clone has what is committed.
    let lock = sandbox.read("agentpkg.lock");
    remove(&sandbox, &format!("project/{FILE}"));
    let _ = run(&sandbox, "install --locked --offline", 0);
    assert_eq!(line_of(&sandbox, "model"), "model: haiku");
    assert_eq!(sandbox.read("agentpkg.lock"), lock);
}

#[test]
fn a_hand_edit_of_an_overridden_key_stays_until_it_is_forced() {
    let sandbox = installed();
    let _ = run(&sandbox, "set planner model=haiku", 0);
    edit(&sandbox, "model: haiku", "model: sonnet");
    let said = run(&sandbox, "status", 0);
    assert!(said.contains("`model` differs from its override"), "{said}");
    for command in [
        "install",
        "update",
        "set planner model=inherit",
        "unset planner model",
        "set planner model=fable",
    ] {
        let _ = run(&sandbox, command, 0);
        assert_eq!(line_of(&sandbox, "model"), "model: sonnet", "{command}");
    }
    upstream(&sandbox, "opus[1m]", "Read, Grep, Bash", "Plan.\n\nMore.");
    let _ = run(&sandbox, "update", 0);
    assert_eq!(line_of(&sandbox, "model"), "model: sonnet");
    edit(&sandbox, "More.", "More of mine.");
    let _ = run(&sandbox, "set planner model=fable --force", 0);
    assert_eq!(line_of(&sandbox, "model"), "model: fable");
    assert!(sandbox.read(FILE).contains("More of mine."));
}

#[test]
fn what_an_override_allows_is_asked_about_once() {
    let sandbox = installed();
    for (assignment, word) in [
        ("tools+=WebFetch", "WebFetch"),
        ("permissionMode=acceptEdits", "permissionMode"),
    ] {
        let before = sandbox.read(FILE);
        let said = run(&sandbox, &format!("set planner {assignment}"), 4);
        assert!(
            said.contains(&format!("set planner {assignment} --allow {word}")),
            "{said}"
        );
        assert_eq!(sandbox.read(FILE), before);
        let _ = run(
            &sandbox,
            &format!("set planner {assignment} --allow {word}"),
            0,
        );
        let _ = run(&sandbox, "install", 0);
    }
    // Somebody else's manifest without its lockfile asks; with it, it was agreed to.
    let lock = sandbox.read("agentpkg.lock");
    remove(&sandbox, &format!("project/{FILE}"));
    let _ = run(&sandbox, "install --locked", 0);
    remove(&sandbox, &format!("project/{FILE}"));
    remove(&sandbox, "project/agentpkg.lock");
    let said = run(&sandbox, "install", 4);
    assert!(
        said.contains("WebFetch") && said.contains("permissionMode"),
        "{said}"
    );
    let _ = run(&sandbox, "install --allow WebFetch,permissionMode", 0);
    assert_eq!(sandbox.read("agentpkg.lock"), lock);
}

#[test]
fn what_makes_no_sense_is_refused_with_its_line() {
    let sandbox = installed();
    for (line, code, words) in [
        ("set planner modle=x", 2, "did you mean `model`?"),
        ("set planner model", 2, "is not an assignment"),
        ("set planner tools=Read", 2, "`tools+=NAME`"),
        ("set planner effort=much", 2, "it takes low"),
        ("set planer model=x", 1, "did you mean `planner`?"),
        (
            "unset planner model",
            1,
            "`model` of `planner` is not overridden",
        ),
        (
            "set planner tools-=Read tools-=Grep tools-=Bash",
            1,
            "no tool would be left",
        ),
    ] {
        let said = run(&sandbox, line, code);
        assert!(said.contains(words), "{line}: {said}");
    }
    let text = sandbox.read("agentpkg.toml");
    for (entry, words) in [
        (
            "model = \"a\", pin = [\"model\"]",
            "`model` is pinned as well",
        ),
        (
            "model = \"a\", verbatim = true",
            "`verbatim` excludes overrides",
        ),
        ("tools = [\"Read\"]", "write `tools = { add"),
        (
            "tools = { add = [\"Bash\"], remove = [\"Bash\"] }",
            "both added",
        ),
        ("effort = \"much\"", "it takes low"),
    ] {
        let with = text.replace(
            "registry = \"studio\" }",
            &format!("registry = \"studio\", {entry} }}"),
        );
        sandbox.write("project/agentpkg.toml", with);
        let said = run(&sandbox, "install", 1);
        assert!(
            said.contains(words) && said.contains("agentpkg.toml:"),
            "{entry}: {said}"
        );
    }
    sandbox.write(
        "project/agentpkg.toml",
        format!("{text}\n[defaults]\ntools = \"x\"\n"),
    );
    let said = run(&sandbox, "install", 1);
    assert!(
        said.contains("`tools` is not a key of `[defaults]`"),
        "{said}"
    );
    // An agent with every tool would be left with the one that is added.
    let sandbox = Sandbox::new();
    sandbox.write(
        "studio/agents/planner.md",
        "---\nname: planner\ndescription: Plans.\n---\nPlan.\n",
    );
    let _ = run(&sandbox, "registry add ../studio", 0);
    let _ = run(&sandbox, "install planner", 0);
    let said = run(&sandbox, "set planner tools+=Bash", 1);
    assert!(said.contains("it has every tool"), "{said}");
    let _ = run(&sandbox, "set planner tools-=Bash", 0);
    assert_eq!(
        line_of(&sandbox, "disallowedTools"),
        "disallowedTools: Bash"
    );
}

#[test]
fn overrides_go_with_undo_other_names_and_dry_runs() {
    let sandbox = installed();
    let before = sandbox.read(FILE);
    let _ = run(&sandbox, "set planner model=haiku --dry-run", 0);
    assert_eq!(sandbox.read(FILE), before);
    let _ = run(&sandbox, "--locked set planner model=haiku", 1);
    let _ = run(&sandbox, "set planner model=haiku", 0);
    let _ = run(&sandbox, "undo", 0);
    assert_eq!(sandbox.read(FILE), before);
    let _ = run(&sandbox, "set planner model=haiku", 0);
    // An update that is put aside has them, too, and so has the file that an update of it leaves.
    edit(&sandbox, "Plan.", "Plan mine.");
    upstream(&sandbox, "sonnet", "Read, Grep, Bash", "Plan theirs.");
    let _ = run(&sandbox, "update --conflicts=markers", 3);
    let said = run(&sandbox, "set planner model=inherit", 1);
    assert!(said.contains("is pending"), "{said}");
    let _ = run(&sandbox, "resolve --theirs", 0);
    assert_eq!(
        sandbox.read(FILE),
        planner("haiku", "Read, Grep, Bash", "Plan theirs.")
    );
    assert!(run(&sandbox, "status", 0).contains("clean"));
    // Under another name from another source.
    sandbox.write(
        "other/agents/chief.md",
        planner("opus", "Read", "Chief.").replace("name: planner", "name: chief"),
    );
    let _ = run(&sandbox, "update planner --from ../other#chief --theirs", 0);
    assert_eq!(line_of(&sandbox, "model"), "model: haiku");
    assert!(
        sandbox
            .read("agentpkg.lock")
            .contains("overrides = [\"model=haiku\"]")
    );
}

#[test]
fn documents_have_the_overrides() {
    let sandbox = installed();
    let document = sandbox
        .run(&["set", "planner", "model=haiku", "tools-=Bash", "--json"])
        .code(0)
        .json();
    let expected = serde_json::json!(["model=haiku", "tools-=Bash"]);
    assert_eq!(document["agents"][0]["overrides"], expected);
    for command in ["list", "status"] {
        let document = sandbox.run(&[command, "--json"]).code(0).json();
        assert_eq!(document["agents"][0]["overrides"], expected, "{command}");
    }
    let document = sandbox.run(&["info", "planner", "--json"]).code(0).json();
    assert_eq!(document["overrides"], expected);
    assert!(run(&sandbox, "info planner", 0).contains("model=haiku"));
}

#[test]
fn old_tools_are_replaced_for_one_agent_or_for_all() {
    let sandbox = Sandbox::new();
    upstream(&sandbox, "opus", "Read, LS, Task, Think", "Plan.");
    let _ = run(&sandbox, "registry add ../studio", 0);
    let _ = run(&sandbox, "install planner", 0);
    let before = sandbox.read("agentpkg.toml");
    let _ = run(&sandbox, "set planner modernise=true", 0);
    assert_eq!(line_of(&sandbox, "tools"), "tools: Read, Agent");
    let _ = run(&sandbox, "install --locked", 0);
    upstream(
        &sandbox,
        "opus",
        "Read, LS, Task, Think, MultiEdit",
        "Plan more.",
    );
    let _ = run(&sandbox, "update", 0);
    assert_eq!(line_of(&sandbox, "tools"), "tools: Read, Agent");
    let _ = run(
        &sandbox,
        "unset planner modernise --allow LS,MultiEdit,Think",
        0,
    );
    assert_eq!(
        line_of(&sandbox, "tools"),
        "tools: Read, LS, Task, Think, MultiEdit"
    );
    assert_eq!(sandbox.read("agentpkg.toml"), before);
    sandbox.write(
        "project/agentpkg.toml",
        format!("{before}\n[defaults]\nmodernise = true\n"),
    );
    let _ = run(&sandbox, "install", 0);
    assert_eq!(line_of(&sandbox, "tools"), "tools: Read, Agent");
    assert!(run(&sandbox, "status", 0).contains("clean"));
    let said = run(&sandbox, "set planner modernise:tools+=Bash", 2);
    assert!(said.contains("is not an assignment"), "{said}");
}

#[test]
fn what_is_removed_stays_removed_whatever_replaces_old_names() {
    for line in [
        "set planner tools-=Agent modernise=true",
        "set planner tools-=Task modernise=true",
        "set planner modernise=true tools-=Agent",
    ] {
        let sandbox = Sandbox::new();
        upstream(&sandbox, "opus", "Read, Task, Grep", "Plan.");
        let _ = run(&sandbox, "registry add ../studio", 0);
        let _ = run(&sandbox, "install planner", 0);
        let _ = run(&sandbox, line, 0);
        assert_eq!(line_of(&sandbox, "tools"), "tools: Read, Grep", "{line}");
    }
}

#[test]
fn an_override_that_could_not_take_effect_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "studio/agents/planner.md",
        "---\nname: planner\ndescription: Plans.\n---\nPlan.\n",
    );
    let _ = run(&sandbox, "registry add ../studio", 0);
    let _ = run(&sandbox, "install planner", 0);
    let text = sandbox.read("agentpkg.toml");
    let pinned = text.replace(" }", ", pin = [\"disallowedTools\"] }");
    assert_ne!(pinned, text);
    sandbox.write("project/agentpkg.toml", pinned);
    let said = run(&sandbox, "set planner tools-=Bash", 1);
    assert!(
        said.contains("`disallowedTools` of `planner` is pinned"),
        "{said}"
    );
    sandbox.write("project/agentpkg.toml", text);
    let _ = run(&sandbox, "set planner model=haiku", 0);
    let before = sandbox.read("agentpkg.toml");
    let said = run(&sandbox, "install planner --verbatim", 1);
    assert!(said.contains("agentpkg unset planner model"), "{said}");
    assert_eq!(sandbox.read("agentpkg.toml"), before);
}

#[test]
fn overrides_that_are_not_applied_are_named() {
    let sandbox = installed();
    let text = sandbox.read("agentpkg.toml");
    sandbox.write(
        "project/agentpkg.toml",
        format!("{text}\n[defaults]\nmodel = \"haiku\"\n"),
    );
    let said = run(&sandbox, "status", 0);
    assert!(
        said.contains("overrides of agentpkg.toml are not applied"),
        "{said}"
    );
    let _ = run(&sandbox, "status --check", 5);
    let said = run(&sandbox, "check", 0);
    assert!(
        said.contains("its overrides in agentpkg.toml are not applied"),
        "{said}"
    );
    let _ = run(&sandbox, "install", 0);
    let _ = run(&sandbox, "status --check", 0);
}

#[test]
fn a_resolution_that_was_begun_outlives_an_install_with_other_overrides() {
    let sandbox = installed();
    edit(&sandbox, "Plan.", "Plan mine.");
    upstream(&sandbox, "opus", "Read, Grep, Bash", "Plan theirs.");
    let _ = run(&sandbox, "update --conflicts=markers", 3);
    let begun = sandbox.read(".agentpkg/conflicts/planner.md") + "Begun.\n";
    sandbox.write("project/.agentpkg/conflicts/planner.md", &begun);
    let text = sandbox.read("agentpkg.toml");
    sandbox.write(
        "project/agentpkg.toml",
        format!("{text}\n[defaults]\nmodel = \"haiku\"\n"),
    );
    let said = run(&sandbox, "install", 1);
    assert!(said.contains("an update of it is pending"), "{said}");
    assert_eq!(sandbox.read(".agentpkg/conflicts/planner.md"), begun);
}

#[test]
fn a_hand_edit_under_an_override_is_said_each_time() {
    let sandbox = installed();
    edit(&sandbox, "Read, Grep, Bash", "Read, Grep, Bash, Write");
    for _ in 0..2 {
        let said = run(&sandbox, "set planner tools-=Write", 0);
        assert!(said.contains("`tools` keeps what you wrote"), "{said}");
    }
}
