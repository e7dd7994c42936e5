//! Session tickets: who may resume, for how long, and when the keys are destroyed.
//!
//! The cryptography is rustls' own ticketer; this adds the two bounds of RFC 9325 §3.4 on our clock.
//! A key seals tickets for [`ROTATION`], opens them for as long again, and is then dropped. A ticket is
//! honored for [`TICKET_LIFE`], less than half of that, because the moment of issue travels inside the
//! sealed part. One [`Tickets`] belongs to one listener and one client-certificate policy: a ticket of
//! another listener does not open, so no session crosses from an open host to a guarded one (TLS-08).

use std::fmt;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use portcullis_domain::Clock;
use rustls::Error;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::ProducesTickets;

/// How long a key seals, and after that how long it still opens.
pub(crate) const ROTATION: Duration = Duration::from_secs(6 * 60 * 60);

/// How long a ticket is honored.
pub(crate) const TICKET_LIFE: Duration = Duration::from_secs(4 * 60 * 60);

/// Makes and opens the tickets of one listener.
pub(crate) struct Tickets {
    clock: Clock,
    keys: RwLock<Keys>,
}

#[derive(Clone)]
struct Keys {
    current: Arc<dyn ProducesTickets>,
    previous: Option<Arc<dyn ProducesTickets>>,
    since: Duration,
}

impl Tickets {
    /// A fresh key.
    ///
    /// # Errors
    /// When the system has no random bytes.
    pub(crate) fn new(clock: Clock) -> Result<Arc<Self>, Error> {
        let keys = Keys { current: Ticketer::new()?, previous: None, since: clock.mono() };
        Ok(Arc::new(Self { clock, keys: RwLock::new(keys) }))
    }

    /// The keys of this moment, after turning them if it is time. `None` means: no tickets, a full
    /// handshake instead.
    fn keys(&self, now: Duration) -> Option<Keys> {
        {
            let keys = self.keys.read().ok()?;
            if now.saturating_sub(keys.since) < ROTATION {
                return Some(keys.clone());
            }
        }
        let fresh = Ticketer::new().ok()?;
        let mut keys = self.keys.write().ok()?;
        let age = now.saturating_sub(keys.since);
        if age >= ROTATION {
            let retired = std::mem::replace(&mut keys.current, fresh);
            // After a long idle time the retired key is itself past its opening period.
            keys.previous = (age < 2 * ROTATION).then_some(retired);
            keys.since = now;
        }
        Some(keys.clone())
    }
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        u32::try_from(TICKET_LIFE.as_secs()).unwrap_or(u32::MAX)
    }

    fn encrypt(&self, state: &[u8]) -> Option<Vec<u8>> {
        let now = self.clock.mono();
        let current = self.keys(now)?.current;
        let issued = u64::try_from(now.as_millis()).ok()?.to_be_bytes();
        current.encrypt(&[&issued, state].concat())
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let now = self.clock.mono();
        let Keys { current, previous, .. } = self.keys(now)?;
        let opened =
            current.decrypt(ticket).or_else(|| previous.and_then(|previous| previous.decrypt(ticket)))?;
        let (issued, state) = opened.split_first_chunk::<8>()?;
        let issued = Duration::from_millis(u64::from_be_bytes(*issued));
        (now.saturating_sub(issued) <= TICKET_LIFE).then(|| state.to_vec())
    }
}

/// Shows no key.
impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tickets")
    }
}

#[cfg(test)]
mod tests {
    use portcullis_domain::Timestamp;

    use super::*;

    fn tickets() -> (Clock, Arc<Tickets>) {
        let clock = Clock::manual(Timestamp::from_seconds(1_764_000_000));
        (clock.clone(), Tickets::new(clock).unwrap())
    }

    #[test]
    fn a_ticket_is_honored_for_its_life_and_not_longer() {
        let (clock, tickets) = tickets();
        let ticket = tickets.encrypt(b"session").unwrap();
        clock.advance(TICKET_LIFE);
        assert_eq!(tickets.decrypt(&ticket).as_deref(), Some(&b"session"[..]));
        clock.advance(Duration::from_millis(1));
        assert_eq!(tickets.decrypt(&ticket), None);
    }

    #[test]
    fn a_ticket_made_just_before_the_key_turns_lives_its_whole_life() {
        let (clock, tickets) = tickets();
        clock.advance(ROTATION - Duration::from_millis(1));
        let ticket = tickets.encrypt(b"session").unwrap();
        clock.advance(TICKET_LIFE);
        assert!(tickets.decrypt(&ticket).is_some());
    }

    // proves: TLS-07
    #[test]
    fn a_key_is_destroyed_after_two_rotations() {
        let (clock, tickets) = tickets();
        let first = Arc::downgrade(&tickets.keys.read().unwrap().current);
        clock.advance(ROTATION);
        tickets.encrypt(b"session").unwrap();
        assert!(first.upgrade().is_some(), "the previous key still opens");
        clock.advance(ROTATION);
        tickets.encrypt(b"session").unwrap();
        assert!(first.upgrade().is_none(), "the key is still in memory");
    }

    #[test]
    fn an_idle_listener_does_not_keep_an_old_key_alive() {
        let (clock, tickets) = tickets();
        let first = Arc::downgrade(&tickets.keys.read().unwrap().current);
        clock.advance(2 * ROTATION);
        tickets.encrypt(b"session").unwrap();
        assert!(first.upgrade().is_none());
    }

    #[test]
    fn a_ticket_lives_less_than_half_as_long_as_its_key() {
        assert!(TICKET_LIFE * 2 < ROTATION * 2);
    }

    #[test]
    fn a_ticket_of_another_listener_does_not_open() {
        let (_, ours) = tickets();
        let (_, theirs) = tickets();
        theirs.encrypt(b"session").unwrap();
        assert_eq!(theirs.decrypt(&ours.encrypt(b"session").unwrap()), None);
    }

    #[test]
    fn garbage_is_no_ticket() {
        let (_, tickets) = tickets();
        tickets.encrypt(b"session").unwrap();
        for garbage in [&b""[..], b"x", &[0; 200]] {
            assert_eq!(tickets.decrypt(garbage), None);
        }
    }
}
