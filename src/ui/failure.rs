//! Renders a failure: what is wrong, where (with the line), what to do next.

use std::fmt::Write as _;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::{CYAN, RED, sanitize};
use crate::domain::url::redact;
use crate::error::{Advice, Failure, Location};

/// The text of a failure, with colours. `advice` renders its hints.
#[must_use]
pub fn render(failure: &Failure, advice: &dyn Fn(&Advice) -> String) -> String {
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
        let _ = writeln!(text, "{gap}{CYAN}hint{CYAN:#}: {}", sanitize(&advice(hint)));
    }
    text
}

/// A part of a text as it is printed, without passwords in addresses. The carriage return at the end of a line is left out: it would
/// look like the user's mistake.
fn shown(source: &str, part: Range<usize>) -> String {
    let start = part.start;
    let text = source.get(part).unwrap_or_default();
    let is_ending = |at: usize| source.as_bytes()[start + at..].starts_with(b"\r\n");
    let text: String = text
        .char_indices()
        .filter(|(at, _)| !is_ending(*at))
        .map(|(_, c)| c)
        .collect();
    sanitize(&redact(&text))
}

/// The line in question, underlined; without the renderer's first line, which would repeat the message.
fn snippet(location: &Location) -> String {
    let end = location.source.len();
    let start = location.span.start.min(end);
    let span = start..location.span.end.clamp(start, end);
    // Escaping moves what follows, so the three parts are escaped separately and measured afterwards.
    let parts =
        [0..span.start, span.clone(), span.end..end].map(|part| shown(&location.source, part));
    let span = parts[0].len()..parts[0].len() + parts[1].len();
    let source = parts.concat();
    let [label, path] = [&location.label, &location.path].map(|text| sanitize(text));
    let annotation = AnnotationKind::Primary.span(span).label(label.as_str());
    let snippet = Snippet::source(source.as_str())
        .path(path.as_str())
        .annotation(annotation);
    let rendered = Renderer::plain()
        .render(&[Level::ERROR.primary_title("").element(snippet)])
        .clone();
    let lines: Vec<&str> = rendered.lines().skip(1).collect();
    lines.join("\n") + "\n"
}
