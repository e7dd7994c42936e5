//! Sets of JSON types.

/// A type that a schema can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Null,
    Boolean,
    Integer,
    Number,
    String,
    Array,
    Object,
}

impl Type {
    pub(crate) const ALL: [Self; 7] =
        [Self::Null, Self::Boolean, Self::Integer, Self::Number, Self::String, Self::Array, Self::Object];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    pub(crate) fn of(value: &serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(_) => Self::Boolean,
            serde_json::Value::Number(number) if number.is_f64() => Self::Number,
            serde_json::Value::Number(_) => Self::Integer,
            serde_json::Value::String(_) => Self::String,
            serde_json::Value::Array(_) => Self::Array,
            serde_json::Value::Object(_) => Self::Object,
        }
    }
}

/// A set of types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Types(u8);

impl Types {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const ANY: Self = Self(0b111_1111);

    pub(crate) const fn contains(self, kind: Type) -> bool {
        self.0 & 1 << kind as u8 != 0
    }

    #[must_use]
    pub(crate) const fn with(self, kind: Type) -> Self {
        Self(self.0 | 1 << kind as u8)
    }

    #[must_use]
    pub(crate) const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What both allow. An integer is a number too.
    #[must_use]
    pub(crate) const fn intersection(self, other: Self) -> Self {
        let common = Self(self.0 & other.0);
        let integer = (self.contains(Type::Integer) && other.contains(Type::Number))
            || (self.contains(Type::Number) && other.contains(Type::Integer));
        if integer { common.with(Type::Integer) } else { common }
    }
}

impl FromIterator<Type> for Types {
    fn from_iter<I: IntoIterator<Item = Type>>(kinds: I) -> Self {
        kinds.into_iter().fold(Self::NONE, Self::with)
    }
}
