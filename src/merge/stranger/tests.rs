//! Faults are put into correct results, and each of them must be found.

use proptest::prelude::*;

use super::*;

/// What a fault does to a result.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Plant {
    /// A section is duplicated.
    Section,
    /// The line that ours added is duplicated.
    Line,
    /// The line that ours added is moved to another section.
    Elsewhere,
    /// The item above the line that ours added below it is removed.
    Orphan,
    /// The item that ours added is moved below another item.
    Adopted,
    /// The line that theirs deleted comes back where it was, or at the end.
    Back(bool),
    /// The line that ours added is left out.
    Addition,
    /// A line that nobody changed is missing.
    Kept,
    /// Code is not closed.
    Fence,
    /// The line that ours added is moved into the code.
    Hidden,
    /// A row of a table has one cell too many.
    Cell,
    /// A numbered list skips a number.
    Number,
    /// A tag is not closed.
    Tag,
}

const PLANTS: [Plant; 14] = [
    Plant::Section,
    Plant::Line,
    Plant::Elsewhere,
    Plant::Orphan,
    Plant::Adopted,
    Plant::Back(false),
    Plant::Back(true),
    Plant::Addition,
    Plant::Kept,
    Plant::Fence,
    Plant::Hidden,
    Plant::Cell,
    Plant::Number,
    Plant::Tag,
];

/// A text as sections, each with its lines.
type Sections = Vec<Vec<String>>;

/// A section that contains everything; there are at least three `items`.
fn section(number: usize, items: usize) -> Vec<String> {
    let mut lines = vec![
        format!("## Part {number} of it"),
        String::new(),
        format!("Read part {number} with care:"),
        String::new(),
    ];
    lines.extend((0..items).map(|item| format!("- point {item} in part {number}")));
    lines.extend([
        format!("  - below the last point of part {number}"),
        String::new(),
        format!("1. first step of part {number}"),
    ]);
    lines.extend([
        format!("2. second step of part {number}"),
        format!("3. third step of part {number}"),
        String::new(),
    ]);
    lines.extend([
        format!("| part {number} | cell |"),
        "|---|---|".to_owned(),
        format!("| row of {number} | x |"),
        String::new(),
    ]);
    lines.extend([
        "```".to_owned(),
        format!("run part {number}"),
        "```".to_owned(),
        String::new(),
    ]);
    lines.extend([
        format!("<rules-{number}>"),
        format!("Ask about part {number}."),
        format!("</rules-{number}>"),
        String::new(),
    ]);
    lines
}

/// Inserts lines below the first line that begins with `above`.
fn insert(lines: &mut Vec<String>, above: &str, new: &[&str]) {
    let at = position(lines, above) + 1;
    lines.splice(at..at, new.iter().map(|line| (*line).to_owned()));
}

fn position(lines: &[String], start: &str) -> usize {
    lines
        .iter()
        .position(|line| line.trim_start().starts_with(start))
        .unwrap()
}

fn found(base: &Sections, ours: &Sections, theirs: &Sections, result: &Sections) -> Option<Fault> {
    let [base, ours, theirs, result] = [base, ours, theirs, result].map(|text| text.concat());
    let bytes = |text: &[String]| {
        text.iter()
            .map(String::clone)
            .map(String::into_bytes)
            .collect::<Vec<_>>()
    };
    let all = [bytes(&base), bytes(&ours), bytes(&theirs), bytes(&result)];
    let [base, ours, theirs, result] = all
        .each_ref()
        .map(|text| text.iter().map(Vec::as_slice).collect::<Vec<_>>());
    fault(&base, &ours, &theirs, &result)
}

/// Puts a fault into the result; `mine` and `other` are the sections that ours and theirs changed.
fn plant(what: Plant, result: &mut Sections, mine: usize, other: usize, deleted: &str) {
    match what {
        Plant::Section => result.push(result[other].clone()),
        Plant::Line => insert(&mut result[mine], "- new", &["- new point of ours"]),
        Plant::Elsewhere => {
            result[mine].retain(|line| line != "- new point of ours");
            insert(&mut result[other], "- point 0", &["- new point of ours"]);
        }
        Plant::Orphan => result[mine].retain(|line| !line.starts_with("- point 0")),
        Plant::Adopted => {
            let at = position(&result[mine], "- new point");
            result[mine][at].insert_str(0, "  ");
        }
        Plant::Back(is_at_end) => {
            let back = if is_at_end { "- point 2" } else { "- point 0" };
            insert(&mut result[other], back, &[deleted]);
        }
        Plant::Addition => result[mine].retain(|line| line != "- new point of ours"),
        Plant::Kept => result[mine].retain(|line| !line.starts_with("Ask about")),
        Plant::Fence => {
            let at = position(&result[mine], "run part") + 1;
            result[mine].remove(at);
        }
        Plant::Hidden => {
            result[mine].retain(|line| line != "- new point of ours");
            insert(&mut result[mine], "run part", &["- new point of ours"]);
        }
        Plant::Cell => {
            let at = position(&result[mine], "| row of");
            result[mine][at].push_str(" y |");
        }
        Plant::Number => {
            let at = position(&result[mine], "3. third");
            result[mine][at].replace_range(..1, "4");
        }
        Plant::Tag => result[mine].retain(|line| !line.starts_with("</rules")),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn each_planted_fault_is_found(
        sizes in prop::collection::vec(3..7_usize, 3..7),
        at in any::<[prop::sample::Index; 2]>(),
        what in prop::sample::select(PLANTS.to_vec()),
    ) {
        let base: Sections = sizes.iter().enumerate().map(|(number, items)| section(number, *items)).collect();
        let mine = at[0].index(base.len());
        let other = (mine + 1 + at[1].index(base.len() - 1)) % base.len();
        let deleted = base[other][position(&base[other], "- point 1")].clone();
        let (mut ours, mut theirs) = (base.clone(), base.clone());
        insert(&mut ours[mine], "- point 0", &["  - new below the first point", "- new point of ours"]);
        theirs[other].retain(|line| *line != deleted);
        let mut result = theirs.clone();
        result[mine] = ours[mine].clone();
        prop_assert_eq!(found(&base, &ours, &theirs, &result), None);
        prop_assert_eq!(found(&base, &theirs, &ours, &result), None);
        plant(what, &mut result, mine, other, &deleted);
        let fault = found(&base, &ours, &theirs, &result);
        let is_right = match what {
            Plant::Section | Plant::Line => matches!(fault, Some(Fault::Doubled(_))),
            Plant::Elsewhere | Plant::Adopted | Plant::Hidden => matches!(fault, Some(Fault::Torn(_))),
            // What it belonged to is gone, so it is below something else, or nothing.
            Plant::Orphan => matches!(fault, Some(Fault::Orphaned(_) | Fault::Torn(_))),
            Plant::Back(_) => matches!(fault, Some(Fault::Resurrected(_))),
            Plant::Addition | Plant::Kept => matches!(fault, Some(Fault::Lost(_))),
            Plant::Fence | Plant::Cell | Plant::Tag => matches!(fault, Some(Fault::Unbalanced(_))),
            Plant::Number => matches!(fault, Some(Fault::Misnumbered(_))),
        };
        prop_assert!(is_right, "{what:?}: {fault:?}");
        prop_assert_eq!(found(&base, &theirs, &ours, &result), fault, "the sides do not matter");
    }

    #[test]
    fn a_side_is_never_at_fault(lines in prop::collection::vec(prop::sample::select(vec![
        "# A", "## B", "## 2. C", "- a", "  - b", "    c", "1. d", "3. e", "| x | y |", "|---|", "```", "<!--", "-->", "<t>", "</t>", "Text here:", "", "---", "k: v",
    ]), 0..14), more in prop::collection::vec(prop::sample::select(vec!["## New", "- new", "text", "```", ""]), 0..4)) {
        let base: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
        let side: Vec<&[u8]> = base.iter().copied().chain(more.iter().map(|line| line.as_bytes())).collect();
        prop_assert_eq!(fault(&base, &side, &base, &side), None);
        prop_assert_eq!(fault(&base, &base, &side, &side), None);
        prop_assert_eq!(fault(&base, &side, &side, &side), None);
        prop_assert_eq!(fault(&side, &base, &side, &base), None);
    }
}

#[test]
fn a_line_may_go_where_the_other_side_took_the_text_around_it() {
    let judged = |base: &str, ours: &str, theirs: &str, result: &str| {
        let all = [base, ours, theirs, result]
            .map(|text| text.lines().map(str::as_bytes).collect::<Vec<_>>());
        fault(&all[0], &all[1], &all[2], &all[3])
    };
    let base = "# One\n\n- a first\n- b second\n\n# Two\n\n- c third\n";
    // A heading was renamed, and a section split.
    let ours = base.replace("- b second", "- b second\n- mine");
    let theirs = base.replace("# One", "# The one");
    assert_eq!(
        judged(base, &ours, &theirs, &ours.replace("# One", "# The one")),
        None
    );
    let theirs = base.replace("- a first\n", "- a first\n\n# And\n\n");
    assert_eq!(
        judged(
            base,
            &ours,
            &theirs,
            &theirs.replace("- b second", "- b second\n- mine")
        ),
        None
    );
    // Nothing moved along next to a heading that was there before.
    let torn = base.replace("- c third", "- mine\n- c third");
    assert_eq!(
        judged(base, &ours, base, &torn),
        Some(Fault::Torn("mine".to_owned()))
    );
}
