//! Every `--json` document has the form of `docs/schema/output.json`, and manifests that of `docs/schema/manifest.json`.

use serde_json::Value;

use crate::support::help::commands;
use crate::support::sandbox::Sandbox;
use crate::support::schema::{OUTPUT, schema, violations};

/// Every command once, with what was typed and its document, in a project where there is something to say.
#[expect(clippy::too_many_lines, reason = "a list of cases")]
fn documents() -> Vec<(&'static str, String, Value)> {
    let planner = "---\nname: planner\ndescription: Plans\ntools: Read, LS, read, mcp__context7__query-docs, mcp__ours__x\nmodel: sonnet\n---\n\nOne.\n";
    let sandbox = Sandbox::new();
    sandbox.write("elsewhere/empty", "");
    sandbox.write("upstream/agents/planner.md", planner);
    sandbox.write(
        "upstream/agents/evil.md",
        "---\nname: ../evil\ndescription: d\n---\n",
    );
    let _ = sandbox
        .run(&["registry", "add", "../upstream", "--name", "studio"])
        .code(0);
    let mut all = Vec::new();
    let mut take = |name: &'static str, arguments: &[&str]| {
        let output = sandbox.run(&[arguments, &["--json"]].concat());
        // An existing manifest is the one failure with a document; `merge-file` counts conflicts.
        let is_expected = output.code != 1 && output.code != 2
            || arguments == ["init"]
            || name == "merge-file"
            || name == "failed";
        assert!(is_expected, "{name}: {}", output.all());
        let typed = arguments
            .iter()
            .take(if arguments.first() == Some(&"registry") {
                2
            } else {
                1
            });
        all.push((
            name,
            typed.copied().collect::<Vec<_>>().join(" "),
            output.json(),
        ));
    };
    take("init", &["-C", "../elsewhere", "init"]);
    take("next", &[]);
    take("version", &["--version"]);
    take("failed", &["install", "nobody"]);
    take("init", &["init"]);
    take(
        "registry-add",
        &["registry", "add", "../upstream", "--name", "other"],
    );
    take("registry-remove", &["registry", "remove", "other"]);
    take(
        "install",
        &[
            "install",
            "studio/planner",
            "builtin/debugger",
            "--mcp",
            "add",
        ],
    );
    take("set", &["set", "planner", "model=haiku"]);
    take("unset", &["unset", "planner", "model"]);
    take("list", &["list"]);
    take("list-all", &["list", "--all"]);
    take("list-available", &["list", "--available"]);
    take("list-cost", &["list", "--cost"]);
    take("info", &["info", "planner"]);
    take("info", &["info", "studio/planner"]);
    take("registry", &["registry", "list"]);
    take("registry", &["registry", "refresh"]);
    take("search", &["search", "plan"]);
    take("outdated", &["outdated"]);
    let path = "project/.claude/agents/planner.md";
    let edited = planner
        .replace("One.", "One of mine.")
        .replace("sonnet", "haiku")
        .replace("Read,", "Read, Bash,");
    sandbox.write(path, edited);
    sandbox.write(
        "upstream/agents/planner.md",
        planner
            .replace("One.", "One of theirs.")
            .replace("sonnet", "opus")
            .replace("Read,", "Read, Write,"),
    );
    take("status", &["status"]);
    let _ = sandbox.write("project/.claude/agents/copied.md", planner);
    take("adopt", &["adopt", "--all"]);
    take("check", &["check"]);
    take("diff", &["diff"]);
    take("update", &["update", "--dry-run"]);
    let upstream = "../upstream/agents/planner.md";
    take(
        "merge-file",
        &[
            "merge-file",
            "-p",
            ".claude/agents/planner.md",
            upstream,
            upstream,
        ],
    );
    let _ = sandbox
        .run(&["update", "--conflicts=markers", "--allow", "all"])
        .code(3);
    take("resolve", &["resolve", "--abort", "planner"]);
    let _ = sandbox
        .run(&["update", "--conflicts=markers", "--allow", "all"])
        .code(3);
    take("resolve", &["resolve", "--ours", "--allow", "all"]);
    let _ = sandbox.run(&["undo"]).code(0);
    take("update", &["update", "--ours", "--allow", "all"]);
    take("undo-list", &["undo", "--list"]);
    take("undo", &["undo"]);
    take(
        "update",
        &["update", "--conflicts", "markers", "--allow", "all"],
    );
    take("next", &[]);
    take("resolve", &["resolve", "--abort", "planner"]);
    take(
        "update",
        &["update", "--conflicts", "markers", "--allow", "all"],
    );
    take("resolve", &["resolve", "--ours", "--allow", "all"]);
    take("recover", &["recover"]);
    take("doctor", &["doctor"]);
    take("remove", &["remove", "planner", "--force"]);
    for (name, text) in [
        ("base", "One.\n"),
        ("mine", "Mine.\n"),
        ("theirs", "Theirs.\n"),
    ] {
        sandbox.write(&format!("project/{name}.md"), text);
    }
    take(
        "merge-file",
        &["merge-file", "-p", "mine.md", "base.md", "theirs.md"],
    );
    all
}

/// The names of the documents that the schema lists.
fn described() -> Vec<String> {
    let definitions = OUTPUT["anyOf"].as_array().unwrap().iter();
    let names = definitions.map(|definition| definition["$ref"].as_str().unwrap());
    names
        .map(|name| name.trim_start_matches("#/$defs/").to_owned())
        .collect()
}

#[test]
fn every_document_names_its_own_definition() {
    let mut seen = Vec::new();
    let mut typed = Vec::new();
    for (name, command, document) in documents() {
        assert_eq!(document["document"], name, "{command}");
        let found = violations(&OUTPUT, &OUTPUT, &document, name);
        assert!(found.is_empty(), "{name}: {found:#?}");
        seen.push(name.to_owned());
        typed.push(command);
    }
    // Commands that print a script or write files have no document.
    typed.extend(["completions", "registry", "help"].map(str::to_owned));
    let missing: Vec<String> = commands()
        .into_iter()
        .filter(|command| !typed.contains(command))
        .collect();
    assert!(
        missing.is_empty(),
        "nobody looked at the documents of {missing:?}"
    );
    let missing: Vec<String> = described()
        .into_iter()
        .filter(|name| !seen.contains(name))
        .collect();
    assert!(
        missing.is_empty(),
        "described, but never looked at: {missing:?}"
    );
}

/// If one definition accepted the documents of another command, it would describe neither.
#[test]
fn every_definition_is_of_one_document() {
    for name in described() {
        let own = &OUTPUT["$defs"][&name];
        assert_eq!(
            own["properties"]["document"]["enum"],
            serde_json::json!([name])
        );
        for field in ["error", "interrupted", "partial", "asks"] {
            let form = match own["$ref"].as_str() {
                Some(shared) => OUTPUT.pointer(shared.trim_start_matches('#')).unwrap(),
                None => own,
            };
            assert!(
                form["properties"].get(field).is_some(),
                "{name} may have {field}"
            );
        }
    }
}

#[test]
fn manifests_are_as_described() {
    let schema = schema("manifest.json");
    let judge = |text: &str| {
        let table: toml::Table = text.parse().unwrap();
        violations(
            &schema,
            &schema,
            &serde_json::to_value(table).unwrap(),
            "manifest",
        )
    };
    for text in [
        "",
        "[registries]\na = { git = \"https://x.example/y\" }\nb = \"./z\"\nc = { path = \"../w\" }\n[agents]\none = \"^1.2\"\ntwo = { registry = \"a\", agent = \"x\", version = \"1\", pin = [\"model\"], bind = { old = \"new\" } }\nthree = { git = \"gh:a/b\", file = \"c/d.md\", verbatim = true }\n",
        "[policy]\nregistries = [\"builtin\"]\ndeny-tools = [\"Bash\"]\ncommands = []\nhosts = []\nhooks = false\npermission-mode = false\nmcp-servers = false\nmissing-tools = false\nmax-description-tokens = 200\nmax-total-tokens = 9000\n",
    ] {
        assert_eq!(judge(text), Vec::<String>::new(), "{text}");
        let sandbox = Sandbox::new();
        sandbox.write("project/agentpkg.toml", text);
        let output = sandbox.run(&["list"]).code(0);
        assert!(!output.stderr.contains("warning"), "{}", output.all());
    }
    assert_eq!(
        judge("[install]\nfollow-symlinks = [\"/home/me/project\"]\n"),
        Vec::<String>::new()
    );
    for text in [
        "[install]\nfollow-symlinks = true\n",
        "[agents]\na = 3\n",
        "[policy]\nhook = false\n",
        "[registries]\na = { url = \"x\" }\n",
        "[agents.a]\nbind = { x = 1 }\n",
    ] {
        assert!(!judge(text).is_empty(), "{text}");
    }
}

/// The properties below a schema that have no description.
fn undescribed(schema: &Value, path: &str, found: &mut Vec<String>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        if property["description"].as_str().is_none_or(str::is_empty) {
            found.push(path.clone());
        }
        undescribed(property, &path, found);
    }
    for schema in schema["anyOf"].as_array().into_iter().flatten() {
        undescribed(schema, path, found);
    }
    if schema.get("items").is_some() {
        undescribed(&schema["items"], path, found);
    }
}

#[test]
fn every_field_of_every_document_is_described() {
    let mut found = Vec::new();
    for (name, definition) in OUTPUT["$defs"].as_object().unwrap() {
        undescribed(definition, name, &mut found);
    }
    assert_eq!(found, [""; 0], "docs/schema/output.json says what each is");
}
