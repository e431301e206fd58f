//! YAML text to plain values, under the rules of the client's parser where they differ from ours.
//!
//! * Equal keys are allowed at any depth; the last one counts.
//! * `<<` merges, quoted or not, once or several times, a mapping or a sequence of them; what a mapping says itself always wins, and of
//!   merged values the first.
//! * Keys are text: a sequence as a key is its items with commas, so that `[hooks]: …` sets `hooks`.
//! * Only line feeds and carriage returns end a line, and control characters are characters like any other.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::yaml::ReadError;

/// How many values a block may expand to. The largest honest one has some hundred; aliases of aliases have millions.
const MAX_VALUES: usize = 20_000;

/// The first of the private characters that stand for those which our parser would refuse or take for line breaks.
const STAND_INS: u32 = 0x000F_5A00;

/// Reads one document.
pub(super) fn read(block: &str) -> Result<Value, ReadError> {
    let budget = Budget(Cell::new(MAX_VALUES));
    let result = budget.deserialize(serde_yaml::Deserializer::from_str(&shielded(block)));
    result.map_err(|error| {
        if budget.0.get() == 0 {
            return ReadError::TooComplex;
        }
        let line = error.location().map_or(1, |location| location.line());
        let message = error.to_string();
        ReadError::Invalid { line, message: message.split(" at line ").next().unwrap_or_default().to_owned() }
    })
}

/// The text with stand-ins for line breaks that the client does not know and for control characters.
fn shielded(text: &str) -> String {
    let is_foreign = |c: char| {
        let is_plain = matches!(c, '\t' | '\n' | '\r' | '\0');
        c.is_control() && !is_plain || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
    };
    let shield = |c: char| if is_foreign(c) { char::from_u32(STAND_INS + index(c)).unwrap_or(c) } else { c };
    text.chars().map(shield).collect()
}

/// Puts the characters back that [`shielded`] replaced.
fn unshielded(text: &str) -> String {
    text.chars().map(|c| u32::from(c).checked_sub(STAND_INS).and_then(original).unwrap_or(c)).collect()
}

/// The characters outside the control blocks that are replaced, behind those that are.
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
        if left == 0 { Err(E::custom("too many values")) } else { Ok(()) }
    }
}

impl<'de> DeserializeSeed<'de> for &Budget {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.spend(1)?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &Budget {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i128<E: Error>(self, value: i128) -> Result<Value, E> {
        #[expect(clippy::cast_precision_loss, reason = "the client has no other numbers")]
        self.visit_f64(value as f64)
    }

    fn visit_u128<E: Error>(self, value: u128) -> Result<Value, E> {
        #[expect(clippy::cast_precision_loss, reason = "the client has no other numbers")]
        self.visit_f64(value as f64)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        // "Not a number" counts as absent for the client; the infinities are numbers.
        let finite = if value.is_nan() { None } else { Number::from_f64(value.clamp(f64::MIN, f64::MAX)) };
        Ok(finite.map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(unshielded(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut own = Map::new();
        let mut merged = Map::new();
        while let Some(key) = entries.next_key_seed(self)? {
            let value = entries.next_value_seed(self)?;
            match (key_text(&key), value) {
                (key, Value::Object(source)) if key == "<<" => merge(&mut merged, source),
                (key, Value::Array(sources)) if key == "<<" => {
                    for source in sources {
                        if let Value::Object(source) = source {
                            merge(&mut merged, source);
                        }
                    }
                }
                (key, value) => drop(own.insert(key, value)),
            }
        }
        merge(&mut own, merged);
        Ok(Value::Object(own))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<Value, A::Error> {
        // A tag of the author's own only says that a scalar is text.
        let (_, variant) = data.variant_seed(Tag)?;
        let value = variant.newtype_variant_seed(self)?;
        Ok(if value.is_boolean() || value.is_number() { Value::String(value.to_string()) } else { value })
    }
}

/// Adds what is not there yet.
fn merge(into: &mut Map<String, Value>, from: Map<String, Value>) {
    for (key, value) in from {
        into.entry(key).or_insert(value);
    }
}

/// The text of a key, as JavaScript makes it.
fn key_text(key: &Value) -> String {
    match key {
        Value::String(text) => text.clone(),
        Value::Null => "null".to_owned(),
        Value::Array(items) => {
            let texts = items.iter().map(|item| if item.is_null() { String::new() } else { key_text(item) });
            texts.collect::<Vec<_>>().join(",")
        }
        Value::Object(_) => "[object Object]".to_owned(),
        other => other.to_string(),
    }
}

/// The name of a tag, which nobody reads.
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
