//! How a failure looks: what, where with the line, what to do next.

use std::fmt::Write as _;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::{CYAN, RED, sanitize};
use crate::error::{Failure, Location};

/// The text of a failure, with colours.
#[must_use]
pub fn render(failure: &Failure) -> String {
    let mut text = format!("{RED}error{RED:#}: {}\n", sanitize(failure.message()));
    for cause in failure.causes() {
        let _ = writeln!(text, "  caused by: {}", sanitize(cause));
    }
    if let Some(location) = failure.location() {
        text.push_str(&snippet(location));
    }
    for detail in failure.details() {
        let _ = writeln!(text, "  {}", sanitize(detail));
    }
    for (index, hint) in failure.hints().iter().enumerate() {
        let gap = if index == 0 { "\n" } else { "" };
        let _ = writeln!(text, "{gap}{CYAN}hint{CYAN:#}: {}", sanitize(hint));
    }
    text
}

/// The line in question, underlined; without the renderer's own first line, which would repeat the message.
fn snippet(location: &Location) -> String {
    let end = location.source.len();
    let start = location.span.start.min(end);
    let span = start..location.span.end.clamp(start, end);
    let source = sanitize(&location.source);
    // Escaping moves what follows, so a text that needed it is shown without underlining.
    let span = if source.len() == end { span } else { 0..0 };
    let annotation = AnnotationKind::Primary.span(span).label(location.label.as_str());
    let snippet = Snippet::source(source.as_str()).path(location.path.as_str()).annotation(annotation);
    let rendered = Renderer::plain().render(&[Level::ERROR.primary_title("").element(snippet)]).clone();
    let lines: Vec<&str> = rendered.lines().skip(1).collect();
    lines.join("\n") + "\n"
}
