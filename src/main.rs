//! The `agentpkg` program: exit code and panic message, nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|info| {
        let text = format!(
            "agentpkg stopped because of a bug; your files are as they were before or after the command.\n{info}\n"
        );
        let _ = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
    }));
    ExitCode::from(agentpkg::cli::run())
}
