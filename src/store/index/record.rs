//! One agent as bytes. Its checksum is in its row.

use super::format::{long, number};
use crate::domain::digest::ObjectId;
use crate::domain::discovery::IndexEntry;
use crate::domain::discovery::kinds::Kind;
use crate::domain::name::AgentName;

/// The parts of a record, each preceded by its length.
struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    fn next(&mut self) -> Option<&'a [u8]> {
        let length = number(self.0, 0)? as usize;
        let part = self.0.get(4..4 + length)?;
        self.0 = &self.0[4 + length..];
        Some(part)
    }

    fn text(&mut self) -> Option<String> {
        String::from_utf8(self.next()?.to_vec()).ok()
    }

    fn list(&mut self) -> Option<Vec<String>> {
        let text = self.text()?;
        Some(
            text.split('\n')
                .filter(|item| !item.is_empty())
                .map(str::to_owned)
                .collect(),
        )
    }
}

/// The agent in the bytes of a record, with the stamp of its file.
pub(super) fn decode(record: &[u8]) -> Option<(IndexEntry, u64)> {
    let (flags, stamp) = (*record.first()?, long(record, 1)?);
    let mut parts = Parts(record.get(9..)?);
    let (name, title, description, file) =
        (parts.text()?, parts.text()?, parts.text()?, parts.text()?);
    let blob = ObjectId::from_bytes(parts.next()?.try_into().ok()?);
    let (tools, servers, tags) = (parts.list()?, parts.list()?, parts.list()?);
    let tools = (flags & 2 == 0).then_some(tools);
    let name = AgentName::new(&name).ok()?;
    Some((
        IndexEntry {
            name,
            title,
            description,
            file,
            blob,
            loads: flags & 1 == 1,
            tools,
            servers,
            tags,
            kind: Kind::of_number(flags >> 4)?,
            is_behind: flags & 4 == 4,
        },
        stamp,
    ))
}

/// The record of an agent.
pub(super) fn encode(entry: &IndexEntry, stamp: u64) -> Vec<u8> {
    let flags = u8::from(entry.loads)
        | u8::from(entry.tools.is_none()) << 1
        | u8::from(entry.is_behind) << 2
        | entry.kind.number() << 4;
    let mut record = vec![flags];
    record.extend_from_slice(&stamp.to_le_bytes());
    let tools = entry.tools.clone().unwrap_or_default().join("\n");
    let (servers, tags) = (entry.servers.join("\n"), entry.tags.join("\n"));
    let texts = [
        entry.name.as_str(),
        &entry.title,
        cut(&entry.description),
        &entry.file,
    ];
    let parts = texts.iter().map(|text| text.as_bytes()).chain([
        entry.blob.as_bytes().as_slice(),
        tools.as_bytes(),
        servers.as_bytes(),
        tags.as_bytes(),
    ]);
    for part in parts {
        record.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes());
        record.extend_from_slice(part);
    }
    record
}

/// The description, cut where it is longer than any that a person wrote.
fn cut(description: &str) -> &str {
    const LONGEST: usize = 1 << 16;
    let end = (0..=LONGEST.min(description.len()))
        .rev()
        .find(|end| description.is_char_boundary(*end))
        .unwrap_or(0);
    &description[..end]
}
