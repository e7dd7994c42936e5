//! The secrets that were read, by path.

use std::collections::BTreeMap;
use std::sync::RwLock;

use portcullis_config::Vault;
use portcullis_domain::Secret;

use super::{Change, whole};

/// The fields of one secret.
pub(super) type Fields = BTreeMap<String, Secret>;

/// What the vault said last, for every path that the configuration names. Bounded by that.
#[derive(Default)]
pub(crate) struct Shelf(RwLock<BTreeMap<String, Result<Fields, String>>>);

impl Shelf {
    /// Whether the secret at `path` was read.
    pub(super) fn holds(&self, path: &str) -> bool {
        matches!(self.0.read().unwrap_or_else(whole).get(path), Some(Ok(_)))
    }

    /// The paths that were asked for.
    pub(super) fn paths(&self) -> Vec<String> {
        self.0.read().unwrap_or_else(whole).keys().cloned().collect()
    }

    /// Puts what was read, or why it was not, and tells whether that is news.
    pub(super) fn put(&self, path: &str, read: Result<Fields, String>) -> Change {
        let mut shelf = self.0.write().unwrap_or_else(whole);
        let is_same = match (shelf.get(path), &read) {
            (Some(Ok(old)), Ok(new)) => are_equal(old, new),
            (Some(Err(old)), Err(new)) => old == new,
            (Some(_) | None, _) => false,
        };
        shelf.insert(path.to_owned(), read);
        if is_same { Change::None } else { Change::Some }
    }
}

fn are_equal(old: &Fields, new: &Fields) -> bool {
    old.len() == new.len()
        && old.iter().all(|(name, old)| new.get(name).is_some_and(|new| old.matches(new.expose())))
}

impl Vault for Shelf {
    fn field(&self, path: &str, field: &str) -> Result<Secret, String> {
        match self.0.read().unwrap_or_else(whole).get(path) {
            Some(Ok(fields)) => {
                fields.get(field).cloned().ok_or_else(|| format!("the secret has no field `{field}`"))
            }
            Some(Err(cause)) => Err(cause.clone()),
            None => Err("it was not read".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(value: &str) -> Fields {
        Fields::from([("key".to_owned(), Secret::new(value.into()))])
    }

    #[test]
    fn only_another_value_is_news() {
        let shelf = Shelf::default();
        assert_eq!(shelf.put("a", Ok(fields("one"))), Change::Some);
        assert_eq!(shelf.put("a", Ok(fields("one"))), Change::None);
        assert_eq!(shelf.put("a", Ok(fields("two"))), Change::Some);
        assert!(shelf.field("a", "key").unwrap().matches(b"two"));
    }

    #[test]
    fn what_is_missing_says_why() {
        let shelf = Shelf::default();
        shelf.put("a", Ok(fields("one")));
        shelf.put("b", Err("the vault refuses".to_owned()));
        assert!(shelf.field("a", "other").unwrap_err().contains("no field"));
        assert_eq!(shelf.field("b", "key").unwrap_err(), "the vault refuses");
        assert!(shelf.field("c", "key").is_err());
        assert!(shelf.holds("a") && !shelf.holds("b"));
    }
}
