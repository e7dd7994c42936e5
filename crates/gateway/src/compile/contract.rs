//! From the document of an API, or its own list of operations, to a [`Contract`].

use portcullis_config::codes::upstream as codes;
use portcullis_config::{ByteSize, Diagnostic, Diagnostics};
use portcullis_contract::{
    Access, CompileOptions, Contract, Objects, Outlined, OwnOperation, ReadOnly, Selected, Unbounded,
};

use super::api::Subject;
use super::selectors::matching;
use super::{Library, bodies, graphql, learn, lifecycle, page_size};
use crate::config::{AccessConfig, ObjectsConfig, ReadOnlyConfig, SchemasConfig, UnboundedConfig};

pub(super) fn compile(
    subject: &Subject<'_>,
    decided: &lifecycle::Decided<'_>,
    library: &Library,
    diagnostics: &mut Diagnostics,
) -> Option<Contract> {
    let Subject { config, place, gateway, .. } = subject;
    let access = |selected: &Selected<'_>| {
        let is_public =
            matching(config, selected).any(|(_, settings)| settings.access == Some(AccessConfig::Public));
        is_public.then_some(Access::Public)
    };
    let lifecycle = |selected: Option<&Selected<'_>>| decided.of(selected);
    let own = config.documentation.as_ref().map(|wanted| (wanted, place.child("documentation")));
    let body_limit_of = |selected: &Selected<'_>| {
        matching(config, selected).filter_map(|(_, settings)| settings.body).last().map(ByteSize::as_usize)
    };
    let graphql = |selected: &Selected<'_>| graphql::decided(config, selected);
    let mut options = CompileOptions {
        access: &access,
        graphql: &graphql,
        lifecycle: &lifecycle,
        own: own.as_ref().map(|(documentation, place)| OwnOperation {
            path: &documentation.path,
            scopes: documentation.scopes(),
            place,
        }),
        body_limit: gateway.bounds.body.as_usize(),
        body_limit_of: &body_limit_of,
        outlines: if config.objects.is_empty() { Outlined::No } else { Outlined::Yes },
        ..CompileOptions::default()
    };
    apply(&config.schemas, &mut options);
    bodies::apply(config, &mut options);
    page_size::apply(config, &mut options);
    if let Some(learn) = &config.learn {
        return learn::contract(learn, config, place, &options, diagnostics);
    }
    match (&config.contract, config.operations.is_empty()) {
        (Some(path), true) => {
            let document = match library.open(path) {
                Ok(document) => document,
                Err(found) => {
                    diagnostics.extend(found);
                    return None;
                }
            };
            Contract::compile(&document, library, &options, diagnostics)
        }
        (None, false) => {
            Contract::compile_inline(&config.operations, &place.child("operations"), &options, diagnostics)
        }
        (Some(_), false) | (None, true) => {
            diagnostics.push(
                Diagnostic::error(codes::CONTRACT_MISSING, "an API needs either `contract` or `operations`")
                    .at(place.key())
                    .help("name its OpenAPI document, or list its operations"),
            );
            None
        }
    }
}

fn apply(config: &SchemasConfig, options: &mut CompileOptions<'_>) {
    options.objects = match config.objects {
        ObjectsConfig::Closed => Objects::Closed,
        ObjectsConfig::AsDeclared => Objects::AsDeclared,
    };
    options.read_only = match config.read_only {
        ReadOnlyConfig::Refused => ReadOnly::Refused,
        ReadOnlyConfig::Accepted => ReadOnly::Accepted,
    };
    options.unbounded = match config.unbounded {
        UnboundedConfig::Accepted => Unbounded::Accepted,
        UnboundedConfig::Reported => Unbounded::Reported,
        UnboundedConfig::Refused => Unbounded::Refused,
    };
}
