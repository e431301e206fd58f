//! What the merge does with the shapes that real definitions have, case by case. The laws that hold for any input are in `laws`.

use super::*;

/// The result of a merge of bodies, or the places of its conflicts.
fn body(base: &str, ours: &str, theirs: &str) -> Result<String, Vec<String>> {
    let with = |text: &str| format!("---\nname: a\ndescription: d\n---\n{text}").into_bytes();
    let (base, ours, theirs) = (with(base), with(ours), with(theirs));
    let merged = merge(&base, &ours, &theirs);
    match merged.to_bytes() {
        Some(bytes) => {
            let text = String::from_utf8(bytes).unwrap();
            Ok(text
                .strip_prefix("---\nname: a\ndescription: d\n---\n")
                .unwrap()
                .to_owned())
        }
        None => Err(merged
            .conflicts()
            .iter()
            .map(|conflict| format!("{}: {}", conflict.unit(), conflict.reason()))
            .collect()),
    }
}

fn head(base: &str, ours: &str, theirs: &str) -> Result<String, Vec<String>> {
    let with = |text: &str| format!("---\nname: a\n{text}---\nBody.\n").into_bytes();
    let (base, ours, theirs) = (with(base), with(ours), with(theirs));
    let merged = merge(&base, &ours, &theirs);
    match merged.to_bytes() {
        Some(bytes) => {
            let text = String::from_utf8(bytes).unwrap();
            Ok(text
                .strip_prefix("---\nname: a\n")
                .unwrap()
                .strip_suffix("---\nBody.\n")
                .unwrap()
                .to_owned())
        }
        None => Err(merged
            .conflicts()
            .iter()
            .map(|conflict| format!("{}: {}", conflict.unit(), conflict.reason()))
            .collect()),
    }
}

#[test]
fn edits_of_neighbouring_lines_are_both_made() {
    assert_eq!(
        body("- a\n- b\n", "- a now\n- b\n", "- a\n- b later\n").unwrap(),
        "- a now\n- b later\n"
    );
    assert_eq!(
        body("- a\n- b\n- c\n", "- a\n- c\n", "- a\n- b\n- c\n- d\n").unwrap(),
        "- a\n- c\n- d\n"
    );
    assert_eq!(
        body(
            "# A\n- a\n- b\n",
            "# A\n- a\n- b\n- mine\n",
            "# A\n- a\n- b changed\n"
        )
        .unwrap(),
        "# A\n- a\n- b changed\n- mine\n"
    );
    assert_eq!(
        body("- a b c d\n", "- a b c x\n", "- a b c y\n").unwrap_err(),
        ["bullet 1: both changed it"]
    );
    assert_eq!(
        body("x\n- gone\ny\n", "x\ny\n", "x\n- gone for good\ny\n").unwrap_err(),
        ["bullet 1: one deleted what the other changed"]
    );
}

#[test]
fn what_continues_a_section_stands_before_what_opens_one() {
    let base = "# A\n- a\n";
    let (mine, theirs) = ("# A\n- a\n- mine\n", "# A\n- a\n\n## B\ntext\n");
    assert_eq!(
        body(base, mine, theirs).unwrap(),
        "# A\n- a\n- mine\n\n## B\ntext\n"
    );
    assert_eq!(
        body(base, theirs, mine).unwrap(),
        "# A\n- a\n- mine\n\n## B\ntext\n"
    );
    assert_eq!(
        body(base, "# A\n- a\n## X\n", "# A\n- a\n## Y\n").unwrap_err(),
        ["# A › new lines: both added something here"]
    );
}

#[test]
fn what_is_added_to_something_deleted_is_a_conflict() {
    // A section is removed while a line is added at its end.
    let base = "# A\ntext\n## B\n- one\n- two\n";
    assert!(
        body(
            base,
            "# A\ntext\n",
            "# A\ntext\n## B\n- one\n- two\n- three\n"
        )
        .is_err()
    );
    // A whole list is removed while an entry is added.
    assert!(
        body(
            "Do:\n\n- one\n- two\n\nEnd.\n",
            "Do:\n\n\nEnd.\n",
            "Do:\n\n- one\n- two\n- three\n\nEnd.\n"
        )
        .is_err()
    );
    // One entry is removed while another is added: the two are not connected.
    assert_eq!(
        body("- one\n- two\n", "- one\n", "- one\n- two\n- three\n").unwrap(),
        "- one\n- three\n"
    );
}

#[test]
fn a_moved_section_keeps_the_others_edit() {
    let base = "# A\na\na\n# B\nb\nb\n# C\nc\nc\n";
    let moved = "# C\nc\nc\n# A\na\na\n# B\nb\nb\n";
    let edited = "# A\na\na\n# B\nb\nb\n# C\nc\nc, changed\n";
    assert_eq!(
        body(base, moved, edited).unwrap(),
        "# C\nc\nc, changed\n# A\na\na\n# B\nb\nb\n"
    );
    assert_eq!(
        body(base, edited, moved).unwrap(),
        "# C\nc\nc, changed\n# A\na\na\n# B\nb\nb\n"
    );
}

#[test]
fn code_is_not_taken_apart() {
    let base = "```\none\ntwo\n```\n";
    assert!(
        body(
            base,
            "```\none changed\ntwo\n```\n",
            "```\none\ntwo changed\n```\n"
        )
        .is_err()
    );
    assert_eq!(
        body(
            "```\none\ntwo\nthree\n```\n",
            "```\nONE\ntwo\nthree\n```\n",
            "```\none\ntwo\nTHREE\n```\n"
        )
        .unwrap(),
        "```\nONE\ntwo\nTHREE\n```\n"
    );
}

#[test]
fn of_two_like_edits_the_one_that_has_all_of_the_other_is_taken() {
    assert_eq!(
        body("Old text.\n", "New text.\n", "New text. With more.\n").unwrap(),
        "New text. With more.\n"
    );
    assert_eq!(
        body(
            "a\n\nz\n",
            "a\n\nnew one here\n\nz\n",
            "a\n\nnew\n one here\n\nz\n"
        )
        .unwrap(),
        "a\n\nnew one here\n\nz\n"
    );
    assert_eq!(
        body("use 3 now\n", "use 4 now\n", "use 4.1 now\n").unwrap_err(),
        ["text 1: both changed it"]
    );
    // Deleting is not part of writing something else.
    assert!(
        body(
            "a\n\nold words here\n\nz\n",
            "a\n\n\nz\n",
            "a\n\nother words now\n\nz\n"
        )
        .is_err()
    );
}

#[test]
fn keys_are_merged_one_by_one() {
    assert_eq!(
        head(
            "model: sonnet\ncolor: red\n",
            "model: opus\ncolor: red\n",
            "model: sonnet\ncolor: blue\n"
        )
        .unwrap(),
        "model: opus\ncolor: blue\n"
    );
    assert_eq!(
        head("model: sonnet\n", "model: \"sonnet\"\n", "model: opus\n").unwrap(),
        "model: opus\n"
    );
    assert_eq!(
        head("model: sonnet\n", "model: opus\n", "").unwrap_err(),
        ["frontmatter › model: one deleted what the other changed"]
    );
    assert_eq!(
        head("", "model: a\n", "model: b\n").unwrap_err(),
        ["frontmatter › model: both added something here"]
    );
    assert_eq!(
        head("a: 1\nb: 2\n", "b: 2\na: 1\n", "a: 1\nb: 3\n").unwrap(),
        "b: 3\na: 1\n"
    );
    assert_eq!(
        head("a: 1\n", "a: 1\nx: 1\n", "a: 1\ny: 2\n").unwrap(),
        "a: 1\nx: 1\ny: 2\n"
    );
}

#[test]
fn descriptions_are_merged_by_sentences() {
    let base = "description: \"Reviews code. Reports what it finds.\"\n";
    let mine = "description: \"Reviews code. Reports what it finds. Use it for payments.\"\n";
    let theirs = "description: \"Reviews all code. Reports what it finds.\"\n";
    let both = "description: \"Reviews all code. Reports what it finds. Use it for payments.\"\n";
    assert_eq!(head(base, mine, theirs).unwrap(), both);
    assert_eq!(head(base, theirs, mine).unwrap(), both);
    let block =
        |first: &str, last: &str| format!("description: |\n  {first}\n  Middle.\n  {last}\n");
    assert_eq!(
        head(&block("A.", "Z."), &block("A!", "Z."), &block("A.", "Z!")).unwrap(),
        block("A!", "Z!")
    );
}

#[test]
fn line_endings_are_the_users() {
    let (base, ours, theirs) = (
        b"# A\ntext\nmore\n",
        b"# A\r\ntext\r\nmore\r\n",
        b"# A\ntext\nmore\nnew\n",
    );
    assert_eq!(
        merge(base, ours, theirs).to_bytes().unwrap(),
        b"# A\r\ntext\r\nmore\r\nnew\r\n"
    );
    // Mixed line endings stay where they are.
    let (base, ours, theirs) = (b"a\r\nb\nc\n", b"a\r\nb\nc\nmine\n", b"a\r\nB\nc\n");
    assert_eq!(
        merge(base, ours, theirs).to_bytes().unwrap(),
        b"a\r\nB\nc\nmine\n"
    );
    // A line that was the last one somewhere gets the same ending as all others.
    let (base, ours, theirs) = (b"x\ny", b"x\r\ny", b"x\ny\nz\n");
    assert_eq!(
        merge(base, ours, theirs).to_bytes().unwrap(),
        b"x\r\ny\r\nz\r\n"
    );
    let (base, ours, theirs) = (b"a\nb", b"a\nb\n", b"A\nb");
    assert_eq!(merge(base, ours, theirs).to_bytes().unwrap(), b"A\nb\n");
}

#[test]
fn pins_hold_whatever_theirs_does() {
    let options = Options {
        pins: vec!["model".to_owned()],
        ..Options::default()
    };
    let with = |model: &str| format!("---\nname: a\n{model}---\nBody.\n").into_bytes();
    let (base, theirs) = (with("model: sonnet\n"), with("model: opus\n"));
    assert_eq!(
        merge_with(&base, &base, &theirs, &options)
            .to_bytes()
            .unwrap(),
        base
    );
    let (mine, gone) = (with("model: mine\n"), with(""));
    assert_eq!(
        merge_with(&base, &mine, &theirs, &options)
            .to_bytes()
            .unwrap(),
        mine
    );
    assert_eq!(
        merge_with(&base, &gone, &theirs, &options)
            .to_bytes()
            .unwrap(),
        gone
    );
}

#[test]
fn a_tools_line_that_upstream_removed_is_guarded_where_nobody_is_asked() {
    let with = |tools: &str, body: &str| format!("---\nname: a\n{tools}---\n{body}\n").into_bytes();
    let (base, ours, theirs) = (
        with("tools: Read\n", "x"),
        with("tools: Read\n", "mine"),
        with("", "x"),
    );
    assert!(merge(&base, &ours, &theirs).is_clean());
    let guarded = merge_with(
        &base,
        &ours,
        &theirs,
        &Options {
            guards_tools_line: true,
            ..Options::default()
        },
    );
    assert_eq!(*guarded.conflicts()[0].reason(), Reason::ToolsLine);
}

#[test]
fn bytes_that_are_no_text_are_one_question() {
    let merged = merge(b"a\0\n", b"b\0\n", b"c\0\r\n");
    assert_eq!(
        (merged.conflicts().len(), merged.conflicts()[0].unit()),
        (1, &Unit::File)
    );
    assert_eq!(merged.resolve(&[Choice::Theirs]), b"c\0\r\n");
    // Other encodings are merged by lines.
    assert_eq!(
        merge(b"\xe4\nb\nc\n", b"\xe4\xe4\nb\nc\n", b"\xe4\nb\nC\n")
            .to_bytes()
            .unwrap(),
        b"\xe4\xe4\nb\nC\n"
    );
}

#[test]
fn markers_are_longer_than_any_in_the_text() {
    let merged = merge(b"<<<<<<<< x\na\n", b"<<<<<<<< x\nb\n", b"<<<<<<<< x\nc\n");
    let labels = Labels {
        ours: "you",
        base: "base",
        theirs: "up",
    };
    let text = String::from_utf8(merged.with_markers(Style::Diff3, labels, None)).unwrap();
    assert_eq!(
        text,
        "<<<<<<<< x\n<<<<<<<<< you\nb\n||||||||| base\na\n=========\nc\n>>>>>>>>> up\n"
    );
}

#[test]
fn a_side_that_rewrote_the_text_is_one_question() {
    let line = |word: &str, number: usize| format!("- {word} number {number} of the list\n");
    let text = |word: &str| (0..14).map(|number| line(word, number)).collect::<String>();
    let base = text("point");
    let (mine, rewritten) = (
        base.replace("point number 3 of", "mine in number 3 of"),
        text("entirely other words in"),
    );
    assert_eq!(
        body(&base, &mine, &rewritten).unwrap_err(),
        ["the text below the frontmatter: upstream rewrote most of it"]
    );
    assert_eq!(
        body(&base, &rewritten, &mine).unwrap_err(),
        ["the text below the frontmatter: you rewrote most of it"]
    );
    let merged = merge(base.as_bytes(), mine.as_bytes(), rewritten.as_bytes());
    assert_eq!(merged.conflicts()[0].rewritten_by(), Some(Author::Upstream));
    // Other list markers, indentation and line breaks are not a rewrite.
    let reformatted = base
        .replace("- point", "  * point")
        .replace(" of the list", " of\n    the list");
    let outcome = format!("{:?}", body(&base, &mine, &reformatted));
    assert!(!outcome.contains("rewrote"), "{outcome}");
    assert_eq!(
        body(&base, &base, &rewritten).unwrap(),
        rewritten,
        "only one side changed it"
    );
}

#[test]
fn the_same_text_laid_out_differently_preselects_a_choice() {
    let conflict = |base: &str, ours: &str, theirs: &str| {
        let merged = merge(base.as_bytes(), ours.as_bytes(), theirs.as_bytes());
        merged
            .conflicts()
            .first()
            .map(|conflict| (conflict.is_same_text(), conflict.preselected()))
    };
    assert_eq!(
        conflict("a b c d e\n", "a b c d x\n", "a b c d y\n"),
        Some((false, None))
    );
    assert_eq!(
        conflict("- a\n- b\n", "* x y z\n", "+ x y\n  z\n"),
        Some((true, Some(Choice::Ours)))
    );
    assert_eq!(
        conflict("- a b c d\n", "* a b c d\n", "- a b x y\n"),
        Some((false, Some(Choice::Theirs)))
    );
    assert_eq!(
        conflict("- a b c d\n", "- a b x y\n", "* a b c d\n"),
        Some((false, Some(Choice::Ours)))
    );
    assert_eq!(
        conflict("```\na b\n```\n", "```\nx y\n```\n", "```\nx  y\n```\n"),
        Some((false, None)),
        "in code it matters"
    );
}
