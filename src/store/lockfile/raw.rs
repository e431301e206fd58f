//! The values of a lockfile before they are checked. One that is laid out as this program writes it is read line by line: many times quicker
//! than reading TOML, and a second `install` does little else. Whatever looks different in any way is left to `toml`, which also says what
//! is wrong.

use std::borrow::Cow;

use serde::Deserialize;

/// The format that this program writes.
pub const FORMAT: u32 = 1;

/// The first line of what this program writes.
pub(super) const HEADER: &str = "# Written by agentpkg; not meant for editing by hand.";

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File<'t> {
    pub(super) version: u32,
    #[serde(rename = "mcp-json")]
    pub(super) mcp_json: Option<Cow<'t, str>>,
    #[serde(default)]
    pub(super) agent: Vec<Entry<'t>>,
    #[serde(default)]
    pub(super) server: Vec<RawServer>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawServer {
    pub(super) name: String,
    pub(super) registry: String,
    pub(super) entry: String,
    pub(super) version: String,
    pub(super) sha256: String,
}

/// An entry before its values are checked.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry<'t> {
    pub(super) name: Cow<'t, str>,
    pub(super) registry: Option<Cow<'t, str>>,
    pub(super) source: Cow<'t, str>,
    pub(super) agent: Option<Cow<'t, str>>,
    pub(super) file: Cow<'t, str>,
    pub(super) version: Option<Cow<'t, str>>,
    pub(super) reference: Option<Cow<'t, str>>,
    pub(super) commit: Option<Cow<'t, str>>,
    pub(super) blob: Cow<'t, str>,
    pub(super) sha256: Cow<'t, str>,
    pub(super) base: Cow<'t, str>,
    #[serde(default)]
    pub(super) adaptations: Vec<String>,
    #[serde(default)]
    pub(super) requires: Vec<String>,
    #[serde(default)]
    pub(super) allowed: Vec<String>,
    #[serde(default)]
    pub(super) overrides: Vec<String>,
    pub(super) written: Option<Cow<'t, str>>,
}

/// The lockfile; `None`: it is laid out in another way.
pub(super) fn read(text: &str) -> Option<File<'_>> {
    let mut lines = text.lines();
    let mut file = File {
        version: FORMAT,
        mcp_json: None,
        agent: Vec::new(),
        server: Vec::new(),
    };
    if lines.next()? != HEADER || lines.next()? != format!("version = {FORMAT}") {
        return None;
    }
    let mut is_server = false;
    for line in lines {
        match line {
            "" => {}
            "[[agent]]" => {
                file.agent.push(Entry::default());
                is_server = false;
            }
            "[[server]]" => {
                file.server.push(RawServer::default());
                is_server = true;
            }
            _ => {
                let (key, value) = line.split_once(" = ")?;
                match (file.server.last_mut(), file.agent.last_mut()) {
                    (Some(server), _) if is_server => server_value(server, key, value)?,
                    (_, Some(agent)) => agent_value(agent, key, value)?,
                    _ if key == "mcp-json" => set(&mut file.mcp_json, value)?,
                    _ => return None,
                }
            }
        }
    }
    let is_whole = |entry: &Entry<'_>| {
        let needed = [
            &entry.name,
            &entry.source,
            &entry.file,
            &entry.blob,
            &entry.sha256,
            &entry.base,
        ];
        needed.iter().all(|value| !value.is_empty())
    };
    let is_whole_server = |server: &RawServer| {
        let RawServer {
            name,
            registry,
            entry,
            version,
            sha256,
        } = server;
        ![name, registry, entry, version, sha256]
            .iter()
            .any(|value| value.is_empty())
    };
    (file.agent.iter().all(is_whole) && file.server.iter().all(is_whole_server)).then_some(file)
}

fn agent_value<'t>(entry: &mut Entry<'t>, key: &str, value: &'t str) -> Option<()> {
    match key {
        "name" => fill(&mut entry.name, value),
        "registry" => set(&mut entry.registry, value),
        "source" => fill(&mut entry.source, value),
        "agent" => set(&mut entry.agent, value),
        "file" => fill(&mut entry.file, value),
        "version" => set(&mut entry.version, value),
        "reference" => set(&mut entry.reference, value),
        "commit" => set(&mut entry.commit, value),
        "blob" => fill(&mut entry.blob, value),
        "sha256" => fill(&mut entry.sha256, value),
        "base" => fill(&mut entry.base, value),
        "adaptations" => extend(&mut entry.adaptations, value),
        "requires" => extend(&mut entry.requires, value),
        "allowed" => extend(&mut entry.allowed, value),
        "overrides" => extend(&mut entry.overrides, value),
        "written" => set(&mut entry.written, value),
        _ => None,
    }
}

fn server_value(server: &mut RawServer, key: &str, value: &str) -> Option<()> {
    let place = match key {
        "name" => &mut server.name,
        "registry" => &mut server.registry,
        "entry" => &mut server.entry,
        "version" => &mut server.version,
        "sha256" => &mut server.sha256,
        _ => return None,
    };
    let mut text = Cow::Borrowed("");
    fill(&mut text, value)?;
    place.is_empty().then(|| *place = text.into_owned())
}

/// Sets a value that is always there. A second one is TOML's to refuse, and so is an empty one here.
fn fill<'t>(place: &mut Cow<'t, str>, value: &'t str) -> Option<()> {
    let text = string(value)?;
    place.is_empty().then(|| *place = Cow::Borrowed(text))
}

fn set<'t>(place: &mut Option<Cow<'t, str>>, value: &'t str) -> Option<()> {
    let text = string(value)?;
    place.is_none().then(|| *place = Some(Cow::Borrowed(text)))
}

/// Adds the strings of a list in one line.
fn extend(place: &mut Vec<String>, value: &str) -> Option<()> {
    let inner = value.strip_prefix('[')?.strip_suffix(']')?;
    if inner.is_empty() || !place.is_empty() {
        return None;
    }
    // A comma within a string leaves halves without quotes.
    for item in inner.split(", ") {
        place.push(string(item)?.to_owned());
    }
    Some(())
}

/// The text of a string in double quotes that needs no escape sequence.
fn string(value: &str) -> Option<&str> {
    let text = value.strip_prefix('"')?.strip_suffix('"')?;
    let is_plain = |byte: u8| byte >= b' ' && !matches!(byte, b'"' | b'\\' | 0x7f);
    text.bytes().all(is_plain).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "# Written by agentpkg; not meant for editing by hand.
version = 1
mcp-json = \"file\"

[[agent]]
name = \"a\"
registry = \"r\"
source = \"https://example.com/a.git\"
agent = \"b\"
file = \"agents/b.md\"
version = \"1.0.0\"
reference = \"tag v1\"
commit = \"c\"
blob = \"d\"
sha256 = \"e\"
base = \"f\"
adaptations = [\"repair:description\", \"bind:x=y\"]
requires = [\"z\"]
allowed = [\"hooks\"]
overrides = [\"model=opus\"]
written = \"g\"

[[agent]]
name = \"z\"
source = \"builtin\"
file = \"z.md\"
blob = \"d\"
sha256 = \"e\"
base = \"f\"

[[server]]
name = \"github\"
registry = \"builtin\"
entry = \"github\"
version = \"1\"
sha256 = \"h\"
";

    #[test]
    fn what_is_read_here_is_what_toml_reads() {
        let plain = read(WHOLE).unwrap();
        assert_eq!((plain.agent.len(), plain.server.len()), (2, 1));
        assert_eq!(plain, toml::from_str::<File<'_>>(WHOLE).unwrap());
        let windows = WHOLE.replace('\n', "\r\n");
        assert_eq!(read(&windows), toml::from_str(&windows).ok());
    }

    /// Each line twice, without each line, and each line in some other way of writing TOML.
    #[test]
    fn whatever_is_different_is_either_read_as_toml_reads_it_or_left_to_it() {
        let lines: Vec<&str> = WHOLE.lines().collect();
        let mut left = 0;
        for (index, line) in lines.iter().enumerate() {
            for other in [
                String::new(),
                format!("{line}\n{line}"),
                format!("{line} # x"),
                format!(" {line}"),
                format!("{line} "),
                line.replace(" = ", "="),
                line.replace('"', "'"),
                line.replace("= \"", "= \"\\u0061"),
                line.replace("= \"", "= \"\u{1}"),
                line.replace("= \"", "= \"\"\""),
                line.replace("\"]", "\", ]"),
                line.replace("\", \"", "\",\""),
                line.replace("\"]", ", x\"]"),
                line.replace("[[", "["),
                line.replace("name", "nome"),
                line.replace('1', "2"),
                "x = 1".to_owned(),
                "<<<<<<< a".to_owned(),
            ] {
                let mut changed = lines.clone();
                changed[index] = &other;
                let text = changed.join("\n");
                match read(&text) {
                    Some(plain) => assert_eq!(Some(plain), toml::from_str(&text).ok(), "{text}"),
                    None => left += 1,
                }
            }
        }
        assert!(left > 200, "{left}");
    }
}
