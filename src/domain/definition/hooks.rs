//! Which `hooks` the client accepts: for two events, one bad entry makes it drop the whole agent; it reads the other events leniently.

use serde_json::{Map, Value};

/// The events whose hooks may refuse a tool call, so the client does not run an agent without them.
const STRICT_EVENTS: [&str; 2] = ["PreToolUse", "PermissionRequest"];

/// Why the client skips an agent with these hooks; `None` if it does not.
pub(super) fn objection(hooks: &Value) -> Option<&'static str> {
    let Value::Object(events) = hooks else {
        return Some("a mapping of events to lists of matchers");
    };
    let is_sound = |value: &Value| {
        value.is_null()
            || value
                .as_array()
                .is_some_and(|matchers| matchers.iter().all(is_matcher))
    };
    let is_bad = STRICT_EVENTS
        .iter()
        .filter_map(|event| events.get(*event))
        .any(|value| !is_sound(value));
    is_bad.then_some("for `PreToolUse` and `PermissionRequest` a list of matchers, each with a list of valid `hooks`")
}

/// Whether one of the two events stands beside `hooks` instead of in it, with any value but an empty list: the client skips such a file.
pub(super) fn is_misplaced(fields: &Map<String, Value>) -> bool {
    STRICT_EVENTS
        .iter()
        .filter_map(|event| fields.get(*event))
        .any(|value| !value.is_null() && value.as_array().is_none_or(|items| !items.is_empty()))
}

fn is_matcher(value: &Value) -> bool {
    let hooks = value.get("hooks").and_then(Value::as_array);
    value.get("matcher").is_none_or(Value::is_string)
        && hooks.is_some_and(|hooks| hooks.iter().all(is_hook))
}

fn is_hook(value: &Value) -> bool {
    let Value::Object(hook) = value else {
        return false;
    };
    let has_text = |key: &str| hook.get(key).is_some_and(Value::is_string);
    let is_complete = match hook.get("type").and_then(Value::as_str) {
        Some("command") => has_text("command"),
        Some("prompt" | "agent") => has_text("prompt"),
        Some("http") => hook
            .get("url")
            .and_then(Value::as_str)
            .is_some_and(|url| url.contains(':')),
        Some("mcp_tool") => has_text("server") && has_text("tool"),
        _ => false,
    };
    is_complete && has_sound_options(hook)
}

fn has_sound_options(hook: &Map<String, Value>) -> bool {
    hook.iter().all(|(key, value)| match key.as_str() {
        "timeout" => value.as_f64().is_some_and(|seconds| seconds > 0.0),
        "async" | "asyncRewake" | "once" => value.is_boolean(),
        "if" | "statusMessage" | "model" => value.is_string(),
        "shell" => matches!(value.as_str(), Some("bash" | "powershell")),
        "args" => value.is_array(),
        "headers" => value.is_object(),
        _ => true,
    })
}
