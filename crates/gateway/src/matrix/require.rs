//! What an operator demands of the matrix: the gate of a pipeline.
//!
//! ```text
//! requirement = layer *("," layer) ["=" standing] ["where" condition *("and" condition)]
//! standing    = "enforced" | "shadow"
//! condition   = ("api" | "operation" | "method" | "tag" | "path") "=" value
//! ```
//!
//! In: a text such as `objects,limit=enforced where tag=orders and method=GET`. Out: a [`Requirement`], which names the
//! cells that miss it. Without a standing, `enforced` is meant; `shadow` is content with either. Where a layer has
//! nothing to do, nothing is missed. A value that ends in `*` is the beginning of one.

use super::{Cell, Layer, Matrix, Row, Standing};

/// A demand on cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    layers: Vec<Layer>,
    least: Least,
    conditions: Vec<(Key, String)>,
}

/// How strict a layer must be at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Least {
    Enforced,
    Shadow,
}

/// By what operations are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Api,
    Operation,
    Method,
    Tag,
    Path,
}

/// Why a text is no requirement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequirementFault {
    /// There is no such layer.
    #[error(
        "`{0}` is no layer: write tls, identify, authorize, objects, limit, validate, inspect, release, record or lifecycle"
    )]
    Layer(String),
    /// It is neither `enforced` nor `shadow`.
    #[error("`{0}` is nothing to demand: write enforced or shadow")]
    Standing(String),
    /// It is no condition.
    #[error("`{0}` chooses no operations: write api, operation, method, tag or path, `=` and a value")]
    Condition(String),
}

impl Requirement {
    /// Reads a requirement.
    ///
    /// # Errors
    /// [`RequirementFault`] with the part that means nothing.
    pub fn parse(text: &str) -> Result<Self, RequirementFault> {
        let (demand, chosen) =
            text.split_once(" where ").map_or((text, None), |(demand, rest)| (demand, Some(rest)));
        let (layers, least) = match demand.split_once('=') {
            None => (demand, Least::Enforced),
            Some((layers, least)) => match least.trim() {
                "enforced" => (layers, Least::Enforced),
                "shadow" => (layers, Least::Shadow),
                other => return Err(RequirementFault::Standing(other.to_owned())),
            },
        };
        let layer = |name: &str| {
            let found = Layer::ALL.into_iter().find(|layer| layer.name() == name.trim());
            found.ok_or_else(|| RequirementFault::Layer(name.trim().to_owned()))
        };
        Ok(Self {
            layers: layers.split(',').map(layer).collect::<Result<_, _>>()?,
            least,
            conditions: chosen
                .into_iter()
                .flat_map(|all| all.split(" and "))
                .map(condition)
                .collect::<Result<_, _>>()?,
        })
    }

    /// Whether it speaks of any operation at all: a demand on nothing is a misspelled one.
    #[must_use]
    pub fn concerns(&self, matrix: &Matrix) -> bool {
        matrix.rows.iter().any(|row| self.chooses(row))
    }

    /// The cells that miss it.
    pub fn missed<'m>(&'m self, matrix: &'m Matrix) -> impl Iterator<Item = (&'m Row, &'m Cell)> {
        let rows = matrix.rows.iter().filter(|row| self.chooses(row));
        rows.flat_map(move |row| {
            let cells = self.layers.iter().filter_map(|layer| row.cell(*layer));
            cells.filter(|cell| !self.is_met_by(cell.standing)).map(move |cell| (row, cell))
        })
    }

    fn is_met_by(&self, standing: Standing) -> bool {
        match (standing, self.least) {
            (Standing::Enforced | Standing::NotApplicable, _) | (Standing::Shadow, Least::Shadow) => true,
            (Standing::Shadow, Least::Enforced) | (Standing::Missing, _) => false,
        }
    }

    fn chooses(&self, row: &Row) -> bool {
        self.conditions.iter().all(|(key, value)| match key {
            Key::Api => is_like(value, &row.api),
            Key::Operation => is_like(value, &row.operation),
            Key::Method => value.eq_ignore_ascii_case(&row.method),
            Key::Tag => row.tags.iter().any(|tag| is_like(value, tag)),
            Key::Path => is_like(value, &row.template),
        })
    }
}

fn condition(text: &str) -> Result<(Key, String), RequirementFault> {
    let fault = || RequirementFault::Condition(text.trim().to_owned());
    let (key, value) = text.split_once('=').ok_or_else(fault)?;
    let key = match key.trim() {
        "api" => Key::Api,
        "operation" => Key::Operation,
        "method" => Key::Method,
        "tag" => Key::Tag,
        "path" => Key::Path,
        _ => return Err(fault()),
    };
    match value.trim() {
        "" => Err(fault()),
        value => Ok((key, value.to_owned())),
    }
}

fn is_like(wanted: &str, value: &str) -> bool {
    wanted.strip_suffix('*').map_or(wanted == value, |start| value.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_are_read_or_refused_with_the_part_that_means_nothing() {
        let read = Requirement::parse("objects, limit = shadow where tag=orders and path=/orders/*").unwrap();
        assert_eq!(read.layers, [Layer::Objects, Layer::Limit]);
        assert_eq!(read.least, Least::Shadow);
        assert_eq!(read.conditions, [(Key::Tag, "orders".to_owned()), (Key::Path, "/orders/*".to_owned())]);
        assert_eq!(Requirement::parse("tls").unwrap().least, Least::Enforced);
        for (bad, fault) in [
            ("", RequirementFault::Layer(String::new())),
            ("object", RequirementFault::Layer("object".into())),
            ("tls,", RequirementFault::Layer(String::new())),
            ("tls=missing", RequirementFault::Standing("missing".into())),
            ("tls where color=red", RequirementFault::Condition("color=red".into())),
            ("tls where tag=", RequirementFault::Condition("tag=".into())),
            ("tls where tag=a and", RequirementFault::Condition("tag=a and".into())),
        ] {
            match (Requirement::parse(bad), fault) {
                // Whatever follows the value is part of it.
                (Ok(read), RequirementFault::Condition(_)) => assert_eq!(read.conditions[0].1, "a and"),
                (read, fault) => assert_eq!(read, Err(fault), "{bad}"),
            }
        }
    }

    #[test]
    fn a_value_with_a_star_is_the_beginning_of_one() {
        assert!(is_like("/orders/*", "/orders/7"));
        assert!(!is_like("/orders/*", "/order"));
        assert!(is_like("shop", "shop") && !is_like("shop", "shopping"));
    }
}
