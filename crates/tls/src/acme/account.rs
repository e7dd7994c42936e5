//! Our account with a certificate authority (RFC 8555 §7.3): made once, kept with its key.

use instant_acme::{Account, AccountCredentials, NewAccount};

use super::AcmeError;
use super::http::AcmeHttp;
use super::plan::AcmePlan;

const ACCOUNT: &str = "account.json";

/// The account that is kept, or a new one.
pub(super) async fn open(plan: &AcmePlan) -> Result<Account, AcmeError> {
    let kept = plan.account.read(ACCOUNT)?;
    let kept = kept.and_then(|bytes| serde_json::from_slice::<AccountCredentials>(&bytes).ok());
    match kept {
        Some(credentials) => Ok(builder(plan).from_credentials(credentials).await?),
        None => create(plan).await,
    }
}

/// A new account, in place of one that is kept. The configuration says that the terms are agreed to.
pub(super) async fn create(plan: &AcmePlan) -> Result<Account, AcmeError> {
    let contact: Vec<&str> = plan.contact.as_deref().into_iter().collect();
    let wanted = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
    let (account, credentials) = builder(plan).create(&wanted, plan.directory.clone(), None).await?;
    let credentials = serde_json::to_vec(&credentials).map_err(std::io::Error::other)?;
    plan.account.write(ACCOUNT, &credentials)?;
    Ok(account)
}

fn builder(plan: &AcmePlan) -> instant_acme::AccountBuilder {
    Account::builder_with_http(Box::new(AcmeHttp(plan.tls.clone())))
}
