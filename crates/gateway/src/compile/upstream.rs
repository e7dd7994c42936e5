//! Upstreams: addresses, trust, and keeping what a reload left as it was.

use std::sync::Arc;

use http::HeaderValue;
use portcullis_config::codes::upstream as codes;
use portcullis_config::{Diagnostic, Diagnostics, Place};
use portcullis_tls::{ClientTls, Protocol as TlsProtocol};
use url::Url;

use super::{Compiled, Workshop};
use crate::config::{BalanceConfig, UpstreamConfig, UpstreamProtocolConfig, UpstreamSettings};
use crate::forward::{
    Balance, CircuitRules, HealthRules, Patience, Protocol, RetryRules, Target, Upstream, UpstreamPlan,
    address,
};

/// An upstream and the words that made it.
pub(crate) struct Made {
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) health: Option<HealthRules>,
    name: String,
    /// The settings as written, for telling whether a reload changed them.
    written: serde_json::Value,
}

/// Makes the upstream of an API, or takes over the running one if nothing about it changed.
pub(crate) fn make(
    name: &str,
    config: &UpstreamConfig,
    place: &Place,
    workshop: &Workshop,
    running: Option<&Compiled>,
    diagnostics: &mut Diagnostics,
) -> Option<Made> {
    let (settings, places) = match config {
        UpstreamConfig::Url(url) => (UpstreamSettings::of_url(url), None),
        UpstreamConfig::Settings(settings) => ((**settings).clone(), Some(place.child("addresses"))),
    };
    let mut urls = Vec::new();
    for (index, address) in settings.addresses.iter().enumerate() {
        let place = places.as_ref().map_or_else(|| place.clone(), |places| places.index(index));
        urls.extend(read_url(address, &place, diagnostics));
    }
    let is_tls = urls.first().is_some_and(|url| url.scheme() == "https");
    if urls.iter().any(|url| (url.scheme() == "https") != is_tls) {
        diagnostics.push(
            Diagnostic::error(codes::SCHEMES_MIXED, "the addresses of one upstream mix `http` and `https`")
                .at(place.clone())
                .help("a request must not lose its protection because another address was chosen"),
        );
        return None;
    }
    let health = health(&settings, place, diagnostics);
    let tls = match is_tls {
        true => Some(Arc::new(tls(&settings, place, workshop, diagnostics)?)),
        false => None,
    };
    if urls.len() != settings.addresses.len() {
        return None;
    }
    let written = serde_json::to_value(&settings).unwrap_or_default();
    // Files behind the same words may have changed; an upstream with TLS files is made anew.
    let keeps_files = settings.tls.is_some();
    let same = running
        .into_iter()
        .flat_map(|running| &running.upstreams)
        .find(|made| !keeps_files && made.name == name && made.written == written);
    let upstream = match same {
        Some(made) => Arc::clone(&made.upstream),
        None => Arc::new(Upstream::new(plan(name, &settings, &urls, tls, workshop))),
    };
    Some(Made { upstream, health, name: name.to_owned(), written })
}

fn read_url(text: &str, place: &Place, diagnostics: &mut Diagnostics) -> Option<Url> {
    let url = Url::parse(text).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.host().is_some()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    });
    if url.is_none() {
        diagnostics.push(
            Diagnostic::error(codes::ADDRESS_MALFORMED, format!("`{text}` is no address of an upstream"))
                .at(place.clone())
                .help("write `http://host:port` or `https://host:port`, without a path or credentials"),
        );
    }
    url
}

fn tls(
    settings: &UpstreamSettings,
    place: &Place,
    workshop: &Workshop,
    diagnostics: &mut Diagnostics,
) -> Option<ClientTls> {
    let config = settings.tls.clone().unwrap_or_default();
    let protocols: &[TlsProtocol] = match settings.protocol {
        UpstreamProtocolConfig::Http1 => &[TlsProtocol::Http1],
        UpstreamProtocolConfig::Http2 => &[TlsProtocol::Http2],
    };
    ClientTls::compile(&config, protocols, &place.child("tls"), &workshop.surroundings, diagnostics)
}

fn health(settings: &UpstreamSettings, place: &Place, diagnostics: &mut Diagnostics) -> Option<HealthRules> {
    let health = settings.health.as_ref()?;
    let Ok(path) = health.path.parse() else {
        diagnostics.push(
            Diagnostic::error(codes::ADDRESS_MALFORMED, format!("`{}` is no path", health.path))
                .at(place.child("health").child("path"))
                .help("write a path such as `/healthz`"),
        );
        return None;
    };
    Some(HealthRules {
        path,
        interval: health.interval.0.max(std::time::Duration::from_millis(10)),
        timeout: health.timeout.0,
        unhealthy_after: health.unhealthy_after,
        healthy_after: health.healthy_after,
    })
}

fn plan(
    name: &str,
    settings: &UpstreamSettings,
    urls: &[Url],
    tls: Option<Arc<ClientTls>>,
    workshop: &Workshop,
) -> UpstreamPlan {
    UpstreamPlan {
        name: name.to_owned(),
        targets: urls.iter().filter_map(|url| target(name, url, workshop)).collect(),
        recorder: Arc::clone(&workshop.recorder),
        balance: match settings.balance {
            BalanceConfig::RoundRobin => Balance::RoundRobin,
            BalanceConfig::LeastOutstanding => Balance::LeastOutstanding,
        },
        protocol: match settings.protocol {
            UpstreamProtocolConfig::Http1 => Protocol::Http1,
            UpstreamProtocolConfig::Http2 => Protocol::Http2,
        },
        patience: Patience {
            connect: settings.timeouts.connect.0,
            first_byte: settings.timeouts.first_byte.0,
            between_bytes: settings.timeouts.between_bytes.0,
            idle: settings.timeouts.idle.0,
        },
        retry: RetryRules {
            attempts: settings.retry.attempts,
            budget_percent: settings.retry.budget_percent,
            jitter: settings.retry.jitter.0,
        },
        circuit: CircuitRules { failures: settings.circuit.failures, open_for: settings.circuit.open_for.0 },
        concurrency: settings.concurrency,
        idle_connections: settings.idle_connections,
        tls,
    }
}

fn target(api: &str, url: &Url, workshop: &Workshop) -> Option<Target> {
    let host = url.host_str()?;
    let port = url.port_or_known_default()?;
    let authority = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let metrics = workshop.metrics.upstream(api, &address(&bare, port));
    metrics.set_healthy(true);
    Some(Target::new(bare, port, HeaderValue::from_str(&authority).ok()?, metrics))
}
