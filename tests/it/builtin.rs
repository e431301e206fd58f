//! The embedded registry is valid: every agent loads without changes, every catalogue entry has the format of `server.json`.

use agentpkg::domain::definition::{Definition, Verdict, split_tools};
use agentpkg::store::builtin;
use agentpkg::store::registry::Snapshot;

fn data() -> toml::Table {
    std::str::from_utf8(builtin::read("registry.toml").unwrap())
        .unwrap()
        .parse()
        .unwrap()
}

#[test]
fn every_agent_loads_and_is_described() {
    let snapshot = Snapshot::builtin();
    assert!(
        snapshot.offered.len() >= 20 && snapshot.refused.is_empty(),
        "{:?}",
        snapshot.refused
    );
    let data = data();
    let current: Vec<&str> = data["tools"]["current"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool.as_str().unwrap())
        .collect();
    for entry in snapshot.offered.all() {
        assert!(entry.loads, "{}", entry.file);
        assert_eq!(
            entry.file,
            format!("agents/{}.md", entry.name),
            "the file is named after the agent"
        );
        assert!(
            (80..=400).contains(&entry.description.len()),
            "{}: {}",
            entry.name,
            entry.description.len()
        );
        assert!(
            snapshot
                .record(entry.name.as_str())
                .is_some_and(|record| record.version.is_some()),
            "{} has a version",
            entry.name
        );
        let Verdict::Loads(loaded) = Definition::parse(builtin::read(&entry.file).unwrap())
            .verdict()
            .clone()
        else {
            panic!("{} loads", entry.file)
        };
        assert_eq!(loaded.security(), [] as [&str; 0]);
        for tool in loaded
            .tools
            .unwrap_or_else(|| panic!("{} names its tools", entry.name))
        {
            assert!(
                current.contains(&split_tools(&tool)[0].as_str()),
                "{}: {tool}",
                entry.name
            );
        }
    }
    assert_eq!(snapshot.file.notes, [] as [String; 0]);
    assert_eq!(
        snapshot.file.agents.len(),
        snapshot.offered.len(),
        "no record without an agent"
    );
}

#[test]
fn every_server_has_the_form_of_the_official_registry() {
    let mut count = 0;
    for (path, bytes) in builtin::files()
        .iter()
        .filter(|(path, _)| path.starts_with("mcp/"))
    {
        let server: serde_json::Value =
            serde_json::from_slice(bytes).unwrap_or_else(|error| panic!("{path}: {error}"));
        let text = |key: &str| {
            server[key]
                .as_str()
                .unwrap_or_else(|| panic!("{path} has no {key}"))
        };
        assert!(
            text("name")
                .split_once('/')
                .is_some_and(|(space, name)| space.contains('.') && !name.is_empty()),
            "{path}"
        );
        assert!((1..=100).contains(&text("description").len()), "{path}");
        assert!(
            !text("version").contains("latest") && !text("version").contains(['^', '~', '*']),
            "{path}"
        );
        let packages = server["packages"].as_array().cloned().unwrap_or_default();
        let remotes = server["remotes"].as_array().cloned().unwrap_or_default();
        assert!(
            !packages.is_empty() || !remotes.is_empty(),
            "{path} can be started somehow"
        );
        for package in packages {
            assert!(
                package["identifier"].is_string() && package["transport"]["type"] == "stdio",
                "{path}"
            );
            for variable in package["environmentVariables"]
                .as_array()
                .cloned()
                .unwrap_or_default()
            {
                let is_secret = variable["isSecret"] == true;
                assert!(
                    !is_secret || variable["value"].is_null() && variable["default"].is_null(),
                    "{path} holds a secret"
                );
            }
        }
        for remote in remotes {
            assert!(
                remote["url"]
                    .as_str()
                    .is_some_and(|url| url.starts_with("https://")),
                "{path}"
            );
        }
        count += 1;
    }
    assert!(count >= 25);
    let data = data();
    for (alias, target) in data["mcp"]["aliases"].as_table().unwrap() {
        let target = target.as_str().unwrap();
        assert!(
            builtin::read(&format!("mcp/{target}.json")).is_some(),
            "alias {alias} leads nowhere"
        );
    }
}
