//! The `alerts` section, with every mistake shown at its place.

use std::path::Path;

use portcullis_audit::alert::{Bounds, Receiver, Severity};
use portcullis_audit::format::Format;
use portcullis_audit::ship::{Carrier, SpoolBounds};
use portcullis_authn::Reach;
use portcullis_config::codes::record as codes;
use portcullis_config::{Diagnostic, Diagnostics, Place};
use portcullis_domain::is_public;
use portcullis_tls::config::ClientTlsConfig;
use url::{Host, Url};

use super::post::{Log, Post, Words};
use crate::config::{AlertsConfig, ReceiverConfig, SeverityConfig};
use crate::sinks::{Bench, Line, compile_syslog, compile_url, names_a_folder, signing_key};

/// What may wait in memory for one receiver: alerts are rare.
const MEMORY: u64 = 1 << 20;

/// How much is told one by one.
pub(crate) fn bounds(config: &AlertsConfig) -> Bounds {
    Bounds { per_detector: config.per_detector, ..Bounds::default() }
}

/// Compiles every receiver. Those with mistakes are left out; `diagnostics` has them.
pub(crate) fn compile(
    config: &AlertsConfig,
    place: &Place,
    bench: &Bench<'_>,
    state: &Path,
    diagnostics: &mut Diagnostics,
) -> Vec<Receiver> {
    let place = place.child("receivers");
    let compiled = config.receivers.iter().filter_map(|(name, receiver)| {
        let place = place.child(name);
        check_name(name, &place, diagnostics);
        let carrier = carrier(receiver, &place, bench, diagnostics)?;
        let folder = state.join("alerts").join(name);
        Some(Receiver {
            name: name.clone(),
            least: severity(receiver.least),
            bounds: SpoolBounds { memory: MEMORY, disk: receiver.disk.0, folder },
            carrier,
        })
    });
    compiled.collect()
}

/// A receiver's name is that of its folder.
fn check_name(name: &str, place: &Place, diagnostics: &mut Diagnostics) {
    if !names_a_folder(name) {
        let message = "the name of a receiver has letters, digits, `-` and `_`, 64 at most";
        diagnostics.push(Diagnostic::error(codes::RECEIVER_KIND, message).at(place.key()));
    }
}

fn carrier(
    config: &ReceiverConfig,
    place: &Place,
    bench: &Bench<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Box<dyn Carrier>> {
    let post = |line: Line, words: Words| -> Option<Box<dyn Carrier>> {
        Some(Box::new(Post::new(line, words, bench.pseudonym.to_owned())))
    };
    let ReceiverConfig { alertmanager, webhook, slack, pagerduty, syslog, log, .. } = config;
    match (alertmanager, webhook, slack, pagerduty, syslog, log) {
        (Some(address), None, None, None, None, None) => {
            let place = place.child("alertmanager");
            let url = format!("{}/api/v2/alerts", address.url.trim_end_matches('/'));
            let reach = reach(address.allow_private_network);
            post(line(&url, reach, address.tls.as_ref(), &place, bench, diagnostics)?, Words::Alertmanager)
        }
        (None, Some(webhook), None, None, None, None) => {
            let place = place.child("webhook");
            let reach = reach(webhook.allow_private_network);
            let line = line(&webhook.url, reach, webhook.tls.as_ref(), &place, bench, diagnostics);
            let key = signing_key(&webhook.secret, &place.child("secret"), bench, diagnostics)?;
            post(line?, Words::Signed { key: Box::new(key), clock: bench.clock.clone() })
        }
        (None, None, Some(slack), None, None, None) => {
            let place = place.child("slack");
            let environment = &bench.surroundings.environment;
            let url = slack.url.resolve_at(environment, &place.child("url"), diagnostics)?;
            let url = url.expose_text().unwrap_or_default();
            let reach = reach(slack.allow_private_network);
            post(line(url, reach, None, &place, bench, diagnostics)?, Words::Slack)
        }
        (None, None, None, Some(pagerduty), None, None) => {
            let place = place.child("pagerduty");
            let environment = &bench.surroundings.environment;
            let routing_key =
                pagerduty.routing_key.resolve_at(environment, &place.child("routing_key"), diagnostics)?;
            let reach = reach(pagerduty.allow_private_network);
            let line = line(&pagerduty.url, reach, None, &place, bench, diagnostics)?;
            post(line, Words::Pagerduty { routing_key })
        }
        (None, None, None, None, Some(syslog), None) => {
            compile_syslog(syslog, Format::Cef, &place.child("syslog"), bench, diagnostics)
        }
        (None, None, None, None, None, Some(_)) => Some(Box::new(Log)),
        (_, _, _, _, _, _) => {
            diagnostics.push(
                Diagnostic::error(codes::RECEIVER_KIND, "a receiver is exactly one thing")
                    .at(place.clone())
                    .help("write one of `alertmanager`, `webhook`, `slack`, `pagerduty`, `syslog` and `log`"),
            );
            None
        }
    }
}

const fn reach(allow_private_network: bool) -> Reach {
    if allow_private_network { Reach::PrivateToo } else { Reach::PublicOnly }
}

fn line(
    written: &str,
    reach: Reach,
    tls: Option<&ClientTlsConfig>,
    place: &Place,
    bench: &Bench<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Line> {
    let (url, fetch) = compile_url(written, tls, place, bench, diagnostics)?;
    // A name is looked up when it is needed; an address tells at once.
    if reach == Reach::PublicOnly && is_internal(&url) {
        diagnostics.push(
            Diagnostic::error(codes::RECEIVER_INTERNAL, "the receiver has an internal address")
                .at(place.child("url"))
                .help("set `allow_private_network: true` if it lives there"),
        );
        return None;
    }
    Some(Line::new(url, fetch, reach))
}

fn is_internal(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => !is_public(address.into()),
        Some(Host::Ipv6(address)) => !is_public(address.into()),
        Some(Host::Domain(name)) => name == "localhost",
        None => true,
    }
}

const fn severity(config: SeverityConfig) -> Severity {
    match config {
        SeverityConfig::Low => Severity::Low,
        SeverityConfig::Medium => Severity::Medium,
        SeverityConfig::High => Severity::High,
        SeverityConfig::Critical => Severity::Critical,
    }
}
