//! `agentpkg info`.

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::{Context, capabilities, needs};
use crate::domain::count::{few, numbered};
use crate::domain::definition::{Loaded, Verdict};
use crate::domain::shell::Command;
use crate::error::{Advice, Result};
use crate::ops::info::{Info, Running, Wish, info};
use crate::ops::past::{History, Step};
use crate::ops::state::State;
use crate::ui::view::{CommitView, GainView, GoneView};
use crate::ui::{Column, DocumentName, Table, Ui, one_line, sanitize, wrapped};

/// Show one agent: what it is for, what it may use, and whether Claude Code loads it
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  agentpkg info planner                an installed agent, and whether it runs
  agentpkg info gh:owner/repo#planner  before you install it
  agentpkg info planner --history      the commits that changed it")]
pub struct InfoArgs {
    /// An installed agent, or any spec
    #[arg(value_name = "SPEC", add = super::complete::installed_or_specs())]
    pub spec: String,
    /// Also show the commits that changed its file
    #[arg(long, value_name = "HOW", value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "here")]
    pub history: Option<HistoryArg>,
}

/// What `--history` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum HistoryArg {
    /// Those in the cache
    Here,
    /// All; fetch those that are missing from the cache
    Fetch,
}

/// Why an agent whose file is not there is not loaded.
const ABSENT: &str = "its file is missing";

/// Runs the command.
pub fn run(args: &InfoArgs, context: &mut Context) -> Result<()> {
    let history = match args.history {
        None => Wish::No,
        Some(HistoryArg::Here) => Wish::Here,
        Some(HistoryArg::Fetch) => Wish::Fetch,
    };
    let info = info(&context.session, &args.spec, history, &mut context.ui)?;
    if context.ui.is_json() {
        return context
            .ui
            .json(DocumentName::Info, &InfoDocument::from(&info));
    }
    let ui = &mut context.ui;
    ui.data(format!("{} {}", sanitize(&info.name), sanitize(&info.revision)).trim_end())?;
    if let Some(running) = &info.running {
        labelled("runs", &running.place, ui)?;
        for (place, reason) in &running.hidden {
            labelled("", &format!("not {place}: {reason}"), ui)?;
        }
    }
    let verdict = match &info.adapted {
        Ok((verdict @ Verdict::Loads(_), _)) => verdict,
        _ => &info.verdict,
    };
    if let Verdict::Loads(loaded) = verdict {
        show_loaded(loaded, &info, ui)?;
    }
    labelled("from", &info.spec, ui)?;
    labelled("file", &info.file, ui)?;
    if !info.others.is_empty() {
        let copies = numbered(info.others.len(), "other copy", "other copies");
        labelled(
            "behind",
            &format!("{copies}: {}", few(&info.others, ", ")),
            ui,
        )?;
    }
    match info.installed {
        Some(installed) if info.installed_as.is_empty() => {
            labelled("installed", installed.word(), ui)?;
        }
        Some(installed) => {
            let installed = format!("{}, {}", installed.word(), info.installed_as);
            labelled("installed", &installed, ui)?;
        }
        None => labelled("installed", "no", ui)?,
    }
    if let Some(first) = info.elsewhere.first() {
        let path = if first.starts_with('.') {
            format!("./{first}")
        } else {
            first.clone()
        };
        let show = ui.command(&Command::new(["info".to_owned(), path]));
        let files = few(&info.elsewhere, ", ");
        let text = format!("each of these may be its file: {files}; `{show}` shows one");
        labelled("", &text, ui)?;
    }
    for text in &info.overrides {
        labelled("override", &one_line(text, 200), ui)?;
    }
    if let Some(gone) = &info.gone {
        let words = [vec![gone.words()], gone.notes()].concat().join("; ");
        labelled("gone", &words, ui)?;
        let advice = ui.advice(&gone.advice());
        labelled("", &advice, ui)?;
    }
    if info.is_absent() {
        let install = ui.command(&Command::new(["install"]));
        let how = match info.elsewhere.as_slice() {
            [] => format!("no: {ABSENT}; `{install}` restores it"),
            _ => format!("no: {ABSENT}"),
        };
        labelled("loads", &how, ui)?;
    } else {
        labelled("loads", &loads(&info), ui)?;
        if let Some(renamed) = &info.renamed {
            let text = format!("{}; {}", renamed.words(), renamed.advice());
            labelled("", &text, ui)?;
        }
    }
    if args.history.is_some() {
        show_history(args, &info, context)?;
    }
    let ui = &mut context.ui;
    let lines = needs::report_lines(&info.needs, ui.columns());
    if !lines.is_empty() {
        ui.data("")?;
    }
    lines.iter().try_for_each(|line| ui.data(line))
}

/// The commits that changed an agent, newest first, and what would get those that are not here.
fn show_history(args: &InfoArgs, info: &Info, context: &mut Context) -> Result<()> {
    let is_offline = context.session.options.is_offline;
    let ui = &mut context.ui;
    let Some(history) = &info.history else {
        return labelled("history", "none is known", ui);
    };
    let mut table = Table::new([
        Column::word(""),
        Column::word(""),
        Column::text(""),
        Column::word(""),
    ]);
    for step in &history.steps {
        let note = if step.is_installed { "installed" } else { "" };
        let [commit, day] = [step.commit.short(), step.day.clone()];
        table.row([
            commit.into(),
            day.into(),
            step.subject.as_str().into(),
            note.into(),
        ]);
    }
    ui.data("")?;
    ui.table(&table)?;
    let what = if history.steps.is_empty() {
        "its history is not here"
    } else {
        "older commits are not here"
    };
    let fetch = Command::new(["info", args.spec.as_str(), "--history=fetch"]);
    match (history.is_complete, history.steps.is_empty()) {
        (true, true) => labelled(
            "history",
            "nothing newer than what is installed is known",
            ui,
        ),
        (true, false) => Ok(()),
        (false, _)
            if history.is_local || args.history == Some(HistoryArg::Fetch) && !is_offline =>
        {
            labelled("history", what, ui)
        }
        (false, _) => {
            let advice = Advice::say(format!("{what}; "))
                .and_run(fetch)
                .and(" fetches it");
            let advice = ui.advice(&advice);
            labelled("history", &advice, ui)
        }
    }
}

/// A label with its text beside it, wrapped.
fn labelled(label: &str, text: &str, ui: &mut Ui) -> Result<()> {
    let lines = capabilities::labelled(label, &sanitize(text), ui.columns());
    lines.into_iter().try_for_each(|line| ui.data(line))
}

/// What an agent is for, and what it may do.
fn show_loaded(loaded: &Loaded, info: &Info, ui: &mut Ui) -> Result<()> {
    let room = ui.columns().saturating_sub(2);
    for line in wrapped(&one_line(&loaded.description, 400), room) {
        ui.data(format!("  {}", line.trim_end()))?;
    }
    ui.data("")?;
    for line in capabilities::lines(loaded, ui.columns()) {
        ui.data(line)?;
    }
    for gain in &info.gains {
        let gain = format!("+ {gain}  {}", gain.meaning());
        labelled("by hand", gain.trim_end(), ui)?;
    }
    for gain in &info.powers {
        let note = if gain.is_asked_at_first() {
            "  (installed only with `--allow`)"
        } else {
            ""
        };
        labelled("sets", &format!("{gain}  {}{note}", gain.meaning()), ui)?;
    }
    Ok(())
}

/// Whether Claude Code loads the file.
fn loads(info: &Info) -> String {
    match (&info.verdict, &info.adapted) {
        (Verdict::Loads(_), _) => "yes".to_owned(),
        (Verdict::Skipped(reason), Ok((Verdict::Loads(_), _))) => {
            format!("only after a repair, which an install makes: {reason}")
        }
        (Verdict::Skipped(reason), Ok(_)) => format!("no: {reason}"),
        (Verdict::Skipped(reason), Err(error)) => {
            format!("no: {reason}; it cannot be repaired: {error}")
        }
    }
}

/// What `info --json` prints.
#[derive(Serialize)]
struct InfoDocument<'a> {
    name: &'a str,
    spec: &'a str,
    file: &'a str,
    /// Files of other agents of its name that stand behind it in its source.
    others: &'a [String],
    /// The path of its installed file.
    path: Option<&'a str>,
    /// Version or commit.
    revision: &'a str,
    /// What runs here under its name; `None`: nothing.
    runs: Option<RunningView<'a>>,
    /// `clean`, `edited`, `missing` or `conflicted`; `None`: it is not installed.
    installed: Option<&'static str>,
    /// The files of which each may be its own, if the one that was installed is missing.
    elsewhere: &'a [String],
    /// What Claude Code makes of the file as it is.
    client: VerdictView<'a>,
    /// What it would make of what would be installed.
    adapted: AdaptedView<'a>,
    /// The name by which the client knows it, if its installed file has another one than the agent.
    renamed: Option<&'a str>,
    /// The overrides that it is installed with.
    overrides: &'a [String],
    needs: needs::NeedsView<'a>,
    /// What became of it, if upstream no longer has it.
    gone: Option<GoneView<'a>>,
    /// The commits that changed its file; `None`: not asked for, or its source has no commits.
    history: Option<HistoryView<'a>>,
    /// What edits by hand allow beyond the installed version.
    gains: Vec<GainView>,
    /// What it may do beyond using its tools.
    powers: Vec<GainView>,
}

/// The commits that changed an agent.
#[derive(Serialize)]
struct HistoryView<'a> {
    commits: Vec<StepView<'a>>,
    /// Whether those are all: down to the installed version, or to the first.
    complete: bool,
}

#[derive(Serialize)]
struct StepView<'a> {
    #[serde(flatten)]
    commit: CommitView<'a>,
    installed: bool,
}

impl<'a> From<&'a History> for HistoryView<'a> {
    fn from(history: &'a History) -> Self {
        let step = |step: &'a Step| StepView {
            commit: step.into(),
            installed: step.is_installed,
        };
        Self {
            commits: history.steps.iter().map(step).collect(),
            complete: history.is_complete,
        }
    }
}

#[derive(Serialize)]
struct RunningView<'a> {
    place: &'a str,
    /// Those that do not run because of it.
    hides: Vec<HiddenView<'a>>,
}

#[derive(Serialize)]
struct HiddenView<'a> {
    place: &'a str,
    reason: &'a str,
}

impl<'a> From<&'a Running> for RunningView<'a> {
    fn from(running: &'a Running) -> Self {
        let hidden = running.hidden.iter();
        Self {
            place: &running.place,
            hides: hidden
                .map(|(place, reason)| HiddenView { place, reason })
                .collect(),
        }
    }
}

#[derive(Serialize)]
struct AdaptedView<'a> {
    #[serde(flatten)]
    verdict: VerdictView<'a>,
    /// `None`: it cannot be adapted.
    #[serde(skip_serializing_if = "Option::is_none")]
    adaptations: Option<&'a [String]>,
}

#[derive(Serialize)]
struct VerdictView<'a> {
    loads: bool,
    #[serde(flatten)]
    why: Why<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Why<'a> {
    Loaded {
        name: &'a str,
        description: &'a str,
        /// `None`: every tool.
        tools: Option<&'a [String]>,
        disallowed_tools: &'a [String],
        /// The fields that need consent.
        security: Vec<&'static str>,
    },
    Skipped {
        reason: String,
    },
}

impl VerdictView<'_> {
    fn skipped(reason: String) -> Self {
        Self {
            loads: false,
            why: Why::Skipped { reason },
        }
    }
}

impl<'a> From<&'a Verdict> for VerdictView<'a> {
    fn from(verdict: &'a Verdict) -> Self {
        match verdict {
            Verdict::Loads(loaded) => Self {
                loads: true,
                why: Why::Loaded {
                    name: &loaded.name,
                    description: &loaded.description,
                    tools: loaded.tools.as_deref(),
                    disallowed_tools: &loaded.disallowed_tools,
                    security: loaded.security(),
                },
            },
            Verdict::Skipped(reason) => Self::skipped(reason.to_string()),
        }
    }
}

impl<'a> From<&'a Info> for InfoDocument<'a> {
    fn from(info: &'a Info) -> Self {
        let adapted = match &info.adapted {
            Ok((verdict, applied)) => AdaptedView {
                verdict: verdict.into(),
                adaptations: Some(applied),
            },
            Err(reason) => AdaptedView {
                verdict: VerdictView::skipped(reason.clone()),
                adaptations: None,
            },
        };
        Self {
            name: &info.name,
            spec: &info.spec,
            file: &info.file,
            others: &info.others,
            path: info.path.as_deref(),
            revision: &info.revision,
            runs: info.running.as_ref().map(Into::into),
            installed: info.installed.map(State::word),
            elsewhere: &info.elsewhere,
            renamed: info.renamed.as_ref().map(|renamed| renamed.now.as_str()),
            overrides: &info.overrides,
            client: if info.is_absent() {
                VerdictView::skipped(ABSENT.to_owned())
            } else {
                (&info.verdict).into()
            },
            adapted,
            needs: (&info.needs).into(),
            gone: info.gone.as_ref().map(Into::into),
            history: info.history.as_ref().map(Into::into),
            gains: info.gains.iter().map(Into::into).collect(),
            powers: info.powers.iter().map(Into::into).collect(),
        }
    }
}
