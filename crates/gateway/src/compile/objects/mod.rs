//! From what is written about types of objects to what each operation does with them.

mod check;
mod watched;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use http::{HeaderName, Method};
use portcullis_config::codes::object as codes;
use portcullis_config::{Diagnostic, Diagnostics, Place};
use portcullis_contract::{Contract, Operation, ParameterPlace, Security};
use portcullis_domain::Right;

use super::Workshop;
use super::api::Subject;
use super::reach::accepted_issuers;
use crate::config::{
    CreateConfig, ForeignItemConfig, InheritConfig, ListConfig, NewIdConfig, ObjectConfig, ObjectModeConfig,
    OwnedByConfig, OwnerConfig, PlaceConfig, RightConfig, UnknownConfig, VisibilityConfig,
};
use crate::ownership::{
    Binding, Creation, Effect, List, ListOf, Lying, Mode, NewId, ObjectType, OnForeign, OnRoute, OnUnknown,
    OwnedBy, Place as At, Pointer, RouteObjects, Tenant, TenantPlaces, Visibility,
};
use crate::policy::Route;

/// Tells every route of an API what it does with objects.
pub(super) fn attach(
    subject: &Subject<'_>,
    contract: &Contract,
    routes: &mut [Route],
    workshop: &Workshop,
    diagnostics: &mut Diagnostics,
) {
    let place = subject.place.child("objects");
    let types: BTreeMap<&str, Arc<ObjectType>> = subject
        .config
        .objects
        .iter()
        .map(|(name, config)| {
            let place = place.child(name);
            (
                name.as_str(),
                Arc::new(object_type(subject, contract, name, config, &place, workshop, diagnostics)),
            )
        })
        .collect();
    let tenants = &subject.gateway.ownership.tenants;
    let tenants: Option<Arc<HashSet<Box<str>>>> = (!tenants.is_empty())
        .then(|| Arc::new(tenants.iter().map(|tenant| tenant.as_str().into()).collect()));
    let mut of_routes: Vec<Vec<OnRoute>> = routes.iter().map(|_| Vec::new()).collect();
    for (name, config) in &subject.config.objects {
        let Some(kind) = types.get(name.as_str()) else { continue };
        let place = place.child(name);
        let scene = Scene { contract, config, place: &place, tenants: tenants.as_ref() };
        scene.check(&types, diagnostics);
        scene.report_watched(kind, diagnostics);
        for operation in contract.operations() {
            let rule = scene.rule(kind, &types, operation);
            if let (Some(rule), Some(rules)) = (rule, of_routes.get_mut(operation.index)) {
                rules.push(rule);
            }
        }
    }
    for (route, types) in routes.iter_mut().zip(of_routes) {
        if !types.is_empty() {
            let (ownership, types) = (Arc::clone(&workshop.ownership), types.into());
            route.objects = Some(Arc::new(RouteObjects { ownership, types }));
        }
    }
}

fn object_type(
    subject: &Subject<'_>,
    contract: &Contract,
    name: &str,
    config: &ObjectConfig,
    place: &Place,
    workshop: &Workshop,
    diagnostics: &mut Diagnostics,
) -> ObjectType {
    let realm = config.realm.as_deref().unwrap_or(subject.name);
    let issuer = issuer(subject, contract, config, place, diagnostics);
    if config.unknown == UnknownConfig::Verify && !matches!(config.owner, Some(OwnerConfig::Response(_))) {
        let message = "no answer says whose these objects are";
        diagnostics.push(
            Diagnostic::error(codes::OBJECT_VERIFY, message)
                .at(place.child("unknown"))
                .help("add `owner: { response: /owner_id }`"),
        );
    }
    ObjectType {
        name: name.into(),
        realm: realm.into(),
        mode: match config.mode {
            ObjectModeConfig::Learn => Mode::Learn,
            ObjectModeConfig::Shadow => Mode::Shadow,
            ObjectModeConfig::Enforce => Mode::Enforce,
        },
        unknown: match config.unknown {
            UnknownConfig::Allow => OnUnknown::Allow,
            UnknownConfig::Monitor => OnUnknown::Monitor,
            UnknownConfig::Verify => OnUnknown::Verify,
            UnknownConfig::Deny => OnUnknown::Deny,
        },
        visibility: match config.visibility {
            VisibilityConfig::Private => Visibility::Private,
            VisibilityConfig::Shared => Visibility::Shared,
            VisibilityConfig::Public => Visibility::Public,
        },
        owned_by: owned_by(&config.owned_by),
        issuer,
        exempt: config.exempt_roles.iter().map(String::as_str).collect(),
        deputies: config.on_behalf.iter().flat_map(|deputies| &deputies.roles).map(String::as_str).collect(),
        stands_for: config
            .stands_for
            .iter()
            .map(|stand| (stand.claim.as_str().into(), right_of(stand.right)))
            .collect(),
        ids_may_differ: config.ids_may_differ,
        tally: workshop.ownership.tally(realm, name),
    }
}

/// Whose subjects own, where owners are only named.
fn issuer(
    subject: &Subject<'_>,
    contract: &Contract,
    config: &ObjectConfig,
    place: &Place,
    diagnostics: &mut Diagnostics,
) -> Option<Box<str>> {
    let identity = &subject.gateway.identity;
    if let Some(name) = &config.issuer {
        let found = identity.get(name).map(|issuer| issuer.issuer.as_str().into());
        if found.is_none() {
            diagnostics.push(
                Diagnostic::error(codes::OBJECT_ISSUER, format!("`{name}` is no entry of `identity`"))
                    .at(place.child("issuer")),
            );
        }
        return found;
    }
    let known = accepted_issuers(subject, contract);
    let names_owners = matches!(config.owner, Some(OwnerConfig::Response(_)))
        || config.on_behalf.is_some()
        || !config.transfer.is_empty()
        || !config.share.is_empty()
        || !config.unshare.is_empty();
    match known.as_slice() {
        [one] => Some((*one).into()),
        _ if !names_owners => None,
        _ => {
            let message = "it is not clear whose subjects the named owners are";
            diagnostics.push(
                Diagnostic::error(codes::OBJECT_ISSUER, message)
                    .at(place.key())
                    .help("name the entry of `identity` under `issuer`"),
            );
            None
        }
    }
}

const fn right_of(config: RightConfig) -> Right {
    match config {
        RightConfig::Read => Right::Read,
        RightConfig::Write => Right::Write,
    }
}

fn owned_by(config: &OwnedByConfig) -> OwnedBy {
    match config {
        OwnedByConfig::Subject => OwnedBy::Subject,
        OwnedByConfig::Claim(claim) => OwnedBy::Claim(claim.as_str().into()),
    }
}

/// One type as written, and the operations it may speak of.
struct Scene<'a> {
    contract: &'a Contract,
    config: &'a ObjectConfig,
    place: &'a Place,
    /// The operator's own list of tenants, if there is one.
    tenants: Option<&'a Arc<HashSet<Box<str>>>>,
}

impl Scene<'_> {
    /// What `operation` does with objects of this type, if anything.
    fn rule(
        &self,
        kind: &Arc<ObjectType>,
        types: &BTreeMap<&str, Arc<ObjectType>>,
        operation: &Operation,
    ) -> Option<OnRoute> {
        let config = self.config;
        let is = |name: &str| names(name, operation);
        let creation = config.create.iter().find(|create| is(&create.operation));
        let creation = creation.and_then(|create| self.creation(create));
        let mut ids: Vec<At> = config.id.iter().filter_map(|place| place_on(place, operation)).collect();
        if let Some(Creation { id: NewId::Request(place), .. }) = &creation
            && !ids.contains(place)
        {
            ids.push(place.clone());
        }
        let binding = match &config.owner {
            Some(OwnerConfig::Binding(binding))
                if operation.has_parameter(ParameterPlace::Path, &binding.path) && !ids.is_empty() =>
            {
                Some(Binding { path: binding.path.as_str().into(), equals: owned_by(&binding.equals) })
            }
            Some(OwnerConfig::Binding(_) | OwnerConfig::Response(_)) | None => None,
        };
        let tenant = config.tenant.as_ref().map(|tenant| Tenant {
            claim: tenant.claim.as_str().into(),
            known: self.tenants.cloned(),
            places: TenantPlaces {
                places: tenant.equals.iter().filter_map(|place| place_on(place, operation)).collect(),
                host: tenant.host,
            },
            own_ids: tenant.own_ids,
        });
        let lying = config.parent.as_ref().and_then(|parent| {
            let kind = types.get(parent.kind.as_str())?;
            let is_here = operation.has_parameter(ParameterPlace::Path, &parent.path);
            let inherited = match parent.inherit {
                InheritConfig::Nothing => None,
                InheritConfig::Read => Some(Right::Read),
                InheritConfig::Write => Some(Right::Write),
            };
            let path = parent.path.as_str().into();
            is_here.then(|| Lying { kind: Arc::clone(kind), path, inherited })
        });
        let list = config.lists.iter().find(|list| is(&list.operation));
        let list = list.and_then(|list| self.list(list));
        // What a list says of its items is for the list; a single object stands at the top of its answer.
        let answer_owner = match &config.owner {
            Some(OwnerConfig::Response(pointer)) if list.is_none() => Pointer::parse(pointer),
            Some(OwnerConfig::Response(_) | OwnerConfig::Binding(_)) | None => None,
        };
        let effects = self.effects(operation);
        // Whoever needs no credential is of no tenant.
        let is_public = matches!(operation.security, Security::Public);
        let names_tenant = tenant.as_ref().is_some_and(|tenant| {
            let holds_everywhere = tenant.places.host || tenant.known.is_some();
            !tenant.places.places.is_empty() || (holds_everywhere && !is_public)
        });
        let watched = self.watched(kind, operation, &ids);
        let is_idle =
            ids.is_empty() && creation.is_none() && list.is_none() && !names_tenant && watched.is_empty();
        let read_ahead = self.read_ahead(operation, &ids);
        (!is_idle).then(|| OnRoute {
            kind: Arc::clone(kind),
            answer_owner: answer_owner.filter(|_| !ids.is_empty() || creation.is_some()),
            ids: ids.into(),
            watched: watched.into(),
            read_ahead,
            need: ObjectType::need(&operation.method),
            binding,
            tenant,
            lying,
            creation,
            effects: effects.into(),
            list,
        })
    }

    /// How many segments of the operation's path are those of the operation that reads the object.
    fn read_ahead(&self, operation: &Operation, ids: &[At]) -> Option<usize> {
        let says_owner = matches!(self.config.owner, Some(OwnerConfig::Response(_)));
        if self.config.unknown != UnknownConfig::Verify || !says_owner || operation.method == Method::GET {
            return None;
        }
        let id = ids.iter().find_map(|place| match place {
            At::Path(name) => Some(format!("{{{name}}}")),
            At::Query(_) | At::Header(_) | At::Body(_) | At::Graphql(_) => None,
        })?;
        let segments: Vec<&str> = operation.template.split('/').skip(1).collect();
        let last = segments.iter().position(|segment| **segment == *id)?;
        let above = segments.get(..=last)?;
        let reads = |other: &&Arc<Operation>| {
            other.method == Method::GET && other.template.split('/').skip(1).eq(above.iter().copied())
        };
        self.contract.operations().iter().find(reads).map(|_| above.len())
    }

    fn creation(&self, create: &CreateConfig) -> Option<Creation> {
        let id = match &create.id {
            NewIdConfig::Response(pointer) => NewId::Answer(Pointer::parse(pointer)?),
            NewIdConfig::Location(_) => NewId::LastSegmentOfLocation,
            NewIdConfig::Request(pointer) => NewId::Request(At::Body(Pointer::parse(pointer)?)),
            NewIdConfig::Path(name) => NewId::Request(At::Path(name.as_str().into())),
        };
        let owner_from = self.config.on_behalf.as_ref().and_then(|deputies| read_place(&deputies.owner_from));
        Some(Creation { id, success: create.success.clone().into(), owner_from })
    }

    fn effects(&self, operation: &Operation) -> Vec<Effect> {
        let config = self.config;
        let is = |name: &str| names(name, operation);
        let transfers = config.transfer.iter().filter(|one| is(&one.operation));
        let transfers = transfers.filter_map(|one| Some(Effect::Transfer { to: read_place(&one.to)? }));
        let shares = config.share.iter().filter(|one| is(&one.operation));
        let shares = shares.filter_map(|one| {
            Some(Effect::Share { with: read_place(&one.with)?, right: right_of(one.right) })
        });
        let unshares = config.unshare.iter().filter(|one| is(&one.operation));
        let unshares = unshares.filter_map(|one| Some(Effect::Unshare { with: read_place(&one.with)? }));
        let deletes = config.delete.iter().filter(|name| is(name)).map(|_| Effect::Delete);
        transfers.chain(shares).chain(unshares).chain(deletes).collect()
    }

    fn list(&self, list: &ListConfig) -> Option<List> {
        let owner = match &self.config.owner {
            Some(OwnerConfig::Response(pointer)) => Pointer::parse(pointer),
            Some(OwnerConfig::Binding(_)) | None => None,
        };
        let on_foreign = match list.foreign {
            ForeignItemConfig::Filter => OnForeign::Remove,
            ForeignItemConfig::Check => OnForeign::Report,
        };
        let (items, id) = (Pointer::parse(&list.items)?, Pointer::parse(&list.id)?);
        Some(List { of: ListOf { items, id, owner }, on_foreign })
    }
}

/// Whether `name` is this operation: its id, or its method and path.
pub(super) fn names(name: &str, operation: &Operation) -> bool {
    *operation.id == *name
        || name.split_once(' ').is_some_and(|(method, template)| {
            Method::from_bytes(method.as_bytes()).ok().as_ref() == Some(&operation.method)
                && *operation.template == *template
        })
}

/// The place that is written, if it is exactly one.
fn read_place(written: &PlaceConfig) -> Option<At> {
    let PlaceConfig { path, query, header, body, graphql, under: _ } = written;
    let pointer = |text: &str| Pointer::parse(text).filter(|_| !text.is_empty());
    match (path, query, header, body, graphql) {
        (Some(name), None, None, None, None) => Some(At::Path(name.as_str().into())),
        (None, Some(name), None, None, None) => Some(At::Query(name.as_str().into())),
        (None, None, Some(name), None, None) => name.parse::<HeaderName>().ok().map(At::Header),
        (None, None, None, Some(text), None) => pointer(text).map(At::Body),
        (None, None, None, None, Some(text)) => pointer(text).map(At::Graphql),
        (_, _, _, _, _) => None,
    }
}

/// The same, if `operation` has it.
pub(super) fn place_on(written: &PlaceConfig, operation: &Operation) -> Option<At> {
    let is_under = match &written.under {
        None => true,
        Some(prefix) => operation
            .template
            .strip_prefix(prefix.trim_end_matches('/'))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
    };
    let place = read_place(written).filter(|_| is_under)?;
    let is_there = match &place {
        At::Path(name) => operation.has_parameter(ParameterPlace::Path, name),
        At::Query(name) => operation.has_parameter(ParameterPlace::Query, name),
        At::Header(name) => operation.has_parameter(ParameterPlace::Header, name.as_str()),
        // What GraphQL asks for stands in a document of its own within the body.
        At::Body(_) => operation.reads_body() && !operation.is_graphql(),
        At::Graphql(_) => operation.is_graphql(),
    };
    is_there.then_some(place)
}
