//! How an issuer is asked about tokens, checked when the policy is compiled.

use std::sync::Arc;

use portcullis_config::Diagnostic;
use portcullis_config::codes::identity as codes;

use super::IssuerCompiler;
use super::client::{Shown, client_authentication};
use crate::authenticator::Authenticator;
use crate::config::AskedConfig;
use crate::fetch::{FetchBounds, Reach};
use crate::introspection::{Asked, Introspection, IntrospectionPlan};
use crate::jwt::ClaimRules;
use crate::keys::checked_address;

/// What an answer must tell. RFC 7662 §2.2 leaves everything but `active` to the issuer; without these a
/// token for another service, or one that never ends, could not be told from one for us.
const REQUIRED: [&str; 2] = ["exp", "aud"];

impl IssuerCompiler<'_, '_> {
    /// `Some(None)` if the issuer is not asked, `None` if there was an error.
    pub(super) fn introspection(&mut self, rules: &ClaimRules) -> Option<Option<Arc<Introspection>>> {
        let Some(config) = &self.config.introspection else { return Some(None) };
        let place = self.place.child("introspection");
        let reach = if self.config.allow_private_network { Reach::PrivateToo } else { Reach::PublicOnly };
        let url = match checked_address(&config.url, reach) {
            Ok(url) => Some(url),
            Err(fault) => {
                self.diagnostics.push(
                    Diagnostic::error(
                        codes::INTROSPECTION_ADDRESS,
                        format!("the introspection endpoint {fault}"),
                    )
                    .at(place.child("url"))
                    .label("tokens and the client's secret are sent there"),
                );
                None
            }
        };
        let shown = Shown {
            client: &config.client,
            secret: config.secret.as_ref(),
            key: config.key.as_ref(),
            key_id: config.key_id.as_deref(),
        };
        let client = client_authentication(&shown, &place, self.surroundings.environment, self.diagnostics);
        let (url, client) = (url?, client?);
        let plan = IntrospectionPlan {
            asked: match config.tokens {
                AskedConfig::Opaque => Asked::Opaque,
                AskedConfig::All => Asked::All,
            },
            url,
            client,
            bounds: FetchBounds { body: config.size.as_usize(), time: config.timeout.0, reach },
            remembered: config.cache.0,
            refused: config.refused_cache.0,
            entries: usize::try_from(config.entries).unwrap_or(usize::MAX),
            rules: ClaimRules { required: REQUIRED.map(Box::from).into(), ..rules.clone() },
        };
        let running = self.surroundings.running.map_or(&[][..], Authenticator::issuers);
        let unchanged = running
            .iter()
            .filter(|issuer| issuer.scheme == self.scheme && *issuer.issuer.as_str() == *self.config.issuer)
            .find_map(|issuer| issuer.introspection.as_ref().filter(|asked| asked.follows(&plan)));
        Some(Some(match unchanged {
            Some(introspection) => Arc::clone(introspection),
            None => {
                let fetch = Arc::clone(&self.surroundings.fetch);
                Arc::new(Introspection::new(plan, fetch, self.surroundings.clock.clone()))
            }
        }))
    }
}
