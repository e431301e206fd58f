//! The part of JSON Schema that the schemas of this repository use. An unknown keyword is a mistake in the schema.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use serde_json::Value;

/// `docs/schema/output.json`.
pub(crate) static OUTPUT: LazyLock<Value> = LazyLock::new(|| schema("output.json"));

/// A schema of `docs/schema`.
pub(crate) fn schema(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs/schema")
        .join(name);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// What is wrong with a document that a command printed, by the definition that the document names.
pub(crate) fn violations_of_output(document: &Value) -> Vec<String> {
    let Some(name) = document["document"].as_str() else {
        return vec!["the document has no name".to_owned()];
    };
    match OUTPUT["$defs"].get(name) {
        Some(own) => violations(&OUTPUT, own, document, name),
        None => vec![format!("{name} is not described")],
    }
}

/// What is wrong with `value`; empty: nothing. `root` is the whole schema, for `$ref`.
pub(crate) fn violations(root: &Value, schema: &Value, value: &Value, path: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (keyword, rule) in schema
        .as_object()
        .unwrap_or_else(|| panic!("{path}: a schema is an object"))
    {
        match keyword.as_str() {
            "$ref" => {
                let pointer = rule.as_str().unwrap().trim_start_matches('#');
                let target = root
                    .pointer(pointer)
                    .unwrap_or_else(|| panic!("{pointer} is not in the schema"));
                found.extend(violations(root, target, value, path));
            }
            "type" => {
                let names: Vec<&str> = rule.as_array().map_or_else(
                    || vec![rule.as_str().unwrap()],
                    |list| list.iter().map(|name| name.as_str().unwrap()).collect(),
                );
                if !names.iter().any(|name| is_of_type(name, value)) {
                    found.push(format!("{path} is {value}, not {names:?}"));
                }
            }
            "enum" if !rule.as_array().unwrap().contains(value) => {
                found.push(format!("{path} is {value}, not one of {rule}"));
            }
            "anyOf" => {
                let all: Vec<_> = rule
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|schema| violations(root, schema, value, path))
                    .collect();
                if !all.iter().any(Vec::is_empty) {
                    found.extend(all.into_iter().flatten());
                }
            }
            "required" if value.is_object() => {
                let missing = rule
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter(|name| value.get(name.as_str().unwrap()).is_none());
                found.extend(missing.map(|name| format!("{path} has no {name}")));
            }
            "properties" => {
                for (name, schema) in rule.as_object().unwrap() {
                    if let Some(value) = value.get(name) {
                        found.extend(violations(root, schema, value, &format!("{path}.{name}")));
                    }
                }
            }
            "additionalProperties" => {
                let known = schema.get("properties").and_then(Value::as_object);
                for (name, value) in value.as_object().into_iter().flatten() {
                    if known.is_some_and(|known| known.contains_key(name)) {
                        continue;
                    }
                    match rule {
                        Value::Bool(false) => found.push(format!("{path}.{name} is not described")),
                        rule => {
                            found.extend(violations(root, rule, value, &format!("{path}.{name}")));
                        }
                    }
                }
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    found.extend(violations(root, rule, item, &format!("{path}[{index}]")));
                }
            }
            "enum" | "required" | "description" | "$schema" | "title" | "$defs" | "default"
            | "examples" => {}
            other => panic!("{path}: the keyword {other} is not known here"),
        }
    }
    found
}

fn is_of_type(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "null" => value.is_null(),
        other => panic!("the type {other} is not known here"),
    }
}
