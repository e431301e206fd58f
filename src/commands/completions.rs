//! `agentpkg completions`: prints the script for a shell, or puts it where the shell looks for it.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::Context;
use crate::error::{Failure, Result};
use crate::fs;

/// The scripts, as they are in the folder `completions` of the repository.
const SCRIPTS: [(Shell, &str); 6] = [
    (Shell::Bash, include_str!("../../completions/agentpkg.bash")),
    (Shell::Zsh, include_str!("../../completions/_agentpkg")),
    (Shell::Fish, include_str!("../../completions/agentpkg.fish")),
    (
        Shell::Powershell,
        include_str!("../../completions/agentpkg.ps1"),
    ),
    (
        Shell::Elvish,
        include_str!("../../completions/agentpkg.elv"),
    ),
    (
        Shell::Nushell,
        include_str!("../../completions/agentpkg.nu"),
    ),
];

/// A shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// bash
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
    /// PowerShell
    Powershell,
    /// Elvish
    Elvish,
    /// Nushell
    Nushell,
}

/// Print the completion script for a shell, or install it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  agentpkg completions bash --install
  agentpkg completions zsh > ~/.zfunc/_agentpkg")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
    /// Install it where the shell looks for it
    #[arg(long)]
    pub install: bool,
}

/// Runs the command.
pub fn run(args: &CompletionsArgs, context: &mut Context) -> Result<()> {
    let script = SCRIPTS
        .iter()
        .find(|(shell, _)| *shell == args.shell)
        .map_or("", |(_, script)| script);
    if !args.install {
        return context.ui.bytes(script.as_bytes());
    }
    let path = place(args.shell, context)?;
    fs::replace(&path, script.as_bytes(), false)?;
    context.ui.status("Installed", path.display());
    if let Some(note) = after(args.shell, &path) {
        context.ui.note(note);
    }
    Ok(())
}

/// Where a shell looks for the user's own completions.
fn place(shell: Shell, context: &Context) -> Result<PathBuf> {
    let environment = &context.session.environment;
    let nowhere = || Failure::failed("there is no home folder to install into").hint("set `HOME`");
    let data = environment.user_data_folder().ok_or_else(nowhere)?;
    let config = environment.user_config_folder().ok_or_else(nowhere)?;
    Ok(match shell {
        Shell::Bash => data.join("bash-completion/completions/agentpkg"),
        Shell::Zsh => data.join("zsh/site-functions/_agentpkg"),
        Shell::Fish => config.join("fish/completions/agentpkg.fish"),
        Shell::Elvish => config.join("elvish/lib/agentpkg.elv"),
        Shell::Nushell => config.join("nushell/autoload/agentpkg.nu"),
        Shell::Powershell => config.join("powershell/agentpkg.ps1"),
    })
}

/// What is left to do by hand.
fn after(shell: Shell, path: &std::path::Path) -> Option<String> {
    let shown = path.display();
    match shell {
        Shell::Bash | Shell::Fish | Shell::Nushell => None,
        Shell::Zsh => {
            let folder = path.parent()?.display();
            Some(format!(
                "If zsh does not find it, put this before `compinit` in ~/.zshrc:\n  fpath=({folder} $fpath)"
            ))
        }
        Shell::Elvish => Some("Put this into ~/.config/elvish/rc.elv:\n  use agentpkg".to_owned()),
        Shell::Powershell => Some(format!("Put this into your $PROFILE:\n  . \"{shown}\"")),
    }
}
