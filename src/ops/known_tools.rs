//! The names of Claude Code's tools, of today and of earlier versions, and what a name that is none of them was probably meant to be.

use crate::domain::likeness;
use crate::domain::tool_rule::ALIASES;
use crate::store::builtin;
use crate::store::registry::Snapshot;

/// All names.
pub(super) fn all() -> Vec<String> {
    let tools = Snapshot::builtin_about().file.tools.into_iter();
    let aliases = ALIASES.iter().flat_map(|(old, new)| [*old, *new]);
    let retired = builtin::retired_tools().into_keys();
    tools
        .chain(aliases.map(str::to_owned))
        .chain(retired)
        .collect()
}

/// What an entry of a list of tools was probably meant to be; `None`: it is a tool, or a word of its own, which may be a tool that this
/// version does not know yet. Tools of servers and patterns have names of their own.
pub(super) fn meant(entry: &str) -> Option<String> {
    let tool = entry.split('(').next().unwrap_or(entry);
    if tool.starts_with("mcp__") || tool.contains('*') {
        return None;
    }
    let all = all();
    let meant = likeness::mistyped(tool, all.iter().map(String::as_str))?;
    Some(format!("{meant}{}", &entry[tool.len()..]))
}
