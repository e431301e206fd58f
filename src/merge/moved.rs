//! Sections that were moved: the other side is put into the same order first, then the two are merged.

use similar::Algorithm;

use super::Rule;
use super::blocks::{Section, sections};
use super::layout::Dense;
use super::lines::{Inputs, Merged, Side, with};
use super::text::Surroundings;

/// Texts with more sections are not examined.
const MAX_SECTIONS: usize = 1_000;

/// Merges two texts of which one, or both in the same way, has the sections of the base in another order. Only returns clean results.
pub(super) fn merge<'a>(inputs: Inputs<'_, 'a>, around: Surroundings) -> Option<Merged<'a>> {
    let Inputs { base, ours, theirs } = inputs;
    if [base, ours, theirs]
        .iter()
        .any(|side| side.blocks().is_unbalanced)
    {
        return None;
    }
    let (b, o, t) = (
        unique_sections(base)?,
        unique_sections(ours)?,
        unique_sections(theirs)?,
    );
    let order = |sections: &[Section<'a>], others: &[Section<'a>]| -> Vec<Option<&'a [u8]>> {
        let is_shared =
            |heading: Option<&[u8]>| others.iter().any(|other| other.heading == heading);
        sections
            .iter()
            .map(|section| section.heading)
            .filter(|heading| is_shared(*heading))
            .collect()
    };
    let has_moved = |side: &[Section<'a>]| order(side, &b) != order(&b, side);
    // If a side also added or deleted sections, it may not have moved them: that would be one guess too many.
    let only_moved = |side: &[Section<'a>]| {
        has_moved(side) && side.len() == b.len() && order(side, &b).len() == b.len()
    };
    let (new_base, new_ours, new_theirs);
    let moved = match (has_moved(&o), has_moved(&t)) {
        (true, true) if order(&o, &t) == order(&t, &o) => {
            new_base = arranged(&b, base, &o);
            Inputs {
                base: &new_base,
                ours,
                theirs,
            }
        }
        (true, false) if only_moved(&o) => {
            (new_base, new_theirs) = (arranged(&b, base, &o), arranged(&t, theirs, &o));
            Inputs {
                base: &new_base,
                ours,
                theirs: &new_theirs,
            }
        }
        (false, true) if only_moved(&t) => {
            (new_base, new_ours) = (arranged(&b, base, &t), arranged(&o, ours, &t));
            Inputs {
                base: &new_base,
                ours: &new_ours,
                theirs,
            }
        }
        _ => return None,
    };
    let dense = [moved.base, moved.ours, moved.theirs].map(Dense::without_blanks);
    let mut merged = with(Algorithm::Histogram, dense.each_ref(), moved, around, true);
    if merged.conflicts() > 0 {
        return None;
    }
    merged.rules.push((Rule::Moved, 0..base.lines.len()));
    Some(merged)
}

/// The sections of a side, if each heading appears once.
fn unique_sections<'a>(side: &Side<'a>) -> Option<Vec<Section<'a>>> {
    let sections = sections(&side.lines, side.blocks());
    let mut headings: Vec<_> = sections.iter().map(|section| section.heading).collect();
    headings.sort_unstable();
    let is_unique = headings.windows(2).all(|pair| pair[0] != pair[1]);
    (is_unique && sections.len() <= MAX_SECTIONS).then_some(sections)
}

/// A side with its sections in the order of a leader.
fn arranged<'a>(sections: &[Section<'a>], side: &Side<'a>, leader: &[Section<'a>]) -> Side<'a> {
    let place =
        |heading: Option<&[u8]>| leader.iter().position(|section| section.heading == heading);
    let mut keyed = Vec::new();
    let mut last = 0;
    for section in sections {
        // A section that the leader does not have stays after the one before it.
        last = place(section.heading).unwrap_or(last);
        keyed.push((last, *section));
    }
    keyed.sort_by_key(|(place, _)| *place);
    side.picked(
        &keyed
            .iter()
            .flat_map(|(_, section)| section.start..section.end)
            .collect::<Vec<_>>(),
    )
}
