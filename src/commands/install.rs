//! `agentpkg install`.

use super::Context;
use super::needs::NeedsArgs;
use super::outcome::{ChangeDocument, finish, show_install};
use crate::error::Result;
use crate::ops::install::{InstallOptions, install};
use crate::ops::typed::Typed;
use crate::ui::DocumentName;
use clap::Args;

/// Install agents; without names, those that agentpkg.toml and agentpkg.lock list
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  agentpkg install backend-architect
  agentpkg install gh:owner/repo#planner --as my-planner
  agentpkg install ./agents --all")]
pub struct InstallArgs {
    /// NAME, REGISTRY/NAME, gh:owner/repo#NAME, a URL, ./folder#NAME or ./file.md, each with an optional @VERSION
    #[arg(value_name = "SPEC", add = super::complete::specs())]
    pub specs: Vec<String>,
    /// Install every agent of the named sources
    #[arg(long)]
    pub all: bool,
    /// Install under another name
    #[arg(long = "as", value_name = "NAME")]
    pub name: Option<String>,
    /// Install exactly as upstream wrote it, even if Claude Code may ignore it
    #[arg(long)]
    pub verbatim: bool,
    /// Show what would be done, and stop
    #[arg(long)]
    pub dry_run: bool,
    /// Replace files that you edited or that agentpkg did not install; a copy is kept
    #[arg(long)]
    pub force: bool,
    /// Allow `hooks`, `permissionMode`, `mcpServers`, new permissions of a replaced agent by tool name, or `all`
    #[arg(long, value_name = "WHAT", value_delimiter = ',', add = super::complete::powers())]
    pub allow: Vec<String>,
    /// The servers that they need.
    #[command(flatten)]
    pub needs: NeedsArgs,
}

/// Runs the command.
pub fn run(args: InstallArgs, context: &mut Context) -> Result<()> {
    let InstallArgs {
        specs,
        all,
        name,
        verbatim,
        dry_run,
        force,
        allow,
        needs,
    } = args;
    let mut words = Vec::new();
    words.extend(name.iter().flat_map(|name| ["--as", name]));
    words.extend(verbatim.then_some("--verbatim"));
    words.extend(force.then_some("--force"));
    words.extend(needs.words());
    let typed = Typed {
        command: "install".to_owned(),
        names: specs.clone(),
        is_all: all,
        options: words.into_iter().map(str::to_owned).collect(),
        allowed: allow.clone(),
        ..Typed::default()
    };
    let options = InstallOptions {
        typed,
        specs,
        all,
        name,
        is_verbatim: verbatim,
        is_dry_run: dry_run,
        is_forced: force,
        allowed: allow,
        is_yes: context.is_yes,
        bind: needs.bindings()?,
        servers: needs.mode(),
        counts: !context.ui.is_json(),
    };
    let outcome = install(&context.session, &options, &mut context.ui)?;
    let is_whole = options.specs.is_empty();
    if context.ui.is_json() {
        let document = ChangeDocument::of(&outcome, dry_run, &context.ui);
        context.ui.json(DocumentName::Install, &document)?;
    } else {
        show_install(&outcome, is_whole, dry_run, context);
    }
    finish(&outcome, context);
    let again = |names: &[&str]| options.typed.naming(names.iter().copied()).again();
    outcome.verdict("installed", &again)
}
