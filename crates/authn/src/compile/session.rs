//! Logins of browsers at an issuer, checked when the policy is compiled.

use std::sync::Arc;

use portcullis_config::codes::identity as codes;
use portcullis_config::{Diagnostic, Place};
use portcullis_domain::Issuer;

use super::IssuerCompiler;
use super::client::{Shown, client_authentication};
use crate::algorithm::AllowedAlgorithms;
use crate::authenticator::Authenticator;
use crate::client_authentication::ClientAuthentication;
use crate::fetch::{FetchBounds, Reach};
use crate::keys::{KeyRing, KeySource};
use crate::session::config::{SameSiteConfig, SessionConfig};
use crate::session::{COOKIE_PREFIX, RelyingParty, SameSite, SessionPlan, same_origin};

impl IssuerCompiler<'_, '_> {
    /// `Some(None)` if nobody logs in there, `None` if there was an error.
    pub(super) fn session(
        &mut self,
        algorithms: &AllowedAlgorithms,
        keys: &Arc<KeyRing>,
    ) -> Option<Option<Arc<RelyingParty>>> {
        let Some(config) = &self.config.session else { return Some(None) };
        let place = self.place.child("session");
        let reach = if self.config.allow_private_network { Reach::PrivateToo } else { Reach::PublicOnly };
        let source = match KeySource::metadata_of(&self.config.issuer, reach) {
            Ok(source) => Some(source),
            Err(fault) => {
                self.diagnostics.push(
                    Diagnostic::error(codes::SESSION_ISSUER, format!("the issuer {fault}"))
                        .at(self.place.child("issuer"))
                        .label("logins need its metadata, which are served below it"),
                );
                None
            }
        };
        let client = self.client(config, &place);
        let is_clean = self.check_session(config, &place);
        let (source, client) = (source?, client?);
        if !is_clean {
            return None;
        }
        let joined = |words: &[String]| Box::<str>::from(words.join(" "));
        let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let plan = SessionPlan {
            scheme: Arc::clone(&self.scheme),
            issuer: Issuer::from(&*self.config.issuer),
            source,
            bounds: FetchBounds { body: config.size.as_usize(), time: config.timeout.0, reach },
            client,
            algorithms: algorithms.clone(),
            skew: self.config.clock_skew.0,
            scopes: joined(&config.scopes),
            resource: config.resource.as_deref().map(Box::from),
            acr: (!config.acr.is_empty()).then(|| joined(&config.acr)),
            prompt: prompt(config),
            max_age: config.max_age.map(|age| age.0),
            path: Box::from(&*config.path),
            cookie: Box::from(&*config.cookie),
            same_site: match config.same_site {
                SameSiteConfig::Lax => SameSite::Lax,
                SameSiteConfig::Strict => SameSite::Strict,
            },
            idle: config.idle.0,
            absolute: config.absolute.0,
            login: config.login.0,
            logins: count(config.logins),
            after_login: Box::from(&*config.after_login),
            after_logout: Box::from(&*config.after_logout),
            remembered: count(config.remembered),
        };
        let running = self.surroundings.running.into_iter().flat_map(Authenticator::relying_parties);
        let unchanged = running.into_iter().find(|party| party.follows(&plan, keys)).cloned();
        Some(Some(unchanged.unwrap_or_else(|| {
            let fetch = Arc::clone(&self.surroundings.fetch);
            Arc::new(RelyingParty::new(plan, Arc::clone(keys), fetch, self.surroundings.clock.clone()))
        })))
    }

    fn client(&mut self, config: &SessionConfig, place: &Place) -> Option<ClientAuthentication> {
        let shown = Shown {
            client: &config.client,
            secret: config.secret.as_ref(),
            key: config.key.as_ref(),
            key_id: config.key_id.as_deref(),
        };
        client_authentication(&shown, place, self.surroundings.environment, self.diagnostics)
    }

    fn check_session(&mut self, config: &SessionConfig, place: &Place) -> bool {
        let mut wrong: Vec<(&str, String)> = Vec::new();
        if !config.scopes.iter().any(|scope| scope == "openid") {
            wrong.push(("scopes", "without `openid` nobody says who signed in".into()));
        }
        let is_scope = |scope: &String| {
            !scope.is_empty() && scope.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte))
        };
        if !config.scopes.iter().chain(&config.acr).all(is_scope) {
            wrong.push(("scopes", "a scope or `acr` is empty or has a space in it".into()));
        }
        let is_path = config.path.starts_with('/')
            && config.path.len() > 1
            && !config.path.ends_with('/')
            && !config.path.contains("//")
            && config.path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte))
            && config.path.split('/').all(|segment| segment != "." && segment != "..");
        if !is_path {
            wrong.push(("path", format!("`{}` is no path like `/.portcullis`", config.path)));
        }
        let is_cookie = config.cookie.strip_prefix(COOKIE_PREFIX).is_some_and(|name| {
            !name.is_empty()
                && name != "login"
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        });
        if !is_cookie {
            wrong.push(("cookie", format!("`{}` is no name like `__Host-session`", config.cookie)));
        }
        for (name, page) in [("after_login", &config.after_login), ("after_logout", &config.after_logout)] {
            if same_origin(page).is_none() {
                wrong.push((name, format!("`{page}` is no path of the same origin")));
            }
        }
        let times = [("idle", config.idle), ("absolute", config.absolute), ("login", config.login)];
        for (name, time) in times.into_iter().chain([("timeout", config.timeout)]) {
            if time.0.as_secs() == 0 {
                wrong.push((name, format!("`{name}` is less than a second")));
            }
        }
        if config.idle.0 > config.absolute.0 {
            let (idle, absolute) = (config.idle, config.absolute);
            wrong.push(("idle", format!("{idle} is longer than a session lasts at all, {absolute}")));
        }
        let is_clean = wrong.is_empty();
        for (name, message) in wrong {
            self.diagnostics.push(Diagnostic::error(codes::SESSION_SETTINGS, message).at(place.child(name)));
        }
        is_clean
    }
}

/// OpenID Connect Core §11: a refresh token for later needs the user's consent.
fn prompt(config: &SessionConfig) -> Option<Box<str>> {
    match config.prompt.as_deref() {
        Some("") => None,
        Some(prompt) => Some(prompt.into()),
        None => config.scopes.iter().any(|scope| scope == "offline_access").then(|| "consent".into()),
    }
}
