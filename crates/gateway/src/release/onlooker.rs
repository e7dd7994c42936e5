//! Who will see an answer, as far as its shape depends on that.

use percent_encoding::percent_decode_str;
use portcullis_authz::Permit;
use portcullis_contract::filter::{FilterPlan, Sight, Viewer};
use portcullis_contract::{Lookup, PathParameters};
use portcullis_domain::{Caller, Principal, Scopes};

use super::rules::{Audiences, Owners};
use crate::arrival::Envelope;
use crate::policy::{Api, Route};
use portcullis_message::Target;

/// The caller, and the parameters of the path by which it may own what it sees. Holds nothing, and costs
/// nothing, where everybody sees the same.
pub(crate) struct Onlooker {
    caller: Caller,
    /// By whose word the owners are named that answers name.
    owners: Owners,
    path: Vec<(String, String)>,
    /// The caller's roles, and all that they contain (AUTHZ-14).
    roles: Scopes,
}

impl Onlooker {
    /// What has to be known of the caller whom `permit` admits to `route`.
    pub(crate) fn of(
        api: &Api,
        route: &Route,
        envelope: &Envelope,
        permit: &Permit,
        target: &Target,
    ) -> Self {
        let caller = match route.answers.audiences() {
            Audiences::None => Caller::Anonymous,
            Audiences::OfCaller | Audiences::OfCallerAndPath => permit.caller().clone(),
        };
        let path = match route.answers.audiences() {
            Audiences::None | Audiences::OfCaller => Vec::new(),
            Audiences::OfCallerAndPath => match api.contract.find(&envelope.method, target.path()) {
                Lookup::Found { path_parameters, .. } => decoded(&path_parameters),
                Lookup::OtherMethods { .. } | Lookup::Unknown => Vec::new(),
            },
        };
        let roles = caller.principal().map(|principal| api.inheritance.expand(&principal.roles));
        Self { caller, owners: route.answers.owners.clone(), path, roles: roles.unwrap_or_default() }
    }

    /// Whether the owners that answers name may be this caller: two issuers may each know an `alice`.
    fn may_own(&self, principal: &Principal) -> bool {
        match &self.owners {
            Owners::OfAny => true,
            Owners::Of(issuer) => **issuer == *principal.issuer.as_str(),
        }
    }

    /// What it may see of answers under `plan`.
    pub(super) fn sight(&self, plan: &FilterPlan) -> Sight {
        if plan.audiences().is_empty() {
            return Sight::none();
        }
        let principal = self.caller.principal();
        let nothing = Scopes::default();
        let parameter =
            |name: &str| self.path.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let viewer = Viewer {
            scopes: principal.map_or(&nothing, |principal| &principal.scopes),
            roles: &self.roles,
            subject: principal
                .filter(|principal| self.may_own(principal))
                .map(|principal| &principal.subject),
            path_parameter: &parameter,
        };
        Sight::of(plan.audiences(), &viewer)
    }
}

/// What cannot be decoded owns nothing.
fn decoded(parameters: &PathParameters<'_, '_>) -> Vec<(String, String)> {
    let decode = |text: &str| percent_decode_str(text).decode_utf8().ok().map(|text| text.into_owned());
    parameters
        .iter()
        .filter_map(|parameter| Some((parameter.name.to_owned(), decode(parameter.text)?)))
        .collect()
}
