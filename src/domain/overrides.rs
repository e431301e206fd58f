//! Overrides: values of an agent's frontmatter that the manifest declares and that stay through every update. Which there are, how they are
//! typed and recorded, and which values make no sense. How they get into a file, `definition::overridden` knows.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::likeness::nearest;
use super::tool_rule::covers;

/// The keys that take one value, in the order they are shown.
pub const VALUES: [&str; 5] = ["model", "effort", "color", "description", "permissionMode"];

/// The keys that are lists of tools, to which names are added and from which names are removed.
pub const LISTS: [&str; 2] = ["tools", "disallowedTools"];

/// The keys that `[defaults]` may set for all agents.
pub const DEFAULTS: [&str; 4] = ["model", "effort", "color", MODERNISE];

/// The key that has names of tools that the client no longer has replaced.
pub const MODERNISE: &str = "modernise";

const MODELS: [&str; 5] = ["sonnet", "opus", "haiku", "fable", "inherit"];
const EFFORTS: [&str; 5] = ["low", "medium", "high", "xhigh", "max"];
const COLORS: [&str; 8] = [
    "red", "blue", "green", "yellow", "purple", "orange", "pink", "cyan",
];
const MODES: [&str; 7] = [
    "default",
    "manual",
    "acceptEdits",
    "plan",
    "dontAsk",
    "auto",
    "bypassPermissions",
];

/// The longest value, in characters.
const MAX_VALUE: usize = 20_000;

/// Names that are added to a list of tools and removed from it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListChange {
    /// The names that are added.
    pub add: BTreeSet<String>,
    /// The names that are removed.
    pub remove: BTreeSet<String>,
}

impl ListChange {
    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.add.is_empty() && self.remove.is_empty()
    }
}

/// The overrides of one agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Values by key, out of [`VALUES`].
    pub values: BTreeMap<String, String>,
    /// Changes by key, out of [`LISTS`]; never an empty one.
    pub lists: BTreeMap<String, ListChange>,
    /// Whether names of tools that the client no longer has are replaced; `None`: not declared.
    pub modernise: Option<bool>,
    /// The changes that this came to in one version, by key. The lockfile records them; nobody declares them.
    pub modern: BTreeMap<String, ListChange>,
}

/// One override as it is typed and recorded: `model=haiku`, `tools+=Grep`, `tools-=Bash`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assignment {
    /// A value.
    Set(String, String),
    /// A name that is added to a list.
    Add(String, String),
    /// A name that is removed from a list.
    Remove(String, String),
    /// Whether names of tools that the client no longer has are replaced.
    Modernise(bool),
    /// What that came to: an addition or a removal.
    Modern(Box<Self>),
}

/// Why an override makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WrongOverride {
    /// There is no sign between key and value.
    #[error("`{0}` is not an assignment such as `model=haiku` or `tools+=Grep`")]
    NoAssignment(String),
    /// The key is not one that can be overridden.
    #[error("`{0}` cannot be overridden")]
    UnknownKey(String),
    /// The value is not one of those that the key takes.
    #[error("`{value}` is not a value of `{key}`; it takes {}", .known.join(", "))]
    UnknownValue {
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// The values that there are.
        known: Vec<&'static str>,
    },
    /// The value is probably a typo for the short name of a model. Every other word may be a model that a provider has.
    #[error("`{value}` is not a model that Claude Code knows; did you mean `{meant}`?")]
    MistypedModel {
        /// The value.
        value: String,
        /// The name that was probably meant.
        meant: &'static str,
    },
    /// The value of `model` is more than one word.
    #[error("`{0}` is not the name of one model: it has spaces or commas")]
    BadModel(String),
    /// A list was given one value.
    #[error("`{0}` is a list; add a name with `{0}+=NAME`, remove one with `{0}-=NAME`")]
    IsList(String),
    /// A value was added to or removed from.
    #[error("`{0}` has one value; set it with `{0}=VALUE`")]
    IsValue(String),
    /// The value is empty, too long, or has characters that no value has.
    #[error(
        "the value of `{0}` is empty, longer than 20,000 characters, or has control characters or spaces around it"
    )]
    BadValue(String),
    /// What is added or removed is not the name of one tool.
    #[error("`{0}` is not the name of one tool")]
    BadName(String),
    /// The value begins with a second `=`.
    #[error("`{value}` begins with a second `=`")]
    TwoSigns {
        /// The value.
        value: String,
        /// The assignment with one sign.
        meant: String,
    },
    /// A name both added and removed.
    #[error("`{1}` is both added to `{0}` and removed from it")]
    Both(String, String),
    /// Two values for one key.
    #[error("`{0}` is set twice, to `{1}` and to `{2}`")]
    Twice(String, String, String),
}

impl WrongOverride {
    /// The key that was probably meant.
    #[must_use]
    pub fn meant(&self) -> Option<&'static str> {
        match self {
            Self::UnknownKey(key) => meant(key),
            _ => None,
        }
    }

    /// The assignment that was probably meant, or its form: a word in capitals is to be chosen.
    #[must_use]
    pub fn instead(&self) -> Option<String> {
        match self {
            Self::NoAssignment(text) => {
                let of_value = key_of_value(text).map(|key| format!("{key}={text}"));
                of_value.or_else(|| meant(text).map(form))
            }
            Self::BadValue(key) => meant(key).map(form),
            Self::TwoSigns { meant, .. } => Some(meant.clone()),
            Self::BadModel(text) => {
                let mut models = text.split([',', ' ']).map(str::trim);
                let model = models.find(|model| MODELS.contains(model));
                Some(format!("model={}", model.unwrap_or("NAME")))
            }
            _ => None,
        }
    }
}

/// The key that takes a value which no other key takes.
fn key_of_value(value: &str) -> Option<&'static str> {
    let mut keys = [
        ("model", MODELS.as_slice()),
        ("effort", &EFFORTS),
        ("color", &COLORS),
        ("permissionMode", &MODES),
    ]
    .into_iter()
    .filter(|(_, values)| values.contains(&value));
    let (key, _) = keys.next()?;
    keys.next().is_none().then_some(key)
}

/// How an override of a key is typed.
fn form(key: &'static str) -> String {
    if LISTS.contains(&key) {
        format!("{key}+=NAME")
    } else if key == MODERNISE {
        format!("{key}=true")
    } else {
        format!("{key}=VALUE")
    }
}

/// The key that can be overridden and that `key` may be a typo of, or another spelling.
#[must_use]
pub fn meant(key: &str) -> Option<&'static str> {
    let bare = |text: &str| text.replace(['-', '_'], "").to_ascii_lowercase();
    let known = || VALUES.into_iter().chain(LISTS).chain([MODERNISE]);
    known()
        .find(|name| bare(name) == bare(key))
        .or_else(|| nearest(key, known()))
}

impl Assignment {
    /// Reads `KEY=VALUE`, `KEY+=NAME` or `KEY-=NAME`.
    pub fn parse(text: &str) -> Result<Self, WrongOverride> {
        if let Some(change) = text.strip_prefix("modernise:") {
            let change = Self::parse(change)?;
            return match change {
                Self::Add(..) | Self::Remove(..) => Ok(Self::Modern(Box::new(change))),
                _ => Err(WrongOverride::NoAssignment(text.to_owned())),
            };
        }
        let (key, value) = text
            .split_once('=')
            .ok_or_else(|| WrongOverride::NoAssignment(text.to_owned()))?;
        let value = value.to_owned();
        if key == MODERNISE {
            check_sign(&value, |value| format!("{MODERNISE}={value}"))?;
            let known = vec!["true", "false"];
            let key = key.to_owned();
            return match value.parse() {
                Ok(is_modern) => Ok(Self::Modernise(is_modern)),
                Err(_) => Err(WrongOverride::UnknownValue { key, value, known }),
            };
        }
        let assignment = match (key.strip_suffix('+'), key.strip_suffix('-')) {
            (Some(key), _) => Self::Add(key.to_owned(), value),
            (_, Some(key)) => Self::Remove(key.to_owned(), value),
            _ => Self::Set(key.to_owned(), value),
        };
        assignment.check()?;
        Ok(assignment)
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Set(key, _) | Self::Add(key, _) | Self::Remove(key, _) => key,
            Self::Modernise(_) | Self::Modern(_) => MODERNISE,
        }
    }

    fn check(&self) -> Result<(), WrongOverride> {
        match self {
            Self::Set(key, value) => check_value(key, value),
            Self::Add(key, name) => check_name(key, name),
            Self::Remove(key, name) => check_name(key, name).map_err(|error| match error {
                WrongOverride::TwoSigns { value, meant } => WrongOverride::TwoSigns {
                    meant: meant.replacen("+=", "-=", 1),
                    value,
                },
                other => other,
            }),
            Self::Modernise(_) => Ok(()),
            Self::Modern(change) => change.check(),
        }
    }
}

impl fmt::Display for Assignment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set(key, value) => write!(formatter, "{key}={value}"),
            Self::Add(key, name) => write!(formatter, "{key}+={name}"),
            Self::Remove(key, name) => write!(formatter, "{key}-={name}"),
            Self::Modernise(is_modern) => write!(formatter, "{MODERNISE}={is_modern}"),
            Self::Modern(change) => write!(formatter, "{MODERNISE}:{change}"),
        }
    }
}

/// Adds a name to a list or removes one from it, in the changes of all lists.
fn change_list(lists: &mut BTreeMap<String, ListChange>, assignment: &Assignment) {
    match assignment {
        Assignment::Add(key, name) => {
            let list = lists.entry(key.clone()).or_default();
            list.remove.remove(name);
            list.add.insert(name.clone());
        }
        Assignment::Remove(key, name) => {
            let list = lists.entry(key.clone()).or_default();
            list.add.remove(name);
            list.remove.insert(name.clone());
        }
        Assignment::Set(..) | Assignment::Modernise(_) | Assignment::Modern(_) => {}
    }
}

/// What contradicts itself among assignments that are made together: the last one would win unseen.
pub fn contradiction(assignments: &[Assignment]) -> Result<(), WrongOverride> {
    let text = |assignment: &Assignment| match assignment {
        Assignment::Modernise(is_modern) => is_modern.to_string(),
        Assignment::Set(_, text) | Assignment::Add(_, text) | Assignment::Remove(_, text) => {
            text.clone()
        }
        Assignment::Modern(change) => change.to_string(),
    };
    for (index, later) in assignments.iter().enumerate() {
        for earlier in &assignments[..index] {
            let key = later.key().to_owned();
            let (first, second) = (text(earlier), text(later));
            let is_value = matches!(later, Assignment::Set(..) | Assignment::Modernise(_));
            if earlier.key() != key {
                continue;
            }
            if is_value && first != second {
                return Err(WrongOverride::Twice(key, first, second));
            }
            if !is_value && first == second && earlier != later {
                return Err(WrongOverride::Both(key, first));
            }
        }
    }
    Ok(())
}

/// Checks a key that takes one value, and the value.
pub fn check_value(key: &str, value: &str) -> Result<(), WrongOverride> {
    if LISTS.contains(&key) {
        return Err(WrongOverride::IsList(key.to_owned()));
    }
    let known: &[&'static str] = match key {
        "effort" if value.parse::<u32>().is_ok() => &[],
        "effort" => &EFFORTS,
        "color" => &COLORS,
        "permissionMode" => &MODES,
        _ if VALUES.contains(&key) => &[],
        _ => return Err(WrongOverride::UnknownKey(key.to_owned())),
    };
    // A description may be any text.
    if key != "description" {
        check_sign(value, |value| format!("{key}={value}"))?;
    }
    let is_allowed = |c: char| !c.is_control() || key == "description" && matches!(c, '\n' | '\t');
    // Only a description means something with spaces around it.
    let is_trimmed = key == "description" || value.trim() == value;
    if value.trim().is_empty()
        || !is_trimmed
        || value.chars().count() > MAX_VALUE
        || !value.chars().all(is_allowed)
    {
        return Err(WrongOverride::BadValue(key.to_owned()));
    }
    if !known.is_empty() && !known.contains(&value) {
        return Err(WrongOverride::UnknownValue {
            key: key.to_owned(),
            value: value.to_owned(),
            known: known.to_vec(),
        });
    }
    if key == "model" {
        check_model(value)?;
    }
    Ok(())
}

/// Refuses a value that begins with `=`, as in `model==haiku`. `form`: the assignment of the value that was meant.
fn check_sign(value: &str, form: impl Fn(&str) -> String) -> Result<(), WrongOverride> {
    let meant = without_sign(value);
    if meant == value {
        return Ok(());
    }
    Err(WrongOverride::TwoSigns {
        value: value.to_owned(),
        meant: form(if meant.is_empty() { "VALUE" } else { meant }),
    })
}

/// A value without the signs before it.
fn without_sign(value: &str) -> &str {
    match value.strip_prefix('=') {
        Some(rest) => rest.trim_start_matches(['=', ' ']),
        None => value,
    }
}

/// Refuses what no model is called, and what is one or two letters away from a short name.
fn check_model(value: &str) -> Result<(), WrongOverride> {
    if value.contains(|c: char| c.is_whitespace() || c == ',') {
        return Err(WrongOverride::BadModel(value.to_owned()));
    }
    // `opus[1m]` and full names have other characters, and a longer word is another name.
    let is_word = value.chars().all(char::is_alphabetic) && !MODELS.contains(&value);
    let near = nearest(value, MODELS).filter(|near| near.len().abs_diff(value.len()) <= 1);
    match near {
        Some(meant) if is_word => Err(WrongOverride::MistypedModel {
            value: value.to_owned(),
            meant,
        }),
        _ => Ok(()),
    }
}

/// Checks a key that is a list, and a name in it.
pub fn check_name(key: &str, name: &str) -> Result<(), WrongOverride> {
    if VALUES.contains(&key) {
        return Err(WrongOverride::IsValue(key.to_owned()));
    }
    if !LISTS.contains(&key) {
        return Err(WrongOverride::UnknownKey(key.to_owned()));
    }
    check_sign(name, |name| format!("{key}+={name}"))?;
    let tools = super::definition::split_tools(name);
    let is_one = tools.len() == 1 && tools.first().is_some_and(|tool| tool == name);
    if !is_one || name.len() > 500 || name.chars().any(char::is_control) {
        return Err(WrongOverride::BadName(name.to_owned()));
    }
    Ok(())
}

impl Overrides {
    /// Whether nothing is overridden.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys().next().is_none() && self.modernise.is_none()
    }

    /// Whether both declare the same, whatever it came to in one version.
    #[must_use]
    pub fn declares_same(&self, other: &Self) -> bool {
        let Self {
            values,
            lists,
            modernise,
            modern: _,
        } = self;
        *values == other.values && *lists == other.lists && *modernise == other.modernise
    }

    /// How a list changes in all.
    #[must_use]
    pub fn change_of(&self, key: &str) -> ListChange {
        let mut change = self.modern.get(key).cloned().unwrap_or_default();
        if let Some(declared) = self.lists.get(key) {
            // What is declared to go wins over what a replaced name brings.
            let goes = |tool: &String| declared.remove.iter().any(|gone| covers(gone, tool));
            change.add.retain(|tool| !goes(tool));
            change.add.extend(declared.add.iter().cloned());
            change.remove.extend(declared.remove.iter().cloned());
        }
        change
    }

    /// The keys of the frontmatter that are overridden.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        let has = |key: &&str| self.lists.contains_key(*key) || self.modern.contains_key(*key);
        let lists = LISTS.into_iter().filter(has);
        self.values.keys().map(String::as_str).chain(lists)
    }

    /// The first key that is pinned as well, although its override could not take effect then.
    #[must_use]
    pub fn pinned<'p>(&self, pins: &'p [String]) -> Option<&'p str> {
        // An agent without a list of tools has those that are removed in `disallowedTools`.
        let removes = |pin: &str| {
            pin == "disallowedTools"
                && (self.lists.get("tools")).is_some_and(|list| !list.remove.is_empty())
        };
        let mut pins = pins.iter().map(String::as_str);
        pins.find(|pin| self.has(pin) || removes(pin))
    }

    /// Whether a name is added to a list or removed from one.
    #[must_use]
    pub fn names(&self, name: &str) -> bool {
        let mut lists = self.lists.values().chain(self.modern.values());
        lists.any(|list| list.add.contains(name) || list.remove.contains(name))
    }

    /// Whether a key is overridden.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.keys().any(|known| known == key)
    }

    /// Makes one more assignment. What is added to a list is no longer removed from it, and the other way round.
    pub fn assign(&mut self, assignment: &Assignment) -> Result<(), WrongOverride> {
        assignment.check()?;
        match assignment {
            Assignment::Set(key, value) => {
                self.values.insert(key.clone(), value.clone());
            }
            Assignment::Modernise(is_modern) => self.modernise = Some(*is_modern),
            Assignment::Modern(change) => change_list(&mut self.modern, change),
            change => change_list(&mut self.lists, change),
        }
        Ok(())
    }

    /// Takes the override of a key back; returns whether there was one.
    pub fn unset(&mut self, key: &str) -> bool {
        if key == MODERNISE {
            return self.modernise.take().is_some();
        }
        let value = self.values.remove(key).is_some();
        self.lists.remove(key).is_some() || value
    }

    /// Those of these keys.
    #[must_use]
    pub fn only(&self, keys: &[&str]) -> Self {
        let is_meant = |key: &str| keys.contains(&key);
        let is_modern = is_meant(MODERNISE);
        let mut only = self.clone();
        only.values.retain(|key, _| is_meant(key));
        only.lists.retain(|key, _| is_meant(key));
        only.modern.retain(|key, _| is_modern || is_meant(key));
        only.modernise = only.modernise.filter(|_| is_modern);
        only
    }

    /// These overrides, and of `defaults` what they do not say themselves; `pins`: keys that keep the user's text, whatever the defaults are.
    #[must_use]
    pub fn with_defaults(&self, defaults: &Self, pins: &[String]) -> Self {
        let mut all = self.clone();
        all.modernise = all.modernise.or(defaults.modernise);
        for (key, value) in &defaults.values {
            if !pins.contains(key) {
                all.values
                    .entry(key.clone())
                    .or_insert_with(|| value.clone());
            }
        }
        all
    }

    /// As they are recorded, sorted, one assignment each.
    #[must_use]
    pub fn assignments(&self) -> Vec<Assignment> {
        let values = self.values.iter();
        let mut all: Vec<Assignment> = values
            .map(|(key, value)| Assignment::Set(key.clone(), value.clone()))
            .collect();
        for (key, list) in &self.lists {
            let add = list.add.iter();
            all.extend(add.map(|name| Assignment::Add(key.clone(), name.clone())));
            let remove = list.remove.iter();
            all.extend(remove.map(|name| Assignment::Remove(key.clone(), name.clone())));
        }
        all.extend(self.modernise.map(Assignment::Modernise));
        let modern = Self {
            lists: self.modern.clone(),
            ..Self::default()
        };
        if !self.modern.is_empty() {
            let changes = modern.assignments().into_iter();
            all.extend(changes.map(|change| Assignment::Modern(Box::new(change))));
        }
        all
    }

    /// The assignments as texts.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        self.assignments()
            .iter()
            .map(Assignment::to_string)
            .collect()
    }

    /// The values that a key can have, if they are known.
    #[must_use]
    pub fn known_values(key: &str) -> &'static [&'static str] {
        match key {
            "model" => &MODELS,
            "effort" => &EFFORTS,
            "color" => &COLORS,
            "permissionMode" => &MODES,
            _ => &[],
        }
    }

    /// Reads what was recorded.
    pub fn read<'t>(recorded: impl IntoIterator<Item = &'t str>) -> Result<Self, WrongOverride> {
        let mut overrides = Self::default();
        for text in recorded {
            overrides.assign(&Assignment::parse(text)?)?;
        }
        Ok(overrides)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_reads_back() {
        let recorded = [
            "description=Plans; a = b\n\nand more",
            "model=haiku",
            "tools+=Grep",
            "tools+=mcp__db__query",
            "tools-=Bash(git *)",
            "modernise=true",
            "modernise:tools+=Agent",
            "modernise:tools-=Task",
        ];
        let overrides = Overrides::read(recorded).unwrap();
        assert_eq!(overrides.texts(), recorded);
        assert_eq!(
            overrides.keys().collect::<Vec<_>>(),
            ["description", "model", "tools"]
        );
    }

    #[test]
    fn any_name_may_be_that_of_a_model_unless_it_is_a_typo() {
        for model in [
            "haiku",
            "opus[1m]",
            "opusplan",
            "claude-haiku-4-5",
            "gpt-5",
            "x",
            "us.anthropic.claude-opus-4-20250514-v1:0",
        ] {
            assert_eq!(check_value("model", model), Ok(()), "{model}");
        }
    }

    #[test]
    fn the_last_assignment_of_a_name_counts() {
        let overrides = Overrides::read(["tools+=Bash", "tools-=Bash", "model=a", "model=b"]);
        assert_eq!(overrides.unwrap().texts(), ["model=b", "tools-=Bash"]);
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for (texts, words) in [
            (
                ["model=a", "model=b"],
                "`model` is set twice, to `a` and to `b`",
            ),
            (
                ["modernise=true", "modernise=false"],
                "`modernise` is set twice, to `true` and to `false`",
            ),
            (
                ["tools+=Grep", "tools-=Grep"],
                "`Grep` is both added to `tools` and removed from it",
            ),
            (
                ["disallowedTools-=Grep", "disallowedTools+=Grep"],
                "`Grep` is both added to `disallowedTools`",
            ),
        ] {
            let read = texts.map(|text| Assignment::parse(text).unwrap());
            let error = contradiction(&read).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        for texts in [
            ["model=a", "model=a"],
            ["model=a", "color=red"],
            ["tools+=A", "disallowedTools-=A"],
            ["tools+=A", "tools-=B"],
        ] {
            let read = texts.map(|text| Assignment::parse(text).unwrap());
            assert_eq!(contradiction(&read), Ok(()), "{texts:?}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (text, words) in [
            ("model", "is not an assignment"),
            ("modle=haiku", "`modle` cannot be overridden"),
            ("name=x", "`name` cannot be overridden"),
            ("hooks+=x", "`hooks` cannot be overridden"),
            ("model=", "is empty"),
            ("model=a\nb", "control characters"),
            ("model= a", "spaces around it"),
            ("model=hiaku", "did you mean `haiku`?"),
            ("model=Opus", "did you mean `opus`?"),
            ("model=sonet", "did you mean `sonnet`?"),
            ("model=a b", "it has spaces"),
            ("effort=most", "it takes low, medium"),
            ("effort=-1", "it takes low, medium"),
            ("color=black", "it takes red"),
            ("permissionMode=all", "it takes default"),
            ("tools=Read", "add a name with `tools+=NAME`"),
            ("model+=a", "set it with `model=VALUE`"),
            ("tools+=Read, Grep", "not the name of one tool"),
            ("tools+=", "not the name of one tool"),
            ("modernise=maybe", "it takes true, false"),
            ("modernise:model=x", "is not an assignment"),
        ] {
            let error = Assignment::parse(text).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
        for text in [
            "effort=3",
            "effort=xhigh",
            "tools+=Bash(git *, x)",
            "description=a\nb",
        ] {
            assert!(Assignment::parse(text).is_ok(), "{text}");
        }
        assert_eq!(meant("permission-mode"), Some("permissionMode"));
        assert_eq!(meant("modle"), Some("model"));
        assert_eq!(meant("zzz"), None);
    }

    #[test]
    fn a_second_sign_is_refused_with_the_assignment_that_was_meant() {
        for (text, meant) in [
            ("model==haiku", "model=haiku"),
            ("model== haiku", "model=haiku"),
            ("model==", "model=VALUE"),
            ("effort===high", "effort=high"),
            ("color==red", "color=red"),
            ("permissionMode==plan", "permissionMode=plan"),
            ("modernise==true", "modernise=true"),
            ("tools+==Grep", "tools+=Grep"),
            ("tools-==Bash", "tools-=Bash"),
            ("disallowedTools-==Bash", "disallowedTools-=Bash"),
        ] {
            let error = Assignment::parse(text).unwrap_err();
            assert_eq!(error.instead().as_deref(), Some(meant), "{error}");
            assert!(error.to_string().contains("a second `=`"), "{error}");
        }
        let text = "description==x";
        assert_eq!(Assignment::parse(text).unwrap().to_string(), text);
    }

    #[test]
    fn defaults_fill_in_what_is_not_said_and_not_pinned() {
        let own = Overrides::read(["model=opus"]).unwrap();
        let defaults = Overrides::read(["model=haiku", "effort=low", "color=red"]).unwrap();
        let all = own.with_defaults(&defaults, &["color".to_owned()]);
        assert_eq!(all, Overrides::read(["model=opus", "effort=low"]).unwrap());
    }
}
