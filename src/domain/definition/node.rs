//! Converts YAML text to plain values, following the client's parser where it differs from ours.
//!
//! * Equal keys are allowed at any depth; the last one counts.
//! * `<<` merges, quoted or not, once or several times, a mapping or a sequence of mappings; the mapping's own values win, and of the
//!   merged values the first.
//! * Keys are text: a sequence as a key is its items joined with commas, so that `[hooks]: …` sets `hooks`.
//! * Only line feeds and carriage returns end a line, and control characters are characters like any other.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor,
};
use serde_json::{Map, Number, Value};

/// How many values a block may expand to. The largest legitimate one has a few hundred; aliases of aliases have millions.
const MAX_VALUES: usize = 20_000;

/// The first of the private characters that replace those which our parser would refuse or treat as line breaks.
const STAND_INS: u32 = 0x000F_5A00;

/// Why a block cannot be read.
#[derive(Debug, Clone)]
pub(super) enum ReadError {
    /// It is nested deeper, or expands to more values, than we read; the client may well load it.
    TooComplex,
    /// It is not YAML.
    Invalid {
        /// The line within the block, from 1.
        line: usize,
        message: String,
        /// Whether the client reads such a block nevertheless, so that its repair must not be applied.
        is_ours: bool,
    },
}

/// Reads one document.
pub(super) fn read(block: &str) -> Result<Value, ReadError> {
    let budget = Budget(Cell::new(MAX_VALUES));
    let result = budget.deserialize(serde_yaml::Deserializer::from_str(&shielded(block)));
    result.map(Node::into_value).map_err(|error| {
        if budget.0.get() == 0 {
            return ReadError::TooComplex;
        }
        let line = error.location().map_or(1, |location| location.line());
        let message = error.to_string();
        // The client does not check a scalar against its tag, and it reads nodes that contain themselves.
        let is_ours = message.contains(", expected ") || message.contains("recursion limit");
        ReadError::Invalid {
            line,
            message: message
                .split(" at line ")
                .next()
                .unwrap_or_default()
                .to_owned(),
            is_ours,
        }
    })
}

/// The text with placeholders for control characters and for line breaks that the client does not know; without the byte order mark that
/// may precede the first line that is not blank.
fn shielded(text: &str) -> String {
    let (blank, rest) = text.split_at(text.len() - text.trim_start_matches(['\n', '\r']).len());
    let text = format!("{blank}{}", rest.strip_prefix('\u{feff}').unwrap_or(rest));
    let is_foreign = |c: char| {
        let is_plain = matches!(c, '\t' | '\n' | '\r' | '\0');
        c.is_control() && !is_plain
            || matches!(
                c,
                '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
            )
    };
    let shield = |c: char| {
        if is_foreign(c) {
            char::from_u32(STAND_INS + index(c)).unwrap_or(c)
        } else {
            c
        }
    };
    text.chars().map(shield).collect()
}

/// A character that our parser takes for text, and that is read as `c`, which must be in ASCII.
pub(super) fn stand_in(c: char) -> char {
    char::from_u32(STAND_INS + u32::from(c)).unwrap_or(c)
}

/// Restores the characters that [`shielded`] replaced.
fn unshielded(text: &str) -> String {
    text.chars()
        .map(|c| {
            u32::from(c)
                .checked_sub(STAND_INS)
                .and_then(original)
                .unwrap_or(c)
        })
        .collect()
}

/// The characters outside the control blocks that are replaced, numbered after those inside.
const OTHERS: [char; 5] = ['\u{2028}', '\u{2029}', '\u{feff}', '\u{fffe}', '\u{ffff}'];

fn index(c: char) -> u32 {
    let other = (0xa0..).zip(OTHERS).find(|(_, other)| *other == c);
    other.map_or(u32::from(c), |(index, _)| index)
}

fn original(index: u32) -> Option<char> {
    match index {
        0..0xa0 => char::from_u32(index),
        _ => OTHERS.get(usize::try_from(index - 0xa0).ok()?).copied(),
    }
}

/// How many more values may be read.
#[derive(Debug)]
struct Budget(Cell<usize>);

impl Budget {
    fn spend<E: Error>(&self, values: usize) -> Result<(), E> {
        let left = self.0.get().saturating_sub(values);
        self.0.set(left);
        if left == 0 {
            Err(E::custom("too many values"))
        } else {
            Ok(())
        }
    }
}

impl<'de> DeserializeSeed<'de> for &Budget {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        self.spend(1)?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &Budget {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Plain(Value::Null))
    }

    fn visit_none<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Plain(Value::Null))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Plain(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Plain(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Plain(value.into()))
    }

    fn visit_i128<E: Error>(self, value: i128) -> Result<Node, E> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "Claude Code has no other numbers"
        )]
        self.visit_f64(value as f64)
    }

    fn visit_u128<E: Error>(self, value: u128) -> Result<Node, E> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "Claude Code has no other numbers"
        )]
        self.visit_f64(value as f64)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Node, E> {
        // "Not a number" counts as absent for the client; the infinities are numbers.
        let finite = if value.is_nan() {
            None
        } else {
            Number::from_f64(value.clamp(f64::MIN, f64::MAX))
        };
        Ok(Node::Plain(finite.map_or(Value::Null, Value::Number)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Node, E> {
        // Long texts count for more, or an alias could multiply them.
        self.spend(text.len() / 8)?;
        Ok(Node::Plain(Value::String(unshielded(text))))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Node::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut mapping = Entries::default();
        while let Some(key) = entries.next_key_seed(self)? {
            let value = entries.next_value_seed(self)?;
            match (key.text(), value) {
                (Some("<<"), Node::Mapping(source)) => mapping.merge(source),
                (Some("<<"), Node::List(sources)) => {
                    for source in sources {
                        if let Node::Mapping(source) = source {
                            mapping.merge(source);
                        }
                    }
                }
                (_, value) => mapping.push(key, value),
            }
        }
        Ok(Node::Mapping(mapping.pairs))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<Node, A::Error> {
        // An author's own tag only says that a scalar is text.
        let ((), variant) = data.variant_seed(Tag)?;
        Ok(match variant.newtype_variant_seed(self)? {
            Node::Plain(value @ (Value::Bool(_) | Value::Number(_))) => {
                Node::Plain(Value::String(value.to_string()))
            }
            node => node,
        })
    }
}

/// A value whose mappings still have their original keys.
#[derive(Debug)]
enum Node {
    /// A scalar.
    Plain(Value),
    List(Vec<Self>),
    Mapping(Vec<(Self, Self)>),
}

impl Node {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Plain(value) => value.as_str(),
            _ => None,
        }
    }

    /// The text of a key, as JavaScript makes it.
    fn key_text(&self) -> String {
        match self {
            Self::Plain(Value::String(text)) => text.clone(),
            Self::Plain(value) => value.to_string(),
            Self::List(items) => {
                let text = |item: &Self| {
                    if matches!(item, Self::Plain(Value::Null)) {
                        String::new()
                    } else {
                        item.key_text()
                    }
                };
                items.iter().map(text).collect::<Vec<_>>().join(",")
            }
            Self::Mapping(_) => "[object Object]".to_owned(),
        }
    }

    fn into_value(self) -> Value {
        match self {
            Self::Plain(value) => value,
            Self::List(items) => Value::Array(items.into_iter().map(Self::into_value).collect()),
            Self::Mapping(pairs) => Value::Object(
                pairs
                    .into_iter()
                    .map(|(key, value)| (key.key_text(), value.into_value()))
                    .collect::<Map<_, _>>(),
            ),
        }
    }
}

/// A mapping while it is read. A key that is a sequence is compared only after it became text, so it never conflicts with a merged one.
#[derive(Debug, Default)]
struct Entries {
    pairs: Vec<(Node, Node)>,
    texts: BTreeSet<String>,
}

impl Entries {
    fn push(&mut self, key: Node, value: Node) {
        if let Some(text) = key.text() {
            self.texts.insert(text.to_owned());
        }
        self.pairs.push((key, value));
    }

    fn merge(&mut self, source: Vec<(Node, Node)>) {
        // Equal keys of one source are all taken: the last one wins there too.
        let is_new = |key: &Node| key.text().is_none_or(|text| !self.texts.contains(text));
        let new: Vec<_> = source.into_iter().filter(|(key, _)| is_new(key)).collect();
        for (key, value) in new {
            self.push(key, value);
        }
    }
}

/// The name of a tag, which is not used.
struct Tag;

impl<'de> DeserializeSeed<'de> for Tag {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl Visitor<'_> for Tag {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a tag")
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
}
