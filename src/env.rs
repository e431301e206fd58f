//! The access to the environment: every variable that agentpkg reads, the clock, the user's folders. Read once, passed in.
//!
//! | variable | meaning |
//! |---|---|
//! | `AGENTPKG_CACHE_DIR` | where the cache is, instead of the platform's cache folder |
//! | `AGENTPKG_CONFIG_DIR` | where the manifest and lockfile of `--user` are |
//! | `AGENTPKG_DATA_DIR` | where the bases and the history of `--user` are |
//! | `AGENTPKG_STATE_DIR` | where the key is that seals agentpkg's own state |
//! | `AGENTPKG_MANAGED_DIR` | where the client's managed files are, instead of the platform's folder |
//! | `AGENTPKG_KNOWN_FILE` | a file with public registries, in place of those that the program knows by name |
//! | `CLAUDE_CONFIG_DIR` | the client's folder, instead of `~/.claude` |
//! | `XDG_DATA_HOME`, `XDG_CONFIG_HOME` | where shells look for completion scripts |
//! | `CI` | not interactive |
//! | `VISUAL`, `EDITOR` | the program that conflicts are edited with |
//! | `_CLAP_COMPLETE_INDEX` | which word the shell wants candidates for |
//! | `PATH` | where `git` and the programs of MCP servers are searched for |
//!
//! A folder that is not an absolute path is refused: it would be a different one in every project.
//!
//! Of all other variables, only the names are read: whether a server's variable is set.
#![expect(
    clippy::disallowed_methods,
    reason = "this is the boundary that the lint protects"
)]

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use directories::{BaseDirs, ProjectDirs};

/// Where the client looks for managed files.
const MANAGED: &str = if cfg!(target_os = "macos") {
    "/Library/Application Support/ClaudeCode"
} else if cfg!(windows) {
    r"C:\Program Files\ClaudeCode"
} else {
    "/etc/claude-code"
};

/// The environment, read once at the start.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// The folder that the command runs in.
    pub current_folder: PathBuf,
    /// `PATH`.
    pub path: Option<OsString>,
    /// Whether a continuous-integration service runs the command.
    pub is_ci: bool,
    /// Whether the terminal cannot move its cursor.
    pub is_dumb_terminal: bool,
    /// The program that edits texts, with its arguments, and the variable that names it; `None`: the platform's usual one.
    pub editor: (Option<&'static str>, String),
    cache: Option<PathBuf>,
    config: Option<PathBuf>,
    data: Option<PathBuf>,
    state: Option<PathBuf>,
    client: Option<PathBuf>,
    managed: Option<PathBuf>,
    known: Option<PathBuf>,
    home: Option<PathBuf>,
    variables: BTreeSet<OsString>,
    /// The variables that name a folder by a relative path, and their values.
    relative: Vec<(&'static str, PathBuf)>,
}

/// Which word the shell wants candidates for, if it says so: 0 is the program.
#[must_use]
pub fn completed_word() -> Option<usize> {
    env::var("_CLAP_COMPLETE_INDEX").ok()?.parse().ok()
}

/// The editor as programs usually look for it. A variable without a program in it counts as unset.
fn editor() -> (Option<&'static str>, String) {
    let named = ["VISUAL", "EDITOR"].into_iter().find_map(|name| {
        let value = env::var(name).ok()?;
        (!value.trim().is_empty()).then_some((Some(name), value))
    });
    let usual = if cfg!(windows) { "notepad.exe" } else { "vi" };
    named.unwrap_or_else(|| (None, usual.to_owned()))
}

impl Environment {
    /// Reads the environment.
    #[must_use]
    pub fn read() -> Self {
        let mut relative = Vec::new();
        let mut folder = |name: &'static str| {
            let folder = env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)?;
            if folder.is_absolute() {
                return Some(folder);
            }
            relative.push((name, folder));
            None
        };
        let [cache, config, data, state, client, managed, known] = [
            "AGENTPKG_CACHE_DIR",
            "AGENTPKG_CONFIG_DIR",
            "AGENTPKG_DATA_DIR",
            "AGENTPKG_STATE_DIR",
            "CLAUDE_CONFIG_DIR",
            "AGENTPKG_MANAGED_DIR",
            "AGENTPKG_KNOWN_FILE",
        ]
        .map(&mut folder);
        // Not taken from here: if it is not set, the platform knows better.
        if cfg!(unix) {
            let _ = folder("HOME");
        }
        Self {
            current_folder: env::current_dir().unwrap_or_default(),
            path: env::var_os("PATH"),
            is_ci: env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false"),
            is_dumb_terminal: env::var_os("TERM").is_some_and(|term| term == "dumb"),
            editor: editor(),
            cache,
            config,
            data,
            state,
            client,
            managed: Some(managed.unwrap_or_else(|| PathBuf::from(MANAGED))),
            known,
            home: None,
            variables: env::vars_os().map(|(name, _)| name).collect(),
            relative,
        }
    }

    /// The first variable that names a folder by a relative path, and its value.
    #[must_use]
    pub fn relative_folder(&self) -> Option<(&'static str, &Path)> {
        self.relative
            .first()
            .map(|(name, folder)| (*name, folder.as_path()))
    }

    /// The file with public registries that counts in place of the program's own list.
    #[must_use]
    pub fn known_file(&self) -> Option<&Path> {
        self.known.as_deref()
    }

    /// An environment whose folders are all below `home`, and that has no programs.
    #[must_use]
    pub fn within(current_folder: PathBuf, home: &Path) -> Self {
        let folder = |name: &str| Some(home.join(name));
        Self {
            current_folder,
            path: None,
            is_ci: false,
            is_dumb_terminal: false,
            editor: (None, String::new()),
            cache: folder("cache"),
            config: folder("config"),
            data: folder("data"),
            state: folder("state"),
            client: folder("client"),
            managed: folder("managed"),
            known: None,
            home: Some(home.to_owned()),
            variables: BTreeSet::new(),
            relative: Vec::new(),
        }
    }

    /// The cache folder; `None` if there is no home folder to put it in.
    #[must_use]
    pub fn cache_folder(&self) -> Option<PathBuf> {
        self.cache
            .clone()
            .or_else(|| absolute(project()?.cache_dir()))
    }

    /// The folder of the user's manifest and lockfile.
    #[must_use]
    pub fn config_folder(&self) -> Option<PathBuf> {
        self.config
            .clone()
            .or_else(|| absolute(project()?.config_dir()))
    }

    /// The folder of the user's bases and history.
    #[must_use]
    pub fn data_folder(&self) -> Option<PathBuf> {
        self.data
            .clone()
            .or_else(|| absolute(project()?.data_dir()))
    }

    /// Where this machine's key may be.
    #[must_use]
    pub fn key_place(&self) -> KeyPlace {
        KeyPlace {
            state: self.state.clone(),
            home: self.home.clone(),
        }
    }

    /// The client's own folder, usually `~/.claude`.
    #[must_use]
    pub fn client_folder(&self) -> Option<PathBuf> {
        self.client
            .clone()
            .or_else(|| Some(self.home()?.join(".claude")))
    }

    /// The folder with the client's managed files. Never written to.
    #[must_use]
    pub fn managed_folder(&self) -> Option<&Path> {
        self.managed.as_deref()
    }

    /// The file in which the client keeps, among many other things, the servers of the user and of each folder. Never written to.
    #[must_use]
    pub fn client_state(&self) -> Option<PathBuf> {
        let folder = self.client.clone().or_else(|| self.home())?;
        Some(folder.join(".claude.json"))
    }

    /// Whether a variable is set; its value is never read.
    #[must_use]
    pub fn is_set(&self, name: &str) -> bool {
        self.variables.contains(std::ffi::OsStr::new(name))
    }

    /// Where programs keep the user's data: `~/.local/share` on Linux, regardless of the platform's own folder.
    #[must_use]
    pub fn user_data_folder(&self) -> Option<PathBuf> {
        let given = env::var_os("XDG_DATA_HOME")
            .map(PathBuf::from)
            .filter(|folder| folder.is_absolute());
        given.or_else(|| Some(self.home()?.join(".local/share")))
    }

    /// Where programs keep the user's settings: `~/.config`, which shells use on every platform.
    #[must_use]
    pub fn user_config_folder(&self) -> Option<PathBuf> {
        let given = env::var_os("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .filter(|folder| folder.is_absolute());
        given.or_else(|| Some(self.home()?.join(".config")))
    }

    /// The user's home folder.
    #[must_use]
    pub fn home(&self) -> Option<PathBuf> {
        home(self.home.as_deref())
    }

    /// Makes a path as the user typed it absolute: `~/` is the home folder, relative paths start at `base`.
    ///
    /// `./` and `../` at its beginning are resolved, so that messages show a readable path, unless a link in `base` or further on may lead
    /// elsewhere.
    #[must_use]
    pub fn absolute(&self, base: &Path, typed: &str) -> PathBuf {
        if let (Some(rest), Some(home)) = (typed.strip_prefix("~/"), self.home()) {
            return home.join(rest);
        }
        if !std::fs::canonicalize(base).is_ok_and(|canonical| canonical == base) {
            return base.join(typed);
        }
        let mut base = base;
        let mut parts = Path::new(typed).components();
        loop {
            let rest = parts.as_path();
            match (parts.next(), base.parent()) {
                (Some(Component::CurDir), _) => {}
                (Some(Component::ParentDir), Some(parent)) => base = parent,
                (None, _) => return base.to_owned(),
                _ => return base.join(rest),
            }
        }
    }

    /// A program on `PATH`, without running it.
    #[must_use]
    pub fn find_program(&self, name: &str) -> Option<PathBuf> {
        let suffixes: &[&str] = if cfg!(windows) {
            &[".exe", ".cmd", ".bat"]
        } else {
            &[""]
        };
        env::split_paths(self.path.as_ref()?)
            .filter(|folder| folder.is_absolute())
            .flat_map(|folder| {
                suffixes
                    .iter()
                    .map(move |suffix| folder.join(format!("{name}{suffix}")))
            })
            .find(|candidate| {
                crate::fs::size(candidate).is_ok_and(|size| size.is_some())
                    && !crate::fs::is_folder(candidate)
            })
    }

    /// Seconds since 1970.
    #[must_use]
    pub fn now(&self) -> u64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |duration| duration.as_secs())
    }
}

/// Where this machine's key may be; determined only when a key is needed.
#[derive(Debug, Clone, Default)]
pub struct KeyPlace {
    state: Option<PathBuf>,
    home: Option<PathBuf>,
}

impl KeyPlace {
    /// The folders, best first.
    #[must_use]
    pub fn folders(&self) -> Vec<PathBuf> {
        if let Some(state) = &self.state {
            return vec![state.clone()];
        }
        let Some(project) = project() else {
            return Vec::new();
        };
        let folders = [project.state_dir(), Some(project.data_local_dir())];
        folders.into_iter().flatten().filter_map(absolute).collect()
    }

    /// The user's home folder.
    #[must_use]
    pub fn home(&self) -> Option<PathBuf> {
        home(self.home.as_deref())
    }

    /// A single folder, regardless of the platform.
    #[cfg(test)]
    pub(crate) fn at(folder: PathBuf, home: Option<PathBuf>) -> Self {
        Self {
            state: Some(folder),
            home,
        }
    }
}

fn home(given: Option<&Path>) -> Option<PathBuf> {
    given
        .map(Path::to_owned)
        .or_else(|| absolute(BaseDirs::new()?.home_dir()))
}

fn absolute(folder: &Path) -> Option<PathBuf> {
    folder.is_absolute().then(|| folder.to_owned())
}

fn project() -> Option<ProjectDirs> {
    ProjectDirs::from("", "", "agentpkg")
}
