//! The order of merged keys and list entries: what one side reordered stays reordered; what a side added follows the same item as on that
//! side. If the sides contradict each other, the texts decide, never the side.

use std::collections::BTreeSet;

/// Orders the items of `result`, each of which is in at least one of the other lists.
pub(super) fn merge<'k>(
    base: &[&'k str],
    ours: &[&'k str],
    theirs: &[&'k str],
    result: &BTreeSet<&'k str>,
) -> Vec<&'k str> {
    let mut order = shared(base, ours, theirs, result);
    let mut seen: BTreeSet<&str> = order.iter().copied().collect();
    let left = runs(ours, base, result);
    let right = runs(theirs, base, result);
    let mut merged = Vec::with_capacity(result.len());
    order.insert(0, "");
    for anchor in order {
        if !anchor.is_empty() {
            merged.push(anchor);
        }
        let is_here = |run: &&(&str, Vec<&'k str>)| run.0 == anchor;
        let mut here: Vec<&Vec<&str>> = left
            .iter()
            .chain(&right)
            .filter(is_here)
            .map(|run| &run.1)
            .collect();
        here.sort();
        for item in here.into_iter().flatten() {
            if seen.insert(item) {
                merged.push(item);
            }
        }
    }
    merged
}

/// The order of the items of the base.
fn shared<'k>(
    base: &[&'k str],
    ours: &[&'k str],
    theirs: &[&'k str],
    result: &BTreeSet<&'k str>,
) -> Vec<&'k str> {
    let kept: Vec<&str> = base
        .iter()
        .copied()
        .filter(|item| result.contains(item))
        .collect();
    let of = |side: &[&'k str]| {
        side.iter()
            .copied()
            .filter(|item| kept.contains(item))
            .collect::<Vec<_>>()
    };
    let is_permuted = |side: &[&'k str]| {
        kept.iter()
            .filter(|item| side.contains(item))
            .ne(of(side).iter())
    };
    let leader = match (is_permuted(ours), is_permuted(theirs)) {
        (true, false) => of(ours),
        (false, true) => of(theirs),
        (true, true) if of(ours) == of(theirs) => of(ours),
        _ => return kept,
    };
    let mut order = leader;
    for (index, item) in kept.iter().enumerate() {
        if !order.contains(item) {
            let after = kept[..index]
                .iter()
                .rev()
                .find_map(|before| order.iter().position(|other| other == before));
            order.insert(after.map_or(0, |position| position + 1), item);
        }
    }
    order
}

/// What a side added, run by run, each with the item before it; the empty text means the start.
fn runs<'k>(
    side: &[&'k str],
    base: &[&'k str],
    result: &BTreeSet<&'k str>,
) -> Vec<(&'k str, Vec<&'k str>)> {
    let mut runs: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut anchor = "";
    for item in side.iter().copied().filter(|item| result.contains(item)) {
        if base.contains(&item) {
            anchor = item;
        } else if let Some((_, run)) = runs.last_mut().filter(|(last, _)| *last == anchor) {
            run.push(item);
        } else {
            runs.push((anchor, vec![item]));
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn merged(base: &str, ours: &str, theirs: &str, result: &str) -> String {
        let split = |text: &'static str| text.split_terminator("").skip(1).collect::<Vec<_>>();
        let leak = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
        let [base, ours, theirs, result] =
            [base, ours, theirs, result].map(|text| split(leak(text)));
        merge(&base, &ours, &theirs, &result.into_iter().collect()).concat()
    }

    #[test]
    fn order_follows_the_side_that_changed_it() {
        assert_eq!(merged("abc", "cab", "abc", "abc"), "cab");
        assert_eq!(merged("abc", "abc", "abxc", "abxc"), "abxc");
        assert_eq!(
            merged("abc", "cba", "acb", "abc"),
            "abc",
            "both changed it: as it was"
        );
        assert_eq!(merged("ab", "aby", "abx", "abxy"), "abxy");
        assert_eq!(merged("ab", "xab", "abx", "abx"), "xab");
    }

    proptest! {
        #[test]
        fn sides_do_not_matter_and_nothing_is_lost(
            base in "[a-f]{0,5}", ours in "[a-f]{0,6}", theirs in "[a-f]{0,6}",
        ) {
            let unique = |text: &str| {
                let mut seen = BTreeSet::new();
                text.chars().filter(|c| seen.insert(*c)).collect::<String>()
            };
            let [base, ours, theirs] = [base, ours, theirs].map(|text| unique(&text));
            let result: BTreeSet<char> = ours.chars().chain(theirs.chars()).collect();
            let result: String = result.into_iter().collect();
            let one = merged(&base, &ours, &theirs, &result);
            prop_assert_eq!(&one, &merged(&base, &theirs, &ours, &result));
            let mut sorted: Vec<char> = one.chars().collect();
            sorted.sort_unstable();
            prop_assert_eq!(sorted.into_iter().collect::<String>(), result);
        }
    }
}
