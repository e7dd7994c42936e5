//! Sessions.

use portcullis_domain::{Issuer, Secret, Session, SessionStore, SessionsOf, StoreError, Subject, Timestamp};

use crate::bench::Bench;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(NOW.as_seconds() + seconds)
}

fn id(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

fn session(subject: &str, sid: &str) -> Session {
    Session {
        subject: Subject::from(subject),
        issuer: Issuer::from("https://id.example"),
        sid: Some(sid.into()),
        created_at: NOW,
        idle_at: at(600),
        ends_at: at(3600),
        content: id("a refresh token"),
    }
}

fn of_subject(subject: &str) -> SessionsOf {
    SessionsOf::Subject { issuer: Issuer::from("https://id.example"), subject: Subject::from(subject) }
}

pub(crate) async fn a_session_is_found_by_its_id_until_it_ends(bench: &Bench) {
    bench.store.begin_session(&id("cookie-1"), session("alice", "s-1")).await.unwrap();
    let again = bench.store.begin_session(&id("cookie-1"), session("mallory", "s-2")).await;
    assert_eq!(again, Err(StoreError::Conflict));
    let found = bench.store.find_session(&id("cookie-1"), at(599)).await.unwrap().unwrap();
    assert_eq!((found.subject.as_str(), found.sid.as_deref()), ("alice", Some("s-1")));
    assert_eq!(found.content.expose(), b"a refresh token");
    assert!(bench.store.find_session(&id("cookie-2"), NOW).await.unwrap().is_none());
    assert!(bench.store.find_session(&id("cookie-1"), at(600)).await.unwrap().is_none(), "idle");
    bench.store.touch_session(&id("cookie-1"), at(601)).await.unwrap();
    let touched = bench.store.find_session(&id("cookie-1"), at(600)).await.unwrap().unwrap();
    assert_eq!((touched.idle_at, touched.content.expose()), (at(601), b"a refresh token".as_slice()));
    assert_eq!(bench.store.touch_session(&id("cookie-2"), at(601)).await, Err(StoreError::Conflict));
    bench.store.renew_session(&id("cookie-1"), at(9999), &id("x")).await.unwrap();
    assert!(bench.store.find_session(&id("cookie-1"), at(3599)).await.unwrap().is_some());
    assert!(bench.store.find_session(&id("cookie-1"), at(3600)).await.unwrap().is_none(), "at its end");
    assert_eq!(bench.store.forget_sessions(at(3600)).await, Ok(1));
}

pub(crate) async fn sessions_end_by_subject_and_by_sid(bench: &Bench) {
    for (cookie, subject, sid) in [("1", "alice", "s-1"), ("2", "alice", "s-2"), ("3", "bob", "s-3")] {
        bench.store.begin_session(&id(cookie), session(subject, sid)).await.unwrap();
    }
    assert_eq!(bench.store.list_sessions(of_subject("alice")).await.unwrap().len(), 2);
    let sid = SessionsOf::Sid { issuer: Issuer::from("https://id.example"), sid: "s-3".into() };
    assert_eq!(bench.store.end_sessions(sid).await, Ok(1));
    assert!(bench.store.find_session(&id("3"), NOW).await.unwrap().is_none());
    bench.store.end_session(&id("1")).await.unwrap();
    bench.store.end_session(&id("1")).await.unwrap();
    assert_eq!(bench.store.end_sessions(of_subject("alice")).await, Ok(1));
    assert_eq!(bench.store.list_sessions(of_subject("alice")).await, Ok(Vec::new()));
}

pub(crate) async fn renewing_replaces_the_content(bench: &Bench) {
    bench.store.begin_session(&id("1"), session("alice", "s-1")).await.unwrap();
    bench.store.renew_session(&id("1"), at(1200), &id("a newer token")).await.unwrap();
    let found = bench.store.find_session(&id("1"), at(1199)).await.unwrap().unwrap();
    assert_eq!(found.content.expose(), b"a newer token");
    assert_eq!(bench.store.renew_session(&id("2"), at(1), &id("x")).await, Err(StoreError::Conflict));
}

// proves-part: KEY-11 (that a master key's rotation re-encrypts what is kept)
#[tokio::test]
async fn content_that_was_moved_does_not_open() {
    moved_content_does_not_open(&Bench::sqlite()).await;
    moved_content_does_not_open(&Bench::postgres()).await;
}

async fn moved_content_does_not_open(bench: &Bench) {
    bench.store.begin_session(&id("1"), session("alice", "s-1")).await.unwrap();
    bench.store.begin_session(&id("2"), session("mallory", "s-2")).await.unwrap();
    bench.run(
        "UPDATE session SET content = (SELECT content FROM session WHERE subject = 'alice') \
         WHERE subject = 'mallory'",
    );
    assert_eq!(
        bench.store.find_session(&id("2"), NOW).await.map(|_| ()),
        Err(StoreError::Unreadable),
        "another's tokens were handed out"
    );
    assert!(bench.store.find_session(&id("1"), NOW).await.unwrap().is_some());
}

pub(crate) async fn nothing_of_a_session_is_readable_at_rest(bench: &Bench) {
    bench.store.begin_session(&id("an unguessable cookie"), session("alice", "s-1")).await.unwrap();
    assert!(bench.holds(b"alice"), "the dump is not what it should be");
    assert!(!bench.holds(b"an unguessable cookie"));
    assert!(!bench.holds(b"a refresh token"));
}
