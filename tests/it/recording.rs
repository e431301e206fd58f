//! The picture in the README is drawn from the first session of the README, which `readme` compares with what the program prints.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// The size of a character, and of the space around the text, in pixels.
const COLUMN: f32 = 8.4;
const LINE: usize = 20;
const MARGIN: usize = 20;

/// The picture of a session: commands bold, the verbs of status lines green.
fn drawn(session: &str) -> String {
    let lines: Vec<&str> = session.lines().collect();
    let height = lines.len() * LINE + 2 * MARGIN;
    #[expect(clippy::cast_precision_loss, reason = "a few columns")]
    let width = 80.0f32.mul_add(COLUMN, (2 * MARGIN) as f32);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height}\" font-family=\"ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace\" font-size=\"14\">\n<title>A session of agentpkg</title>\n<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#1e1e2e\"/>\n"
    );
    for (index, line) in lines.iter().enumerate() {
        let y = MARGIN + index * LINE + LINE / 2 + 4;
        let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
        let verb = line.get(..12).filter(|verb| verb.starts_with("   "));
        let content = if line.starts_with("$ ") {
            format!("<tspan font-weight=\"bold\">{}</tspan>", escape(line))
        } else if let Some(verb) = verb.filter(|_| line.get(12..13) == Some(" ")) {
            format!(
                "<tspan fill=\"#a6e3a1\" font-weight=\"bold\">{}</tspan>{}",
                escape(verb),
                escape(&line[12..])
            )
        } else {
            escape(line)
        };
        let _ = writeln!(
            svg,
            "<text xml:space=\"preserve\" x=\"{MARGIN}\" y=\"{y}\" fill=\"#cdd6f4\">{content}</text>"
        );
    }
    svg + "</svg>\n"
}

#[test]
fn the_picture_in_the_readme_shows_its_first_session() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let session = readme.split("\n```text\n").nth(1).unwrap();
    let session = session.split("\n```").next().unwrap();
    let drawn = drawn(session);
    let path = root.join("docs/session.svg");
    if std::env::var_os("INSTA_UPDATE").is_some_and(|value| value == "always") {
        fs::write(&path, &drawn).unwrap();
    }
    let picture = fs::read_to_string(&path).unwrap_or_default();
    assert!(picture == drawn, "INSTA_UPDATE=always draws it again");
}
