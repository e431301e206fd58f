//! Reads the form that agentpkg itself writes, line by line: every command reads the lockfile, and this is several times quicker than
//! a TOML parser. It judges nothing. Whatever is the least bit unusual, or wrong, is left to that parser, which also has the messages.

use super::{Entry, File, RawServer};

/// The file, if each of its lines is of the plain form; otherwise `None`, which says nothing about it.
pub(super) fn read(text: &str) -> Option<File> {
    let mut file = File::default();
    let mut table = Table::Top;
    for line in text.lines() {
        if line.is_empty() || line == super::HEADER {
            continue;
        }
        match line {
            "[[agent]]" => {
                table = Table::Agent;
                file.agent.push(Entry::default());
            }
            "[[server]]" => {
                table = Table::Server;
                file.server.push(RawServer::default());
            }
            _ => {
                let (key, value) = line.split_once(' ')?;
                let value = value.strip_prefix("= ")?;
                match table {
                    Table::Top => set_top(&mut file, key, value)?,
                    Table::Agent => set_agent(file.agent.last_mut()?, key, value)?,
                    Table::Server => set_server(file.server.last_mut()?, key, value)?,
                }
            }
        }
    }
    let is_whole = file.agent.iter().all(
        |Entry {
             name,
             source,
             file,
             blob,
             sha256,
             base,
             ..
         }| {
            [name, source, file, blob, sha256, base]
                .iter()
                .all(|text| !text.is_empty())
        },
    ) && file.server.iter().all(
        |RawServer {
             name,
             registry,
             entry,
             version,
             sha256,
         }| {
            [name, registry, entry, version, sha256]
                .iter()
                .all(|text| !text.is_empty())
        },
    );
    (is_whole && file.version == super::FORMAT).then_some(file)
}

enum Table {
    Top,
    Agent,
    Server,
}

fn set_top(file: &mut File, key: &str, value: &str) -> Option<()> {
    match key {
        "version" if file.version == 0 && value == super::FORMAT.to_string() => {
            file.version = super::FORMAT;
        }
        "mcp-json" => set_option(&mut file.mcp_json, value)?,
        _ => return None,
    }
    Some(())
}

fn set_agent(entry: &mut Entry, key: &str, value: &str) -> Option<()> {
    match key {
        "name" => set(&mut entry.name, value),
        "registry" => set_option(&mut entry.registry, value),
        "source" => set(&mut entry.source, value),
        "agent" => set_option(&mut entry.agent, value),
        "file" => set(&mut entry.file, value),
        "version" => set_option(&mut entry.version, value),
        "commit" => set_option(&mut entry.commit, value),
        "blob" => set(&mut entry.blob, value),
        "sha256" => set(&mut entry.sha256, value),
        "base" => set(&mut entry.base, value),
        "adaptations" => set_list(&mut entry.adaptations, value),
        "requires" => set_list(&mut entry.requires, value),
        "allowed" => set_list(&mut entry.allowed, value),
        _ => None,
    }
}

fn set_server(server: &mut RawServer, key: &str, value: &str) -> Option<()> {
    match key {
        "name" => set(&mut server.name, value),
        "registry" => set(&mut server.registry, value),
        "entry" => set(&mut server.entry, value),
        "version" => set(&mut server.version, value),
        "sha256" => set(&mut server.sha256, value),
        _ => None,
    }
}

/// Sets what is not set yet; an empty value counts as none, so the other parser gets it.
fn set(slot: &mut String, value: &str) -> Option<()> {
    let value = string(value).filter(|value| slot.is_empty() && !value.is_empty())?;
    value.clone_into(slot);
    Some(())
}

fn set_option(slot: &mut Option<String>, value: &str) -> Option<()> {
    let value = string(value).filter(|_| slot.is_none())?;
    *slot = Some(value.to_owned());
    Some(())
}

fn set_list(slot: &mut Vec<String>, value: &str) -> Option<()> {
    let items = value
        .strip_prefix('[')?
        .strip_suffix(']')
        .filter(|items| slot.is_empty() && !items.is_empty())?;
    // A string with this very text inside has a quotation mark too many for `string`.
    *slot = items
        .split(", ")
        .map(|item| string(item).map(str::to_owned))
        .collect::<Option<_>>()?;
    Some(())
}

/// The text between quotation marks of either kind, where it stands for itself.
fn string(value: &str) -> Option<&str> {
    let (text, is_odd): (_, fn(u8) -> bool) = match value.strip_prefix('"') {
        Some(rest) => (rest.strip_suffix('"')?, |byte| matches!(byte, b'"' | b'\\')),
        None => (value.strip_prefix('\'')?.strip_suffix('\'')?, |byte| {
            byte == b'\''
        }),
    };
    // Looking at every byte, whatever it finds, is quicker than stopping at the first: it is done for many at once.
    let found = text.bytes().fold(false, |found, byte| {
        found | (byte < b' ' || byte == 0x7f || is_odd(byte))
    });
    (!found).then_some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::lockfile::{Lockfile, tests};

    fn written() -> String {
        tests::lockfile().to_text()
    }

    #[test]
    fn what_agentpkg_writes_is_plain() {
        let text = written();
        assert!(read(&text).is_some(), "{text}");
        assert!(
            text.contains("'a \"b\"'"),
            "both kinds of strings are in it"
        );
        assert_eq!(read(&text), toml::from_str(&text).ok());
        assert_eq!(
            read(&text.replace('\n', "\r\n")),
            toml::from_str(&text).ok()
        );
        assert_eq!(
            read(&Lockfile::default().to_text()),
            toml::from_str(&Lockfile::default().to_text()).ok()
        );
    }

    #[test]
    fn what_is_unusual_is_left_to_the_parser() {
        let text = written();
        for (from, to) in [
            ("name = \"a\"", "name = '''a'''"),
            ("name = \"a\"", "name = 'a\""),
            ("name = \"a\"", "name = \"\\u0061\""),
            ("name = \"a\"", "name=\"a\""),
            ("name = \"a\"", "name = \"a\" # mine"),
            ("name = \"a\"", "name = \"a\"\nname = \"a\""),
            ("name = \"a\"", "name = \"a\"\nother = \"a\""),
            ("name = \"a\"", ""),
            ("[[agent]]", "[agent]"),
            ("version = 1\n", "version = 2\n"),
            ("version = 1\n", "version = 01\n"),
            ("version = 1\n", ""),
        ] {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text, "{from} is in it");
            assert_eq!(read(&changed), None, "{to}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_here_is_what_toml_says(at in any::<prop::sample::Index>(), part in "[a\"\\\\ ,=#'\\[\\]\r\n\t\u{7f}\u{e9}1]{0,3}", length in 0..4_usize) {
            let mut text = written();
            let at = at.index(text.len());
            text.replace_range(at..(at + length).min(text.len()), &part);
            if let Some(file) = read(&text) {
                prop_assert_eq!(Some(file), toml::from_str(&text).ok());
            }
        }
    }
}
