//! The shape of JSON values: what they have in common, and none of them.
//!
//! In: values. Out: a [`Shape`], which grows by merging. Merging is commutative, associative and idempotent,
//! and a shape accepts every value that went into it: so gateways can learn apart, in any order, and learn the
//! same. Numbers and lengths are kept as powers of two.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::members::{Members, Merge};
use super::text::{TextShape, bits};

/// What lies deeper may be anything.
const DEPTH: usize = 12;
/// What has more members may be anything.
const MEMBERS: usize = 512;

/// A shape. The default is the one of no value at all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Shape {
    /// May be anything; then nothing else is known.
    pub(super) any: bool,
    pub(super) null: bool,
    pub(super) boolean: bool,
    pub(super) integer: Option<Magnitude>,
    pub(super) number: Option<Magnitude>,
    pub(super) text: Option<TextShape>,
    pub(super) array: Option<ArrayShape>,
    pub(super) object: Option<Members<Self>>,
}

/// How far numbers reach to both sides, in bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Magnitude {
    pub(super) positive: u8,
    pub(super) negative: u8,
}

/// Arrays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ArrayShape {
    /// Bits of the largest number of items.
    pub(super) length: u8,
    pub(super) items: Box<Shape>,
}

impl Shape {
    /// The shape of one value.
    #[must_use]
    pub fn of(value: &Value) -> Self {
        Self::named(value, "", 0)
    }

    /// What may be anything.
    #[must_use]
    pub fn any() -> Self {
        Self { any: true, ..Self::default() }
    }

    fn named(value: &Value, name: &str, depth: usize) -> Self {
        if depth > DEPTH {
            return Self::any();
        }
        let mut shape = Self::default();
        match value {
            Value::Null => shape.null = true,
            Value::Bool(_) => shape.boolean = true,
            Value::Number(number) => match Magnitude::of_integer(number) {
                Some(magnitude) => shape.integer = Some(magnitude),
                None => shape.number = Some(Magnitude::of(number.as_f64().unwrap_or(f64::MAX))),
            },
            Value::String(text) => shape.text = Some(TextShape::of(text, name)),
            Value::Array(items) => {
                let mut merged = Self::default();
                items.iter().for_each(|item| merged.merge(Self::named(item, name, depth + 1)));
                shape.array = Some(ArrayShape { length: bits(items.len() as u64), items: Box::new(merged) });
            }
            Value::Object(members) if members.len() > MEMBERS => return Self::any(),
            Value::Object(members) => {
                let named = |(name, value): (&String, &Value)| {
                    (name.as_str().into(), Self::named(value, name, depth + 1))
                };
                shape.object = Some(members.iter().map(named).collect());
            }
        }
        shape
    }

    /// Takes in the values of another shape.
    pub fn merge(&mut self, other: Self) {
        if self.any || other.any {
            *self = Self::any();
            return;
        }
        self.null |= other.null;
        self.boolean |= other.boolean;
        merge_options(&mut self.integer, other.integer);
        merge_options(&mut self.number, other.number);
        merge_options(&mut self.text, other.text);
        merge_options(&mut self.array, other.array);
        merge_options(&mut self.object, other.object);
    }

    /// Whether no value went in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The paths of all its members, for telling shapes apart: `items[].sku`.
    pub(super) fn paths(&self) -> std::collections::BTreeSet<String> {
        let mut paths = std::collections::BTreeSet::new();
        self.push_paths(String::new(), &mut paths);
        paths
    }

    fn push_paths(&self, path: String, paths: &mut std::collections::BTreeSet<String>) {
        // Enough to tell shapes apart.
        if paths.len() >= 64 || path.len() > 128 {
            return;
        }
        if let Some(array) = &self.array {
            array.items.push_paths(format!("{path}[]"), paths);
        }
        for (name, _, shape) in self.object.iter().flat_map(Members::iter) {
            let path = format!("{path}.{name}");
            paths.insert(path.clone());
            shape.push_paths(path, paths);
        }
    }
}

impl Merge for Shape {
    fn merge(&mut self, other: Self) {
        Self::merge(self, other);
    }
}

impl Merge for TextShape {
    fn merge(&mut self, other: Self) {
        Self::merge(self, other);
    }
}

impl Merge for ArrayShape {
    fn merge(&mut self, other: Self) {
        self.length = self.length.max(other.length);
        self.items.merge(*other.items);
    }
}

impl Merge for Magnitude {
    fn merge(&mut self, other: Self) {
        self.positive = self.positive.max(other.positive);
        self.negative = self.negative.max(other.negative);
    }
}

impl Magnitude {
    fn of_integer(number: &serde_json::Number) -> Option<Self> {
        if let Some(positive) = number.as_u64() {
            return Some(Self { positive: bits(positive), negative: 0 });
        }
        number.as_i64().map(|negative| Self { positive: 0, negative: bits(negative.unsigned_abs()) })
    }

    fn of(number: f64) -> Self {
        // At most 1024 bits; everything from 64 on is without a bound.
        let size = number.abs().log2().ceil().clamp(0.0, 64.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=64")]
        let size = size as u8;
        if number < 0.0 {
            Self { positive: 0, negative: size.max(1) }
        } else {
            Self { positive: size, negative: 0 }
        }
    }
}

pub(super) fn merge_options<T: Merge>(one: &mut Option<T>, other: Option<T>) {
    match (one, other) {
        (_, None) => {}
        (Some(one), Some(other)) => one.merge(other),
        (none, other) => *none = other,
    }
}
