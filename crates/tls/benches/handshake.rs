//! CPU of handshakes: P-256 leaf, TLS 1.3.
//!
//! `flight` is the server's share of a full handshake up to its Finished: reading the hello, the key
//! exchange, the signature. `both_sides` adds a rustls client in the same thread.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use divan::Bencher;
use portcullis_config::{Diagnostics, Document, Environment, Limits};
use portcullis_domain::Clock;
use portcullis_tls::config::ServerTlsConfig;
use portcullis_tls::{HttpTokens, PublicRoots, ServerTls, Surroundings, provider};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::kx_group;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, NamedGroup, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio_rustls::TlsConnector;

fn main() {
    divan::main();
}

const GROUPS: [NamedGroup; 2] = [NamedGroup::X25519, NamedGroup::X25519MLKEM768];

struct Stand {
    server: Arc<ServerTls>,
    client: Arc<ClientConfig>,
    _state: tempfile::TempDir,
}

/// A listener with a development certificate, and a client that trusts it and offers `group` alone.
fn stand(group: NamedGroup) -> Stand {
    let state = tempfile::tempdir().unwrap();
    let surroundings = Surroundings {
        environment: Environment::fixed::<&str, &str>([]),
        clock: Clock::machine(),
        roots: PublicRoots::fixed(RootCertStore::empty()),
        state: state.path().to_owned(),
        tokens: Arc::new(HttpTokens::default()),
    };
    let place = Document::parse("bench.json", b"{}", &Limits::default()).unwrap().at("");
    let config = ServerTlsConfig::default();
    let server = ServerTls::compile(&config, &place, &surroundings, &mut Diagnostics::new()).unwrap();
    let mut roots = RootCertStore::empty();
    let authority = server.development().unwrap().authority_file();
    roots.add(CertificateDer::from_pem_file(authority).unwrap()).unwrap();
    let groups = [kx_group::X25519, kx_group::X25519MLKEM768];
    let provider = CryptoProvider {
        kx_groups: groups.into_iter().filter(|candidate| candidate.name() == group).collect(),
        ..CryptoProvider::clone(&provider())
    };
    let client = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Stand { server, client: Arc::new(client), _state: state }
}

/// A peer that has sent its hello and waits.
struct Waiting {
    hello: io::Cursor<Vec<u8>>,
    written: usize,
}

impl AsyncRead for Waiting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = io::Read::read(&mut self.hello, buffer.initialize_unfilled())?;
        buffer.advance(read);
        if read == 0 { Poll::Pending } else { Poll::Ready(Ok(())) }
    }
}

impl AsyncWrite for Waiting {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.written += bytes.len();
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[divan::bench(args = GROUPS)]
fn flight(bencher: Bencher<'_, '_>, group: NamedGroup) {
    let stand = stand(group);
    bencher
        .with_inputs(|| {
            let name = ServerName::try_from("localhost").unwrap();
            let mut client = ClientConnection::new(Arc::clone(&stand.client), name).unwrap();
            let mut hello = Vec::new();
            client.write_tls(&mut hello).unwrap();
            Waiting { hello: io::Cursor::new(hello), written: 0 }
        })
        .bench_refs(|peer| {
            let mut accepting = Box::pin(stand.server.accept(&mut *peer));
            assert!(accepting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            drop(accepting);
            assert!(peer.written > 0, "no flight was sent");
        });
}

#[divan::bench(args = GROUPS)]
fn both_sides(bencher: Bencher<'_, '_>, group: NamedGroup) {
    let stand = stand(group);
    let mut client = ClientConfig::clone(&stand.client);
    client.resumption = rustls::client::Resumption::disabled();
    visits(bencher, &stand.server, Arc::new(client));
}

#[divan::bench]
fn resumed_both_sides(bencher: Bencher<'_, '_>) {
    let stand = stand(NamedGroup::X25519);
    visits(bencher, &stand.server, Arc::clone(&stand.client));
}

fn visits(bencher: Bencher<'_, '_>, server: &Arc<ServerTls>, client: Arc<ClientConfig>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let connector = TlsConnector::from(client);
    bencher.bench_local(|| {
        runtime.block_on(async {
            let (near, far) = tokio::io::duplex(64 * 1024);
            let name = ServerName::try_from("localhost").unwrap();
            let (accepted, connected) = tokio::join!(server.accept(near), connector.connect(name, far));
            let Ok(portcullis_tls::Accepted::Connection { mut stream, .. }) = accepted else { return };
            // One byte each way, so that tickets arrive.
            stream.write_all(b"x").await.unwrap();
            stream.flush().await.unwrap();
            connected.unwrap().read_u8().await.unwrap();
        });
    });
}
