//! The `sinks` section, with every mistake shown at its place.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use portcullis_audit::format::Format;
use portcullis_audit::ship::{Carrier, Facility, SyslogNames, ToFile, ToStdout, WebhookKey};
use portcullis_audit::{Recorder, retention, rotation};
use portcullis_config::codes::record as codes;
use portcullis_config::{ByteSize, Diagnostic, Diagnostics, Place, SecretReference};
use portcullis_domain::{Clock, Secret};
use portcullis_tls::config::ClientTlsConfig;
use portcullis_tls::{ClientTls, Protocol, Surroundings};
use url::{Host, Url};

use super::http::{Body, Post};
use super::syslog::{Syslog, Way};
use super::{Sink, format};
use crate::config::{FileSinkConfig, OtlpConfig, SinkConfig, SyslogConfig, WebhookConfig};
use crate::fetch::GuardedFetch;

const SMALLEST_MEMORY: ByteSize = ByteSize(64 * 1024);
const LARGEST_MEMORY: ByteSize = ByteSize(1 << 30);
const LARGEST_DISK: ByteSize = ByteSize(1 << 40);

/// What carriers are made of, beside their own settings.
pub(crate) struct Bench<'a> {
    pub(crate) surroundings: &'a Surroundings,
    pub(crate) recorder: &'a Arc<Recorder>,
    pub(crate) clock: &'a Clock,
    pub(crate) pseudonym: &'a str,
}

/// Compiles every sink. Those with mistakes are left out; `diagnostics` has them.
pub(crate) fn compile(
    sinks: &BTreeMap<String, SinkConfig>,
    place: &Place,
    bench: &Bench<'_>,
    diagnostics: &mut Diagnostics,
) -> Vec<Sink> {
    let compiled = sinks.iter().filter_map(|(name, sink)| {
        let place = place.child(name);
        check_spool(sink, &place, diagnostics);
        check_name(name, &place, diagnostics);
        let carrier = carrier(sink, &place, bench, diagnostics)?;
        Some(Sink { name: name.clone(), carrier })
    });
    compiled.collect()
}

/// A sink's name is that of its folder, its series and its field in the record.
fn check_name(name: &str, place: &Place, diagnostics: &mut Diagnostics) {
    if !names_a_folder(name) {
        diagnostics.push(
            Diagnostic::error(
                codes::SINK_KIND,
                "the name of a sink has letters, digits, `-` and `_`, 64 at most",
            )
            .at(place.key()),
        );
    }
}

/// Whether a name can be that of a folder, whatever the system.
pub(crate) fn names_a_folder(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !name.is_empty() && name.len() <= 64 && name.bytes().all(is_plain)
}

fn check_spool(sink: &SinkConfig, place: &Place, diagnostics: &mut Diagnostics) {
    let is_memory_sound = (SMALLEST_MEMORY..=LARGEST_MEMORY).contains(&sink.memory);
    for (key, size, is_sound) in
        [("memory", sink.memory, is_memory_sound), ("disk", sink.disk, sink.disk <= LARGEST_DISK)]
    {
        if !is_sound {
            let message = format!("`{size}` is out of range");
            diagnostics.push(Diagnostic::error(codes::SINK_SPOOL_RANGE, message).at(place.child(key)));
        }
    }
}

fn carrier(
    sink: &SinkConfig,
    place: &Place,
    bench: &Bench<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Box<dyn Carrier>> {
    let format = format(sink.format);
    match (&sink.syslog, &sink.webhook, &sink.otlp, &sink.file, &sink.stdout) {
        (Some(syslog), None, None, None, None) => {
            compile_syslog(syslog, format, &place.child("syslog"), bench, diagnostics)
        }
        (None, Some(webhook), None, None, None) => {
            let (url, fetch, key) = compile_webhook(webhook, &place.child("webhook"), bench, diagnostics)?;
            let body = Body::Signed { key: Box::new(key), clock: bench.clock.clone() };
            Some(Box::new(Post::new(url, fetch, body, format)))
        }
        (None, None, Some(otlp), None, None) => {
            let (url, fetch, headers) = compile_otlp(otlp, &place.child("otlp"), bench, diagnostics)?;
            let body = Body::Otlp { signal: otlp.signal, headers, instance: bench.pseudonym.to_owned() };
            Some(Box::new(Post::new(url, fetch, body, format)))
        }
        (None, None, None, Some(FileSinkConfig { path, rotate, keep }), None) => {
            let path = bench.surroundings.environment.path(path);
            let (rotation, retention) = (rotation(*rotate), retention(*keep));
            Some(Box::new(ToFile::new(path, format, rotation, retention, bench.clock.clone())))
        }
        (None, None, None, None, Some(_)) => Some(Box::new(ToStdout { format })),
        (_, _, _, _, _) => {
            diagnostics.push(
                Diagnostic::error(codes::SINK_KIND, "a sink is exactly one thing")
                    .at(place.clone())
                    .help("write one of `syslog`, `webhook`, `otlp`, `file` and `stdout`"),
            );
            None
        }
    }
}

pub(crate) fn compile_syslog(
    config: &SyslogConfig,
    format: Format,
    place: &Place,
    bench: &Bench<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Box<dyn Carrier>> {
    let url = url(&config.address, &place.child("address"), diagnostics)?;
    let host = config.host.clone().unwrap_or_else(|| bench.pseudonym.to_owned());
    let names = SyslogNames { facility: Facility::new(config.facility).unwrap_or_default(), host };
    let (address, port) = (bare_host(&url)?, url.port());
    let (way, port) = match url.scheme() {
        "tls" => {
            let tls = tls(config.tls.as_ref(), place, bench.surroundings, diagnostics)?;
            // RFC 5425 §4.1.
            (Way::Tls(tls), port.unwrap_or(6514))
        }
        "tcp" if is_this_machine(&url) => (Way::Tcp, port.unwrap_or(601)),
        "udp" if is_this_machine(&url) => (Way::Udp, port.unwrap_or(514)),
        _ => return refuse_address(&place.child("address"), "tls://host:6514", diagnostics),
    };
    Some(Box::new(Syslog::new(address, port, way, names).told_in(format)))
}

fn compile_webhook(
    config: &WebhookConfig,
    place: &Place,
    bench: &Bench<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<(Url, GuardedFetch, WebhookKey)> {
    let fetched = compile_url(&config.url, config.tls.as_ref(), place, bench, diagnostics);
    let key = signing_key(&config.secret, &place.child("secret"), bench, diagnostics);
    let (url, fetch) = fetched?;
    Some((url, fetch, key?))
}

/// The key of a webhook's signature.
pub(crate) fn signing_key(
    written: &SecretReference,
    place: &Place,
    bench: &Bench<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<WebhookKey> {
    let secret = written.resolve_at(&bench.surroundings.environment, place, diagnostics)?;
    let key = WebhookKey::new(&secret);
    if key.is_none() {
        diagnostics.push(
            Diagnostic::error(codes::SINK_SECRET_SHORT, "the secret has fewer than 24 bytes")
                .at(place.clone())
                .help("make one with `openssl rand -base64 32`"),
        );
    }
    key
}

pub(crate) type Headers = Vec<(::http::HeaderName, Secret)>;

fn compile_otlp(
    config: &OtlpConfig,
    place: &Place,
    bench: &Bench<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<(Url, GuardedFetch, Headers)> {
    let fetched = compile_url(&config.url, config.tls.as_ref(), place, bench, diagnostics);
    let headers = compile_headers(&config.headers, place, bench, diagnostics)?;
    let (url, fetch) = fetched?;
    Some((url, fetch, headers))
}

/// Header fields that carry credentials, read where they are kept.
pub(crate) fn compile_headers(
    written: &BTreeMap<String, SecretReference>,
    place: &Place,
    bench: &Bench<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Headers> {
    let mut headers = Vec::with_capacity(written.len());
    for (name, secret) in written {
        let place = place.child("headers").child(name);
        let value = secret.resolve_at(&bench.surroundings.environment, &place, diagnostics)?;
        let parsed = name.parse().ok().zip(::http::HeaderValue::from_bytes(value.expose()).ok());
        let Some((name, _)) = parsed else {
            let message = format!("`{}` is no header field", name.escape_debug());
            diagnostics.push(Diagnostic::error(codes::SINK_ADDRESS, message).at(place));
            return None;
        };
        headers.push((name, value));
    }
    Some(headers)
}

/// An address for HTTP, and a client that trusts whom it should.
pub(crate) fn compile_url(
    written: &str,
    config: Option<&ClientTlsConfig>,
    place: &Place,
    bench: &Bench<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<(Url, GuardedFetch)> {
    let url = url(written, &place.child("url"), diagnostics)?;
    let is_sound = url.scheme() == "https" || url.scheme() == "http" && is_this_machine(&url);
    if !is_sound {
        return refuse_address(&place.child("url"), "https://host/path", diagnostics);
    }
    let tls = tls(config, place, bench.surroundings, diagnostics)?;
    Some((url, GuardedFetch::over(tls, Arc::clone(bench.recorder))))
}

fn tls(
    config: Option<&ClientTlsConfig>,
    place: &Place,
    surroundings: &Surroundings,
    diagnostics: &mut Diagnostics,
) -> Option<ClientTls> {
    let usual = ClientTlsConfig::default();
    ClientTls::compile(
        config.unwrap_or(&usual),
        &[Protocol::Http1],
        &place.child("tls"),
        surroundings,
        diagnostics,
    )
}

fn url(written: &str, place: &Place, diagnostics: &mut Diagnostics) -> Option<Url> {
    let parsed = Url::parse(written).ok().filter(|url| {
        url.host_str().is_some_and(|host| !host.is_empty())
            && url.username().is_empty()
            && url.password().is_none()
    });
    if parsed.is_none() {
        // Not shown: it may hold a password.
        diagnostics.push(
            Diagnostic::error(
                codes::SINK_ADDRESS,
                "the address of a sink has a scheme and a host, and no password",
            )
            .at(place.clone())
            .conceal(),
        );
    }
    parsed
}

fn refuse_address<T>(place: &Place, example: &str, diagnostics: &mut Diagnostics) -> Option<T> {
    diagnostics.push(
        Diagnostic::error(codes::SINK_ADDRESS, "the record leaves this machine over TLS only")
            .at(place.clone())
            .help(format!("write `{example}`")),
    );
    None
}

/// The host without brackets. Of schemes that browsers do not know, `url` does not read addresses.
fn bare_host(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    Some(host.trim_start_matches('[').trim_end_matches(']').to_owned())
}

fn is_this_machine(url: &Url) -> bool {
    let is_local_name = matches!(url.host(), Some(Host::Domain("localhost")));
    is_local_name
        || bare_host(url)
            .and_then(|host| host.parse::<IpAddr>().ok())
            .is_some_and(|address| address.is_loopback())
}
