//! Who will see an answer, as far as its shape depends on that.

use percent_encoding::percent_decode_str;
use portcullis_authz::Permit;
use portcullis_contract::filter::{FilterPlan, Sight, Viewer};
use portcullis_contract::{Lookup, PathParameters};
use portcullis_domain::{Caller, Scopes};

use super::rules::Audiences;
use crate::arrival::Envelope;
use crate::policy::{Api, Route};
use portcullis_message::Target;

/// The caller, and the parameters of the path by which it may own what it sees. Holds nothing, and costs
/// nothing, where everybody sees the same.
pub(crate) struct Onlooker {
    caller: Caller,
    path: Vec<(String, String)>,
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
        Self { caller, path }
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
            roles: principal.map_or(&nothing, |principal| &principal.roles),
            subject: principal.map(|principal| &principal.subject),
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
