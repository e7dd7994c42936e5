//! Breaks a stage on purpose, to show that the walk survives it (ERR-06).
//!
//! In: the stage that is to panic. Called by [`crate::trace`] wherever a stage has said something. Exists in
//! the unit tests of this crate and nowhere else: no build that serves anybody has this switch.

use std::sync::{Mutex, PoisonError};

use portcullis_domain::Stage;

static TARGET: Mutex<Option<Stage>> = Mutex::new(None);

/// Lets every request break in this stage from now on; none, with `None`.
fn aim(stage: Option<Stage>) {
    *TARGET.lock().unwrap_or_else(PoisonError::into_inner) = stage;
}

/// Panics if `stage` is the one that is to break.
pub(crate) fn strike(stage: Stage) {
    let target = *TARGET.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(target != Some(stage), "sabotage of {stage}");
}

#[cfg(test)]
mod tests {
    use portcullis_audit::{Memory, SinkChoice};
    use portcullis_config::Environment;
    use portcullis_domain::{Clock, Reason};
    use portcullis_testkit::{Answer, Authority, RawClient, Upstream, Workspace, wait};
    use portcullis_tls::PublicRoots;
    use serde_json::{Value, json};

    use super::*;
    use crate::{Gateway, Options, Watch};

    fn policy(upstream: &Upstream) -> Value {
        json!({
            "listen": [{ "address": "127.0.0.1:0", "protocol": "plaintext", "plaintext": "serve" }],
            "apis": { "shop": {
                "operations": [{ "method": "GET", "path": "/public", "access": "public" }],
                "hosts": ["api.test"],
                "upstream": { "addresses": [upstream.url()] },
            } },
            "timeouts": { "drain": "200ms" },
            "workers": 1,
        })
    }

    fn events(record: &Memory) -> Vec<Value> {
        let text = record.text();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let all = whole.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        all.filter(|event| event["receipt"].is_string()).collect()
    }

    // proves: ERR-06
    #[test]
    fn a_panic_in_any_stage_is_answered_and_recorded_and_takes_nobody_down() {
        let upstream = Upstream::answering(Answer::ok("hello"));
        let workspace = Workspace::new();
        let file = workspace.file("portcullis.yaml", policy(&upstream).to_string());
        let record = Memory::default();
        let gateway = Gateway::start(Options {
            file,
            environment: Environment::fixed([("UNUSED", "")]).with_base(workspace.root()),
            clock: Clock::machine(),
            record: Some(SinkChoice::Memory(record.clone())),
            roots: PublicRoots::fixed((*Authority::new().roots()).clone()),
            watch: Watch::Nothing,
        })
        .unwrap_or_else(|error| panic!("{error:?}"));
        let request = "GET /public HTTP/1.1\r\nHost: api.test\r\n\r\n";
        let mut bystander = RawClient::connect(gateway.addresses()[0]);
        assert_eq!(bystander.ask(request).status, 200);
        let (mut asked, mut forwarded) = (1, 1);

        let broken = Stage::ALL.into_iter().filter(|stage| !matches!(stage, Stage::Respond | Stage::Record));
        // The inspect stage has no code yet.
        for stage in broken.filter(|stage| *stage != Stage::Inspect) {
            aim(Some(stage));
            let response = RawClient::connect(gateway.addresses()[0]).ask(request);
            aim(None);
            assert_eq!(response.status, 500, "{stage}: {response:#?}");
            assert_eq!(response.header("content-type"), Some("application/problem+json"));
            let problem = response.json();
            assert_eq!(problem["code"], Reason::InternalFault.code(), "{stage}: {problem:#}");
            assert!(!problem.to_string().contains("sabotage"), "{stage}: {problem:#}");

            // One event, the process goes on, and whoever was connected stays so.
            asked += 1;
            wait::until("the event", || events(&record).len() >= asked);
            let recorded = events(&record);
            assert_eq!(recorded.len(), asked, "{stage}: {recorded:#?}");
            assert_eq!(recorded.last().unwrap()["reason"], Reason::InternalFault.code(), "{stage}");
            assert_eq!(recorded.last().unwrap()["receipt"].as_str(), response.header("x-request-id"));
            forwarded += usize::from(stage >= Stage::Forward);
            assert_eq!(upstream.count(), forwarded, "{stage}: forwarded although a stage broke");
            assert_eq!(bystander.ask(request).status, 200, "{stage}");
            asked += 1;
            forwarded += 1;
        }
        gateway.shutdown();
    }
}
