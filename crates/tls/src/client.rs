//! TLS to others: upstreams, issuers, certificate authorities.
//!
//! In: a [`ClientTlsConfig`], or nothing for public hosts. Out: a [`ClientTls`] that shakes hands on a
//! connection and vouches for who is at its other end. Chain, validity and subjectAltName are webpki's
//! (RFC 9525; a common name never counts). There is no way back to plaintext: a failed handshake ends
//! the connection before a byte of the request was sent (TLS-14).

use std::sync::Arc;

use portcullis_config::codes::listener;
use portcullis_config::{Diagnostic, Diagnostics, Place};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::accept::HandshakeFailure;
use crate::config::{CertificateConfig, ClientTlsConfig, MinimumVersion};
use crate::fault::{self, HandshakeFault};
use crate::files;
use crate::protocol::Protocol;
use crate::provider::provider;
use crate::server::versions;
use crate::surroundings::Surroundings;
use crate::unverified::Unverified;
use crate::wall_time::WallTime;

/// Verified TLS to one upstream, or to public hosts. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
    server_name: Option<ServerName<'static>>,
}

impl ClientTls {
    /// TLS to an upstream, offering `protocols` in that order; `None` if anything is unfit.
    ///
    /// `place` is where the `tls:` section of the upstream stands.
    pub fn compile(
        config: &ClientTlsConfig,
        protocols: &[Protocol],
        place: &Place,
        surroundings: &Surroundings,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let mut found = Diagnostics::new();
        let verifier = verifier(config, place, surroundings, &mut found);
        let server_name = config.server_name.as_ref().and_then(|name| server_name(name, place, &mut found));
        let built = verifier
            .and_then(|verifier| rustls_config(config, verifier, protocols, place, surroundings, &mut found));
        let unfit = found.has_errors();
        diagnostics.extend(found);
        built.filter(|_| !unfit).map(|config| Self { config: Arc::new(config), server_name })
    }

    /// TLS to any public host, for fetches of our own.
    ///
    /// # Errors
    /// What rustls says; with an empty store of authorities, for instance.
    pub fn public(protocols: &[Protocol], surroundings: &Surroundings) -> Result<Self, rustls::Error> {
        Self::trusting(surroundings.roots.load(), protocols, surroundings)
    }

    /// The same for a client that brings its own connection, such as a database's.
    #[must_use]
    pub const fn config(&self) -> &Arc<ClientConfig> {
        &self.config
    }

    /// TLS to hosts that `roots` vouch for.
    ///
    /// # Errors
    /// What rustls says; with an empty store of authorities, for instance.
    pub fn trusting(
        roots: Arc<RootCertStore>,
        protocols: &[Protocol],
        surroundings: &Surroundings,
    ) -> Result<Self, rustls::Error> {
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider())
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        let config = builder(MinimumVersion::Tls12, verifier, surroundings)?.with_no_client_auth();
        Ok(Self { config: Arc::new(finish(config, protocols)), server_name: None })
    }

    /// Shakes hands on `io` with `host`, which is a name or an address without brackets; a configured
    /// `server_name` takes its place.
    ///
    /// # Errors
    /// [`HandshakeFailure`], whose [`HandshakeFault::upstream_reason`] is what the client is told.
    pub async fn connect<IO>(&self, host: &str, io: IO) -> Result<(TlsStream<IO>, Protocol), HandshakeFailure>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let failure = |fault, note| HandshakeFailure { fault, note, server_name: Some(Arc::from(host)) };
        let name = match &self.server_name {
            Some(name) => name.clone(),
            None => ServerName::try_from(host.to_owned())
                .map_err(|error| failure(HandshakeFault::PeerCertificateNameMismatch, fault::note(&error)))?,
        };
        let stream = TlsConnector::from(Arc::clone(&self.config))
            .connect(name, io)
            .await
            .map_err(|error| failure(HandshakeFault::from_io(&error), fault::note(&error)))?;
        let protocol = Protocol::negotiated(stream.get_ref().1.alpn_protocol());
        Ok((stream, protocol))
    }

    /// The configuration, for libraries that bring their own connector.
    #[must_use]
    pub fn rustls(&self) -> &Arc<ClientConfig> {
        &self.config
    }
}

fn verifier(
    config: &ClientTlsConfig,
    place: &Place,
    surroundings: &Surroundings,
    diagnostics: &mut Diagnostics,
) -> Option<Arc<dyn ServerCertVerifier>> {
    if config.dangerously_skip_verification {
        diagnostics.push(
            Diagnostic::warning(listener::VERIFICATION_SKIPPED, "the upstream's certificate is not verified")
                .at(place.child("dangerously_skip_verification"))
                .label("anybody on the way can read and change every request")
                .help("name the upstream's authority under `authorities` instead"),
        );
        return Some(Arc::new(Unverified::new(provider())));
    }
    let roots = match &config.authorities {
        Some(path) => files::authorities(&surroundings.environment.path(path))
            .map(Arc::new)
            .map_err(|fault| diagnostics.push(fault.at(place.child("authorities"))))
            .ok()?,
        None => surroundings.roots.load(),
    };
    match WebPkiServerVerifier::builder_with_provider(roots, provider()).build() {
        Ok(verifier) => Some(verifier),
        Err(_) => {
            diagnostics.push(
                Diagnostic::error(
                    listener::PUBLIC_ROOTS_MISSING,
                    "this machine has no public authorities to verify the upstream with",
                )
                .at(place.clone())
                .help("install the package `ca-certificates`, or name a file under `authorities`"),
            );
            None
        }
    }
}

fn server_name(name: &str, place: &Place, diagnostics: &mut Diagnostics) -> Option<ServerName<'static>> {
    ServerName::try_from(name.to_owned())
        .map_err(|_| {
            diagnostics.push(
                Diagnostic::error(listener::SERVER_NAME_INVALID, format!("`{name}` is no host name"))
                    .at(place.child("server_name"))
                    .help("write a host name such as `api.internal`, without scheme, port or path"),
            );
        })
        .ok()
}

fn rustls_config(
    config: &ClientTlsConfig,
    verifier: Arc<dyn ServerCertVerifier>,
    protocols: &[Protocol],
    place: &Place,
    surroundings: &Surroundings,
    diagnostics: &mut Diagnostics,
) -> Option<ClientConfig> {
    let builder = builder(config.minimum, verifier, surroundings)
        .map_err(|error| diagnostics.push(unusable(&error, place)))
        .ok()?;
    let built = match &config.client_certificate {
        None => builder.with_no_client_auth(),
        Some(shown) => {
            let place = place.child("client_certificate");
            let (chain, key) = client_certificate(shown, &place, surroundings, diagnostics)?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|_| {
                    diagnostics.push(
                        Diagnostic::error(
                            listener::KEY_MISMATCH,
                            format!("the key `{}` does not fit the certificate `{}`", shown.key, shown.chain),
                        )
                        .at(place.child("key"))
                        .help("name the key that the certificate was issued for"),
                    );
                })
                .ok()?
        }
    };
    Some(finish(built, protocols))
}

fn client_certificate(
    shown: &CertificateConfig,
    place: &Place,
    surroundings: &Surroundings,
    diagnostics: &mut Diagnostics,
) -> Option<(Vec<rustls_pki_types::CertificateDer<'static>>, rustls_pki_types::PrivateKeyDer<'static>)> {
    let chain = files::chain(&surroundings.environment.path(&shown.chain))
        .map_err(|fault| diagnostics.push(fault.at(place.child("chain"))))
        .ok();
    let key = files::private_key(&surroundings.environment.path(&shown.key))
        .map_err(|fault| diagnostics.push(fault.at(place.child("key"))))
        .ok();
    chain.zip(key)
}

fn builder(
    minimum: MinimumVersion,
    verifier: Arc<dyn ServerCertVerifier>,
    surroundings: &Surroundings,
) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>, rustls::Error> {
    let clock = Arc::new(WallTime(surroundings.clock.clone()));
    Ok(ClientConfig::builder_with_details(provider(), clock)
        .with_protocol_versions(versions(minimum))?
        // The name is rustls' warning, not ours: the verifier is webpki's own unless the operator said
        // otherwise in as many words.
        .dangerous()
        .with_custom_certificate_verifier(verifier))
}

fn finish(mut config: ClientConfig, protocols: &[Protocol]) -> ClientConfig {
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.alpn().to_vec()).collect();
    // RFC 7627, as on our own listeners.
    config.require_ems = true;
    // RFC 8446 §8: a request sent as early data can be replayed against the upstream.
    config.enable_early_data = false;
    config
}

fn unusable(error: &rustls::Error, place: &Place) -> Diagnostic {
    Diagnostic::error(listener::TLS_UNUSABLE, format!("TLS cannot be set up: {error}"))
        .at(place.clone())
        .help("this is a fault of the gateway or the machine; please report it")
}
