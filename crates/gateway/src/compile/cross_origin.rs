//! From `cors:` to the header fields that answer browsers.

use http::HeaderValue;
use portcullis_config::codes::upstream as codes;
use portcullis_config::{Diagnostic, Diagnostics, Place};

use crate::config::CorsConfig;
use crate::cors::{Cors, Credentials, OWN_FIELDS};

pub(super) fn compile(config: &CorsConfig, place: &Place, diagnostics: &mut Diagnostics) -> Cors {
    let mut origins = Vec::new();
    for (index, origin) in config.origins.iter().enumerate() {
        let is_exact = url::Url::parse(origin).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == *origin
        });
        match HeaderValue::from_str(origin) {
            Ok(value) if is_exact => origins.push(value),
            Ok(_) | Err(_) => diagnostics.push(
                Diagnostic::error(codes::ORIGIN_MALFORMED, format!("`{origin}` is no origin"))
                    .at(place.child("origins").index(index))
                    .help("write scheme, host and port only, e.g. `https://app.example.com`"),
            ),
        }
    }
    let list = |names: &[String]| {
        HeaderValue::from_str(&names.join(", ")).unwrap_or_else(|_| HeaderValue::from_static(""))
    };
    let exposed =
        std::iter::once(OWN_FIELDS.to_owned()).chain(config.expose.iter().cloned()).collect::<Vec<_>>();
    Cors {
        origins,
        allow_headers: list(&config.headers),
        expose_headers: list(&exposed),
        credentials: if config.credentials { Credentials::Include } else { Credentials::Omit },
        max_age: HeaderValue::from(config.max_age.0.as_secs()),
    }
}
