//! A law across two floors: what the client loads before a merge it also loads after it, and no tool comes back. The client is modelled by
//! `domain::definition`, which was measured against the real one; `merge` itself does not use it.

use std::collections::BTreeSet;

use agentpkg::domain::capability::Capabilities;
use agentpkg::domain::definition::{Definition, Verdict};
use agentpkg::merge::merge;
use proptest::prelude::*;

const LINES: [&str; 26] = [
    "description: Reviews code. Asks first.",
    "description: \"Reviews all code. Asks first.\"",
    "description: 'Reviews code. Asks twice.'",
    "description: Use when: it is needed. Asks first.",
    "description: >\n  Reviews code.\n  Asks first.",
    "description: |\n  Reviews code.\n  Asks the user first.",
    "tools: Read, Grep",
    "tools: Read, Grep, Bash",
    "tools: Read, Write",
    "tools: [Read, Edit]",
    "tools: [Read, \"Bash(git *)\"]",
    "tools:\n  - Read\n  - Grep",
    "tools:\n  - Read\n  - WebFetch",
    "tools: \"*\"",
    "disallowedTools: Bash",
    "disallowedTools: Bash, Write",
    "model: opus",
    "model: \"haiku\"",
    "color: red # loud",
    "hooks:\n  Stop: []",
    "permissionMode: plan",
    "mcpServers: [db]",
    "# a comment",
    "x-odd: {a: [1, 2]}",
    "skills: [one, two]",
    "<<: {color: blue}",
];

fn definition() -> impl Strategy<Value = String> {
    (
        prop::collection::vec(prop::sample::select(LINES.to_vec()), 0..6),
        0..LINES.len(),
    )
        .prop_map(|(lines, at)| {
            let mut seen = BTreeSet::new();
            let key = |line: &str| line.split(':').next().unwrap_or_default().to_owned();
            let first = if at < 6 { LINES[at] } else { LINES[0] };
            let mut text = format!("---\nname: agent\n{first}\n");
            seen.insert("description".to_owned());
            for line in lines.into_iter().filter(|line| seen.insert(key(line))) {
                text += line;
                text.push('\n');
            }
            text += "---\n\nBody.\n";
            text
        })
}

fn loads(text: &[u8]) -> bool {
    matches!(Definition::parse(text).verdict(), Verdict::Loads(_))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100_000, ..ProptestConfig::default() })]

    #[test]
    fn what_the_client_loads_it_loads_after_a_merge(
        base in definition(), ours in definition(), theirs in definition(), crlf in any::<bool>(),
    ) {
        // The client repairs an unquoted colon in a file with LF, but not in one with CRLF, so the line endings are the same here; if they
        // differ, `update` refuses to write a file that would not load.
        let bytes = |text: String| if crlf { text.replace('\n', "\r\n").into_bytes() } else { text.into_bytes() };
        let (base, ours, theirs) = (bytes(base), bytes(ours), bytes(theirs));
        let Some(merged) = merge(&base, &ours, &theirs).to_bytes() else { return Ok(()) };
        if !(loads(&base) && loads(&ours) && loads(&theirs)) {
            return Ok(());
        }
        prop_assert!(loads(&merged), "{}", String::from_utf8_lossy(&merged));
        let tools = |text: &[u8]| Capabilities::of(text).tools;
        if let (Some(base), Some(ours), Some(theirs)) = (tools(&base), tools(&ours), tools(&theirs)) {
            let Some(result) = tools(&merged) else {
                return Err(TestCaseError::fail("every tool is granted"));
            };
            for side in [&ours, &theirs] {
                for removed in base.difference(side) {
                    prop_assert!(!result.contains(removed), "{removed} came back in {}", String::from_utf8_lossy(&merged));
                }
            }
        }
    }
}
