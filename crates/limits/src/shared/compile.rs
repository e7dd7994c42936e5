//! From the written section to [`Settings`], with every mistake shown at its place.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use portcullis_config::codes::limit as codes;
use portcullis_config::{Diagnostic, Diagnostics, Environment, Place};
use portcullis_domain::Secret;

use crate::shared::config::SharedConfig;
use crate::shared::dial::{Dial, Login};
use crate::shared::settings::Settings;

const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_secs(1);
/// Least bytes of the secret: 256 bits, if they are random.
const LEAST: usize = 32;
const PREFIX: usize = 64;

/// Compiles the section, which stands at `place`. `dial` opens the streams, and is missing if the TLS section is a
/// mistake. `None` if anything is one.
pub fn compile(
    config: &SharedConfig,
    place: &Place,
    environment: &Environment,
    dial: Option<Arc<dyn Dial>>,
    diagnostics: &mut Diagnostics,
) -> Option<Settings> {
    let servers = servers(config, place, diagnostics);
    let secret = config.secret.resolve_at(environment, &place.child("secret"), diagnostics);
    let secret = secret.filter(|secret| is_long_enough(secret, config, place, diagnostics));
    let password = match &config.password {
        None => Some(None),
        Some(reference) => reference.resolve_at(environment, &place.child("password"), diagnostics).map(Some),
    };
    let is_prefix = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let has_prefix = (1..=PREFIX).contains(&config.prefix.len()) && config.prefix.bytes().all(is_prefix);
    if !has_prefix {
        let prefix = config.prefix.escape_debug();
        diagnostics.push(
            Diagnostic::error(codes::SHARED_PREFIX, format!("`{prefix}` cannot be the prefix of keys"))
                .at(place.child("prefix"))
                .help("write 1 to 64 letters, digits, `-`, `_` and `.`"),
        );
    }
    let is_in_time = (SHORTEST..=LONGEST).contains(&config.timeout.0);
    if !is_in_time {
        diagnostics.push(
            Diagnostic::error(
                codes::SHARED_TIMEOUT,
                format!("a timeout of {} is out of range", config.timeout),
            )
            .at(place.child("timeout"))
            .label("a request may wait for so long when the server is lost")
            .help("write a time from `1ms` to `1s`"),
        );
    }
    let (servers, secret, password, dial) = (servers?, secret?, password?, dial?);
    (has_prefix && is_in_time).then(|| Settings {
        servers,
        dial,
        login: Login { user: config.user.as_deref().map(Box::from), password },
        key_secret: key_secret(&secret),
        prefix: config.prefix.as_str().into(),
        timeout: config.timeout.0,
        replicas: config.replicas.max(1),
        when_lost: config.when_lost,
        lease: config.lease.unwrap_or(0),
    })
}

/// What [`crate::seed`] is given, so that all gateways with this secret name a key alike.
#[must_use]
pub fn key_secret(secret: &Secret) -> [u8; 16] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
    let tag = hmac::sign(&key, b"portcullis limits: keys");
    let mut made = [0; 16];
    for (to, from) in made.iter_mut().zip(tag.as_ref()) {
        *to = *from;
    }
    made
}

fn servers(config: &SharedConfig, place: &Place, diagnostics: &mut Diagnostics) -> Option<Vec<Box<str>>> {
    let place = place.child("servers");
    if config.servers.is_empty() {
        diagnostics.push(
            Diagnostic::error(codes::SHARED_SERVER, "no server is named")
                .at(place)
                .help("write host and port of each that may be the primary: `[\"cache.internal:6379\"]`"),
        );
        return None;
    }
    let mut is_sound = true;
    for (index, server) in config.servers.iter().enumerate() {
        let place = place.index(index);
        let Some(host) = host_of(server) else {
            is_sound = false;
            let server = server.escape_debug();
            diagnostics.push(
                Diagnostic::error(codes::SHARED_SERVER, format!("`{server}` is no host and port"))
                    .at(place)
                    .help("write `cache.internal:6379`, or `[2001:db8::1]:6379`"),
            );
            continue;
        };
        if config.tls.is_none() && !is_this_machine(host) {
            is_sound = false;
            diagnostics.push(
                Diagnostic::error(codes::SHARED_PLAINTEXT, format!("`{server}` is asked without TLS"))
                    .at(place)
                    .label("who listens on the way reads the password and may change every count")
                    .help("add `tls: {}`, or `tls: { authorities: … }` for authorities of your own"),
            );
        }
    }
    is_sound.then(|| config.servers.iter().map(|server| server.as_str().into()).collect())
}

/// The host of `HOST:PORT`, without the brackets of an IPv6 address.
#[must_use]
pub fn host_of(server: &str) -> Option<&str> {
    let (host, port) = server.rsplit_once(':')?;
    port.parse::<u16>().ok().filter(|port| *port > 0)?;
    match host.strip_prefix('[') {
        Some(address) => address.strip_suffix(']').filter(|address| address.parse::<IpAddr>().is_ok()),
        None => {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
            Some(host).filter(|host| !host.is_empty() && host.bytes().all(is_plain))
        }
    }
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn is_long_enough(
    secret: &Secret,
    config: &SharedConfig,
    place: &Place,
    diagnostics: &mut Diagnostics,
) -> bool {
    let is_enough = secret.expose().len() >= LEAST;
    if !is_enough {
        diagnostics.push(
            Diagnostic::error(codes::SHARED_SECRET, format!("`{}` is shorter than 32 bytes", config.secret))
                .at(place.child("secret"))
                .label("whoever reads the server could find out whose counts are whose, by trying")
                .help("make one with `openssl rand -hex 32`, the same for every gateway"),
        );
    }
    is_enough
}
