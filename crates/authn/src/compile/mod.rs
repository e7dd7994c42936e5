//! From `identity:` as written to the issuers that are believed, with every mistake shown at its place.
//!
//! Key files are read here through [`Environment`]; nothing is fetched. An issuer whose settings
//! did not change keeps its keys over a reload, so that a reload never depends on the issuer being
//! up.

mod assurance;
mod client;
mod dpop;
mod introspection;
mod session;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use portcullis_config::codes::identity as codes;
use portcullis_config::{Diagnostic, Diagnostics, Document, Environment, Limits, Place};
use portcullis_domain::{Clock, Issuer};

use crate::algorithm::{Algorithm, AllowedAlgorithms};
use crate::authenticator::Authenticator;
use crate::cache::VerifiedTokens;
use crate::config::{AskedConfig, DpopConfig, INDISPENSABLE_CLAIMS, IssuerConfig, STANDARD_CLAIMS};
use crate::fetch::{Fetch, FetchBounds, Reach};
use crate::jwt::{ClaimPath, ClaimRules};
use crate::keys::{AddressFault, KeyRing, KeySet, KeySource, RefreshTimes, RenewalPlan, checked_address};
use crate::token_type::TokenTypes;
use crate::trusted_issuer::TrustedIssuer;
use assurance::vocabulary;
use dpop::proof_rules;

pub use assurance::requirements;

const DEFAULT_SKEW_SECONDS: u64 = 30;
const LARGEST_SKEW_SECONDS: u64 = 60;

/// What a policy is compiled with.
pub struct Surroundings<'s> {
    /// Where key files are looked for.
    pub environment: &'s Environment,
    /// The guarded client.
    pub fetch: Arc<dyn Fetch>,
    /// For the renewal of keys, which no request times.
    pub clock: Clock,
    /// The authenticator that serves now; its keys are taken over where nothing changed.
    pub running: Option<&'s Authenticator>,
    /// Longest token that is looked at, in bytes; [`DEFAULT_TOKEN_SIZE`] unless configured.
    pub token_size: usize,
}

/// Longest token that is looked at unless configured otherwise.
pub const DEFAULT_TOKEN_SIZE: usize = 8 * 1024;

/// Compiles all issuers and what proofs must be like. The places are the values of `identity:` and
/// `dpop:`. `None` if there was an error.
pub fn compile(
    identity: &BTreeMap<String, IssuerConfig>,
    place: &Place,
    dpop: &DpopConfig,
    dpop_place: &Place,
    surroundings: &Surroundings<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Authenticator> {
    if identity.len() > Authenticator::ISSUERS {
        diagnostics.push(
            Diagnostic::error(codes::TOO_MANY_ISSUERS, format!("{} issuers are configured", identity.len()))
                .at(place.key())
                .label(format!("{} are possible", Authenticator::ISSUERS)),
        );
        return None;
    }
    let issuers: Vec<Option<TrustedIssuer>> = identity
        .iter()
        .map(|(scheme, config)| {
            let place = place.child(scheme);
            IssuerCompiler { scheme: Arc::from(&**scheme), config, place, surroundings, diagnostics }
                .compile()
        })
        .collect();
    let proofs = proof_rules(dpop, dpop_place, surroundings.running, diagnostics);
    let issuers = issuers.into_iter().collect::<Option<Vec<_>>>()?;
    Some(Authenticator::new(issuers, proofs?, surroundings.token_size))
}

struct IssuerCompiler<'c, 's> {
    scheme: Arc<str>,
    config: &'c IssuerConfig,
    place: Place,
    surroundings: &'c Surroundings<'s>,
    diagnostics: &'c mut Diagnostics,
}

impl IssuerCompiler<'_, '_> {
    fn compile(mut self) -> Option<TrustedIssuer> {
        let issuer = self.issuer();
        let audiences = self.audiences();
        let algorithms = self.algorithms();
        let types = self.token_types();
        let skew = self.check_skew();
        let required = self.required_claims();
        let times = self.check_times();
        // Keys can be judged only against algorithms that are known.
        let keys = algorithms.as_ref().and_then(|algorithms| self.keys(algorithms));
        let (skew, ()) = (skew?, times?);
        let rules = ClaimRules {
            audiences: audiences?,
            required: required?,
            skew,
            maximum_lifetime: self.config.maximum_lifetime.map(|period| period.0),
            scopes: ClaimPath::new(&self.config.scope_claim),
            roles: ClaimPath::new(&self.config.roles_claim),
            vocabulary: vocabulary(&self.config.assurance),
        };
        let introspection = self.introspection(&rules)?;
        let (algorithms, keys) = (algorithms?, keys?);
        let session = self.session(&algorithms, &keys)?;
        Some(TrustedIssuer {
            scheme: Arc::clone(&self.scheme),
            issuer: issuer?,
            algorithms,
            types,
            rules,
            keys,
            verified: VerifiedTokens::new(usize::try_from(self.config.token_cache).unwrap_or(usize::MAX)),
            introspection,
            session,
        })
    }

    fn issuer(&mut self) -> Option<Issuer> {
        if self.config.issuer.is_empty() {
            let place = self.place.child("issuer");
            self.diagnostics.push(Diagnostic::error(codes::ISSUER_EMPTY, "the issuer is empty").at(place));
            return None;
        }
        Some(Issuer::from(&*self.config.issuer))
    }

    fn audiences(&mut self) -> Option<Box<[Box<str>]>> {
        let audiences = self.config.audience.as_ref().map_or(&[][..], |audience| &audience.0);
        if audiences.is_empty() || audiences.iter().any(String::is_empty) {
            let place =
                if audiences.is_empty() { self.place.child("issuer") } else { self.place.child("audience") };
            self.diagnostics.push(
                Diagnostic::error(
                    codes::AUDIENCE_MISSING,
                    format!("audience is not set for issuer `{}`", self.config.issuer),
                )
                .at(place)
                .label("tokens minted for any other service would be accepted here")
                .help("add `audience:` with the name this API has at the issuer (RFC 8725 §3.9)"),
            );
            return None;
        }
        Some(audiences.iter().map(|audience| Box::from(&**audience)).collect())
    }

    fn algorithms(&mut self) -> Option<AllowedAlgorithms> {
        let place = self.place.child("algorithms");
        let mut algorithms = Vec::new();
        let mut is_clean = true;
        for (index, name) in self.config.algorithms.iter().enumerate() {
            match Algorithm::from_name(name) {
                Some(algorithm) => algorithms.push(algorithm),
                None => {
                    is_clean = false;
                    self.diagnostics.push(bad_algorithm(name).at(place.index(index)));
                }
            }
        }
        if self.config.algorithms.is_empty() {
            is_clean = false;
            self.diagnostics.push(
                Diagnostic::error(codes::ALGORITHM_UNKNOWN, "no algorithm is listed")
                    .at(place)
                    .label("every token would be refused")
                    .help("leave `algorithms:` out to have the default"),
            );
        }
        is_clean.then(|| AllowedAlgorithms::new(algorithms))
    }

    fn token_types(&mut self) -> TokenTypes {
        let types = TokenTypes::new(self.config.token_types.iter().map(|name| &**name));
        let exceptions: Vec<&str> = types.exceptions().collect();
        if !exceptions.is_empty() || self.config.token_types.is_empty() {
            let message = format!("tokens of type {} are accepted as access tokens", quoted(&exceptions));
            let message =
                if exceptions.is_empty() { "no token type is accepted".to_owned() } else { message };
            self.diagnostics.push(
                Diagnostic::warning(codes::TOKEN_TYPE_EXCEPTION, message)
                    .at(self.place.child("token_types"))
                    .label("deviates from RFC 9068 §4")
                    .help("have the issuer mark access tokens with `typ: at+jwt`"),
            );
        }
        types
    }

    fn check_skew(&mut self) -> Option<std::time::Duration> {
        let skew = self.config.clock_skew.0;
        let place = self.place.child("clock_skew");
        if skew.as_millis() > u128::from(LARGEST_SKEW_SECONDS) * 1000 {
            self.diagnostics.push(
                Diagnostic::error(
                    codes::CLOCK_SKEW_TOO_LARGE,
                    format!("a clock skew of {} is too large", self.config.clock_skew),
                )
                .at(place)
                .label("for that long expired tokens would live on")
                .help(format!("{LARGEST_SKEW_SECONDS}s at most; better synchronize the clocks")),
            );
            return None;
        }
        if skew.as_millis() > u128::from(DEFAULT_SKEW_SECONDS) * 1000 {
            self.diagnostics.push(
                Diagnostic::warning(codes::CLOCK_SKEW_WIDENED, "the clock skew is wider than the default")
                    .at(place)
                    .label(format!("expired tokens live on for {}", self.config.clock_skew)),
            );
        }
        Some(skew)
    }

    fn required_claims(&mut self) -> Option<Box<[Box<str>]>> {
        let listed = &self.config.required_claims;
        let missing = |name: &&&str| !listed.iter().any(|listed| listed == **name);
        let place = self.place.child("required_claims");
        let indispensable: Vec<&str> = INDISPENSABLE_CLAIMS.iter().filter(missing).copied().collect();
        if !indispensable.is_empty() {
            self.diagnostics.push(
                Diagnostic::error(
                    codes::CLAIM_INDISPENSABLE,
                    format!("{} cannot be left out of the required claims", quoted(&indispensable)),
                )
                .at(place)
                .help("list `iss`, `exp`, `aud` and `sub`, and what else a token must have"),
            );
            return None;
        }
        let relaxed: Vec<&str> = STANDARD_CLAIMS.iter().filter(missing).copied().collect();
        if !relaxed.is_empty() {
            self.diagnostics.push(
                Diagnostic::warning(
                    codes::CLAIM_RELAXED,
                    format!("tokens without {} are accepted", quoted(&relaxed)),
                )
                .at(place)
                .label("deviates from RFC 9068 §2.2"),
            );
        }
        Some(listed.iter().map(|name| Box::from(&**name)).collect())
    }

    fn check_times(&mut self) -> Option<()> {
        let keys = &self.config.keys;
        let zero = [
            ("refresh", keys.refresh.0.is_zero()),
            ("cooldown", keys.cooldown.0.is_zero()),
            ("timeout", keys.timeout.0.is_zero()),
            ("size", keys.size.0 == 0),
            ("count", keys.count == 0),
        ];
        let zero: Vec<_> = zero.into_iter().filter(|(_, is_zero)| *is_zero).map(|(name, _)| name).collect();
        let mut places: Vec<_> =
            zero.into_iter().map(|name| (name, self.place.child("keys").child(name))).collect();
        if self.config.maximum_lifetime.is_some_and(|lifetime| lifetime.0.is_zero()) {
            places.push(("maximum_lifetime", self.place.child("maximum_lifetime")));
        }
        let is_clean = places.is_empty();
        for (name, place) in places {
            self.diagnostics.push(Diagnostic::error(codes::KEY_TIMES, format!("`{name}` is zero")).at(place));
        }
        is_clean.then_some(())
    }

    fn keys(&mut self, algorithms: &AllowedAlgorithms) -> Option<Arc<KeyRing>> {
        let asked = self.config.introspection.as_ref().map(|introspection| introspection.tokens);
        if asked == Some(AskedConfig::All) && self.config.jwks.is_none() {
            // No signature is looked at where the issuer judges every token itself.
            return Some(KeyRing::fixed(Arc::clone(&self.scheme), KeySet::default()));
        }
        let reach = self.reach();
        let place = self.place.child("jwks");
        let Some(jwks) = &self.config.jwks else {
            return match KeySource::metadata_of(&self.config.issuer, reach) {
                Ok(source) => Some(self.renewing(source, algorithms, reach)),
                Err(fault) => {
                    let place = self.place.child("issuer");
                    self.bad_address(codes::ISSUER_NOT_FETCHABLE, "the issuer", fault, place)
                }
            };
        };
        match (&jwks.file, &jwks.url) {
            (Some(path), None) => self.keys_of_file(path, algorithms, &place.child("file")),
            (None, Some(url)) => match checked_address(url, reach) {
                Ok(url) => Some(self.renewing(KeySource::Address(url), algorithms, reach)),
                Err(fault) => self.bad_address(
                    codes::JWKS_ADDRESS,
                    "the address of the keys",
                    fault,
                    place.child("url"),
                ),
            },
            (Some(_), Some(_)) | (None, None) => {
                self.diagnostics.push(
                    Diagnostic::error(codes::JWKS_SOURCE, "`jwks` needs either `file` or `url`")
                        .at(place)
                        .help("leave `jwks:` out to have the issuer's metadata say where its keys are"),
                );
                None
            }
        }
    }

    fn reach(&mut self) -> Reach {
        if !self.config.allow_private_network {
            return Reach::PublicOnly;
        }
        self.diagnostics.push(
            Diagnostic::warning(
                codes::PRIVATE_NETWORK_ALLOWED,
                format!("keys of `{}` may be fetched from the private network", self.scheme),
            )
            .at(self.place.child("allow_private_network")),
        );
        Reach::PrivateToo
    }

    fn bad_address(
        &mut self,
        code: portcullis_config::Code,
        what: &str,
        fault: AddressFault,
        place: Place,
    ) -> Option<Arc<KeyRing>> {
        self.diagnostics.push(
            Diagnostic::error(code, format!("{what} {fault}"))
                .at(place)
                .help("keys are fetched over https; `jwks: { file: … }` reads them from a file"),
        );
        None
    }

    fn keys_of_file(
        &mut self,
        path: &Path,
        algorithms: &AllowedAlgorithms,
        place: &Place,
    ) -> Option<Arc<KeyRing>> {
        let keys = &self.config.keys;
        let limits = Limits { bytes: keys.size.as_usize(), ..Limits::default() };
        let document = match Document::load(self.surroundings.environment, path, &limits) {
            Ok(document) => document,
            Err(mistakes) => {
                self.diagnostics.extend(mistakes.into_iter().map(|mistake| match mistake.place() {
                    Some(_) => mistake,
                    None => mistake.at(place.clone()),
                }));
                return None;
            }
        };
        match KeySet::from_value(document.value(), algorithms, usize::from(keys.count)) {
            Ok((set, left_out)) => {
                for key in left_out {
                    let place = document.at(format!("/keys/{}", key.index));
                    self.diagnostics
                        .push(Diagnostic::warning(codes::JWK_LEFT_OUT, key.why.to_string()).at(place));
                }
                if set.is_empty() {
                    self.unusable("none of its keys can verify a token", place);
                    return None;
                }
                Some(KeyRing::fixed(Arc::clone(&self.scheme), set))
            }
            Err(fault) => {
                self.unusable(&fault.to_string(), place);
                None
            }
        }
    }

    fn unusable(&mut self, why: &str, place: &Place) {
        self.diagnostics.push(
            Diagnostic::error(codes::JWKS_UNUSABLE, format!("the key set cannot be used: {why}"))
                .at(place.clone())
                .label("every token of this issuer would be refused"),
        );
    }

    fn renewing(&self, source: KeySource, algorithms: &AllowedAlgorithms, reach: Reach) -> Arc<KeyRing> {
        let keys = &self.config.keys;
        let plan = RenewalPlan {
            source,
            allowed: algorithms.clone(),
            times: RefreshTimes {
                refresh: keys.refresh.0,
                cooldown: keys.cooldown.0,
                stale_for: keys.stale_for.0,
            },
            bounds: FetchBounds { body: keys.size.as_usize(), time: keys.timeout.0, reach },
            keys: usize::from(keys.count),
        };
        let running = self.surroundings.running.map_or(&[][..], Authenticator::issuers);
        let unchanged =
            running.iter().find(|issuer| issuer.scheme == self.scheme && issuer.keys.follows(&plan));
        match unchanged {
            Some(issuer) => Arc::clone(&issuer.keys),
            None => {
                let fetch = Arc::clone(&self.surroundings.fetch);
                KeyRing::renewing(Arc::clone(&self.scheme), plan, fetch, self.surroundings.clock.clone())
            }
        }
    }
}

fn bad_algorithm(name: &str) -> Diagnostic {
    let is_refused = name.eq_ignore_ascii_case("none") || matches!(name, "HS256" | "HS384" | "HS512");
    if is_refused {
        return Diagnostic::error(codes::ALGORITHM_REFUSED, format!("algorithm `{name}` is never accepted"))
            .label("whoever can check such a token can also make one")
            .help("have the issuer sign with ES256, EdDSA, PS256 or RS256 (RFC 8725 §3.1)");
    }
    let names: Vec<&str> = Algorithm::ALL.iter().map(|algorithm| algorithm.name()).collect();
    Diagnostic::error(codes::ALGORITHM_UNKNOWN, format!("algorithm `{name}` is not known"))
        .help(format!("choose from {}", names.join(", ")))
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
