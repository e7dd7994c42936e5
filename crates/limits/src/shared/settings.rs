//! What the shared counts of one process are made with. Fixed for as long as it lives.

use std::sync::Arc;
use std::time::Duration;

use crate::shared::config::WhenLost;
use crate::shared::dial::{Dial, Login};

/// What shared counts are made with.
#[derive(Clone)]
pub struct Settings {
    /// Hosts and ports; the first one over which the script runs is used.
    pub servers: Vec<Box<str>>,
    /// Opens streams to them.
    pub dial: Arc<dyn Dial>,
    /// Who logs in.
    pub login: Login,
    /// What [`crate::seed`] is to be given before the process makes its first key.
    pub key_secret: [u8; 16],
    /// What all keys begin with; their hash tag in a cluster.
    pub prefix: Box<str>,
    /// The longest that a request waits.
    pub timeout: Duration,
    /// How many gateways share the counts.
    pub replicas: u32,
    /// What happens while the server is not there.
    pub when_lost: WhenLost,
    /// How many units of a busy key are taken at once; none at all, if it is zero.
    pub lease: u32,
}
