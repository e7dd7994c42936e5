//! Mistakes in what is written about types of objects: operations, parameters and places that are not there.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Method;
use portcullis_config::codes::object as codes;
use portcullis_config::{Code, Diagnostic, Diagnostics, Place};
use portcullis_contract::Operation;

use super::{Scene, names, place_on, read_place};
use crate::config::{NewIdConfig, OwnerConfig, PlaceConfig};
use crate::ownership::{ObjectType, Pointer};

impl Scene<'_> {
    /// Reports everything that no operation could have.
    pub(super) fn check(&self, types: &BTreeMap<&str, Arc<ObjectType>>, diagnostics: &mut Diagnostics) {
        let (config, place) = (self.config, self.place);
        for (index, id) in config.id.iter().enumerate() {
            self.check_place(id, None, &place.child("id").index(index), diagnostics);
        }
        for (index, create) in config.create.iter().enumerate() {
            let place = place.child("create").index(index);
            let operation = self.operation(&create.operation, &place.child("operation"), diagnostics);
            let at = place.child("id");
            match &create.id {
                NewIdConfig::Response(pointer) => {
                    let at = at.child("response");
                    check_pointer(pointer, &at, diagnostics);
                    check_answers(pointer, operation.into_iter(), &at, diagnostics);
                }
                NewIdConfig::Request(pointer) => {
                    let written = PlaceConfig { body: Some(pointer.clone()), ..PlaceConfig::default() };
                    self.check_place(&written, operation, &at, diagnostics);
                }
                NewIdConfig::Path(name) => {
                    let written = PlaceConfig { path: Some(name.clone()), ..PlaceConfig::default() };
                    self.check_place(&written, operation, &at, diagnostics);
                }
                NewIdConfig::Location(_) => {}
            }
            if let Some(deputies) = &config.on_behalf {
                let at = self.place.child("on_behalf").child("owner_from");
                self.check_place(&deputies.owner_from, operation, &at, diagnostics);
            }
        }
        match &config.owner {
            Some(OwnerConfig::Response(pointer)) => {
                let at = place.child("owner").child("response");
                check_pointer(pointer, &at, diagnostics);
                check_answers(pointer, self.shown(), &at, diagnostics);
            }
            Some(OwnerConfig::Binding(binding)) => {
                let written = PlaceConfig { path: Some(binding.path.clone()), ..PlaceConfig::default() };
                self.check_place(&written, None, &place.child("owner").child("binding"), diagnostics);
            }
            None => {}
        }
        for (index, written) in config.tenant.iter().flat_map(|tenant| &tenant.equals).enumerate() {
            self.check_place(written, None, &place.child("tenant").child("equals").index(index), diagnostics);
        }
        if let Some(parent) = &config.parent {
            let place = place.child("parent");
            if !types.contains_key(parent.kind.as_str()) {
                let message = format!("there is no type `{}` of objects", parent.kind);
                diagnostics.push(Diagnostic::error(codes::OBJECT_PARENT, message).at(place.child("type")));
            }
            let written = PlaceConfig { path: Some(parent.path.clone()), ..PlaceConfig::default() };
            self.check_place(&written, None, &place, diagnostics);
        }
        let transfers = config.transfer.iter().map(|one| ("transfer", &one.operation, "to", &one.to));
        let shares = config.share.iter().map(|one| ("share", &one.operation, "with", &one.with));
        let unshares = config.unshare.iter().map(|one| ("unshare", &one.operation, "with", &one.with));
        for (what, operation, name, written) in transfers.chain(shares).chain(unshares) {
            let place = place.child(what);
            let operation = self.operation(operation, &place, diagnostics);
            self.check_place(written, operation, &place.child(name), diagnostics);
        }
        self.check_not_ids(diagnostics);
        for (index, operation) in config.delete.iter().enumerate() {
            self.operation(operation, &place.child("delete").index(index), diagnostics);
        }
        for (index, list) in config.lists.iter().enumerate() {
            let place = place.child("lists").index(index);
            let operation = self.operation(&list.operation, &place.child("operation"), diagnostics);
            check_pointer(&list.items, &place.child("items"), diagnostics);
            check_pointer(&list.id, &place.child("id"), diagnostics);
            let id = format!("{}/*{}", list.items, list.id);
            check_answers(&id, operation.into_iter(), &place.child("id"), diagnostics);
        }
    }

    /// Operations whose answer is one object of this type: those that name one and only look at it.
    fn shown(&self) -> impl Iterator<Item = &Operation> {
        let config = self.config;
        let names_one = move |operation: &&Operation| {
            operation.method == Method::GET
                && !config.lists.iter().any(|list| names(&list.operation, operation))
                && config.id.iter().any(|id| place_on(id, operation).is_some())
        };
        self.contract.operations().iter().map(|operation| &**operation).filter(names_one)
    }

    fn operation(&self, name: &str, place: &Place, diagnostics: &mut Diagnostics) -> Option<&Operation> {
        let found = self.contract.operations().iter().find(|operation| names(name, operation));
        if found.is_none() {
            diagnostics.push(
                Diagnostic::error(codes::OBJECT_OPERATION, format!("there is no operation `{name}`"))
                    .at(place.clone())
                    .help("write an operation id, or `METHOD /path` as in the document"),
            );
        }
        found.map(|operation| &**operation)
    }

    /// A place that holds at one operation, or at all that have it.
    fn check_place(
        &self,
        written: &PlaceConfig,
        only: Option<&Operation>,
        place: &Place,
        diagnostics: &mut Diagnostics,
    ) {
        if read_place(written).is_none() {
            diagnostics.push(
                Diagnostic::error(
                    codes::OBJECT_PLACE,
                    "this is not exactly one place, or its pointer is none",
                )
                .at(place.clone())
                .help(
                    "write `{ path: NAME }`, `{ query: NAME }`, `{ header: NAME }`, `{ body: /POINTER }` or \
                     `{ graphql: /FIELD/ARGUMENT }`",
                ),
            );
            return;
        }
        let all = self.contract.operations().iter().map(|operation| &**operation);
        let candidates = all.filter(|operation| only.is_none_or(|only| only.index == operation.index));
        let mut takers = candidates.filter(|operation| place_on(written, operation).is_some()).peekable();
        if takers.peek().is_some() {
            if let Some(pointer) = &written.body
                && !takers.any(|operation| operation.request_outline().may_have(pointer))
            {
                diagnostics.push(undescribed(pointer, "request").at(place.clone()));
            }
            return;
        }
        let (code, message): (Code, _) = match (&written.body, &written.graphql) {
            (Some(_), _) => (codes::OBJECT_BODY, "no body that is read can hold it"),
            (None, Some(_)) => (codes::OBJECT_BODY, "no operation takes GraphQL here"),
            (None, None) => (codes::OBJECT_PARAMETER, "no operation has this parameter here"),
        };
        diagnostics.push(Diagnostic::error(code, message).at(place.clone()));
    }
}

/// Warns of a pointer that none of the answers is said to have.
fn check_answers<'o>(
    pointer: &str,
    operations: impl Iterator<Item = &'o Operation>,
    place: &Place,
    diagnostics: &mut Diagnostics,
) {
    let mut operations = operations.peekable();
    let is_nowhere = operations.peek().is_some()
        && !operations.any(|operation| operation.answer_outline().may_have(pointer));
    if Pointer::parse(pointer).is_some() && is_nowhere {
        diagnostics.push(undescribed(pointer, "answer").at(place.clone()));
    }
}

fn undescribed(pointer: &str, what: &str) -> Diagnostic {
    let message = format!("the document describes no `{pointer}` in the body of the {what}");
    Diagnostic::warning(codes::OBJECT_MEMBER, message)
        .help("correct the pointer, or describe the member in the document")
}

fn check_pointer(pointer: &str, place: &Place, diagnostics: &mut Diagnostics) {
    if Pointer::parse(pointer).is_none() {
        diagnostics.push(
            Diagnostic::error(codes::OBJECT_PLACE, format!("`{pointer}` is no JSON pointer"))
                .at(place.clone())
                .help("write `/id` or `/items/*/order_id`"),
        );
    }
}
