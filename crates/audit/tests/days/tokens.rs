//! Tokens in use: phones that change networks, clients with two stacks, offices with two exits, and thieves.

use portcullis_audit::detect::Family;

use super::chance::Chance;
use super::{Call, Role};

fn call(token: u32, second: u64, network: u32, family: Family, agent: u32) -> Call {
    Call {
        second,
        caller: token,
        role: Role::Customer,
        network,
        family,
        agent,
        token: Some(token),
        object: None,
    }
}

/// A phone: it leaves the house, rides a train, and comes back.
pub fn phone(token: u32, chance: &mut Chance) -> Vec<Call> {
    let (home, mut second, mut network) = (token * 100, chance.between(0, 3_600), token * 100);
    let mut calls = Vec::new();
    for _ in 0..chance.between(40, 120) {
        if chance.happens(0.15) {
            network = if chance.happens(0.3) { home } else { home + chance.between(1, 40) as u32 };
        }
        calls.push(call(token, second, network, Family::V4, token % 40));
        second += chance.between(1, 30);
    }
    calls
}

/// A client with both stacks, which uses whichever answers first.
pub fn two_stacks(token: u32, chance: &mut Chance) -> Vec<Call> {
    let mut second = chance.between(0, 3_600);
    let mut calls = Vec::new();
    for _ in 0..80 {
        let is_new = chance.happens(0.5);
        let (network, family) = if is_new { (token * 2 + 1, Family::V6) } else { (token * 2, Family::V4) };
        calls.push(call(token, second, network, family, token % 40));
        second += chance.between(0, 10);
    }
    calls
}

/// Whether a thief speaks as the owner's client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disguise {
    None,
    Copied,
}

/// A token that is used by its owner, and from the second `stolen` on by somebody else as well.
pub fn stolen(token: u32, disguise: Disguise, chance: &mut Chance) -> (Vec<Call>, u64) {
    let (owner, thief) = (token * 100, token * 100 + 7);
    let mut second = chance.between(0, 3_600);
    let mut calls = Vec::new();
    let mut first = 0;
    for index in 0..60 {
        calls.push(call(token, second, owner, Family::V4, token % 40));
        if index == 30 {
            first = second + 1;
        }
        if index >= 30 {
            let agent = if disguise == Disguise::Copied { token % 40 } else { 99 };
            calls.push(call(token, second + 1, thief, Family::V4, agent));
        }
        second += chance.between(2, 6);
    }
    (calls, first)
}
