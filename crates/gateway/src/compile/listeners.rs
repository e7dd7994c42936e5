//! Listeners: which protocol, and what plaintext may do.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;

use portcullis_config::codes::listener as codes;
use portcullis_config::{Diagnostic, Diagnostics, Place};
use portcullis_tls::ServerTls;

use super::Workshop;
use crate::config::{GatewayConfig, ListenConfig, PlaintextConfig, ProtocolConfig};
use crate::listen::ListenerKind;

/// A listener before its address is bound.
pub(crate) struct ListenerDraft {
    pub(crate) address: SocketAddr,
    pub(crate) kind: ListenerKind,
}

/// Compiles all listeners. Done once: addresses are fixed for the life of the process.
pub(crate) fn listeners(
    config: &GatewayConfig,
    root: &Place,
    workshop: &Workshop,
    diagnostics: &mut Diagnostics,
) -> Vec<ListenerDraft> {
    let place = root.child("listen");
    let first_tls = config.listen.iter().find_map(|listen| match protocol(listen) {
        ProtocolConfig::Tls => listen.address.rsplit(':').next()?.parse::<u16>().ok(),
        ProtocolConfig::Plaintext => None,
    });
    let mut drafts = Vec::new();
    for (index, listen) in config.listen.iter().enumerate() {
        let place = place.index(index);
        let address = resolve(listen, &place, diagnostics);
        let kind = match protocol(listen) {
            ProtocolConfig::Tls => tls(listen, &place, workshop, diagnostics).map(ListenerKind::Tls),
            ProtocolConfig::Plaintext => plaintext(listen, address, first_tls, &place, diagnostics),
        };
        if let (Some(address), Some(kind)) = (address, kind) {
            drafts.push(ListenerDraft { address, kind });
        }
    }
    drafts
}

/// TLS, unless the port or the settings say plaintext.
pub(crate) fn protocol(listen: &ListenConfig) -> ProtocolConfig {
    let is_plaintext_port = listen.address.ends_with(":80") || listen.address.ends_with(":8080");
    match (listen.protocol, listen.plaintext, &listen.tls) {
        (Some(protocol), _, _) => protocol,
        (None, Some(_), _) => ProtocolConfig::Plaintext,
        (None, None, None) if is_plaintext_port => ProtocolConfig::Plaintext,
        (None, None, _) => ProtocolConfig::Tls,
    }
}

fn resolve(listen: &ListenConfig, place: &Place, diagnostics: &mut Diagnostics) -> Option<SocketAddr> {
    let resolved = listen.address.to_socket_addrs().ok().and_then(|mut addresses| addresses.next());
    if resolved.is_none() {
        diagnostics.push(
            Diagnostic::error(
                codes::ADDRESS_MALFORMED,
                format!("`{}` is no address to listen on", listen.address),
            )
            .at(place.child("address"))
            .help("write host and port, e.g. `0.0.0.0:8443` or `[::]:8443`"),
        );
    }
    resolved
}

fn tls(
    listen: &ListenConfig,
    place: &Place,
    workshop: &Workshop,
    diagnostics: &mut Diagnostics,
) -> Option<Arc<ServerTls>> {
    if listen.plaintext.is_some() {
        diagnostics.push(
            Diagnostic::error(codes::PLAINTEXT_ON_TLS, "`plaintext` means nothing on a TLS listener")
                .at(place.child("plaintext").key())
                .help("remove it, or write `protocol: plaintext`"),
        );
    }
    let config = listen.tls.clone().unwrap_or_default();
    ServerTls::compile(&config, &place.child("tls"), &workshop.surroundings, diagnostics)
}

fn plaintext(
    listen: &ListenConfig,
    address: Option<SocketAddr>,
    first_tls: Option<u16>,
    place: &Place,
    diagnostics: &mut Diagnostics,
) -> Option<ListenerKind> {
    let policy = listen.plaintext.unwrap_or_default();
    let is_loopback = address.is_none_or(|address| address.ip().is_loopback());
    if policy == PlaintextConfig::Serve && !is_loopback && !listen.exposed_plaintext {
        diagnostics.push(
            Diagnostic::error(
                codes::PLAINTEXT_EXPOSED,
                "an API must not be served without TLS beyond loopback",
            )
            .at(place.child("plaintext"))
            .label("anybody on the way can read and change what passes here")
            .help("use TLS, or write `exposed_plaintext: true` if TLS ends right in front of this gateway"),
        );
        return None;
    }
    Some(ListenerKind::Plaintext { policy, redirect_port: listen.redirect_port.or(first_tls) })
}
