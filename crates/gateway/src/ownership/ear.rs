//! Overhearing an answer on its way: a bounded copy, which is read when the answer is complete.

use bytes::Bytes;

use super::stake::Stake;

/// Most bytes of an answer that are kept to learn from; a larger one teaches nothing.
pub(super) const MOST: usize = 1 << 20;

/// What listens.
pub(crate) struct Ear {
    heard: Vec<u8>,
    stake: Box<Stake>,
}

impl Ear {
    pub(super) const fn new(stake: Box<Stake>) -> Self {
        Self { heard: Vec::new(), stake }
    }

    /// One more piece is on its way. Tells whether it is worth listening on.
    pub(crate) fn hear(&mut self, piece: &Bytes) -> bool {
        if piece.len() > MOST.saturating_sub(self.heard.len()) {
            return false;
        }
        self.heard.extend_from_slice(piece);
        true
    }

    /// The answer is complete.
    pub(crate) fn conclude(self) {
        self.stake.learn_from(&self.heard);
    }
}
