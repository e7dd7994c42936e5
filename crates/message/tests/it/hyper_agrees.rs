//! hyper, behind the guard, reads exactly the messages that the guard let pass.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use portcullis_message::{Bounds, FramingGuard};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::reference::{self, Message};
use crate::streams;

/// What hyper's service is called with, for a connection that carries `stream`.
fn read_with_hyper(stream: &[u8]) -> Vec<Message> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let shared = Arc::clone(&seen);
    runtime.block_on(async {
        let (client, server) = tokio::io::duplex(1024 * 1024);
        let service = service_fn(move |request| {
            let shared = Arc::clone(&shared);
            async move {
                let message = read_request(request).await;
                shared.lock().unwrap().extend(message);
                Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
            }
        });
        let (mut from_server, mut to_server) = tokio::io::split(client);
        let exchange = async {
            to_server.write_all(stream).await.unwrap();
            to_server.shutdown().await.unwrap();
            let _answers = from_server.read_to_end(&mut Vec::new()).await;
        };
        let connection = hyper::server::conn::http1::Builder::new()
            .half_close(true)
            .serve_connection(TokioIo::new(server), service);
        let _ends = tokio::join!(connection, exchange);
    });
    let seen = seen.lock().unwrap();
    seen.clone()
}

/// The request as the reference would tell it; nothing if its body breaks off.
async fn read_request(request: Request<Incoming>) -> Option<Message> {
    let (parts, mut incoming) = request.into_parts();
    let mut body = Vec::new();
    let mut trailers = Vec::new();
    while let Some(frame) = incoming.frame().await {
        match frame.ok()?.into_data() {
            Ok(data) => body.extend_from_slice(&data),
            Err(frame) => trailers = lines_of(frame.trailers_ref()?),
        }
    }
    Some(Message {
        method: parts.method.to_string(),
        target: parts.uri.to_string(),
        minor_version: u8::from(parts.version == http::Version::HTTP_11),
        headers: lines_of(&parts.headers),
        body,
        trailers,
        end: 0,
    })
}

/// Sorted by name: a `HeaderMap` keeps order within a name only.
fn lines_of(headers: &http::HeaderMap) -> Vec<(String, Vec<u8>)> {
    let mut lines: Vec<(String, Vec<u8>)> =
        headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
    lines.sort_by(|left, right| left.0.cmp(&right.0));
    lines
}

/// As hyper would tell it.
fn comparable(mut message: Message) -> Message {
    message.end = 0;
    // hyper shows a root it was not sent: `http://a` is `http://a/`.
    message.target = message.target.parse::<http::Uri>().unwrap().to_string();
    message.headers.sort_by(|left, right| left.0.cmp(&right.0));
    message.trailers.sort_by(|left, right| left.0.cmp(&right.0));
    message
}

/// Whether hyper would go on to a next request.
fn keeps_connection(message: &Message) -> bool {
    let says = |option: &str| {
        let options = message.values("connection").join(&b',');
        String::from_utf8_lossy(&options).split(',').any(|own| own.trim().eq_ignore_ascii_case(option))
    };
    message.method != "CONNECT" && !says("close") && (message.minor_version == 1 || says("keep-alive"))
}

#[track_caller]
pub(crate) fn check(stream: &[u8]) {
    let released = FramingGuard::new(Bounds::default()).inspect(stream).released;
    let expected = reference::read(&stream[..released]).messages;
    let served = expected
        .iter()
        .position(|message| !keeps_connection(message))
        .map_or(expected.len(), |last| last + 1);
    let expected: Vec<Message> = expected.into_iter().take(served).map(comparable).collect();
    assert_eq!(read_with_hyper(&stream[..released]), expected, "{:?}", String::from_utf8_lossy(stream));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn hyper_reads_the_messages_that_the_guard_released(stream in streams::nearly_well_formed()) {
        check(&stream);
    }
}

#[test]
fn hyper_reads_absolute_targets_and_trailers_alike() {
    check(b"GET http://a.example HTTP/1.1\r\nHost: b\r\n\r\n");
    check(b"POST /a HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nX-A: 1\r\nX-A: 2\r\n\r\nGET /b HTTP/1.1\r\nHost: b\r\n\r\n");
}
