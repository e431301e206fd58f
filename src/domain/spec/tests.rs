use proptest::prelude::*;

use super::*;

fn show(text: &str) -> String {
    match Spec::parse(text) {
        Err(error) => format!("error: {error}"),
        Ok(spec) => {
            let place = match spec.place {
                Place::Anywhere => "anywhere".to_owned(),
                Place::Registry(name) => format!("registry {name}"),
                Place::Source(Source::Folder(path)) => format!("folder {path}"),
                Place::Source(Source::File(path)) => format!("file {path}"),
                Place::Source(source) => format!("source {source}"),
            };
            let target = match spec.target {
                None => String::new(),
                Some(Target::Name(name)) => format!(", name {name}"),
                Some(Target::File(file)) => format!(", file {file}"),
                Some(Target::Folder(folder)) => format!(", folder {folder}"),
                Some(Target::Plugin { plugin, agent }) => format!(", {agent} of plugin {plugin}"),
                Some(Target::Page(shown, name)) => format!(
                    ", {} {}{}",
                    if shown.is_file {
                        "file page"
                    } else {
                        "folder page"
                    },
                    shown.rest,
                    name.map(|name| format!(", name {name}"))
                        .unwrap_or_default()
                ),
            };
            let version = spec
                .version
                .map(|version| format!(", version {version}"))
                .unwrap_or_default();
            format!("{place}{target}{version}")
        }
    }
}

#[test]
fn every_form_of_the_grammar() {
    for (text, meaning) in [
        ("backend-architect", "anywhere, name backend-architect"),
        ("Frontend Developer", "anywhere, name Frontend Developer"),
        (
            "backend-architect@^1.2",
            "anywhere, name backend-architect, version ^1.2",
        ),
        (
            "backend-architect@latest",
            "anywhere, name backend-architect",
        ),
        (
            "studio/backend-architect",
            "registry studio, name backend-architect",
        ),
        (
            "studio/backend-architect@v1.4.0",
            "registry studio, name backend-architect, version v1.4.0",
        ),
        ("studio#agents/x.md", "registry studio, file agents/x.md"),
        ("gh:acme/agents", "source gh:acme/agents"),
        (
            "gh:acme/agents@v1.0.0",
            "source gh:acme/agents, version v1.0.0",
        ),
        (
            "gh:acme/agents#planner",
            "source gh:acme/agents, name planner",
        ),
        (
            "gh:acme/agents#planner@3f0399d",
            "source gh:acme/agents, name planner, version 3f0399d",
        ),
        (
            "gh:acme/agents#a/b.md@main",
            "source gh:acme/agents, file a/b.md, version main",
        ),
        (
            "https://example.com/r.git#x",
            "source https://example.com/r.git, name x",
        ),
        (
            "git@example.com:acme/r.git#x",
            "source git@example.com:acme/r.git, name x",
        ),
        ("./agents", "folder ./agents"),
        ("./agents#x", "folder ./agents, name x"),
        ("../a/my-agent.md", "file ../a/my-agent.md"),
        (".", "folder ."),
        ("/abs/agents#sub/x.md", "folder /abs/agents, file sub/x.md"),
        ("C:\\agents#x", "folder C:\\agents, name x"),
        ("C:/agents/planner.md", "file C:/agents/planner.md"),
        ("d:agents#x", "folder d:agents, name x"),
    ] {
        assert_eq!(show(text), meaning, "{text}");
    }
}

#[test]
fn what_people_bring_from_elsewhere() {
    for (text, meaning) in [
        (
            "gh:acme/agents#./team/x.md",
            "source gh:acme/agents, file team/x.md",
        ),
        ("github.com/acme/agents#x", "source gh:acme/agents, name x"),
        ("www.github.com/acme/agents", "source gh:acme/agents"),
        (
            "https://www.github.com/acme/agents?tab=readme-ov-file#x",
            "source gh:acme/agents, name x",
        ),
        (
            "gh:acme/agents/blob/main/x.md",
            "source gh:acme/agents, file page main/x.md",
        ),
        (
            "github:acme/agents#x@v1",
            "source gh:acme/agents, name x, version v1",
        ),
        ("github:acme/agents@v1", "source gh:acme/agents, version v1"),
        (
            "gitlab:g/sub/agents#x",
            "source https://gitlab.com/g/sub/agents, name x",
        ),
        (
            "gitlab:g/agents@dev",
            "source https://gitlab.com/g/agents, version dev",
        ),
        (
            "gitlab.com/g/sub/agents",
            "source https://gitlab.com/g/sub/agents",
        ),
        (
            "myalias:acme/agents#x",
            "source myalias:acme/agents, name x",
        ),
        (
            "host.example:acme/agents.git#x@dev",
            "source host.example:acme/agents.git, name x, version dev",
        ),
        ("alias:agents#x", "source alias:agents, name x"),
        (
            "https://github.com/acme/agents/blob/main/team/x.md#L3",
            "source gh:acme/agents, file page main/team/x.md",
        ),
        (
            "github.com/acme/agents/tree/main/team#x",
            "source gh:acme/agents, folder page main/team, name x",
        ),
    ] {
        assert_eq!(show(text), meaning, "{text}");
    }
}

#[test]
fn a_file_is_told_by_its_name_and_has_a_folder() {
    let parts = |path: &str| {
        let source = Source::path(path);
        assert_eq!(source.to_string(), path, "it stays as it was written");
        source
            .as_file()
            .map(|(folder, file)| (folder.to_owned(), file.to_owned()))
    };
    for (path, folder, file) in [
        ("./a.md", ".", "a.md"),
        ("a.txt", ".", "a.txt"),
        ("/a.markdown", "/", "a.markdown"),
        ("C:\\agents\\a.md", "C:\\agents", "a.md"),
    ] {
        assert_eq!(parts(path), Some((folder.to_owned(), file.to_owned())));
    }
    assert_eq!(parts("./a.md/"), None);
    assert_eq!(parts("./agents"), None);
}

#[test]
fn what_is_refused_says_why() {
    for text in [
        "",
        "-x",
        "--help",
        "a\nb",
        "a/b/c",
        "gh:acme",
        "gh:",
        "studio/",
        "studio#",
        "gh:a/b#",
        "./x#../y.md",
        "./x#/etc/y.md",
        "my-agent.md",
        "../evil#../x.md",
        "ext::sh -c id#x",
        "x@",
        "x@^",
        "x@-y",
        "gh:a/b#x@..",
    ] {
        assert!(
            show(text).starts_with("error: "),
            "{text:?}: {}",
            show(text)
        );
    }
}

#[test]
fn what_may_mean_a_repository_is_answered_with_how_to_write_it() {
    for (text, instead) in [
        ("a/b/c", "gh:a/b#c"),
        ("a/b/c/d.md", "gh:a/b#c/d.md"),
        ("a/b/c@v1", "gh:a/b#c@v1"),
        ("a/b#c", "gh:a/b#c"),
        ("gh:a/b/c", "gh:a/b#c"),
        ("https://github.com/a/b/issues/1", "gh:a/b"),
        ("a/b/c.md", "gh:a/b#c.md"),
        ("host.example/a/b#c", "https://host.example/a/b#c"),
        ("host.example/a/b", "https://host.example/a/b#NAME"),
    ] {
        let said = show(text);
        assert!(
            said.starts_with("error: ") && said.contains(&format!("`{instead}`")),
            "{said}"
        );
        assert!(Spec::parse(instead).is_ok(), "{instead}");
    }
    // Nothing is suggested that would be refused.
    assert_eq!(as_repository("-a/b/c"), None);
    assert_eq!(as_repository("a"), None);
}

#[test]
fn half_of_a_spec_has_parts() {
    let parts = |text| {
        let Parts {
            place,
            target,
            version,
        } = Parts::of(text);
        (place, target, version)
    };
    for (text, meaning) in [
        ("", (None, Some(""), None)),
        ("pl", (None, Some("pl"), None)),
        ("planner@^1", (None, Some("planner"), Some("^1"))),
        ("studio/", (Some("studio"), Some(""), None)),
        (
            "studio/planner@",
            (Some("studio"), Some("planner"), Some("")),
        ),
        (
            "studio#a/b.md@v1",
            (Some("studio"), Some("a/b.md"), Some("v1")),
        ),
        ("gh:acme/agents", (Some("gh:acme/agents"), None, None)),
        (
            "gh:acme/agents@v",
            (Some("gh:acme/agents"), None, Some("v")),
        ),
        (
            "gh:acme/agents#pl",
            (Some("gh:acme/agents"), Some("pl"), None),
        ),
        (
            "git@example.com:acme/r.git",
            (Some("git@example.com:acme/r.git"), None, None),
        ),
        (
            "git@example.com:acme/r.git#pl",
            (Some("git@example.com:acme/r.git"), Some("pl"), None),
        ),
        (
            "git@example.com:acme/r.git#planner@",
            (
                Some("git@example.com:acme/r.git"),
                Some("planner"),
                Some(""),
            ),
        ),
        (
            "https://me@example.com/r.git",
            (Some("https://me@example.com/r.git"), None, None),
        ),
        ("./a#b#c@1", (Some("./a#b"), Some("c"), Some("1"))),
    ] {
        assert_eq!(parts(text), meaning, "{text}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>()) {
        let _ = Spec::parse(&text);
    }

    #[test]
    fn no_text_of_the_grammars_characters_panics(text in "[a-c./#@:~^é\\\\-]{0,12}") {
        let _ = Spec::parse(&text);
    }
}
