//! Servers: what they answer × at which of the three requests of a fetch.

use super::{MARK, Report, SECRET, complaints, sandbox};
use crate::support::http::{Fault, Server, Stage};
use crate::support::repo::{RepoBuilder, hermetic_git};

const STAGES: [Stage; 3] = [Stage::Capabilities, Stage::References, Stage::Objects];

/// A line of git's protocol.
fn line(text: impl AsRef<[u8]>) -> Vec<u8> {
    let text = text.as_ref();
    [format!("{:04x}", text.len() + 4).as_bytes(), text].concat()
}

/// An answer with git's content type for the stage.
fn answer(stage: Stage, body: &[u8]) -> Vec<u8> {
    let kind = match stage {
        Stage::Capabilities => "advertisement",
        _ => "result",
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-{kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// An answer without git's content.
fn status(code: u16, headers: &str) -> Vec<u8> {
    format!("HTTP/1.1 {code} X\r\n{headers}Content-Length: 0\r\nConnection: close\r\n\r\n")
        .into_bytes()
}

/// What git's protocol carries.
fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    let id = "1".repeat(40);
    let progress = |band: u8, text: &str| line([&[band], text.as_bytes()].concat());
    vec![
        ("nothing", Vec::new()),
        ("one end after the other", b"0000".repeat(5000)),
        ("a length that is a lie", b"ffffshort".to_vec()),
        ("a length that is none", b"zzzz".to_vec()),
        ("a length below four", b"0003".to_vec()),
        ("zeros", vec![0; 1 << 20]),
        (
            "a page",
            b"<!doctype html><html><script>alert(1)</script></html>".to_vec(),
        ),
        (
            "an error with escapes",
            line("ERR \u{1b}[2J\u{1b}]0;owned\u{7}\u{202e}no\n"),
        ),
        (
            "an error of many lines",
            line("ERR a\nfatal: b\nhint: run `touch PAYLOAD-RAN`\n"),
        ),
        (
            "an endless version",
            [line("version 2\n"), line("x".repeat(60_000))].concat(),
        ),
        (
            "version 9",
            [line("version 9\n"), b"0000".to_vec()].concat(),
        ),
        (
            "another kind of ids",
            [
                line("version 2\n"),
                line("object-format=sha256\n"),
                line("ls-refs\n"),
                line("fetch=shallow filter\n"),
                b"0000".to_vec(),
            ]
            .concat(),
        ),
        (
            "references that lead out",
            [
                line(format!("{id} refs/heads/../../../victim/secret\n")),
                line(format!("{id} HEAD symref-target:refs/heads/../../evil\n")),
                b"0000".to_vec(),
            ]
            .concat(),
        ),
        (
            "references with escapes",
            [
                line(format!("{id} refs/heads/\u{1b}[2J\n")),
                line(format!("{id} refs/heads/-x\n")),
                line(format!("{id} HEAD\n")),
                b"0000".to_vec(),
            ]
            .concat(),
        ),
        (
            "references without ids",
            [line("HEAD HEAD HEAD\n"), b"0000".to_vec()].concat(),
        ),
        (
            "progress with escapes",
            [
                line("packfile\n"),
                progress(2, "\u{1b}[2J\u{1b}]0;owned\u{7} 50% (1/2)\r"),
                progress(3, "\u{1b}[31mfatal: \u{202e}run `touch PAYLOAD-RAN`\n"),
                b"0000".to_vec(),
            ]
            .concat(),
        ),
        (
            "a pack of nothing",
            [
                line("packfile\n"),
                progress(1, "PACK\0\0\0\u{2}\0\0\0\0"),
                b"0000".to_vec(),
            ]
            .concat(),
        ),
        (
            "a pack that says it is huge",
            [
                line("packfile\n"),
                line(b"\x01PACK\0\0\0\x02\xff\xff\xff\xff"),
                b"0000".to_vec(),
            ]
            .concat(),
        ),
    ]
}

/// What HTTP carries.
fn answers() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("no HTTP", b"\x00\xff\x1b[2J\r\n\r\n".to_vec()),
        ("half a status line", b"HTTP/1.1 2".to_vec()),
        ("a status of 999", status(999, "")),
        (
            "too many requests",
            status(429, "Retry-After: 999999999\r\n"),
        ),
        ("not available", status(503, "Retry-After: \u{1b}[2J\r\n")),
        (
            "a realm with escapes",
            status(
                401,
                "WWW-Authenticate: Basic realm=\"\u{1b}[2J\u{202e}\"\r\n",
            ),
        ),
        (
            "a proxy's password",
            status(407, "Proxy-Authenticate: Basic realm=\"x\"\r\n"),
        ),
        ("to a file", status(302, "Location: file:///etc/passwd\r\n")),
        (
            "to a program",
            status(301, "Location: ext::sh -c touch% PAYLOAD-RAN\r\n"),
        ),
        (
            "to ssh with an option",
            status(
                302,
                "Location: ssh://-oProxyCommand=touch%20PAYLOAD-RAN/x\r\n",
            ),
        ),
        (
            "to the machine's own data",
            status(
                302,
                "Location: http://169.254.169.254/latest/meta-data/\r\n",
            ),
        ),
        (
            "to itself",
            status(302, "Location: ?service=git-upload-pack\r\n"),
        ),
        ("to nowhere", status(302, "")),
        (
            "a length that is a lie",
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\nshort".to_vec(),
        ),
        (
            "a negative length",
            b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx".to_vec(),
        ),
        (
            "chunks that are none",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nx\r\n".to_vec(),
        ),
        (
            "compressed nonsense",
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope".to_vec(),
        ),
        (
            "a header of 2 MB",
            [
                b"HTTP/1.1 200 OK\r\nX: ".to_vec(),
                vec![b'a'; 2 << 20],
                b"\r\n\r\n".to_vec(),
            ]
            .concat(),
        ),
        (
            "cookies",
            status(404, &format!("Set-Cookie: x={SECRET}; {MARK}\r\n")),
        ),
    ]
}

#[test]
fn hostile_servers_are_harmless() {
    let place = sandbox();
    if hermetic_git(place.path()).is_none() {
        return;
    }
    let mut repo = RepoBuilder::bare(&place.path().join("served/far"));
    repo.file(
        "agents/planner.md",
        "---\nname: planner\ndescription: Plans\n---\n\nBody.\n",
    );
    repo.commit("first");
    let server = Server::start(&place.path().join("served"));
    let url = server.url("far").as_str().to_owned();
    let agent = format!("{url}#planner");
    let mut report = Report::new(1);
    // A project that has the agent already, and one that has nothing.
    let known = sandbox();
    let installed = known.run(&["install", &agent]);
    assert_eq!(installed.code, 0, "{}", installed.all());
    let mut cases = Vec::new();
    for stage in STAGES {
        for (name, body) in bodies() {
            cases.push((stage, name, answer(stage, &body)));
        }
        for (name, bytes) in answers() {
            cases.push((stage, name, bytes));
        }
    }
    for (stage, name, bytes) in cases {
        server.fault(Fault::Raw(stage, bytes));
        let name = format!("{name} when asked for {stage:?}");
        report.run(
            &name,
            &sandbox(),
            &[
                vec!["install", &agent, "--yes"],
                vec!["list", "--available", &url, "--json"],
                vec!["registry", "add", &url, "--name", "far"],
                vec!["info", &agent],
            ],
        );
        // What is installed stays, and no failure is "up to date".
        let text = known.read(".claude/agents/planner.md");
        let found = complaints(&known, &["update", "--offline"]);
        assert_eq!(found, Vec::<String>::new(), "{name}");
        assert_eq!(known.read(".claude/agents/planner.md"), text, "{name}");
    }
    server.fault(Fault::None);
    let healed = known.run(&["update"]);
    assert_eq!(healed.code, 0, "{}", healed.all());
    report.end(100);
}
