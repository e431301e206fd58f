//! The last question of an update: what was decided is shown before it is written.

use super::item::Item;
use super::plan::Plan;
use super::scene::Scene;
use crate::domain::count::counted;
use crate::error::Result;
use crate::fs::Content;
use crate::ops::report::{Choice, Event, Frontend, Preview, interrupted};
use crate::store::agreement::versions;

/// From which version to which.
pub(super) fn range(item: &Item) -> String {
    let (from, to) = (versions(item.before.as_ref()), item.to());
    match (from.is_empty(), to.is_empty() || from == to) {
        (_, true) => from,
        (true, false) => to,
        (false, false) => format!("{from} -> {to}"),
    }
}

/// A file before and after.
pub(super) fn preview(item: &Item, path: String) -> Preview {
    let text = |content: &Content| String::from_utf8_lossy(&content.bytes()).into_owned();
    Preview {
        path,
        before_label: "as it is".to_owned(),
        after_label: "after the update".to_owned(),
        before: item.ours.as_ref().map(text).unwrap_or_default(),
        after: text(&item.result()),
    }
}

/// Asks whether to write what was decided.
pub(super) fn confirm(plan: &Plan, scene: &Scene<'_>, frontend: &mut dyn Frontend) -> Result<()> {
    let active: Vec<&Item> = plan.active().collect();
    let labels = [
        format!("write {}", counted(active.len(), "agent")),
        "show the changes".to_owned(),
        "stop (nothing is written)".to_owned(),
    ]
    .map(Choice::plain);
    loop {
        match frontend.choose("All decided", &labels, 0)? {
            0 => return Ok(()),
            1 => {
                let project = &scene.session.project;
                for item in &active {
                    let path = project.shown_path(&item.name);
                    frontend.report(Event::Preview(preview(item, path)));
                }
            }
            _ => return Err(interrupted()),
        }
    }
}
