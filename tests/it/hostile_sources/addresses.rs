//! Addresses: forms that git, ssh, a shell or a terminal would take for something else × where a command meets one.

use super::{Report, sandbox};

/// Each may run a program, read a file, write elsewhere, or hide what it is. None of them leads to another machine.
const FORMS: &[&str] = &[
    "ext::sh -c 'touch PAYLOAD-RAN'",
    "ext::touch PAYLOAD-RAN",
    "ext::sh -c touch% PAYLOAD-RAN",
    "EXT::touch PAYLOAD-RAN",
    "fd::17",
    "file::///etc/passwd",
    "http::ext::touch PAYLOAD-RAN",
    "git+ext::touch PAYLOAD-RAN",
    "-oProxyCommand=touch PAYLOAD-RAN",
    "--upload-pack=touch PAYLOAD-RAN",
    "-u touch PAYLOAD-RAN",
    "--",
    "-",
    "ssh://-oProxyCommand=touch PAYLOAD-RAN/x",
    "ssh://-oProxyCommand=touch%20PAYLOAD-RAN/x",
    "ssh://me@-oProxyCommand=touch/x",
    "ssh://127.0.0.1:-1/x",
    "ssh://127.0.0.1:99999/x",
    "ssh://127.0.0.1/-oProxyCommand=touch",
    "-oProxyCommand=touch:x",
    "me@-oProxyCommand=touch:x",
    "127.0.0.1:-oProxyCommand=touch",
    "git://-oProxyCommand=touch/x",
    "git://127.0.0.1:1/x\ny",
    "http://127.0.0.1:1/a b",
    "http://127.0.0.1:1/\u{1b}[2J",
    "http://127.0.0.1:1/\u{202e}x",
    "http://127.0.0.1:1/x\r\nHost: evil",
    "http://127.0.0.1:1/%0d%0aHost:%20evil",
    "http://127.0.0.1:1/../../../etc",
    "http://127.0.0.1:1/%2e%2e/%2e%2e",
    "http://[::1/x",
    "http://[fe80::1%25touch]/x",
    "http:///etc/passwd",
    "http://",
    "http:",
    "https:127.0.0.1",
    "://x",
    "file://",
    "file:///",
    "file://host/etc",
    "file:///etc/passwd",
    "file:///dev/zero",
    "file:///proc/self/environ",
    "file:///%2e%2e/etc",
    "/etc/passwd",
    "/dev/zero",
    "/dev/tty",
    "/proc/self/fd/0",
    "../../../../../../../../etc",
    "./$(touch PAYLOAD-RAN)",
    "./`touch PAYLOAD-RAN`",
    "./;touch PAYLOAD-RAN",
    "./|touch PAYLOAD-RAN",
    "~root/x",
    "~/../../etc",
    "\\\\host\\share\\x",
    "C:\\evil",
    "C:evil",
    "gh:../../x",
    "gh:-x/y",
    "gh:a/b/../../c",
    "gh:a/$(touch PAYLOAD-RAN)",
    "gh:\u{1b}[2J/x",
    "gitlab:a/b;touch PAYLOAD-RAN",
    "javascript:alert(1)",
    "data:text/plain,x",
    "ftp://127.0.0.1:1/x",
    "rsync://127.0.0.1:1/x",
    "git+ssh://-x/y",
    "builtin/../../x",
    "builtin#../../x",
    "\u{0}",
    "\u{feff}http://127.0.0.1:1/x",
    " ",
    "",
    "#",
    "@",
    "#@",
    "@#",
];

#[test]
fn hostile_addresses_are_harmless() {
    let mut report = Report::new(2);
    for form in FORMS {
        // No argument of a program can hold this character.
        if !form.contains('\u{0}') {
            let with_agent = format!("{form}#planner");
            let with_version = format!("{form}#planner@$(touch PAYLOAD-RAN)");
            report.run(
                &format!("typed {form:?}"),
                &sandbox(),
                &[
                    vec!["install", form, "--yes"],
                    vec!["install", &with_agent, "--yes"],
                    vec!["registry", "add", form],
                    vec!["list", "--available", form, "--json"],
                    vec!["registry", "add", form, "--name", "far"],
                    vec!["install", &with_version, "--dry-run"],
                    vec!["info", &with_agent],
                    vec!["adopt", "--all", "--from", form],
                ],
            );
        }
        let text = toml::Value::String((*form).to_owned());
        for (place, manifest) in [
            (
                "a registry",
                format!("[registries]\nfar = {text}\n\n[agents]\nplanner = \"far/planner\"\n"),
            ),
            (
                "a source",
                format!("[agents.planner]\nsource = {text}\nfile = \"agents/planner.md\"\n"),
            ),
        ] {
            let world = sandbox();
            world.write("project/agentpkg.toml", &manifest);
            report.run(
                &format!("as {place} of the manifest {form:?}"),
                &world,
                &[
                    vec!["install", "--yes"],
                    vec!["list"],
                    vec!["status", "--json"],
                    vec!["update", "--yes"],
                    vec!["registry", "refresh"],
                    vec!["check", "--json"],
                ],
            );
        }
    }
    report.end(200);
}
