//! One token from two places at a time: it was stolen.
//!
//! In: every believed token, with the network it came from and how the client speaks (user agent, protocol, TLS
//! version). Out: an alarm when two clients use one token within a minute. A phone that changes networks speaks as
//! before, and so does a client that uses IPv4 and IPv6 at once: only when both the network and the way of speaking
//! differ is it somebody else. A thief who copies the way of speaking is noticed when the two networks take turns,
//! which a phone does not. Networks that belong together, such as the two exits of an office, are learned.

use std::collections::HashMap;
use std::time::Duration;

use foldhash::fast::RandomState;
use portcullis_domain::{ReceiptId, Timestamp};

use super::bounded::Bounded;
use super::observation::{Family, Observation};

const WHILE: Duration = Duration::from_secs(60);
/// So many turns between two networks of one family within the while are no phone.
const TURNS: u8 = 4;
/// Two networks that so many tokens came from together belong together.
const TOGETHER: u8 = 3;
/// Most pairs of networks that are remembered.
const PAIRS: usize = 16_384;

/// Tokens in use.
#[derive(Debug)]
pub(super) struct Tokens {
    used: Bounded<Use>,
    /// Pairs of networks, by how many tokens were seen to move between them.
    pairs: HashMap<(u64, u64), u8, RandomState>,
}

#[derive(Clone, Copy, Debug)]
struct Use {
    at: Timestamp,
    network: u64,
    family: Family,
    agent: u64,
    receipt: ReceiptId,
    before: Option<u64>,
    turns: u8,
    turning_since: Timestamp,
}

/// Two clients with one token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Replay {
    /// The request of the other client.
    pub(super) other: ReceiptId,
    pub(super) first_seen: Timestamp,
    pub(super) how: How,
}

/// How it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// From two networks, by clients that speak differently.
    TwoClients,
    /// From two networks in turns.
    TakingTurns,
}

impl Tokens {
    /// Room for `room` tokens.
    pub(super) fn new(room: usize) -> Self {
        Self { used: Bounded::new(room), pairs: HashMap::default() }
    }

    /// Takes in the use of a token.
    pub(super) fn note(&mut self, seen: &Observation, token: u64) -> Option<Replay> {
        let now = Use {
            at: seen.at,
            network: seen.network,
            family: seen.family,
            agent: seen.agent,
            receipt: seen.receipt,
            before: None,
            turns: 0,
            turning_since: seen.at,
        };
        let known = self.used.entry(token, || now);
        let last = *known;
        if last.network == now.network {
            (known.at, known.receipt) = (now.at, now.receipt);
            return None;
        }
        let is_soon = now.at.since(last.at) < WHILE;
        let is_return = last.before == Some(now.network);
        let is_turning = is_soon && is_return && now.at.since(last.turning_since) < WHILE;
        *known = Use {
            before: Some(last.network),
            turns: if is_turning { last.turns.saturating_add(1) } else { 0 },
            turning_since: if is_turning { last.turning_since } else { now.at },
            ..now
        };
        let turns = known.turns;
        if !is_soon || self.belong_together(last.network, now.network, is_return) {
            return None;
        }
        let replay = |how| Replay { other: last.receipt, first_seen: last.at, how };
        if last.agent != now.agent {
            return Some(replay(How::TwoClients));
        }
        (turns >= TURNS && last.family == now.family).then(|| replay(How::TakingTurns))
    }

    /// Whether other tokens have moved between these networks; learns from this one, once.
    fn belong_together(&mut self, one: u64, other: u64, is_return: bool) -> bool {
        let pair = (one.min(other), one.max(other));
        let room = self.pairs.len() < PAIRS;
        match self.pairs.get_mut(&pair) {
            Some(moves) => {
                let belong = *moves >= TOGETHER;
                if !is_return {
                    *moves = moves.saturating_add(1);
                }
                belong
            }
            None if room => {
                self.pairs.insert(pair, 1);
                false
            }
            None => false,
        }
    }

    /// Forgets what nobody has used for a while.
    pub(super) fn tidy(&mut self, now: Timestamp) {
        self.used.retain(|known| now.since(known.at) < WHILE);
        if self.pairs.len() >= PAIRS {
            // Pairs of one token say least.
            self.pairs.retain(|_, moves| *moves > 1);
        }
    }
}
