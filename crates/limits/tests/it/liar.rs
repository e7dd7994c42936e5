//! A double that is no server at all, or a bad one: garbage, lies, half answers, a connection that is reset.
//!
//! In all of these the gateway counts alone at once, and nobody waits for longer than is set.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use portcullis_limits::Purpose;
use portcullis_limits::shared::{Change, Fault};

use crate::site::{Site, alice, hourly, settings};

/// What the double answers to one thing that it is asked.
type Answers = fn(usize) -> Vec<u8>;

/// Starts a double. `answers` gets the number of the command within the connection, from zero.
fn liar(answers: Answers) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(stream, answers));
        }
    });
    address
}

/// Reads whole commands by their count of lines, and answers each.
fn serve(mut stream: TcpStream, answers: Answers) {
    let (mut seen, mut pending) = (0, Vec::new());
    let mut buffer = [0; 65_536];
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        pending.extend_from_slice(&buffer[..read]);
        while let Some(length) = command(&pending) {
            pending.drain(..length);
            let answer = answers(seen);
            seen += 1;
            if answer.is_empty() || stream.write_all(&answer).is_err() {
                return;
            }
        }
    }
}

/// The length of the first command, if all of it is there.
fn command(bytes: &[u8]) -> Option<usize> {
    let line = |from: usize| -> Option<(usize, usize)> {
        let end = from + bytes.get(from..)?.windows(2).position(|two| two == b"\r\n")?;
        let number = std::str::from_utf8(&bytes[from + 1..end]).ok()?.parse().ok()?;
        Some((number, end + 2))
    };
    let (words, mut at) = line(0)?;
    for _ in 0..words {
        let (length, after) = line(at)?;
        at = after + length + 2;
    }
    (at <= bytes.len()).then_some(at)
}

/// What a server says that is asked to log in, to take the script, and to run the trial.
fn honest_at_first(seen: usize, then: &str) -> Vec<u8> {
    match seen {
        0 => b"+OK\r\n".to_vec(),
        1 => format!("$40\r\n{}\r\n", "a".repeat(40)).into_bytes(),
        2 => b"*5\r\n:1\r\n:1700000000\r\n:5\r\n:0\r\n:0\r\n".to_vec(),
        _ => then.as_bytes().to_vec(),
    }
}

/// Whether the double is taken for a server at first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Looks {
    Honest,
    Wrong,
}

async fn check(looks: Looks, answers: Answers, expected: &[Fault]) {
    let mut hasty = settings(&[liar(answers)]);
    hasty.timeout = Duration::from_millis(200);
    let site = Site::with(hasty, hourly(10), Purpose::Use);
    if looks == Looks::Honest {
        site.connected().await;
    }
    let began = site.now().mono;
    // It may be connected when the first of these come, or not yet, or not any more: all are counted alone.
    let mut admitted = 0;
    while site.shared.tally().alone < 40 {
        admitted += usize::from(site.take(alice()).await.is_ok());
        tokio::task::yield_now().await;
    }
    let Change::Lost(fault) = &site.told(1).await[0] else { panic!("there is no server") };
    assert!(expected.contains(fault), "{fault:?} of {:?}", String::from_utf8_lossy(&answers(9)));
    assert_eq!(admitted, 5);
    assert!(site.now().mono - began < Duration::from_secs(15));
}

#[tokio::test]
async fn garbage_is_no_answer() {
    check(
        Looks::Wrong,
        |_| b"\x16\x03\x01 HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        &[Fault::Nonsense, Fault::Login],
    )
    .await;
    check(Looks::Wrong, |_| vec![0xff; 100_000], &[Fault::Nonsense, Fault::Login]).await;
    check(Looks::Wrong, |_| b"*100000000\r\n".to_vec(), &[Fault::Slow]).await;
    check(Looks::Wrong, |_| b"$999999999999\r\n".to_vec(), &[Fault::Nonsense, Fault::Slow]).await;
    check(
        Looks::Wrong,
        |_| b"-\x1b[31mOOM pretend\r\n".to_vec(),
        &[Fault::Login, Fault::Refused("ERR".into())],
    )
    .await;
    // The library says of an answer that is none to a login what it says of an error.
    check(Looks::Wrong, |_| b":1\r\n".to_vec(), &[Fault::Login, Fault::Refused("ERR".into())]).await;
}

#[tokio::test]
async fn a_connection_that_is_closed_is_lost() {
    let broken = |fault: &Fault| matches!(fault, Fault::Broken(_));
    assert!(broken(&Fault::Broken("".into())));
    let mut hasty = settings(&[liar(|_| Vec::new())]);
    hasty.timeout = Duration::from_millis(200);
    let site = Site::with(hasty, hourly(10), Purpose::Use);
    let Change::Lost(fault) = &site.told(1).await[0] else { panic!("there is no server") };
    assert!(broken(fault), "{fault:?}");
}

#[tokio::test]
async fn a_server_that_turns_to_lies_is_not_believed() {
    // Says that it was spent, though by the debt it tells there was nothing left to spend.
    check(
        Looks::Honest,
        |seen| honest_at_first(seen, "*5\r\n:1\r\n:1700000000\r\n:5\r\n:3600000000\r\n:0\r\n"),
        &[Fault::Nonsense],
    )
    .await;
    // Says that it was refused, though there is plenty.
    check(
        Looks::Honest,
        |seen| honest_at_first(seen, "*5\r\n:0\r\n:1700000000\r\n:5\r\n:0\r\n:0\r\n"),
        &[Fault::Nonsense],
    )
    .await;
    // Answers somebody else's question.
    check(
        Looks::Honest,
        |seen| honest_at_first(seen, "*3\r\n:1\r\n:1700000000\r\n:5\r\n"),
        &[Fault::Nonsense],
    )
    .await;
    check(
        Looks::Honest,
        |seen| honest_at_first(seen, "-BUSY running a script\r\n"),
        &[Fault::Refused("BUSY".into())],
    )
    .await;
    check(Looks::Honest, |seen| honest_at_first(seen, "*5\r\n:1\r\n"), &[Fault::Slow]).await;
}
