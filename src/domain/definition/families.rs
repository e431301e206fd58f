//! Families of odd frontmatter, and repairs of it. What the client makes of each line of `families.txt` was asked from version 2.1.332.

use super::{AdaptError, Definition, Request, SkipReason, Verdict, adapt};

fn file(head: &str) -> String {
    format!("---\nname: a\ndescription: d\nn: &n FIRST\nmodel: *n\n{head}\nw: v\n---\nBody.\n")
}

/// `reads`: as YAML; `fixes`: after its own repair, in which an alias becomes text; `skips`: not at all.
fn verdict(text: &str) -> &'static str {
    match Definition::parse(text.as_bytes()).verdict() {
        Verdict::Loads(loaded) if loaded.model.as_deref() == Some("FIRST") => "reads",
        Verdict::Loads(_) => "fixes",
        Verdict::Skipped(_) => "skips",
    }
}

/// The text of a line: `\n`, `\t` and `\\` stand for what they do elsewhere.
fn unescaped(line: &str) -> String {
    let mut text = String::new();
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        text.push(match c {
            '\\' => match characters.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                other => other.unwrap(),
            },
            c => c,
        });
    }
    text
}

#[test]
fn families_are_read_as_the_client_reads_them() {
    let lines: Vec<&str> = include_str!("families.txt").lines().collect();
    assert!(lines.len() > 300);
    for line in lines {
        let (expected, head) = line.split_once(' ').unwrap();
        let head = unescaped(head);
        assert_eq!(verdict(&file(&head)), expected, "{head:?}");
    }
}

fn description(value: &str) -> Option<String> {
    let text = format!("---\nname: a\ndescription: {value}\ntools: Read\n---\n");
    match Definition::parse(text.as_bytes()).verdict() {
        Verdict::Loads(loaded) => Some(loaded.description.clone()),
        Verdict::Skipped(_) => None,
    }
}

#[test]
fn odd_scalars_have_the_clients_text() {
    for (value, text) in [
        (", a", ", a"),
        ("a\t# c", "a"),
        ("\ta", "a"),
        ("0b1", "0b1"),
        ("\"a\\ud83d\\ude00b\"", "a😀b"),
        ("!!int a", "a"),
        ("\"a\"# c", "\"a\"# c"),
        ("[-]", "[-]"),
        ("|\n  \ta\n  b", "\ta\nb\n"),
        (">\n  a\n  \tb", "a\n\tb\n"),
        ("a\n\tb", "a b"),
        ("\"a\n\n  b\"", "a\nb"),
        ("\"a\r\n  b\"", "a\nb"),
        ("'a\r\n\r\n  b'", "a\n\nb"),
        ("\"a\\\r\n  b\"", "a\nb"),
        ("007\n - g", "007 - g"),
    ] {
        assert_eq!(description(value).as_deref(), Some(text), "{value:?}");
    }
    for value in [
        "017",
        "[!a]",
        "[:]",
        "[a:]",
        "{a:}",
        "|# c\n  a",
        "\"a\nb\"",
        "'a\n b\nc'",
        "\"\\ud83d\"",
    ] {
        assert_eq!(description(value), None, "{value:?}");
    }
}

#[test]
fn two_events_beside_hooks_make_the_client_skip_a_file() {
    for (value, expected) in [
        ("x", "skips"),
        ("false", "skips"),
        ("{}", "skips"),
        ("[{hooks: []}]", "skips"),
        ("", "reads"),
        ("[]", "reads"),
    ] {
        for event in ["PreToolUse", "PermissionRequest"] {
            assert_eq!(verdict(&file(&format!("{event}: {value}"))), expected);
        }
        assert_eq!(verdict(&file(&format!("PostToolUse: {value}"))), "reads");
    }
}

fn repaired(text: &str) -> Result<String, AdaptError> {
    let request = Request {
        repair: true,
        ..Request::default()
    };
    adapt(text.as_bytes(), &request).map(|adapted| String::from_utf8(adapted.bytes).unwrap())
}

#[test]
fn a_repair_keeps_lists_and_quoted_text() {
    for (head, kept) in [
        ("tools: [\nRead,\nGrep\n]", "tools: [\n  Read,\n  Grep\n]"),
        (
            "tools: [\n\tRead,\n\tGrep\n]",
            "tools: [\n  Read,\n  Grep\n]",
        ),
        ("tools: [Read,\n  Grep", "tools: [Read,\n  Grep]"),
        ("tools: [Read,# c\n  Grep]", "tools: [Read, # c\n  Grep]"),
        ("memory: |# c\n  a", "memory: | # c\n  a"),
        (
            "initialPrompt: \"One \\\"word\\\".\nTwo.\"",
            "initialPrompt: \"One \\\"word\\\".\n  Two.\"",
        ),
        (
            "tools:\n\t- Read\nmodel: a\nb",
            "tools:\n  - Read\nmodel: |-\n  a\n  b",
        ),
    ] {
        let text = format!("---\nname: a\ndescription: d\n{head}\n---\nBody.\n");
        assert_eq!(verdict(&text), "skips", "{head}");
        let kept = format!("---\nname: a\ndescription: d\n{kept}\n---\nBody.\n");
        assert_eq!(repaired(&text).as_ref(), Ok(&kept), "{head}");
    }
}

#[test]
fn what_cannot_be_repaired_without_a_loss_is_left() {
    for head in [
        "name: a\ndescription: d\ntools: [Read,\n \"Grep]",
        "name: a\ndescription: d\ntools:\n  - Read\n  b: c",
        "name: a\ndescription: d\ntools: Read\n- Grep",
        "name: a\ndescription: d\nhooks:\n  Stop:\n - x",
        "name: a\ndescription: d\nmcpServers: {a: {b: c},\n  d",
        " tools: Read\nname: a\ndescription: d",
        "  tools: [Read\nname: a\ndescription: d",
    ] {
        let text = format!("---\n{head}\n---\nBody.\n");
        assert!(
            matches!(
                repaired(&text),
                Err(AdaptError::BeyondRepair(SkipReason::Invalid { .. }))
            ),
            "{head}: {:?}",
            repaired(&text)
        );
    }
}

#[test]
fn a_file_that_the_client_loads_is_never_repaired() {
    for line in include_str!("families.txt").lines() {
        let (expected, head) = line.split_once(' ').unwrap();
        let head = unescaped(head);
        let text = file(&head);
        if expected != "skips" {
            assert_eq!(repaired(&text), Ok(text), "{head:?}");
        }
    }
}

#[test]
fn keys_without_fences_are_fenced_and_nothing_is_cut() {
    let keys = "name: a\ndescription: Plans.\nUse PROACTIVELY when: x\ntools: Read, Bash(git *)\n";
    let mended = "---\nname: a\ndescription: |-\n  Plans.\n  Use PROACTIVELY when: x\ntools: Read, Bash(git *)\n---\n";
    for (text, rest) in [
        (format!("{keys}\nBody.\n"), "\nBody.\n"),
        (
            format!("# Title\n\n{keys}\nBody.\n"),
            "# Title\n\n\nBody.\n",
        ),
        (format!("{keys}---\nBody.\n"), "Body.\n"),
        (format!("---\n{keys}\nBody.\n"), "\nBody.\n"),
        (format!("```yaml\n{keys}```\nBody.\n"), "Body.\n"),
        (format!("```yaml\n---\n{keys}---\n```\nBody.\n"), "Body.\n"),
        (
            format!("```markdown\n---\n{keys}---\nBody.\n```\n"),
            "Body.\n```\n",
        ),
        (format!("# Title\n```\n{keys}```\n"), "# Title\n"),
    ] {
        assert_eq!(repaired(&text), Ok(format!("{mended}{rest}")), "{text}");
    }
    let both = repaired("name: a\ndescription: d\n\ntools:\n  - Read\n\nBody.\n").unwrap();
    assert_eq!(
        both,
        "---\nname: a\ndescription: d\n\ntools:\n  - Read\n---\n\nBody.\n"
    );
    assert_eq!(
        repaired("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"),
        Err(AdaptError::Pointer)
    );
}
