//! What the program's own help says.

use crate::support::sandbox::Sandbox;

/// All commands, as help lists them, including those of `registry`.
pub(crate) fn commands() -> Vec<String> {
    let sandbox = Sandbox::new();
    let listed = |arguments: &[&str], before: &str| -> Vec<String> {
        let help = sandbox.run(arguments).code(0).stdout;
        let lines = help
            .lines()
            .skip_while(|line| *line != "Commands:")
            .skip(1)
            .take_while(|line| !line.is_empty());
        // A continued description is indented more.
        let names = lines
            .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
            .filter_map(|line| line.split_whitespace().next());
        names.map(|name| format!("{before}{name}")).collect()
    };
    let mut all = listed(&["--help"], "");
    all.extend(
        listed(&["registry", "--help"], "registry ")
            .into_iter()
            .filter(|name| name != "registry help"),
    );
    assert!(all.len() > 18, "{all:?}");
    all
}
