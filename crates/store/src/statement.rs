//! Statements and rows, the same for both databases.
//!
//! Parameters are `$1`, `$2`, in the order in which they first stand in the text: PostgreSQL counts them, SQLite
//! numbers named parameters by their first place.

use portcullis_domain::{Scopes, StoreError, Timestamp};

/// A parameter or a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Null,
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// A constant text and its parameters.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub(crate) text: &'static str,
    pub(crate) parameters: Vec<Value>,
    pub(crate) affects: Affects,
}

/// How many rows a statement must change for its transaction to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Affects {
    Any,
    /// Exactly one; else nothing of the transaction holds and the answer is [`StoreError::Conflict`].
    One,
}

impl Statement {
    pub(crate) fn new(text: &'static str, parameters: impl Into<Vec<Value>>) -> Self {
        Self { text, parameters: parameters.into(), affects: Affects::Any }
    }

    pub(crate) fn affecting_one(mut self) -> Self {
        self.affects = Affects::One;
        self
    }
}

/// Takes the next place in the order of changes. The row stays locked until the transaction ends, so places
/// become visible in their order and a reader that asks "since" misses none.
pub(crate) fn next_change() -> Statement {
    Statement::new("UPDATE change_counter SET value = value + 1 WHERE id = 1", []).affecting_one()
}

/// A row, read from left to right.
#[derive(Debug)]
pub(crate) struct Row(std::vec::IntoIter<Value>);

impl Row {
    pub(crate) fn new(values: Vec<Value>) -> Self {
        Self(values.into_iter())
    }

    fn next(&mut self) -> Result<Value, StoreError> {
        self.0.next().ok_or(StoreError::Unreadable)
    }

    pub(crate) fn integer(&mut self) -> Result<i64, StoreError> {
        match self.next()? {
            Value::Integer(value) => Ok(value),
            Value::Null | Value::Text(_) | Value::Bytes(_) => Err(StoreError::Unreadable),
        }
    }

    /// 64 bits, kept as a signed integer.
    pub(crate) fn bits(&mut self) -> Result<u64, StoreError> {
        self.integer().map(i64::cast_unsigned)
    }

    pub(crate) fn maybe_bits(&mut self) -> Result<Option<u64>, StoreError> {
        match self.next()? {
            Value::Null => Ok(None),
            Value::Integer(value) => Ok(Some(value.cast_unsigned())),
            Value::Text(_) | Value::Bytes(_) => Err(StoreError::Unreadable),
        }
    }

    pub(crate) fn moment(&mut self) -> Result<Timestamp, StoreError> {
        self.bits().map(Timestamp::from_millis)
    }

    pub(crate) fn maybe_moment(&mut self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.maybe_bits()?.map(Timestamp::from_millis))
    }

    pub(crate) fn text(&mut self) -> Result<String, StoreError> {
        self.maybe_text()?.ok_or(StoreError::Unreadable)
    }

    pub(crate) fn maybe_text(&mut self) -> Result<Option<String>, StoreError> {
        match self.next()? {
            Value::Null => Ok(None),
            Value::Text(text) => Ok(Some(text)),
            Value::Integer(_) | Value::Bytes(_) => Err(StoreError::Unreadable),
        }
    }

    pub(crate) fn bytes(&mut self) -> Result<Vec<u8>, StoreError> {
        match self.next()? {
            Value::Bytes(bytes) => Ok(bytes),
            Value::Null | Value::Integer(_) | Value::Text(_) => Err(StoreError::Unreadable),
        }
    }
}

impl From<u64> for Value {
    fn from(bits: u64) -> Self {
        Self::Integer(bits.cast_signed())
    }
}

impl From<Timestamp> for Value {
    fn from(moment: Timestamp) -> Self {
        // Moments are compared by the database, so they must not wrap into negative numbers.
        Self::Integer(i64::try_from(moment.as_millis()).unwrap_or(i64::MAX))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&Scopes> for Value {
    fn from(scopes: &Scopes) -> Self {
        Self::Text(scopes.to_string())
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl<V: Into<Self>> From<Option<V>> for Value {
    fn from(value: Option<V>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
