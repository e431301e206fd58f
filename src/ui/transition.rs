//! TRANSITION: goes when the last text is converted. Commands that still stand in words get the global options of this run here.

use serde_json::Value;

/// What a command in a text begins with.
const BEGIN: &str = "`agentpkg ";

/// The text with `place`, the global options as they are typed, in each command that does not have them yet.
pub(super) fn in_place(text: &str, place: &str) -> String {
    if place.is_empty() {
        return text.to_owned();
    }
    let own = format!("{place} ");
    let mut parts = text.split(BEGIN);
    let mut placed = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        placed.push_str(BEGIN);
        if !part.starts_with(&own) {
            placed.push_str(&own);
        }
        placed.push_str(part);
    }
    placed
}

/// The same for the hints of a document that are strings.
pub(super) fn hints_in_place(value: &mut Value, place: &str) {
    match value {
        Value::Array(items) => {
            for item in items {
                hints_in_place(item, place);
            }
        }
        Value::Object(fields) => {
            for (key, field) in fields {
                match field {
                    Value::Array(hints) if key == "hints" => {
                        for hint in hints {
                            if let Value::String(text) = hint {
                                *text = in_place(text, place);
                            }
                        }
                    }
                    _ => hints_in_place(field, place),
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_gets_the_options_once() {
        let place = "-C 'my folder' --user";
        let text = "`agentpkg list`, or `agentpkg -C 'my folder' --user undo`";
        let placed =
            "`agentpkg -C 'my folder' --user list`, or `agentpkg -C 'my folder' --user undo`";
        assert_eq!(in_place(text, place), placed);
        assert_eq!(in_place(placed, place), placed);
        assert_eq!(in_place(text, ""), text);
        let mut document =
            serde_json::json!({ "refused": [{ "hints": [text, { "text": text }] }] });
        hints_in_place(&mut document, place);
        assert_eq!(
            document,
            serde_json::json!({ "refused": [{ "hints": [placed, { "text": text }] }] })
        );
    }
}
