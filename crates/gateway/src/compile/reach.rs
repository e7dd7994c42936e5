//! Under which names and paths an API is reached.

use portcullis_config::codes::upstream as codes;
use portcullis_config::{Diagnostic, Diagnostics, Place};
use portcullis_contract::Contract;
use portcullis_message::Authority;

use super::api::Subject;
use crate::config::ApiConfig;

pub(super) fn check_mount(config: &ApiConfig, place: &Place, diagnostics: &mut Diagnostics) {
    let Some(mount) = &config.mount else { return };
    if !is_mount(mount) {
        diagnostics.push(
            Diagnostic::error(codes::MOUNT_MALFORMED, format!("`{mount}` is no mount"))
                .at(place.child("mount"))
                .help("write a path like `/shop/v1`, without a final slash"),
        );
    }
}

/// Whether this is a path that requests can be under, in its one spelling.
pub(super) fn is_mount(mount: &str) -> bool {
    mount.starts_with('/')
        && !mount.ends_with('/')
        && !mount.contains("//")
        && mount.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte))
        && mount.split('/').all(|segment| segment != "." && segment != "..")
}

/// The names under which an API is served: as configured, as the document's `servers` say, or loopback.
pub(super) fn hosts(
    config: &ApiConfig,
    contract: &Contract,
    place: &Place,
    diagnostics: &mut Diagnostics,
) -> Vec<String> {
    if let Some(hosts) = &config.hosts {
        let mut names = Vec::new();
        for (index, host) in hosts.iter().enumerate() {
            match Authority::parse(host.as_bytes()).filter(|authority| authority.port().is_none()) {
                _ if host == "*" => names.push(host.clone()),
                Some(authority) => names.push(authority.host().to_owned()),
                None => diagnostics.push(
                    Diagnostic::error(codes::HOST_MALFORMED, format!("`{host}` is no host name"))
                        .at(place.child("hosts").index(index))
                        .help("write the bare name, e.g. `api.example.com`"),
                ),
            }
        }
        return names;
    }
    let mut names: Vec<String> = contract
        .servers()
        .iter()
        .filter_map(|server| {
            Authority::parse(server.authority.as_ref()?.as_bytes())
                .map(|authority| authority.host().to_owned())
        })
        .collect();
    names.sort();
    names.dedup();
    if names.is_empty() {
        diagnostics.push(
            Diagnostic::warning(codes::HOSTS_UNSET, "the API is answered on loopback names only")
                .at(place.key())
                .help("list its host names under `hosts:`"),
        );
    }
    for loopback in ["localhost", "127.0.0.1", "[::1]"] {
        if !names.iter().any(|name| name == loopback) {
            names.push(loopback.to_owned());
        }
    }
    names
}

/// Issuers whose tokens an API accepts, each once, in order.
pub(super) fn accepted_issuers<'a>(subject: &Subject<'a>, contract: &Contract) -> Vec<&'a str> {
    let identity = &subject.gateway.identity;
    let known = |name: &str| Some(identity.get(name)?.issuer.as_str());
    let mut issuers: Vec<&str> = contract.schemes().iter().filter_map(|scheme| known(&scheme.name)).collect();
    issuers.sort_unstable();
    issuers.dedup();
    issuers
}
