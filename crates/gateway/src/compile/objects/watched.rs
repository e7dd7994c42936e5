//! Places that look like ids and that nobody has declared: they are only watched, and it is said so.
//!
//! In: a type of objects as written, and what each operation takes. Out: places at which foreign ids are recorded and
//! pass, and a warning for each. A name looks like an id if it is one of a declared place, or the type's own with
//! `id` behind it, whatever its case and hyphens: `orderId`, `order_ids`, `order-id`.

use std::collections::BTreeSet;

use portcullis_config::codes::object as codes;
use portcullis_config::{Diagnostic, Diagnostics};
use portcullis_contract::{Operation, ParameterPlace};

use super::{Scene, place_on, read_place};
use crate::config::{OwnerConfig, PlaceConfig};
use crate::ownership::{ObjectType, Place as At, Pointer};

/// Most places of one type that are shown one by one.
const SHOWN: usize = 8;

impl Scene<'_> {
    /// The places of `operation` that look like ids of this type and are not among `ids`.
    pub(super) fn watched(&self, kind: &ObjectType, operation: &Operation, ids: &[At]) -> Vec<At> {
        // Whose these are stands in the request: there is nothing to look up.
        if matches!(self.config.owner, Some(OwnerConfig::Binding(_))) {
            return Vec::new();
        }
        let names = self.names(kind);
        let means: Vec<At> = self.other_meanings().filter_map(|place| place_on(place, operation)).collect();
        let parent = self.config.parent.as_ref().map(|parent| At::Path(parent.path.as_str().into()));
        let is_new =
            |place: &At| !ids.contains(place) && !means.contains(place) && parent.as_ref() != Some(place);
        let parameters = operation.parameters().filter(|(_, name)| names.contains(&plain(name)));
        let parameters = parameters.filter_map(|(place, name)| match place {
            ParameterPlace::Path => Some(At::Path(name.into())),
            ParameterPlace::Query => Some(At::Query(name.into())),
            ParameterPlace::Header => name.parse().ok().map(At::Header),
        });
        let members = operation.request_outline().plain().filter(|member| {
            let last = member.rsplit('/').find(|segment| *segment != "*");
            last.is_some_and(|last| names.contains(&plain(last)))
        });
        let is_json = operation.reads_body() && !operation.is_graphql();
        let members = members.filter(|_| is_json).filter_map(|member| Pointer::parse(member).map(At::Body));
        let found: Vec<At> = parameters.chain(members).filter(is_new).collect();
        // A list that is declared as a whole is declared with every item.
        let is_declared = |place: &At| ids.iter().any(|id| is_same(id, place));
        found.into_iter().filter(|place| !is_declared(place)).collect()
    }

    /// Says what is only watched.
    pub(super) fn report_watched(&self, kind: &ObjectType, diagnostics: &mut Diagnostics) {
        let mut found = Vec::new();
        for operation in self.contract.operations() {
            let ids: Vec<At> = self.config.id.iter().filter_map(|place| place_on(place, operation)).collect();
            let watched = self.watched(kind, operation, &ids);
            found.extend(watched.into_iter().map(|place| format!("{place} of `{}`", operation.id)));
        }
        if found.is_empty() {
            return;
        }
        let more = found.len().saturating_sub(SHOWN);
        found.truncate(SHOWN);
        let rest = if more == 0 { String::new() } else { format!(", and {more} more") };
        let message = format!("ids of `{}` seem to stand at {}{rest}", kind.name, found.join(", "));
        diagnostics.push(
            Diagnostic::warning(codes::OBJECT_WATCHED, message)
                .at(self.place.child("id"))
                .help("add them to `id`, or to `not_ids`: until then they are only watched"),
        );
    }

    /// Names that an id of this type may have, in one spelling.
    fn names(&self, kind: &ObjectType) -> BTreeSet<String> {
        let declared = self.config.id.iter().filter_map(|place| match place {
            PlaceConfig { path: Some(name), .. }
            | PlaceConfig { query: Some(name), .. }
            | PlaceConfig { header: Some(name), .. } => Some(name.as_str()),
            PlaceConfig { body: Some(pointer), .. } | PlaceConfig { graphql: Some(pointer), .. } => {
                pointer.rsplit('/').find(|segment| *segment != "*")
            }
            PlaceConfig { path: None, query: None, header: None, body: None, graphql: None, .. } => None,
        });
        // `id` and `name` are what every type calls its own.
        let declared = declared.map(plain).filter(|name| !matches!(name.as_str(), "id" | "ids" | "name"));
        let kind = plain(&kind.name);
        declared.chain([format!("{kind}id"), format!("{kind}ids")]).collect()
    }

    /// Places that are said to be something else: parties, tenants, ids of new objects, and what the operator says.
    fn other_meanings(&self) -> impl Iterator<Item = &PlaceConfig> {
        let config = self.config;
        let parties = config.transfer.iter().map(|one| &one.to);
        let parties = parties.chain(config.share.iter().map(|one| &one.with));
        let parties = parties.chain(config.unshare.iter().map(|one| &one.with));
        let parties = parties.chain(config.on_behalf.iter().map(|one| &one.owner_from));
        let tenants = config.tenant.iter().flat_map(|tenant| &tenant.equals);
        parties.chain(tenants).chain(&config.not_ids)
    }

    /// Reports what is said to be no id and is no place.
    pub(super) fn check_not_ids(&self, diagnostics: &mut Diagnostics) {
        for (index, written) in
            self.config.not_ids.iter().enumerate().filter(|(_, one)| read_place(one).is_none())
        {
            let place = self.place.child("not_ids").index(index);
            let body = written.body.as_deref().unwrap_or_default();
            diagnostics.push(
                Diagnostic::error(codes::OBJECT_PLACE, format!("this is not exactly one place: `{body}`"))
                    .at(place),
            );
        }
    }
}

fn is_same(one: &At, other: &At) -> bool {
    match (one, other) {
        (At::Body(one), At::Body(other)) => {
            let stripped = |pointer: &Pointer| pointer.to_string().replace("/*", "");
            stripped(one) == stripped(other)
        }
        (_, _) => one == other,
    }
}

/// A name without what spellings differ in.
fn plain(name: &str) -> String {
    let name = name.strip_prefix("x-").or_else(|| name.strip_prefix("X-")).unwrap_or(name);
    name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}
