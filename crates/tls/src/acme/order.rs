//! One order: from names to a certificate (RFC 8555 §7.4).

use std::sync::Arc;
use std::time::Duration;

use instant_acme::{
    Account, AuthorizationStatus, ChallengeType, Error, Identifier, NewOrder, Order, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};

use super::AcmeError;
use super::account;
use super::alpn::{AlpnChallenges, PlacedChallenge};
use super::plan::AcmePlan;
use super::tokens::{HttpTokens, PlacedToken};
use crate::config::AcmeChallenge;

/// How often and how long the authority is asked whether it is done.
const PATIENCE: RetryPolicy = RetryPolicy::new()
    .initial_delay(Duration::from_millis(200))
    .backoff(1.5)
    .timeout(Duration::from_secs(120));

/// A chain and its key, in PEM.
pub(super) struct Issued {
    pub(super) chain: String,
    pub(super) key: String,
}

/// Where answers to challenges are put.
pub(super) struct Answers<'a> {
    pub(super) tokens: &'a Arc<HttpTokens>,
    pub(super) challenges: &'a Arc<AlpnChallenges>,
}

/// An answer in place.
#[expect(dead_code, reason = "held for what happens when they are dropped")]
enum Placed {
    Token(PlacedToken),
    Challenge(PlacedChallenge),
}

/// Orders a certificate for the names of `plan` and proves that they are ours.
pub(super) async fn run(plan: &AcmePlan, answers: &Answers<'_>) -> Result<Issued, AcmeError> {
    let mut order = place_order(plan).await?;
    // Dropped at the end, which takes the answers away again.
    let _placed = prove(&mut order, plan.challenge, answers).await?;
    match order.poll_ready(&PATIENCE).await {
        Ok(OrderStatus::Ready) => {}
        Ok(_) | Err(Error::Api(_)) => return Err(why_invalid(&mut order).await),
        Err(Error::Timeout(_)) => return Err(AcmeError::TimedOut),
        Err(error) => return Err(error.into()),
    }
    let key = KeyPair::generate()?;
    let mut request = CertificateParams::new(plan.names.clone())?;
    request.distinguished_name = DistinguishedName::new();
    order.finalize_csr(request.serialize_request(&key)?.der()).await?;
    let chain = match order.poll_certificate(&PATIENCE).await {
        Ok(chain) => chain,
        Err(Error::Timeout(_)) => return Err(AcmeError::TimedOut),
        Err(error) => return Err(error.into()),
    };
    Ok(Issued { chain, key: key.serialize_pem() })
}

/// Places the order; an account that the authority has forgotten is made anew, once.
async fn place_order(plan: &AcmePlan) -> Result<Order, AcmeError> {
    const FORGOTTEN: &str = "urn:ietf:params:acme:error:accountDoesNotExist";
    let names: Vec<Identifier> = plan.names.iter().cloned().map(Identifier::Dns).collect();
    let account: Account = account::open(plan).await?;
    match account.new_order(&NewOrder::new(&names)).await {
        Err(Error::Api(problem)) if problem.r#type.as_deref() == Some(FORGOTTEN) => {
            let account = account::create(plan).await?;
            Ok(account.new_order(&NewOrder::new(&names)).await?)
        }
        placed => Ok(placed?),
    }
}

/// Puts the answers in place and tells the authority to look.
async fn prove(
    order: &mut Order,
    kind: AcmeChallenge,
    answers: &Answers<'_>,
) -> Result<Vec<Placed>, AcmeError> {
    let wanted = match kind {
        AcmeChallenge::Http01 => ChallengeType::Http01,
        AcmeChallenge::TlsAlpn01 => ChallengeType::TlsAlpn01,
    };
    let mut placed = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        let name = authorization.identifier().to_string();
        match authorization.status {
            AuthorizationStatus::Pending => {}
            // Proven for an earlier order, and still believed.
            AuthorizationStatus::Valid => continue,
            status => return Err(AcmeError::NotProven { name, detail: format!("it is {status:?}") }),
        }
        let Some(mut challenge) = authorization.challenge(wanted.clone()) else {
            return Err(AcmeError::ChallengeNotOffered { name });
        };
        let answer = challenge.key_authorization();
        placed.push(match kind {
            AcmeChallenge::Http01 => Placed::Token(answers.tokens.place(&challenge.token, answer.as_str())),
            AcmeChallenge::TlsAlpn01 => {
                Placed::Challenge(answers.challenges.place(&name, answer.digest().as_ref())?)
            }
        });
        challenge.set_ready().await?;
    }
    Ok(placed)
}

/// Which name was not proven, and what the authority saw.
async fn why_invalid(order: &mut Order) -> AcmeError {
    let mut authorizations = order.authorizations();
    while let Some(Ok(authorization)) = authorizations.next().await {
        let error = authorization.challenges.iter().find_map(|challenge| challenge.error.as_ref());
        if let Some(error) = error {
            let name = authorization.identifier().to_string();
            return AcmeError::NotProven { name, detail: error.to_string() };
        }
    }
    AcmeError::NotProven { name: "one of the names".to_owned(), detail: "no reason given".to_owned() }
}
