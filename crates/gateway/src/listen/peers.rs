//! How many connections each address holds (LIM-14).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Connections by address. Locked once per connection opened or closed, never per request; each entry
/// stands for at least one open connection, so open files bound the table.
#[derive(Clone, Debug, Default)]
pub(crate) struct PeerConnections(Arc<Mutex<HashMap<IpAddr, u32>>>);

/// One connection's place; given back when dropped.
#[derive(Debug)]
pub(crate) struct PeerPlace {
    peers: PeerConnections,
    peer: IpAddr,
}

impl PeerConnections {
    /// A place for one more connection of `peer`, unless it holds `limit` already.
    pub(crate) fn enter(&self, peer: IpAddr, limit: Option<u32>) -> Option<PeerPlace> {
        let peer = group(peer);
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(peer).or_insert(0);
        if limit.is_some_and(|limit| *count >= limit) {
            return None;
        }
        *count += 1;
        Some(PeerPlace { peers: self.clone(), peer })
    }
}

impl Drop for PeerPlace {
    fn drop(&mut self) {
        let mut open = self.peers.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.peer) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.peer);
            }
        }
    }
}

/// One customer of an IPv6 provider holds a /64.
fn group(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_gets_no_more_than_its_places_and_has_them_back_when_it_leaves() {
        let peers = PeerConnections::default();
        let one: IpAddr = "2001:db8::1".parse().unwrap();
        let neighbour: IpAddr = "2001:db8::2".parse().unwrap();
        let first = peers.enter(one, Some(1)).unwrap();
        assert!(peers.enter(neighbour, Some(1)).is_none(), "same /64");
        assert!(peers.enter("192.0.2.1".parse().unwrap(), Some(1)).is_some());
        drop(first);
        assert!(peers.enter(neighbour, Some(1)).is_some());
    }
}
