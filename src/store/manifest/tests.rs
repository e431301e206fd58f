use super::*;

const TEXT: &str = "# our agents\n[registries]\nstudio = { git = \"https://example.com/agents\" }   # the team's\nlocal = \"./agents\"\n\n[agents]\nzed = \"^1.2\"\n\n# for payments\nplanner = { registry = \"studio\", agent = \"backend-architect\" } # keep\n";

fn name(text: &str) -> AgentName {
    AgentName::new(text).unwrap()
}

#[test]
fn a_manifest_says_what_is_wanted() {
    let manifest = Manifest::parse(TEXT, FILE_NAME).unwrap();
    assert_eq!(manifest.registries().len(), 2);
    let planner = &manifest.agents()[&name("planner")];
    assert_eq!(
        planner.origin,
        Origin::Registry(RegistryName::new("studio").unwrap())
    );
    assert_eq!(
        planner.target,
        Some(Target::Name("backend-architect".to_owned()))
    );
    assert_eq!(
        manifest.agents()[&name("zed")]
            .version
            .as_ref()
            .unwrap()
            .to_string(),
        "^1.2"
    );
    assert!(!manifest.is_changed());
}

#[test]
fn edits_keep_every_other_byte() {
    let mut manifest = Manifest::parse(TEXT, FILE_NAME).unwrap();
    let wanted = Wanted {
        origin: Origin::Registry(RegistryName::builtin()),
        ..Wanted::anything()
    };
    manifest.set_agent(&name("reviewer"), &wanted);
    assert_eq!(
        manifest.to_text(),
        format!("{TEXT}reviewer = {{ registry = \"builtin\" }}\n")
    );
    assert!(manifest.remove_agent(&name("reviewer")));
    assert_eq!(manifest.to_text(), TEXT);
    let again = Manifest::parse(&manifest.to_text(), FILE_NAME).unwrap();
    assert_eq!(again.agents(), manifest.agents());
}

#[test]
fn an_edit_that_is_taken_back_leaves_no_trace() {
    let original = Manifest::parse(TEXT, FILE_NAME).unwrap();
    let mut manifest = original.clone();
    for key in ["zed", "planner"] {
        let wanted = Wanted {
            version: VersionRequest::parse("^9").ok(),
            ..manifest.agents()[&name(key)].clone()
        };
        manifest.set_agent(&name(key), &wanted);
    }
    assert!(manifest.is_changed());
    manifest.set_agent(&name("new"), &Wanted::anything());
    let both = manifest.clone();
    manifest.take_back(|_| true, &original);
    assert!(!manifest.is_changed() && manifest.agents() == original.agents());
    manifest = both;
    manifest.take_back(|back| *back == name("planner"), &original);
    assert_eq!(
        manifest.to_text(),
        TEXT.replace("^1.2", "^9") + "new = \"*\"\n"
    );
}

#[test]
fn edits_keep_the_mark_and_the_line_endings() {
    let windows = format!("\u{feff}{}", TEXT.replace('\n', "\r\n"));
    let mut manifest = Manifest::parse(&windows, FILE_NAME).unwrap();
    assert!(!manifest.is_changed() && manifest.to_text() == windows);
    manifest.set_agent(&name("reviewer"), &Wanted::anything());
    assert_eq!(manifest.to_text(), format!("{windows}reviewer = \"*\"\r\n"));
    assert!(manifest.remove_agent(&name("reviewer")));
    assert_eq!(manifest.to_text(), windows);
    assert!(!manifest.is_changed());
    // A byte order mark does not shift the underline.
    let text = "\u{feff}[agents]\r\na = 3\r\n";
    let failure = Manifest::parse(text, FILE_NAME).unwrap_err();
    let location = failure.location().unwrap();
    assert_eq!(
        (location.line(), &location.source[location.span.clone()]),
        (2, "3")
    );
}

/// A line of a manifest, under the table that it belongs to.
const LINES: [&str; 9] = [
    "# ours",
    "[registries]",
    "studio = { git = \"https://example.com/agents\" }   # the team's",
    "",
    "[agents]",
    "zed = \"^1.2\"\t# \u{e9}",
    "# for payments",
    "planner = { registry = \"studio\" }",
    "[other]",
];

proptest::proptest! {
    #[test]
    fn an_edit_changes_only_the_lines_concerned(
        endings in proptest::collection::vec(proptest::bool::weighted(0.7), LINES.len()),
        has_mark: bool, has_end: bool, edits in proptest::collection::vec(0..5usize, 1..5),
    ) {
        let ending = |is_long: bool| if is_long { "\r\n" } else { "\n" };
        let mut text: String = LINES.iter().zip(&endings).flat_map(|(line, long)| [line, ending(*long)]).collect();
        if !has_end {
            text.truncate(text.trim_end().len());
        }
        let text = format!("{}{text}", if has_mark { MARK } else { "" });
        let mut manifest = Manifest::parse(&text, FILE_NAME).unwrap();
        let mut plain = Manifest::parse(&text.replace("\r\n", "\n"), FILE_NAME).unwrap();
        for edit in edits {
            for manifest in [&mut manifest, &mut plain] {
                match edit {
                    0 => manifest.set_agent(&name("new"), &Wanted::anything()),
                    1 => manifest.add_pins(&name("planner"), &["model".to_owned()]),
                    2 => drop(manifest.remove_agent(&name("zed"))),
                    3 => manifest.set_registry(&RegistryName::new("local").unwrap(), &Source::path("./x")),
                    _ => drop(manifest.remove_registry(&RegistryName::new("studio").unwrap())),
                }
            }
        }
        let edited = manifest.to_text();
        // An edit does the same with all line endings.
        proptest::prop_assert_eq!(edited.replace("\r\n", "\n"), plain.to_text());
        // Each existing line that is still there is unchanged, and in its place.
        let old: Vec<&str> = text.split_inclusive('\n').filter(|line| line.ends_with('\n')).collect();
        let new: Vec<&str> = edited.split_inclusive('\n').collect();
        for line in old {
            let count = |lines: &[&str], line: &str| lines.iter().filter(|other| other.trim_end() == line.trim_end()).count();
            if !line.trim().is_empty() && count(&new, line) > 0 {
                proptest::prop_assert!(new.contains(&line), "{:?} in {:?}", line, edited);
            }
        }
    }
}

#[test]
fn bindings_of_a_table_of_their_own_stay_there() {
    let text = "[agents.a]\nregistry = \"builtin\"\n\n[agents.a.bind]\nold = \"mine\" # ours\n\n[policy]\nhooks = false\n";
    let mut manifest = Manifest::parse(text, FILE_NAME).unwrap();
    let mut wanted = manifest.agents()[&name("a")].clone();
    wanted.bind.insert("other".to_owned(), "theirs".to_owned());
    manifest.set_agent(&name("a"), &wanted);
    let expected = text.replace("# ours\n", "# ours\nother = \"theirs\"\n");
    assert_eq!(manifest.to_text(), expected);
    assert_eq!(manifest.policy().hooks, Some(false));
    let violation = Violation {
        rule: "hooks",
        what: "it sets `hooks`".to_owned(),
        doubt: None,
    };
    assert_eq!(
        manifest
            .forbidden("no", &violation)
            .location()
            .unwrap()
            .span,
        text.find("false").unwrap()..text.find("false").unwrap() + 5
    );
}

#[test]
fn every_edit_reads_back_as_itself() {
    for (target, version, is_verbatim) in [
        (None, None, false),
        (
            Some(Target::File("a/b.md".to_owned())),
            VersionRequest::parse("^1").ok(),
            true,
        ),
        (
            Some(Target::Name("Other Name".to_owned())),
            VersionRequest::parse("main").ok(),
            false,
        ),
    ] {
        for origin in [Origin::Any, Origin::Source(Source::path("./x"))] {
            let pins = if is_verbatim {
                vec!["model".to_owned(), "x y".to_owned()]
            } else {
                Vec::new()
            };
            let bind = pins
                .iter()
                .map(|_| ("up-stream".to_owned(), "mine".to_owned()))
                .collect();
            let overrides = if is_verbatim || !pins.is_empty() {
                Overrides::default()
            } else {
                Overrides::read([
                    "model=haiku",
                    "effort=3",
                    "description=a\nb \"c\"",
                    "tools+=Bash(git *)",
                    "tools-=Read",
                ])
                .unwrap()
            };
            let wanted = Wanted {
                overrides,
                origin,
                target: target.clone(),
                version: version.clone(),
                is_verbatim,
                pins,
                bind,
                keeps_gone: is_verbatim,
            };
            let mut manifest = Manifest::empty();
            manifest.set_agent(&name("a"), &wanted);
            let again = Manifest::parse(&manifest.to_text(), FILE_NAME).unwrap();
            assert_eq!(again.agents()[&name("a")], wanted, "{}", manifest.to_text());
            assert_eq!(again.warnings(), [] as [String; 0]);
        }
    }
}

#[test]
fn mistakes_are_shown_where_they_are() {
    for (text, part) in [
        ("[agents]\na = = 1\n", "= 1"),
        (
            "[agents]\r\n<<<<<<< HEAD\r\na = \"1\"\r\n=======\r\n>>>>>>> x\r\n",
            "<<<<<<<",
        ),
        ("[agents]\na = 3\n", "3"),
        ("[agents]\na = { registry = \"../x\" }\n", "\"../x\""),
        ("[registries]\nr = { git = \"ext::sh\" }\n", "\"ext::sh\""),
        ("[agents]\nfoo = \"*\"\nFoo = \"1\"\n", "\"1\""),
        ("[agents]\na = \"^x\"\n", "\"^x\""),
        ("[agents.a]\nbind = { \"a b\" = \"c\" }\n", "\"c\""),
        ("[agents.a]\nbind = { a = \"b\", b = \"c\" }\n", "{"),
        ("[policy]\ndeny_tools = [\"Bash\"]\n", "deny_tools"),
        ("[policy]\nhooks = \"no\"\n", "\"no\""),
    ] {
        let failure = Manifest::parse(text, FILE_NAME).unwrap_err();
        let location = failure
            .location()
            .unwrap_or_else(|| panic!("{text}: no location"));
        assert_eq!(&text[location.span.clone()][..1], &part[..1], "{text}");
    }
}

#[test]
fn another_version_leaves_the_comments_where_they_are() {
    let text = "[agents]\n# of the team\n\"reviewer\" = \"^1\" # rev note\nzed = \"*\"\n\n[agents.own]\n# why\nversion  = \"^1\" # keep me\n";
    let at = |version: &str| Wanted {
        version: VersionRequest::parse(version).ok(),
        ..Wanted::anything()
    };
    let edited = |key: &str, wanted: &Wanted| {
        let mut manifest = Manifest::parse(text, FILE_NAME).unwrap();
        manifest.set_agent(&name(key), wanted);
        let edited = manifest.to_text();
        assert_eq!(
            Manifest::parse(&edited, FILE_NAME).unwrap().agents(),
            manifest.agents()
        );
        edited
    };
    assert_eq!(
        edited("reviewer", &at("^2")),
        text.replace("\"^1\" # rev", "\"^2\" # rev")
    );
    assert_eq!(
        edited("reviewer", &Wanted::anything()),
        text.replace("\"^1\" # rev", "\"*\" # rev")
    );
    assert_eq!(
        edited("own", &at("^2")),
        text.replace("\"^1\" # keep", "\"^2\" # keep")
    );
    assert_eq!(
        edited("own", &Wanted::anything()),
        text.replace("\"^1\" # keep", "\"*\" # keep")
    );
    // If more than a version is needed.
    let pinned = Wanted {
        pins: vec!["model".to_owned()],
        ..at("^1")
    };
    assert_eq!(
        edited("reviewer", &pinned),
        text.replace(
            "\"^1\" # rev",
            "{ version = \"^1\", pin = [\"model\"] } # rev"
        )
    );
    let bound = Wanted {
        is_verbatim: true,
        ..Wanted::anything()
    };
    assert_eq!(
        edited("zed", &bound),
        text.replace("zed = \"*\"", "zed = { verbatim = true }")
    );
    // An entry for any version stays one.
    let mut any = Manifest::parse("[agents]\na = { version = \"latest\" }\n", FILE_NAME).unwrap();
    any.set_agent(&name("a"), &bound);
    assert_eq!(
        any.to_text(),
        "[agents]\na = { version = \"latest\", verbatim = true }\n"
    );
}

#[test]
fn an_override_changes_only_its_own_key() {
    let text = "[agents]\na = \"^1\" # one\n\n[agents.b] # two\nversion = \"^2\" # three\nmodel = \"opus\" # four\ntools.add = [\"Glob\"]\n\n[defaults]\neffort = \"low\"\n";
    let mut manifest = Manifest::parse(text, FILE_NAME).unwrap();
    let mut wanted = manifest.agents()[&name("b")].clone();
    let more = Overrides::read(["effort=low"]).unwrap();
    let all = manifest.overrides_of(&wanted);
    assert_eq!(all.texts(), ["effort=low", "model=opus", "tools+=Glob"]);
    assert_eq!(manifest.overrides_of(&Wanted::anything()), more);
    wanted.overrides = Overrides::read(["model=haiku", "tools+=Glob"]).unwrap();
    manifest.set_agent(&name("b"), &wanted);
    assert_eq!(manifest.to_text(), text.replace("\"opus\"", "\"haiku\""));
    wanted.overrides = Overrides::default();
    manifest.set_agent(&name("b"), &wanted);
    let without = "model = \"opus\" # four\ntools.add = [\"Glob\"]\n";
    assert_eq!(manifest.to_text(), text.replace(without, ""));
}
