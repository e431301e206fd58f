//! Texts whose reading was measured against client 2.1.329; each line of the tables agrees with it.

use proptest::prelude::*;

use super::{Definition, Loaded, SkipReason, Verdict, split_tools};

fn verdict(head: &str) -> Verdict {
    Definition::parse(format!("---\nname: a\ndescription: d\n{head}\n---\nb\n").as_bytes())
        .verdict()
        .clone()
}

fn loaded(head: &str) -> Loaded {
    match verdict(head) {
        Verdict::Loads(loaded) => loaded,
        Verdict::Skipped(reason) => panic!("{reason}: {head}"),
    }
}

#[test]
fn agents_of_plugins_have_the_clients_names() {
    let long = "x".repeat(257);
    for (head, name, description) in [
        ("name: other", Some("other"), None),
        ("description: x", None, Some("x")),
        ("name: 12\ndescription: true", Some("12"), Some("true")),
        ("name: \"\"\ndescription: \"\"", None, None),
        ("name: a:b\ndescription: 0", Some("a:b"), Some("0")),
        ("name: [x]\ndescription: [x]", Some("x"), None),
        ("name: null\ndescription: a\\nb", None, Some("a\\nb")),
        ("name: {a: b}", Some("[object Object]"), None),
        ("name: a\nhooks: 5\nPreToolUse: []", Some("a"), None),
        ("name: \" a\"\ndescription: b: c", Some(" a"), Some("b: c")),
        ("name: z\ndescription: \"x", None, None),
        (&format!("name: {long}"), None, None),
        ("", None, None),
    ] {
        let text = format!("---\n{head}\n---\nb\n");
        let found = Definition::parse(text.as_bytes()).in_plugin();
        let expected = (name.map(str::to_owned), description.map(str::to_owned));
        assert_eq!(found, expected, "{head}");
    }
}

#[test]
fn blank_lines_belong_to_the_opening_and_a_cut_block_ends_its_line() {
    for (text, expected) in [
        ("---\n\t\nname: a\ndescription: d\n---\n", Some("d")),
        ("---\n\u{a0}\nname: a\ndescription: d\n---\n", Some("d")),
        ("---\u{2003}\nname: a\ndescription: d\n---\n", Some("d")),
        ("---\u{feff}\nname: a\ndescription: d\n---\n", Some("d")),
        ("---\u{b}\nname: a\ndescription: d\n---\n", Some("d")),
        ("---\u{85}\nname: a\ndescription: d\n---\n", None),
        ("---\u{200b}\nname: a\ndescription: d\n---\n", None),
        (
            "---\nname: a\ndescription: |\n  x\n  y---\n",
            Some("x\ny\n"),
        ),
        ("---\nname: a\ndescription: >-\n  x\n  y---\n", Some("x y")),
        (
            "---\nname: a\ndescription: |+\n  x\n\n  ---\n",
            Some("x\n\n"),
        ),
        (
            "---\nname: a\ndescription: \u{85}x y: z---\n",
            Some("\u{85}x y: z"),
        ),
    ] {
        let definition = Definition::parse(text.as_bytes());
        let found = match definition.verdict() {
            Verdict::Loads(loaded) => Some(loaded.description.as_str()),
            Verdict::Skipped(_) => None,
        };
        assert_eq!(found, expected, "{text:?}");
    }
}

/// A text, the model that the client reads from it, and the permission mode.
const HIDDEN: [(&str, Option<&str>, Option<&str>); 63] = [
    (
        "<<: {model: M, permissionMode: plan}",
        Some("M"),
        Some("plan"),
    ),
    ("model: D\n<<: {model: M}", Some("D"), None),
    ("<<: {model: M}\nmodel: D", Some("D"), None),
    ("model:\n<<: {model: M}", None, None),
    ("x: &x {model: M}\n<<: *x", Some("M"), None),
    (
        "x: &x {model: A}\ny: &y {model: B, permissionMode: plan}\n<<: [*x, *y]",
        Some("A"),
        Some("plan"),
    ),
    (
        "x: &x {model: A}\ny: &y {model: B}\n<<: [*y, *x]",
        Some("B"),
        None,
    ),
    (
        "x: &x\n  model: A\n<<:\n  - *x\n  - permissionMode: plan",
        Some("A"),
        Some("plan"),
    ),
    ("<<: {<<: {model: M}}", Some("M"), None),
    ("x: &x {model: M}\ny: &y {<<: *x}\n<<: *y", Some("M"), None),
    ("<<: [[{model: M}]]", None, None),
    ("<<: [{<<: [{model: M}]}]", Some("M"), None),
    ("\"<<\": {model: M}", Some("M"), None),
    ("'<<': {model: M}", Some("M"), None),
    ("!!merge <<: {model: M}", Some("M"), None),
    ("!!str <<: {model: M}", Some("M"), None),
    ("!!merge x: {model: M}", None, None),
    ("? <<\n: {model: M}", Some("M"), None),
    ("[<<]: {model: M}", None, None),
    ("<<: null", None, None),
    ("<<: foo", None, None),
    ("<<: {model: A}\n<<: {model: B}", Some("A"), None),
    (
        "<<: {model: A}\n\"<<\": {permissionMode: plan}",
        Some("A"),
        Some("plan"),
    ),
    ("<<: !foo {model: M}", Some("M"), None),
    ("<<: [model: M]", Some("M"), None),
    ("x: {<<: &z {model: M}}\n<<: *z", Some("M"), None),
    ("? model\n: M", Some("M"), None),
    ("\"model\": M", Some("M"), None),
    ("'model': M", Some("M"), None),
    ("model : M", Some("M"), None),
    ("model\t: M", Some("M"), None),
    ("!!str model: M", Some("M"), None),
    ("!foo model: M", Some("M"), None),
    ("&a model: M", Some("M"), None),
    ("x: &a model\n*a : M", Some("M"), None),
    ("\"mod\\x65l\": M", Some("M"), None),
    ("? \"mo\\\n  del\"\n: M", Some("M"), None),
    ("? |-\n  model\n: M", Some("M"), None),
    ("? |\n  model\n: M", None, None),
    ("[model]: M", Some("M"), None),
    ("? [[model]]\n: M", Some("M"), None),
    ("? - model\n: M", Some("M"), None),
    ("? {model: x}\n: M", None, None),
    ("[model]: A\n<<: {model: M}", Some("M"), None),
    ("model: Y\n<<: {[model]: M}", Some("M"), None),
    ("__proto__: {model: M}", None, None),
    ("model: A\nmodel: B", Some("B"), None),
    ("model: A\n\"model\": B", Some("B"), None),
    ("model: A\n? model\n: B", Some("B"), None),
    ("model: A\nmodel: null", None, None),
    ("x: {y: 1, y: 2}\nmodel: M", Some("M"), None),
    ("model: !foo 5", Some("5"), None),
    ("model: 5", None, None),
    ("model: \" M \"", Some("M"), None),
    ("x: y\u{85}model: M", None, None),
    ("# c\u{2028}model: M", None, None),
    ("x: |\n  a\u{2029}model: M", None, None),
    ("model: M\u{2028}", Some("M"), None),
    ("model: M\u{85}", Some("M\u{85}"), None),
    ("x: y\rmodel: M", Some("M"), None),
    ("# c\rmodel: M", Some("M"), None),
    ("x: a\u{7}\u{feff}b\nmodel: M", Some("M"), None),
    ("model: \"A\"#c", Some("\"A\"#c"), None),
];

#[test]
fn what_hides_a_field_from_lines_does_not_hide_it_from_us() {
    for (head, model, mode) in HIDDEN {
        let loaded = loaded(head);
        assert_eq!(
            (loaded.model.as_deref(), loaded.permission_mode.as_deref()),
            (model, mode),
            "{head:?}"
        );
    }
    for block in [
        "{name: a, description: d, model: M}",
        "{\"name\":\"a\",\"description\":\"d\",\"model\":\"M\"} # c",
        "&a\nname: a\ndescription: d\nmodel: M",
        "!!map {name: a, description: d, model: M}",
        "!foo\nname: a\ndescription: d\nmodel: M",
        "  name: a\n  description: d\n  model: M",
        "\u{feff}model: M\nname: a\ndescription: d",
        "\n\u{feff}model: M\nname: a\ndescription: d",
    ] {
        let definition = Definition::parse(format!("---\n{block}\n---\n").as_bytes())
            .verdict()
            .clone();
        assert!(
            matches!(definition, Verdict::Loads(loaded) if loaded.model.as_deref() == Some("M")),
            "{block}"
        );
    }
    for block in [
        "%YAML 1.2\nname: a\ndescription: d",
        "name: a\ndescription: d\n...\nmodel: M",
        "...\nname: a\ndescription: d",
        "- name: a\n  description: d",
        "name: a\ndescription: d\n<<: *nope",
        "name: a\ndescription: d\n\tmodel: M",
        "name: a\ndescription: d\nx: y\u{2028}model: M",
        "name: a\ndescription: d\nmodel:\u{85}M",
        "name: a\ndescription: d\nx: \u{0}",
        "name: a\ndescription: d\n\"model\": \"A\"#c",
    ] {
        let definition = Definition::parse(format!("---\n{block}\n---\n").as_bytes())
            .verdict()
            .clone();
        assert!(matches!(definition, Verdict::Skipped(_)), "{block}");
    }
}

#[test]
fn bytes_that_are_not_text_become_replacement_characters() {
    let read = |head: &[u8]| {
        let bytes = [b"---\nname: a\ndescription: d\n", head, b"\n---\n"].concat();
        match Definition::parse(&bytes).verdict() {
            Verdict::Loads(loaded) => loaded.model.clone(),
            Verdict::Skipped(reason) => panic!("{reason}"),
        }
    };
    assert_eq!(
        read(b"model: M\xed\xa0\x80").as_deref(),
        Some("M\u{fffd}\u{fffd}\u{fffd}")
    );
    assert_eq!(read(b"model\xff: M"), None);
    assert_eq!(read(b"x: \xc3\nmodel: M").as_deref(), Some("M"));
}

#[test]
fn only_hooks_of_a_wrong_type_make_the_client_skip_a_file() {
    let wrong = [
        "x",
        "\" \"",
        "5",
        "-1",
        "1.5",
        "true",
        "[]",
        "[x]",
        "[{a: b}]",
        ".inf",
        "yes",
        "!!str 5",
        "2026-01-01",
    ];
    let strict = [
        "{}",
        "x",
        "[x]",
        "[{}]",
        "[{hooks: x}]",
        "[{matcher: 5, hooks: []}]",
        "[{matcher: null, hooks: []}]",
        "[{hooks: [{type: command}]}]",
        "[{hooks: [{type: script, command: x}]}]",
        "[{hooks: [{type: http, url: x}]}]",
        "[{hooks: [{type: command, command: x, timeout: \"5\"}]}]",
        "[{hooks: [{type: command, command: x, args: x}]}]",
    ];
    let strict = strict.iter().flat_map(|value| {
        ["PreToolUse", "PermissionRequest"].map(|event| format!("{{{event}: {value}}}"))
    });
    for value in wrong.map(str::to_owned).into_iter().chain(strict) {
        let verdict = verdict(&format!("hooks: {value}"));
        assert!(
            matches!(
                verdict,
                Verdict::Skipped(SkipReason::WrongType { field: "hooks", .. })
            ),
            "{value}: {verdict:?}"
        );
    }
    for value in ["", "null", "~", "false", "0", "\"\"", ".nan", "{}"] {
        assert!(
            loaded(&format!("hooks: {value}")).security().is_empty(),
            "{value}"
        );
    }
    for value in [
        "{Stop: x}",
        "{Nope: x}",
        "{PreToolUse: null}",
        "{PreToolUse: []}",
        "{PreToolUse: [{matcher: Bash, hooks: [{type: command, command: x, timeout: 5}]}]}",
        "{PreToolUse: [{hooks: [{type: mcp_tool, server: a, tool: b}, {type: agent, prompt: x}]}]}",
    ] {
        assert_eq!(
            loaded(&format!("hooks: {value}")).security(),
            ["hooks"],
            "{value}"
        );
    }
    let fields = [
        "tools",
        "disallowedTools",
        "model",
        "color",
        "permissionMode",
        "mcpServers",
        "skills",
        "maxTurns",
        "memory",
    ];
    for field in fields
        .into_iter()
        .chain(["background", "isolation", "effort", "initialPrompt"])
    {
        for value in [
            "x", "\"\"", "5", "-1", "1.5", "true", "null", "[]", "{}", "[5]", "[[x]]", "{a: [b]}",
            ".nan", "!!str 5",
        ] {
            let loaded = loaded(&format!("{field}: {value}"));
            assert_eq!(
                loaded.permission_mode.is_some(),
                field == "permissionMode" && ["x", "!!str 5"].contains(&value),
                "{value}"
            );
        }
    }
}

#[test]
fn tools_are_those_that_a_session_gets() {
    for (text, tools) in [
        ("Read Grep", vec!["Read", "Grep"]),
        ("Grep(x(y), Read, z)", vec!["Grep(x(y)", "Read", "z)"]),
        ("Bash(git *) Read", vec!["Bash(git *)", "Read"]),
        ("Read,\n\nGrep\n", vec!["Read", "Grep"]),
        ("Read\tGrep", vec!["Read\tGrep"]),
        ("Bash(a, Grep", vec!["Bash(a, Grep"]),
    ] {
        assert_eq!(split_tools(text), tools, "{text}");
    }
    for every in [
        "",
        "x: y",
        "tools: \"*\"",
        "tools: [\"*\"]",
        "tools: Read, *",
        "tools: Read * Grep",
        "[x]: y\n<<: {tools: \"*\"}",
    ] {
        assert_eq!(loaded(every).tools, None, "{every}");
    }
    for none in [
        "tools:",
        "tools: {}",
        "tools: 5",
        "tools: \" \"",
        "tools: [5]",
        "tools: [[Read]]",
        "tools: false",
    ] {
        assert_eq!(loaded(none).tools, Some(Vec::new()), "{none}");
    }
    assert_eq!(
        loaded("tools: [\"Read, Grep\", Bash(a b)]").tools.unwrap(),
        ["Read", "Grep", "Bash(a b)"]
    );
    assert_eq!(
        loaded("disallowedTools: [\"Bash, Read\"]").disallowed_tools,
        ["Bash", "Read"]
    );
    // The client may not have needed the repair that we needed.
    assert_eq!(
        loaded("x: @y\ntools: [Read, \"Bash\"]\ndisallowedTools: [Edit]")
            .tools
            .unwrap(),
        ["Read", "Bash"]
    );
    assert_eq!(loaded("x: @y\ntools: *z").tools, None);
    assert!(
        loaded("x: @y\ndisallowedTools: [Edit, *z]")
            .disallowed_tools
            .is_empty()
    );
    assert_eq!(
        loaded("x: @y\ndisallowedTools: [Edit]").disallowed_tools,
        ["Edit"]
    );
}

#[test]
fn equal_powers_have_equal_texts() {
    let direct = loaded(
        "hooks:\n  Stop: [{hooks: [{type: command, command: x}]}]\npermissionMode: plan\nmcpServers: [a]",
    );
    let hidden = loaded(
        "z: &z\n  mcpServers: [a]\n  permissionMode: plan\n<<: *z\n[hooks]: {\"Stop\": [{\"hooks\": [{command: x, type: command}]}]}",
    );
    assert_eq!(direct.security(), ["hooks", "permissionMode", "mcpServers"]);
    assert_eq!(direct.powers, hidden.powers);
    assert_eq!(
        direct.powers["hooks"],
        r#"{"Stop":[{"hooks":[{"command":"x","type":"command"}]}]}"#
    );
    let other = loaded("hooks:\n  Stop: [{hooks: [{type: command, command: y}]}]");
    assert_ne!(direct.powers["hooks"], other.powers["hooks"]);
    for ignored in [
        "permissionMode: 5",
        "permissionMode: [plan]",
        "mcpServers: {}",
        "mcpServers: true",
    ] {
        assert!(loaded(ignored).security().is_empty(), "{ignored}");
    }
}

#[test]
fn aliases_of_aliases_are_not_followed_for_ever() {
    let level = |level: usize| {
        format!(
            "a{}: &a{0} [{}]\n",
            level + 1,
            vec![format!("*a{level}"); 10].join(", ")
        )
    };
    let laughs = (0..8).fold("a0: &a0 [x]\n".to_owned(), |text, at| text + &level(at));
    let wide = format!(
        "a: &a [{}]\nb: [{}]\nhooks: {{}}",
        "0, ".repeat(5000),
        "*a, ".repeat(5000)
    );
    let long = format!("a: &a {}\nb: [{}]", "x".repeat(20_000), "*a, ".repeat(5000));
    for head in [laughs, wide, long] {
        assert_eq!(verdict(&head), Verdict::Skipped(SkipReason::TooComplex));
    }
}

#[test]
fn a_file_that_we_cannot_read_may_have_any_power() {
    let doubt = |head: &str| {
        let text = format!("---\nname: a\ndescription: d\n{head}\n---\n");
        Definition::parse(text.as_bytes()).powers_in_doubt()
    };
    assert_eq!(doubt("x: &a [*a]\nhooks: {Stop: []}"), ["hooks"]);
    assert_eq!(
        doubt("x: &a [*a]\n<<: {permissionMode: plan}"),
        ["permissionMode"]
    );
    assert_eq!(
        doubt("x: &a [*a]\n\"\\x68ooks\": {}"),
        super::fields::FIELDS.map(|field| field.name)
    );
    assert!(doubt("hooks: {Stop: []}").is_empty() && doubt("\tx: y").is_empty());
}

fn shape() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec![
        "tools",
        "\"hooks\"",
        "'model'",
        "[hooks]",
        "? tools\n",
        "<<",
        "\"<<\"",
        "!!merge <<",
        "&k x",
        "*a ",
        "name",
        "\"\\x6eame\"",
        "",
    ]);
    let value = prop::sample::select(vec![
        "*a",
        "&a {hooks: {Stop: x}}",
        "[*a, *b]",
        "&b [*b]",
        "{<<: *a}",
        "!t 5",
        "!!int x",
        "\"A\"#c",
        "|\n  x",
        "[a,\nb]",
        "\u{85}",
        "\u{2028}",
        "\r",
        "\t",
        "\u{f5a85}",
        "\u{feff}",
        ".inf",
        "-.nan",
        "99999999999999999999",
        "0x1F",
        "~",
        "- a",
        "%YAML",
        "...",
    ]);
    (
        key,
        prop::sample::select(vec![": ", " : ", ":\t", ":", " "]),
        value,
    )
        .prop_map(|(key, colon, value)| format!("{key}{colon}{value}"))
}

proptest! {
    #[test]
    fn no_shape_panics(lines in prop::collection::vec(shape(), 0..8), end in "\r?\n") {
        let text = format!("---{end}name: a{end}description: d{end}{}{end}---{end}", lines.join(&end));
        let definition = Definition::parse(text.as_bytes());
        if matches!(definition.verdict(), Verdict::Loads(_)) {
            prop_assert!(definition.powers_in_doubt().is_empty());
        }
        let request = super::Request { repair: true, rename: Some("renamed".to_owned()), ..super::Request::default() };
        if let Ok(adapted) = super::adapt(text.as_bytes(), &request) {
            let after = Definition::parse(&adapted.bytes);
            prop_assert!(matches!(after.verdict(), Verdict::Loads(loaded) if loaded.name == "renamed"));
        }
    }
}
