//! `agentpkg manual`: writes the man pages, for packages and for the installer.

use std::path::PathBuf;

use clap::Args;

use super::Context;
use crate::error::{Failure, Result};
use crate::fs;

/// Write the man pages into a folder
#[derive(Debug, Args)]
pub struct ManualArgs {
    /// The folder
    #[arg(value_name = "FOLDER", value_hint = clap::ValueHint::DirPath)]
    pub folder: PathBuf,
}

/// Writes a page for the program, and one for each subcommand of `program`.
pub fn run(args: &ManualArgs, program: &clap::Command, context: &mut Context) -> Result<()> {
    let folder = context
        .session
        .environment
        .current_folder
        .join(&args.folder);
    let name = program.get_name().to_owned();
    let mut pages = vec![(name.clone(), program.clone())];
    collect(&name, program, &mut pages);
    for (name, command) in pages {
        let mut page = Vec::new();
        clap_mangen::Man::new(command)
            .render(&mut page)
            .map_err(|error| Failure::failed("could not make a page").caused_by(error))?;
        fs::replace(&folder.join(format!("{name}.1")), &page, false)?;
    }
    Ok(())
}

fn collect(prefix: &str, command: &clap::Command, pages: &mut Vec<(String, clap::Command)>) {
    for subcommand in command
        .get_subcommands()
        .filter(|subcommand| !subcommand.is_hide_set() && subcommand.get_name() != "help")
    {
        let name = format!("{prefix}-{}", subcommand.get_name());
        pages.push((name.clone(), subcommand.clone()));
        collect(&name, subcommand, pages);
    }
}
