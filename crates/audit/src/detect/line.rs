//! What of an observation stands in its line of the record, so that replay sees what detection saw.
//!
//! Only what the rest of the line does not say: the roles together, the token, the objects with what came of them,
//! and a try to log in. Digests under the process's key; no password, and no address that does not stand there anyway.

use super::observation::{LoginOutcome, Observation, SeenObject};
use crate::line::Line;

/// Most objects of one request that are written.
pub(super) const OBJECTS: usize = 20;

impl Observation {
    /// Appends the member `seen`, if there is anything to say.
    pub(crate) fn write(&self, line: &mut Line<'_>) {
        let login = self.rare.as_ref().and_then(|rare| rare.login);
        if self.cohort == 0 && self.token.is_none() && self.objects.is_empty() && login.is_none() {
            return;
        }
        line.raw("seen", |buffer| {
            buffer.push(b'{');
            let mut is_first = true;
            let mut digest = |buffer: &mut Vec<u8>, name: &str, digest: u64| {
                if !std::mem::take(&mut is_first) {
                    buffer.push(b',');
                }
                push_digest(buffer, name, digest);
            };
            if self.cohort != 0 {
                digest(buffer, "cohort", self.cohort);
            }
            if let Some(token) = self.token {
                digest(buffer, "token", token);
            }
            if self.reads_in_bulk && self.cohort != 0 {
                buffer.extend_from_slice(b",\"bulk\":true");
            }
            if let Some(login) = login {
                digest(buffer, "account", login.account);
                let outcome: &[u8] = match login.outcome {
                    LoginOutcome::Succeeded => b",\"login\":\"succeeded\"",
                    LoginOutcome::Failed => b",\"login\":\"failed\"",
                };
                buffer.extend_from_slice(outcome);
            }
            if !self.objects.is_empty() {
                buffer.extend_from_slice(if is_first { b"\"objects\":[" } else { b",\"objects\":[" });
                for (index, object) in self.objects.iter().take(OBJECTS).enumerate() {
                    buffer.extend_from_slice(if index == 0 { b"{" } else { b",{" });
                    push_object(buffer, object);
                    buffer.push(b'}');
                }
                buffer.push(b']');
            }
            buffer.push(b'}');
        });
    }
}

fn push_object(buffer: &mut Vec<u8>, object: &SeenObject) {
    push_digest(buffer, "kind", object.kind);
    buffer.push(b',');
    push_digest(buffer, "id", object.id);
    buffer.extend_from_slice(b",\"fate\":\"");
    buffer.extend_from_slice(object.fate.name().as_bytes());
    buffer.push(b'"');
}

fn push_digest(buffer: &mut Vec<u8>, name: &str, digest: u64) {
    buffer.push(b'"');
    buffer.extend_from_slice(name.as_bytes());
    buffer.extend_from_slice(b"\":\"");
    let mut hexadecimal = [0; 16];
    // Sixteen digits are what eight bytes take.
    if hex::encode_to_slice(digest.to_be_bytes(), &mut hexadecimal).is_ok() {
        buffer.extend_from_slice(&hexadecimal);
    }
    buffer.push(b'"');
}
