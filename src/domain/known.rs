//! Public registries that are known by name: data of the registry inside the program. Pure.

use serde::Deserialize;

use super::name::RegistryName;
use super::spec::Source;

/// A public registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownRegistry {
    /// The name that it is known by.
    pub name: RegistryName,
    /// Where it is.
    pub source: Source,
    /// Its licence, as SPDX writes it.
    pub licence: String,
    /// What it holds, in one line.
    pub description: String,
}

/// The registries of a list. What cannot be read is left out.
#[must_use]
pub fn parse(text: &str) -> Vec<KnownRegistry> {
    let list: List = toml::from_str(text).unwrap_or_default();
    let known = list.registry.into_iter().filter_map(|raw| {
        Some(KnownRegistry {
            name: RegistryName::new(&raw.name).ok()?,
            source: Source::parse(&raw.source).ok()?,
            licence: raw.licence,
            description: raw.description,
        })
    });
    known.collect()
}

#[derive(Deserialize, Default)]
struct List {
    #[serde(default)]
    registry: Vec<Raw>,
}

#[derive(Deserialize)]
struct Raw {
    name: String,
    source: String,
    #[serde(default)]
    licence: String,
    #[serde(default)]
    description: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_left_out() {
        let text = "[[registry]]\nname = \"a\"\nsource = \"gh:o/r\"\nlicence = \"MIT\"\n[[registry]]\nname = \"../b\"\nsource = \"gh:o/r\"\n";
        let known = parse(text);
        assert_eq!(known.len(), 1);
        assert_eq!(known[0].source.to_string(), "gh:o/r");
        assert_eq!(parse("[["), Vec::new());
    }
}
