//! A listener that shakes hands as the gateway will, and echoes; and the clients that visit it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use portcullis_config::Diagnostics;
use portcullis_tls::config::ServerTlsConfig;
use portcullis_tls::{Accepted, Handshake, HandshakeFailure, ServerTls, provider};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, HandshakeKind, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::mint::Scene;

/// How long a test waits for something that should come at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What came of one connection.
#[derive(Debug)]
pub(crate) enum Outcome {
    Shaken(Handshake),
    Failed(HandshakeFailure),
    ChallengeAnswered,
    /// The bytes that the client sent after its handshake, once it was gone, and how it went.
    Received(Vec<u8>, std::io::Result<()>),
}

pub(crate) struct Listener {
    pub(crate) address: SocketAddr,
    pub(crate) tls: Arc<ServerTls>,
    outcomes: mpsc::UnboundedReceiver<Outcome>,
}

impl Listener {
    pub(crate) async fn start(scene: &Scene, config: &ServerTlsConfig) -> Self {
        Self::serve(compile(scene, config).expect("the configuration is fit")).await
    }

    pub(crate) async fn serve(tls: Arc<ServerTls>) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let (sender, outcomes) = mpsc::unbounded_channel();
        let serving = Arc::clone(&tls);
        tokio::spawn(async move {
            while let Ok((connection, _)) = socket.accept().await {
                tokio::spawn(serve(Arc::clone(&serving), connection, sender.clone()));
            }
        });
        Self { address, tls, outcomes }
    }

    pub(crate) async fn outcome(&mut self) -> Outcome {
        tokio::time::timeout(PATIENCE, self.outcomes.recv()).await.expect("nobody came").unwrap()
    }

    /// The next handshake, which must succeed.
    pub(crate) async fn handshake(&mut self) -> Handshake {
        loop {
            match self.outcome().await {
                Outcome::Shaken(handshake) => return handshake,
                Outcome::Received(..) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The next failure.
    pub(crate) async fn failure(&mut self) -> HandshakeFailure {
        loop {
            match self.outcome().await {
                Outcome::Failed(failure) => return failure,
                Outcome::Received(..) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

async fn serve(tls: Arc<ServerTls>, connection: TcpStream, outcomes: mpsc::UnboundedSender<Outcome>) {
    match tls.accept(connection).await {
        Ok(Accepted::Connection { mut stream, handshake }) => {
            let _ = outcomes.send(Outcome::Shaken(handshake));
            let (mut received, mut buffer) = (Vec::new(), [0; 1024]);
            let ended = loop {
                match stream.read(&mut buffer).await {
                    Ok(0) => break Ok(()),
                    Ok(length) => {
                        received.extend_from_slice(&buffer[..length]);
                        if stream.write_all(&buffer[..length]).await.is_err() || stream.flush().await.is_err()
                        {
                            break Ok(());
                        }
                    }
                    Err(error) => break Err(error),
                }
            };
            let _ = outcomes.send(Outcome::Received(received, ended));
        }
        Ok(Accepted::ChallengeAnswered) => {
            let _ = outcomes.send(Outcome::ChallengeAnswered);
        }
        Err(failure) => {
            let _ = outcomes.send(Outcome::Failed(failure));
        }
    }
}

/// What the listener's configuration compiles to, or its mistakes.
pub(crate) fn compile(scene: &Scene, config: &ServerTlsConfig) -> Result<Arc<ServerTls>, Diagnostics> {
    let mut diagnostics = Diagnostics::new();
    let compiled = ServerTls::compile(config, &Scene::place(), &scene.surroundings, &mut diagnostics);
    compiled.ok_or(diagnostics)
}

/// A rustls client with our suites and groups, before anything is changed.
pub(crate) fn client(roots: RootCertStore) -> ClientConfig {
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// Connects, and echoes a word so that tickets arrive.
pub(crate) async fn visit(
    config: &Arc<ClientConfig>,
    address: SocketAddr,
    name: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let socket = TcpStream::connect(address).await?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut stream = TlsConnector::from(Arc::clone(config)).connect(name, socket).await?;
    echo(&mut stream, b"ping").await?;
    Ok(stream)
}

pub(crate) async fn echo(stream: &mut TlsStream<TcpStream>, word: &[u8]) -> std::io::Result<()> {
    stream.write_all(word).await?;
    stream.flush().await?;
    let mut answer = vec![0; word.len()];
    tokio::time::timeout(PATIENCE, stream.read_exact(&mut answer)).await.expect("no echo")?;
    assert_eq!(answer, word);
    Ok(())
}

pub(crate) fn kind(stream: &TlsStream<TcpStream>) -> HandshakeKind {
    stream.get_ref().1.handshake_kind().unwrap()
}

/// The serial number of the certificate that the server showed.
pub(crate) fn serial(stream: &TlsStream<TcpStream>) -> String {
    let chain = stream.get_ref().1.peer_certificates().unwrap();
    portcullis_tls::Facts::read(&chain[0]).unwrap().serial
}
