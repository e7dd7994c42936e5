//! From what is written about types of objects to what each operation does with them.

mod check;

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{HeaderName, Method};
use portcullis_config::codes::object as codes;
use portcullis_config::{Diagnostic, Diagnostics, Place};
use portcullis_contract::{Contract, Operation, ParameterPlace};
use portcullis_domain::Right;

use super::Workshop;
use super::api::Subject;
use crate::config::{
    CreateConfig, ForeignItemConfig, ListConfig, NewIdConfig, ObjectConfig, ObjectModeConfig, OwnedByConfig,
    OwnerConfig, PlaceConfig, RightConfig, UnknownConfig, VisibilityConfig,
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
    let mut of_routes: Vec<Vec<OnRoute>> = routes.iter().map(|_| Vec::new()).collect();
    for (name, config) in &subject.config.objects {
        let Some(kind) = types.get(name.as_str()) else { continue };
        let place = place.child(name);
        let scene = Scene { contract, config, place: &place };
        scene.check(&types, diagnostics);
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
    let mut known: Vec<&str> = contract
        .schemes()
        .iter()
        .filter_map(|scheme| Some(identity.get(&*scheme.name)?.issuer.as_str()))
        .collect();
    known.sort_unstable();
    known.dedup();
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
            places: TenantPlaces {
                places: tenant.equals.iter().filter_map(|place| place_on(place, operation)).collect(),
                host: tenant.host,
            },
            own_ids: tenant.own_ids,
        });
        let lying = config.parent.as_ref().and_then(|parent| {
            let kind = types.get(parent.kind.as_str())?;
            let is_here = operation.has_parameter(ParameterPlace::Path, &parent.path);
            is_here.then(|| Lying { kind: Arc::clone(kind), path: parent.path.as_str().into() })
        });
        let list = config.lists.iter().find(|list| is(&list.operation));
        let list = list.and_then(|list| self.list(list));
        // What a list says of its items is for the list; a single object stands at the top of its answer.
        let answer_owner = match &config.owner {
            Some(OwnerConfig::Response(pointer)) if list.is_none() => Pointer::parse(pointer),
            Some(OwnerConfig::Response(_) | OwnerConfig::Binding(_)) | None => None,
        };
        let effects = self.effects(operation);
        let names_tenant = tenant.as_ref().is_some_and(|tenant| !tenant.places.places.is_empty());
        let is_idle = ids.is_empty() && creation.is_none() && list.is_none() && !names_tenant;
        (!is_idle).then(|| OnRoute {
            kind: Arc::clone(kind),
            answer_owner: answer_owner.filter(|_| !ids.is_empty() || creation.is_some()),
            ids: ids.into(),
            need: ObjectType::need(&operation.method),
            binding,
            tenant,
            lying,
            creation,
            effects: effects.into(),
            list,
        })
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
            let right = match one.right {
                RightConfig::Read => Right::Read,
                RightConfig::Write => Right::Write,
            };
            Some(Effect::Share { with: read_place(&one.with)?, right })
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
fn names(name: &str, operation: &Operation) -> bool {
    *operation.id == *name
        || name.split_once(' ').is_some_and(|(method, template)| {
            Method::from_bytes(method.as_bytes()).ok().as_ref() == Some(&operation.method)
                && *operation.template == *template
        })
}

/// The place that is written, if it is exactly one.
fn read_place(written: &PlaceConfig) -> Option<At> {
    let PlaceConfig { path, query, header, body, .. } = written;
    match (path, query, header, body) {
        (Some(name), None, None, None) => Some(At::Path(name.as_str().into())),
        (None, Some(name), None, None) => Some(At::Query(name.as_str().into())),
        (None, None, Some(name), None) => name.parse::<HeaderName>().ok().map(At::Header),
        (None, None, None, Some(pointer)) => {
            Pointer::parse(pointer).filter(|_| !pointer.is_empty()).map(At::Body)
        }
        (_, _, _, _) => None,
    }
}

/// The same, if `operation` has it.
fn place_on(written: &PlaceConfig, operation: &Operation) -> Option<At> {
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
        At::Body(_) => operation.reads_body(),
    };
    is_there.then_some(place)
}
