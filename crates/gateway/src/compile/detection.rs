//! Detection: its settings, the places of networks, and under which digests operations are observed.

use std::sync::Arc;

use http::{HeaderName, header};
use portcullis_audit::detect::{self, DetectionConfig, Places};
use portcullis_authz::Demand;
use portcullis_config::codes::detection as codes;
use portcullis_config::{Diagnostic, Diagnostics, Place};
use portcullis_contract::Operation;
use portcullis_domain::Strength;

use super::Workshop;
use crate::detect::{Credentials, Detection, NamesObjects, WatchedRoute};
use crate::policy::Route;

/// Compiles the `detect` section, which stands at `place`.
pub(crate) fn detection(
    config: &DetectionConfig,
    place: &Place,
    workshop: &Workshop,
    diagnostics: &mut Diagnostics,
) -> Arc<Detection> {
    Arc::new(Detection {
        lookout: Arc::clone(&workshop.lookout),
        settings: Arc::new(detect::compile(config, place, diagnostics)),
        places: places(config, place, workshop, diagnostics),
        header: header_name(config, place, diagnostics),
    })
}

/// The name of the risk's header: any but those that mean something already.
fn header_name(config: &DetectionConfig, place: &Place, diagnostics: &mut Diagnostics) -> HeaderName {
    let taken = [header::AUTHORIZATION, header::COOKIE, header::HOST, header::CONTENT_LENGTH];
    match HeaderName::try_from(&config.header) {
        Ok(name) if !taken.contains(&name) && name.as_str().starts_with("x-") => name,
        Ok(_) | Err(_) => {
            diagnostics.push(
                Diagnostic::error(
                    codes::HEADER_UNUSABLE,
                    format!("`{}` cannot tell the risk", config.header.escape_debug()),
                )
                .at(place.child("header"))
                .help("write a name that begins with `x-`, such as `x-portcullis-risk`"),
            );
            HeaderName::from_static("x-portcullis-risk")
        }
    }
}

fn places(
    config: &DetectionConfig,
    place: &Place,
    workshop: &Workshop,
    diagnostics: &mut Diagnostics,
) -> Option<Arc<Places>> {
    let path = workshop.environment.path(config.places.as_ref()?);
    let read = std::fs::read_to_string(&path).map_err(|error| error.to_string());
    match read.and_then(|text| Places::read(&text).map_err(|fault| fault.to_string())) {
        Ok(places) => Some(Arc::new(places)),
        Err(why) => {
            diagnostics.push(
                Diagnostic::error(codes::PLACES_UNREADABLE, format!("no places can be read: {why}"))
                    .at(place.child("places"))
                    .help("name a CSV file with the columns `network`, `latitude` and `longitude`"),
            );
            None
        }
    }
}

/// How an operation is observed.
pub(crate) fn watched(api: &str, operation: &Operation, workshop: &Workshop) -> WatchedRoute {
    let lookout = &workshop.lookout;
    WatchedRoute {
        digest: lookout.names().operation(lookout.key(), api, &operation.id),
        names: match operation.template.contains('{') {
            true => NamesObjects::InPath,
            false => NamesObjects::No,
        },
        credentials: Credentials::Settled,
    }
}

/// Notes of routes what is known once they are whole.
pub(crate) fn attach(api: &str, routes: &mut [Route], workshop: &Workshop) {
    let lookout = &workshop.lookout;
    for route in routes {
        let takes_credentials = !matches!(route.demand, Demand::Public);
        if takes_credentials && route.strengths.identify == Strength::Shadow {
            route.watched.credentials = Credentials::Optional;
        }
        for rule in route.objects.iter().flat_map(|objects| &objects.types) {
            lookout.names().kind(lookout.key(), &rule.kind.realm, &rule.kind.name);
        }
    }
    lookout.names().api(lookout.key(), api);
}
