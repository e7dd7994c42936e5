//! Values with names.

/// Values in the order in which they came; a name may stand several times. Names are in any case where they are looked up.
#[derive(Clone, Debug, Default)]
pub(super) struct Collection(Vec<(Vec<u8>, Vec<u8>)>);

impl Collection {
    pub(super) fn push(&mut self, name: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.0.push((name.into(), value.into()));
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.iter().map(|(name, value)| (name.as_slice(), value.as_slice()))
    }

    /// The first value of this name.
    pub(super) fn first(&self, name: &[u8]) -> Option<&[u8]> {
        self.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Gives a name one value.
    pub(super) fn set(&mut self, name: &[u8], value: Vec<u8>) {
        match self.0.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, old)) => *old = value,
            None => self.push(name.to_ascii_lowercase(), value),
        }
    }

    /// Takes a name away.
    pub(super) fn unset(&mut self, name: &[u8]) {
        self.0.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The length of all names and values.
    pub(super) fn bytes(&self) -> usize {
        self.0.iter().map(|(name, value)| name.len() + value.len()).sum()
    }
}
