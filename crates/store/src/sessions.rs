//! Sessions, as they are kept: found by the digest of their id, their content sealed for that digest.

use portcullis_domain::{
    Issuer, KeyedDigest, Secret, Session, SessionStore, SessionSummary, SessionsOf, StoreError, StoreFuture,
    Subject, Timestamp,
};

use crate::statement::{Statement, Value};
use crate::store::Store;

const BEGIN: &str = "INSERT INTO session (pepper, id, issuer, subject, sid, created_at, idle_at, ends_at, content) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const FIND: &str = "SELECT issuer, subject, sid, created_at, idle_at, ends_at, content FROM session \
    WHERE id = $1 AND idle_at > $2 AND ends_at > $2";
const RENEW: &str = "UPDATE session SET idle_at = $1, content = $2 WHERE id = $3";
const TOUCH: &str = "UPDATE session SET idle_at = $1 WHERE id = $2";
const END: &str = "DELETE FROM session WHERE id = $1";
const LIST_SUBJECT: &str = "SELECT issuer, subject, sid, created_at, idle_at, ends_at FROM session \
    WHERE issuer = $1 AND subject = $2 ORDER BY created_at LIMIT 1000";
const LIST_SID: &str = "SELECT issuer, subject, sid, created_at, idle_at, ends_at FROM session \
    WHERE issuer = $1 AND sid = $2 ORDER BY created_at LIMIT 1000";
const END_SUBJECT: &str = "DELETE FROM session WHERE issuer = $1 AND subject = $2";
const END_SID: &str = "DELETE FROM session WHERE issuer = $1 AND sid = $2";
const FORGET: &str = "DELETE FROM session WHERE ends_at <= $1 OR idle_at <= $1";

impl SessionStore for Store {
    fn begin_session(&self, id: &Secret, session: Session) -> StoreFuture<'_, ()> {
        let digest = self.keyring.session_digests(id).next();
        Box::pin(async move {
            let digest = digest.ok_or(StoreError::Unreadable)?;
            let content = self.keyring.seal(&place(&digest), &session.content)?;
            let parameters = [
                Value::from(u64::from(digest.pepper.0)),
                Value::from(digest.bytes.to_vec()),
                Value::from(session.issuer.as_str()),
                Value::from(session.subject.as_str()),
                Value::from(session.sid.as_deref()),
                Value::from(session.created_at),
                Value::from(session.idle_at),
                Value::from(session.ends_at),
                Value::from(content),
            ];
            self.write_one(Statement::new(BEGIN, parameters)).await.map(drop)
        })
    }

    fn find_session(&self, id: &Secret, now: Timestamp) -> StoreFuture<'_, Option<Session>> {
        let digests: Vec<_> = self.keyring.session_digests(id).collect();
        Box::pin(async move {
            for digest in digests {
                let parameters = [Value::from(digest.bytes.to_vec()), Value::from(now)];
                let Some(mut row) = self.read(Statement::new(FIND, parameters)).await?.into_iter().next()
                else {
                    continue;
                };
                return Ok(Some(Session {
                    issuer: Issuer::from(&*row.text()?),
                    subject: Subject::from(&*row.text()?),
                    sid: row.maybe_text()?.map(Into::into),
                    created_at: row.moment()?,
                    idle_at: row.moment()?,
                    ends_at: row.moment()?,
                    content: self.keyring.open(&place(&digest), &row.bytes()?)?,
                }));
            }
            Ok(None)
        })
    }

    fn renew_session(&self, id: &Secret, idle_at: Timestamp, content: &Secret) -> StoreFuture<'_, ()> {
        let digests: Vec<_> = self.keyring.session_digests(id).collect();
        let content = content.clone();
        Box::pin(async move {
            for digest in digests {
                let content = self.keyring.seal(&place(&digest), &content)?;
                let parameters =
                    [Value::from(idle_at), Value::from(content), Value::from(digest.bytes.to_vec())];
                if self.write_one(Statement::new(RENEW, parameters)).await? == 1 {
                    return Ok(());
                }
            }
            Err(StoreError::Conflict)
        })
    }

    fn touch_session(&self, id: &Secret, idle_at: Timestamp) -> StoreFuture<'_, ()> {
        let digests: Vec<_> = self.keyring.session_digests(id).collect();
        Box::pin(async move {
            for digest in digests {
                let parameters = [Value::from(idle_at), Value::from(digest.bytes.to_vec())];
                if self.write_one(Statement::new(TOUCH, parameters)).await? == 1 {
                    return Ok(());
                }
            }
            Err(StoreError::Conflict)
        })
    }

    fn end_session(&self, id: &Secret) -> StoreFuture<'_, ()> {
        let end = |digest: KeyedDigest| Statement::new(END, [Value::from(digest.bytes.to_vec())]);
        let ends: Vec<_> = self.keyring.session_digests(id).map(end).collect();
        Box::pin(async move { self.write(ends).await.map(drop) })
    }

    fn list_sessions(&self, of: SessionsOf) -> StoreFuture<'_, Vec<SessionSummary>> {
        let statement = match of {
            SessionsOf::Subject { issuer, subject } => {
                Statement::new(LIST_SUBJECT, [Value::from(issuer.as_str()), Value::from(subject.as_str())])
            }
            SessionsOf::Sid { issuer, sid } => {
                Statement::new(LIST_SID, [Value::from(issuer.as_str()), Value::from(&*sid)])
            }
        };
        Box::pin(async move {
            let mut sessions = Vec::new();
            for mut row in self.read(statement).await? {
                sessions.push(SessionSummary {
                    issuer: Issuer::from(&*row.text()?),
                    subject: Subject::from(&*row.text()?),
                    sid: row.maybe_text()?.map(Into::into),
                    created_at: row.moment()?,
                    idle_at: row.moment()?,
                    ends_at: row.moment()?,
                });
            }
            Ok(sessions)
        })
    }

    fn end_sessions(&self, of: SessionsOf) -> StoreFuture<'_, u64> {
        let statement = match of {
            SessionsOf::Subject { issuer, subject } => {
                Statement::new(END_SUBJECT, [Value::from(issuer.as_str()), Value::from(subject.as_str())])
            }
            SessionsOf::Sid { issuer, sid } => {
                Statement::new(END_SID, [Value::from(issuer.as_str()), Value::from(&*sid)])
            }
        };
        Box::pin(self.write_one(statement))
    }

    fn forget_sessions(&self, now: Timestamp) -> StoreFuture<'_, u64> {
        Box::pin(self.write_one(Statement::new(FORGET, [Value::from(now)])))
    }
}

/// What a session's content is sealed for: table, column and row.
fn place(digest: &KeyedDigest) -> Vec<u8> {
    [b"session.content.".as_slice(), &digest.bytes].concat()
}
