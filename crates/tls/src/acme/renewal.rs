//! When a certificate is due, and putting a new one in place.

use std::sync::Arc;
use std::time::Duration;

use portcullis_config::Color;
use portcullis_domain::{Clock, Timestamp};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::AcmeError;
use super::order::{self, Answers};
use super::plan::{AcmePlan, IDENTITY};
use super::tokens::HttpTokens;
use crate::facts::Facts;
use crate::identity::{Identity, IdentityFault};
use crate::server::ServerTls;
use crate::surroundings::Surroundings;

/// How long one order may take in all.
const ORDER_TIME: Duration = Duration::from_secs(10 * 60);
/// The wait after a first failure; it doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_secs(60);
/// The longest wait, after failures and between looks at the clock, which may be set meanwhile.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

/// Keeps the certificate of one listener fresh.
pub struct AcmeRenewal {
    plan: AcmePlan,
    server: Arc<ServerTls>,
    clock: Clock,
    tokens: Arc<HttpTokens>,
}

/// What a look at the certificate led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// There is one, and it is not due before this moment.
    NotDue {
        /// Two thirds of its life.
        until: Timestamp,
    },
    /// A new one is in use.
    Renewed {
        /// Its last moment.
        ends: Timestamp,
    },
}

impl AcmeRenewal {
    pub(crate) fn new(plan: AcmePlan, server: Arc<ServerTls>, surroundings: &Surroundings) -> Self {
        let (clock, tokens) = (surroundings.clock.clone(), Arc::clone(&surroundings.tokens));
        Self { plan, server, clock, tokens }
    }

    /// Renews for as long as the listener lives; `report` is told of each renewal and each failure.
    ///
    /// Runs on any runtime with time and network; drop it to stop.
    pub async fn run(self, mut report: impl FnMut(&Result<Renewal, AcmeError>)) {
        let mut wait_after_failure = FIRST_WAIT;
        loop {
            let outcome = self.step().await;
            let wait = match &outcome {
                Ok(Renewal::NotDue { until }) => until.since(self.clock.now().wall).min(LONGEST_WAIT),
                Ok(Renewal::Renewed { .. }) => {
                    report(&outcome);
                    wait_after_failure = FIRST_WAIT;
                    FIRST_WAIT
                }
                Err(_) => {
                    report(&outcome);
                    let wait = wait_after_failure;
                    wait_after_failure = (2 * wait).min(LONGEST_WAIT);
                    wait
                }
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// Looks at the certificate and renews it if it is due.
    ///
    /// # Errors
    /// [`AcmeError`]; the certificate in use stays in use.
    pub async fn step(&self) -> Result<Renewal, AcmeError> {
        let now = self.clock.now().wall;
        if let Some(until) = self.due()?
            && now < until
        {
            return Ok(Renewal::NotDue { until });
        }
        let answers = Answers { tokens: &self.tokens, challenges: &self.server.challenges };
        let issued = tokio::time::timeout(ORDER_TIME, order::run(&self.plan, &answers))
            .await
            .map_err(|_| AcmeError::TimedOut)??;
        let pem = format!("{}{}", issued.chain, issued.key);
        // Judged before it replaces the old one on disk.
        let fit = self.judge(pem.as_bytes()).map_err(|fault| AcmeError::unfit(&fault))?;
        self.plan.certificate.write(IDENTITY, pem.as_bytes())?;
        self.server
            .reload()
            .map_err(|found| AcmeError::NotReloaded { reason: found.render(Color::Never) })?;
        Ok(Renewal::Renewed { ends: fit.facts.not_after })
    }

    /// When the certificate that is kept should be renewed, if there is one that can be read.
    fn due(&self) -> Result<Option<Timestamp>, AcmeError> {
        let Some(pem) = self.plan.certificate.read(IDENTITY)? else { return Ok(None) };
        let facts = CertificateDer::from_pem_slice(&pem).ok().and_then(|leaf| Facts::read(&leaf).ok());
        Ok(facts.map(|facts| {
            let life = facts.not_after.since(facts.not_before);
            facts.not_before.plus(life * 2 / 3)
        }))
    }

    fn judge(&self, pem: &[u8]) -> Result<Identity, IdentityFault> {
        let chain = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| IdentityFault::CertificateMalformed)?;
        let key = PrivateKeyDer::from_pem_slice(pem).map_err(|_| IdentityFault::KeyUnusable)?;
        Identity::new(chain, key, &self.plan.identity_file(), self.clock.now().wall)
    }
}
