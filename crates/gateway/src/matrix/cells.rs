//! How each layer stands to one operation.
//!
//! In: an operation as it is compiled, and the settings for the places of what decides. Out: one [`Cell`] for each
//! layer. Where several things hold at once, the weakest counts.

use http::Method;
use portcullis_authz::Demand;
use portcullis_config::Place;
use portcullis_contract::ParameterPlace;
use portcullis_domain::Strength;

use super::{Cell, Layer, Standing};
use crate::compile::protocol;
use crate::compile::selectors::{matching, selected};
use crate::config::{ApiConfig, GatewayConfig, PlaintextConfig, ProtocolConfig, StagesConfig};
use crate::ownership::{Mode, OnRoute, Place as ObjectPlace, Visibility};
use crate::policy::{AnsweredBy, Api, Policy, Route};

/// One API, and everything that holds around it.
pub(super) struct Scene<'a> {
    pub(super) policy: &'a Policy,
    pub(super) api: &'a Api,
    pub(super) config: &'a ApiConfig,
    pub(super) gateway: &'a GatewayConfig,
    pub(super) root: &'a Place,
    /// Where the API is configured.
    pub(super) place: Place,
}

impl Scene<'_> {
    pub(super) fn cells(&self, route: &Route) -> Vec<Cell> {
        let cell = |layer| match layer {
            Layer::Tls => self.tls(),
            Layer::Identify => self.identify(route),
            Layer::Authorize => self.authorize(route),
            Layer::Objects => self.objects(route),
            Layer::Limit => self.limit(route),
            Layer::Validate => self.validate(route),
            Layer::Inspect => cell(layer, Standing::Missing, "requests are not inspected", &self.place.key()),
            Layer::Release => self.release(route),
            Layer::Record => {
                cell(layer, Standing::Enforced, "every decision is recorded", &self.root.child("audit"))
            }
            Layer::Lifecycle => self.lifecycle(route),
        };
        Layer::ALL.into_iter().map(cell).collect()
    }

    fn tls(&self) -> Cell {
        let place = self.root.child("listen");
        let serves = |plaintext: Option<PlaintextConfig>| {
            self.api.plaintext.or(plaintext).unwrap_or_default() == PlaintextConfig::Serve
        };
        let mut listeners = self.gateway.listen.iter().enumerate();
        let bare = listeners
            .find(|(_, listen)| protocol(listen) == ProtocolConfig::Plaintext && serves(listen.plaintext));
        match bare {
            Some((index, listen)) => {
                let why = format!("`{}` serves it without TLS", listen.address);
                let decided = match self.api.plaintext {
                    Some(_) => self.place.child("plaintext"),
                    None => place.index(index),
                };
                cell(Layer::Tls, Standing::Missing, why, &decided)
            }
            None => cell(Layer::Tls, Standing::Enforced, "no listener serves it without TLS", &place),
        }
    }

    fn identify(&self, route: &Route) -> Cell {
        match &route.demand {
            Demand::Public => cell(Layer::Identify, Standing::NotApplicable, "public", &self.access(route)),
            Demand::Authenticated { .. } => {
                let place = self.stage(route, "identify", |stages| stages.identify.is_some());
                let standing = standing(route.strengths.identify);
                cell(Layer::Identify, standing, "a credential is demanded", &place)
            }
        }
    }

    fn authorize(&self, route: &Route) -> Cell {
        let layer = Layer::Authorize;
        if route.demand == Demand::Public {
            return cell(layer, Standing::NotApplicable, "public", &self.access(route));
        }
        let grounds = grounds(route);
        if grounds.is_empty() {
            let why = "whoever has a credential may call";
            return cell(layer, Standing::Missing, why, &route.operation.place);
        }
        let place = match route.strengths.authorize {
            Strength::Shadow => self.stage(route, "authorize", |stages| stages.authorize.is_some()),
            Strength::Enforce => match route.rules {
                Some(_) => self.place.child("rules"),
                None => route.operation.place.clone(),
            },
        };
        cell(layer, standing(route.strengths.authorize), grounds.join(", "), &place)
    }

    fn objects(&self, route: &Route) -> Cell {
        let layer = Layer::Objects;
        let operation = &route.operation;
        let names_some = |place: &ParameterPlace| *place == ParameterPlace::Path;
        let parameters: Vec<&str> =
            operation.parameters().filter(|(place, _)| names_some(place)).map(|(_, name)| name).collect();
        if route.answered_by == AnsweredBy::Documentation {
            return cell(layer, Standing::NotApplicable, "answered by the gateway", &operation.place);
        }
        if route.demand == Demand::Public {
            return cell(layer, Standing::NotApplicable, "public", &self.access(route));
        }
        let types = route.objects.iter().flat_map(|objects| &objects.types);
        let guarding = types.filter(|on_route| guards(on_route));
        match guarding.map(|on_route| self.object(on_route)).max_by_key(|cell| rank(cell.standing)) {
            Some(weakest) => weakest,
            None if parameters.is_empty() => {
                if let Some(kind) = self.listed(route) {
                    let why =
                        format!("it seems to list objects of `{kind}`, and whose they are is not looked at");
                    let place = self.place.child("objects").child(kind).child("lists");
                    return cell(layer, Standing::Missing, why, &place);
                }
                cell(layer, Standing::NotApplicable, "it names no object in its path", &operation.place)
            }
            None => {
                let why = format!("no type of objects has `{}`", parameters.join("`, `"));
                cell(layer, Standing::Missing, why, &operation.place)
            }
        }
    }

    /// The type of object that an operation seems to list: one of which a single object is found one segment below.
    fn listed(&self, route: &Route) -> Option<&str> {
        if route.operation.method != Method::GET {
            return None;
        }
        self.api.routes.iter().find_map(|other| {
            let below = other.operation.template.strip_prefix(&*route.operation.template)?;
            let name = below.strip_prefix("/{")?.strip_suffix('}').filter(|name| !name.contains('/'))?;
            let mut types = other.objects.as_ref()?.types.iter();
            let found = types.find(|on_route| on_route.ids.contains(&ObjectPlace::Path(name.into())));
            found
                .filter(|on_route| on_route.kind.visibility == Visibility::Private)
                .map(|on_route| &*on_route.kind.name)
        })
    }

    /// How the objects of one type stand.
    fn object(&self, on_route: &OnRoute) -> Cell {
        let kind = &on_route.kind;
        let place = self.place.child("objects").child(&kind.name);
        let by_mode = match (kind.mode, kind.visibility) {
            (_, Visibility::Public) => (Standing::NotApplicable, "are everybody's"),
            (Mode::Learn, _) => (Standing::Missing, "are only learned"),
            (Mode::Shadow, _) => (Standing::Shadow, "are watched"),
            (Mode::Enforce, _) => (Standing::Enforced, "are their owners'"),
        };
        let (standing, what) = match on_route.watched.first() {
            Some(watched) if by_mode.0 == Standing::Enforced => {
                let why = format!("`{}`: ids at {watched} are only watched", kind.name);
                return cell(Layer::Objects, Standing::Shadow, why, &place.child("id"));
            }
            Some(_) | None => by_mode,
        };
        cell(Layer::Objects, standing, format!("objects of `{}` {what}", kind.name), &place.child("mode"))
    }

    fn limit(&self, route: &Route) -> Cell {
        let layer = Layer::Limit;
        let by_caller = !route.limits.is_empty();
        let (why, place) = match (by_caller, !self.api.peer_limits.is_empty()) {
            (true, _) => ("callers are limited", self.place.child("limits")),
            (false, true) => ("addresses are limited", self.place.child("limits")),
            (false, false) if !self.policy.limits.peer.is_empty() => {
                ("addresses are limited, over all APIs", self.root.child("limits"))
            }
            (false, false) => {
                return cell(layer, Standing::Missing, "nothing is limited", &self.place.key());
            }
        };
        let strength = match (by_caller, !self.api.peer_limits.is_empty()) {
            (true, _) => route.strengths.limit,
            (false, true) => self.api.limit_strength,
            // Those over all APIs are always in force.
            (false, false) => Strength::Enforce,
        };
        let place = match strength {
            Strength::Enforce => place,
            Strength::Shadow => self.stage(route, "limit", |stages| stages.limit.is_some()),
        };
        cell(layer, standing(strength), why, &place)
    }

    fn validate(&self, route: &Route) -> Cell {
        let (layer, operation) = (Layer::Validate, &route.operation);
        if !self.config.operations.is_empty() {
            let why = "it is listed without a document that says what it takes";
            return cell(layer, Standing::Missing, why, &operation.place);
        }
        if operation.takes_body() && !operation.reads_body() {
            return cell(layer, Standing::Missing, "its body passes unread", &operation.place);
        }
        let place = self.stage(route, "validate", |stages| stages.validate.is_some());
        let standing = standing(route.strengths.validate);
        cell(layer, standing, "parameters and bodies keep to the document", &place)
    }

    fn release(&self, route: &Route) -> Cell {
        let layer = Layer::Release;
        let place = self.setting(route, &["responses", "mode"], |over| over.responses.mode.is_some());
        if route.answered_by == AnsweredBy::Documentation {
            return cell(layer, Standing::NotApplicable, "answered by the gateway", &route.operation.place);
        }
        match route.answers.strictness() {
            None if !route.operation.promises_answers() => {
                cell(layer, Standing::Missing, "no answer is promised", &route.operation.place)
            }
            None => cell(layer, Standing::Missing, "answers pass unseen", &place),
            Some(strength) => cell(layer, standing(strength), "answers keep to the document", &place),
        }
    }

    fn lifecycle(&self, route: &Route) -> Cell {
        let place = self.setting(route, &["lifecycle"], |over| over.lifecycle.is_some());
        match (&route.life.end, route.life.fields.is_empty()) {
            (Some(_), _) => cell(Layer::Lifecycle, Standing::Enforced, "it ends at its date", &place),
            (None, false) => {
                cell(Layer::Lifecycle, Standing::Missing, "it is deprecated and has no end", &place)
            }
            (None, true) => {
                cell(Layer::Lifecycle, Standing::NotApplicable, "it is in use", &route.operation.place)
            }
        }
    }

    /// Where it is said that an operation is public.
    fn access(&self, route: &Route) -> Place {
        let says = |over: &crate::config::OperationConfig| over.access.is_some();
        match self.overriding(route, says) {
            Some(place) => place.child("access"),
            None => route.operation.place.clone(),
        }
    }

    /// Where the strength of a stage is said; where the operation stands if nobody says it.
    fn stage(&self, route: &Route, name: &str, says: impl Fn(&StagesConfig) -> bool) -> Place {
        match self.overriding(route, |over| says(&over.stages)) {
            Some(place) => place.child("stages").child(name),
            None if says(&self.config.stages) => self.place.child("stages").child(name),
            None => route.operation.place.clone(),
        }
    }

    /// Where something is set for an operation, or for its API.
    fn setting(
        &self,
        route: &Route,
        path: &[&str],
        says: impl Fn(&crate::config::OperationConfig) -> bool,
    ) -> Place {
        let from = self.overriding(route, says).unwrap_or_else(|| self.place.clone());
        path.iter().fold(from, |place, name| place.child(name))
    }

    /// The most specific override that says it.
    fn overriding(
        &self,
        route: &Route,
        says: impl Fn(&crate::config::OperationConfig) -> bool,
    ) -> Option<Place> {
        let operation = selected(&route.operation);
        let found = matching(self.config, &operation).filter(|(_, over)| says(over)).last();
        found.map(|(selector, _)| self.place.child("overrides").child(selector))
    }
}

/// By what it is decided who may call, beyond having a credential.
pub(super) fn grounds(route: &Route) -> Vec<&'static str> {
    let Demand::Authenticated { alternatives, roles, kinds, .. } = &route.demand else { return Vec::new() };
    let by_scopes = !alternatives.is_empty() && alternatives.iter().all(|one| !one.scopes.is_empty());
    let all = [
        (by_scopes, "scopes"),
        (roles.is_some(), "roles"),
        (*kinds != portcullis_authz::Kinds::Any, "kinds of callers"),
        (route.rules.is_some(), "rules"),
        (route.asks.is_some(), "a decision point"),
    ];
    all.into_iter().filter(|(holds, _)| *holds).map(|(_, name)| name).collect()
}

/// Whether a type has something to guard here.
pub(super) fn guards(on_route: &OnRoute) -> bool {
    !on_route.ids.is_empty()
        || !on_route.watched.is_empty()
        || on_route.list.is_some()
        || on_route.tenant.is_some()
}

/// The weakest is the greatest.
const fn rank(standing: Standing) -> u8 {
    match standing {
        Standing::NotApplicable => 0,
        Standing::Enforced => 1,
        Standing::Shadow => 2,
        Standing::Missing => 3,
    }
}

const fn standing(strength: Strength) -> Standing {
    match strength {
        Strength::Enforce => Standing::Enforced,
        Strength::Shadow => Standing::Shadow,
    }
}

fn cell(layer: Layer, standing: Standing, why: impl Into<String>, place: &Place) -> Cell {
    Cell { layer, standing, why: why.into(), place: place.clone() }
}
