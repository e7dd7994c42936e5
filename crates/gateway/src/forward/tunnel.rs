//! Bytes both ways after a protocol switch, until one side closes or the credential ends.
//!
//! A switched connection is one request in the record, written when the tunnel closes: with the bytes that
//! went through it each way and the time that it was open.

use std::io;
use std::time::Duration;

use http::{HeaderValue, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::oneshot;

use super::body::{AnswerBody, ByteCount};
use super::frames::Frames;
use super::pool::Lease;
use crate::listen::GuardedTls;
use crate::record::Entry;

/// Answers 101 and joins the two connections once both sides have switched. Raw bytes flow only after
/// the upstream agreed (CVE-2026-2833 was a proxy that did not wait).
pub(crate) fn open(
    client: OnUpgrade,
    mut response: Response<Incoming>,
    lease: Lease,
    life: Option<Duration>,
) -> Response<AnswerBody> {
    let upstream = hyper::upgrade::on(&mut response);
    let (link, slot) = lease.into_parts();
    if let Some(link) = link {
        link.detach();
    }
    let (entry, successor) = oneshot::channel::<Box<Entry>>();
    let mut answer = Response::new(AnswerBody::switched(entry));
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *answer.headers_mut() = std::mem::take(response.headers_mut());
    let headers = answer.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    tokio::task::spawn_local(async move {
        // Written when it is dropped, also when this task is.
        let mut entry = successor.await.ok();
        let carried = Carried::default();
        if let Some(entry) = &mut entry {
            entry.carry(carried.clone());
        }
        if let (Ok(client), Ok(upstream)) = (client.await, upstream.await)
            && let Some(client) = without_early_bytes(client)
        {
            join(client, TokioIo::new(upstream), life, &carried).await;
        }
        drop(entry);
        drop(slot);
    });
    answer
}

/// The client's stream, without what hyper had read ahead: bytes that were sent before the switch was
/// agreed were no part of the new protocol when they were sent. Only TLS connections switch.
fn without_early_bytes(client: Upgraded) -> Option<GuardedTls> {
    let mut stream = client.downcast::<TokioIo<GuardedTls>>().ok()?.io.into_inner();
    stream.resume();
    Some(stream)
}

/// How many bytes have gone through a tunnel.
#[derive(Clone, Debug, Default)]
pub(crate) struct Carried {
    /// From the client.
    pub(crate) up: ByteCount,
    /// To the client.
    pub(crate) down: ByteCount,
}

async fn join<C, U>(client: C, upstream: U, life: Option<Duration>, carried: &Carried)
where
    C: AsyncRead + AsyncWrite,
    U: AsyncRead + AsyncWrite,
{
    let (mut from_client, mut to_client) = tokio::io::split(client);
    let (mut from_upstream, mut to_upstream) = tokio::io::split(upstream);
    let mut relay = Relay::new(carried.down.clone());
    let up = carry(&mut from_client, &mut to_upstream, &carried.up);
    let down = async {
        while relay.step(&mut from_upstream, &mut to_client).await? {}
        to_client.shutdown().await
    };
    let joined = async { tokio::try_join!(up, down) };
    let Some(life) = life else { return drop(joined.await) };
    if tokio::time::timeout(life, joined).await.is_ok() {
        return;
    }
    // The credential has ended: nothing of the client's goes on, and of the upstream's no more than the frame
    // that is under way, so that our own can be read behind it.
    let last_words = async {
        relay.finish_frame(&mut from_upstream, &mut to_client).await?;
        to_client.write_all(CLOSE_POLICY_VIOLATION).await?;
        to_client.shutdown().await
    };
    // Whoever does not take them in time is cut off without.
    let _ = tokio::time::timeout(LAST_WORDS, last_words).await;
    let _ = tokio::time::timeout(LAST_WORDS, to_upstream.shutdown()).await;
}

/// Moves everything on and tells the other end that it is over.
async fn carry(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    count: &ByteCount,
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(buffer.get(..read).unwrap_or_default()).await?;
        to.flush().await?;
        count.add(read);
    }
}

/// FIN, opcode 8, two bytes: 1008, policy violation (RFC 6455 §5.5.1, §7.4.1).
const CLOSE_POLICY_VIOLATION: &[u8] = &[0x88, 0x02, 0x03, 0xF0];
/// How long a tunnel outlives its credential at most, for each direction.
const LAST_WORDS: Duration = Duration::from_secs(1);
const BUFFER: usize = 8 * 1024;

/// Hands the upstream's bytes to the client and knows where the frames end. Can be dropped between two
/// awaits without losing its place.
struct Relay {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    frames: Frames,
    count: ByteCount,
}

impl Relay {
    fn new(count: ByteCount) -> Self {
        Self { buffer: vec![0; BUFFER], start: 0, end: 0, frames: Frames::default(), count }
    }

    /// Moves some bytes on; `false` at the end of the stream.
    async fn step(
        &mut self,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
    ) -> io::Result<bool> {
        if self.waiting().is_empty() && !self.fill(from).await? {
            return Ok(false);
        }
        let written = to.write(self.waiting()).await?;
        self.went(written);
        if self.waiting().is_empty() {
            to.flush().await?;
        }
        Ok(true)
    }

    /// Moves on what is left of the frame under way, and nothing behind it.
    async fn finish_frame(
        &mut self,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
    ) -> io::Result<()> {
        while !self.frames.is_between() {
            if self.waiting().is_empty() && !self.fill(from).await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let mut ahead = self.frames;
            let length = ahead.finish(self.waiting());
            let written = to.write(self.waiting().get(..length).unwrap_or_default()).await?;
            self.went(written);
        }
        Ok(())
    }

    async fn fill(&mut self, from: &mut (impl AsyncRead + Unpin)) -> io::Result<bool> {
        let read = from.read(&mut self.buffer).await?;
        (self.start, self.end) = (0, read);
        Ok(read > 0)
    }

    fn went(&mut self, bytes: usize) {
        let end = self.start + bytes;
        self.count.add(bytes);
        self.frames.pass(self.buffer.get(self.start..end).unwrap_or_default());
        self.start = end;
    }

    fn waiting(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // proves-part: GW-24 (a tunnel whose end comes in the middle of a frame)
    #[tokio::test]
    async fn the_end_of_a_credential_waits_for_the_end_of_the_frame() {
        let (client, mut browser) = tokio::io::duplex(64);
        let (upstream, mut service) = tokio::io::duplex(64);
        let life = Some(Duration::from_millis(20));
        let carried = Carried::default();
        let joining = join(client, upstream, life, &carried);
        let frame_and_more = [0x82, 3, b'a', b'b', b'c', 0x82, 1, b'd'];
        let playing = async {
            service.write_all(&frame_and_more[..3]).await.unwrap();
            let mut seen = vec![0; 3];
            browser.read_exact(&mut seen).await.unwrap();
            tokio::time::sleep(Duration::from_millis(60)).await;
            service.write_all(&frame_and_more[3..]).await.unwrap();
            browser.read_to_end(&mut seen).await.unwrap();
            seen
        };
        let ((), seen) = tokio::join!(joining, playing);
        assert_eq!(seen, [&[0x82, 3, b'a', b'b', b'c'], CLOSE_POLICY_VIOLATION].concat());
        assert_eq!((carried.up.bytes(), carried.down.bytes()), (0, 5), "what was said for the upstream");
    }

    #[tokio::test]
    async fn a_frame_that_never_ends_is_cut_off() {
        let (client, mut browser) = tokio::io::duplex(64);
        let (upstream, mut service) = tokio::io::duplex(64);
        let carried = Carried::default();
        let joining = join(client, upstream, Some(Duration::from_millis(10)), &carried);
        service.write_all(&[0x82, 3, b'a']).await.unwrap();
        let reading = async {
            let mut seen = Vec::new();
            browser.read_to_end(&mut seen).await.unwrap();
            seen
        };
        let ((), seen) = tokio::join!(joining, reading);
        assert_eq!(seen, [0x82, 3, b'a']);
    }
}
