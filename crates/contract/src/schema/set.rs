//! The compiled schemas of a contract, and the only place that knows the `jsonschema` crate.
//!
//! All schemas are compiled as one, so that a schema used by a hundred operations exists once. The value
//! to check is put into an object under the number of its schema; checking starts there.

use std::collections::HashMap;

use jsonschema::{PatternOptions, ValidationOptions, Validator};
use serde_json::{Map, Value, json};

use super::format::{self, Effect};
use super::rule;
use super::translate::{READ_ONLY, Root, WRITE_ONLY};
use super::violation::{Spot, Violations};

/// Memory that one compiled pattern may take, in bytes (VAL-23).
const PATTERN_BYTES: usize = 1 << 20;

/// The validator, before it has schemas.
pub(super) struct Engine {
    options: ValidationOptions<'static>,
    patterns: HashMap<String, bool>,
}

impl Engine {
    pub(super) fn new() -> Self {
        // Linear-time matching only: a pattern of the document must not let a stranger choose how long
        // it takes (VAL-23, ASVS 1.3.12).
        let patterns = PatternOptions::regex().size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES);
        let options = jsonschema::draft202012::options()
            .offline()
            .should_validate_formats(true)
            .with_pattern_cache(jsonschema::PatternCache::new())
            .with_pattern_options(patterns);
        Self { options: rule::register(format::register(options)), patterns: HashMap::new() }
    }

    /// Whether `pattern` can be enforced.
    pub(super) fn takes_pattern(&mut self, pattern: &str) -> bool {
        if let Some(known) = self.patterns.get(pattern) {
            return *known;
        }
        let taken = self.options.build(&json!({ "pattern": pattern })).is_ok();
        self.patterns.insert(pattern.to_owned(), taken);
        taken
    }

    pub(super) fn format(&self, name: &str) -> Effect {
        format::effect(&self.options, name)
    }

    /// Compiles definitions; the number of each is its [`Root`].
    pub(super) fn compile(self, definitions: Vec<Value>) -> Result<Schemas, String> {
        let entries: Map<String, Value> = (0..definitions.len())
            .map(|index| (index.to_string(), json!({ "$ref": format!("#/$defs/{index}") })))
            .collect();
        let mut definitions: Map<String, Value> =
            definitions.into_iter().enumerate().map(|(index, schema)| (index.to_string(), schema)).collect();
        for foreign in [READ_ONLY, WRITE_ONLY] {
            definitions.insert(foreign.to_owned(), Value::Bool(false));
        }
        let document = json!({
            "$defs": definitions,
            "properties": entries,
            "additionalProperties": false,
        });
        let validator = self.options.build(&document).map_err(|error| error.to_string())?;
        Ok(Schemas { validator })
    }
}

/// The compiled schemas of a contract.
#[derive(Debug)]
pub(crate) struct Schemas {
    validator: Validator,
}

impl Schemas {
    /// No schemas: for contracts that have none.
    pub(crate) fn none() -> Option<Self> {
        Engine::new().compile(Vec::new()).ok()
    }

    /// Adds all ways in which `value` breaks the schema to `violations`.
    pub(crate) fn check(&self, root: Root, value: Value, spot: Spot<'_>, violations: &mut Violations) {
        let entered = enter(root, value);
        if !self.validator.is_valid(&entered) {
            violations.add_errors(spot, self.validator.iter_errors(&entered));
        }
    }

    /// Adds all ways in which `value` breaks the schema, unless `other` keeps it: another reading of the
    /// same text, made only if it is asked for. What is listed is what is wrong with the last reading.
    pub(crate) fn check_either(
        &self,
        root: Root,
        value: Value,
        other: impl FnOnce() -> Option<Value>,
        spot: Spot<'_>,
        violations: &mut Violations,
    ) {
        let entered = enter(root, value);
        if self.validator.is_valid(&entered) {
            return;
        }
        match other() {
            Some(other) => self.check(root, other, spot, violations),
            None => violations.add_errors(spot, self.validator.iter_errors(&entered)),
        }
    }
}

fn enter(root: Root, value: Value) -> Value {
    let mut object = Map::with_capacity(1);
    object.insert(root.0.to_string(), value);
    Value::Object(object)
}
