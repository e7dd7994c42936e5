//! Traffic as it is counted: who called what, and what was called that nobody declares.

mod counted;
mod learning;
mod strays;

use std::future::Future;
use std::time::Duration;

use portcullis_domain::{CallEnds, Secret, Timestamp, Usage, UsageStore as _};
use portcullis_store::{Location, RootSecrets, Settings, Store};
use serde_json::{Value, json};

use crate::walk::{Setup, Walk};

const ALWAYS: Timestamp = Timestamp::from_millis(0);

/// A gateway that keeps what it counts.
fn keeping() -> Setup {
    Setup::new().secret("root", SECRET).policy(json!({ "store": { "secret": "${file:root}" } }))
}

const SECRET: &str = "d1f5c0a97b3e64821c0de5a4b7936f2840cc7b19";

/// The store as another process sees it.
fn store(walk: &Walk) -> Store {
    let settings = Settings {
        location: Location::File(walk.workspace.path(".portcullis/store.db")),
        secrets: RootSecrets::Given { newest: Secret::new(SECRET.into()), previous: Vec::new() },
        poll: Duration::from_millis(50),
        grace: Duration::from_secs(1),
    };
    Store::open(&settings).expect("a store")
}

/// Waits for an answer.
fn done<T>(answer: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(answer)
}

/// What was counted until the gateway stopped.
fn used(walk: &mut Walk) -> Vec<Usage> {
    walk.stop();
    done(store(walk).usage_since(ALWAYS)).unwrap()
}

/// The counts of one consumer at one operation.
fn ends(used: &[Usage], operation: &str, subject: &str) -> Value {
    let of_pair = used
        .iter()
        .filter(|usage| &*usage.operation.operation == operation && &*usage.consumer.subject == subject);
    let mut sum = CallEnds::default();
    of_pair.for_each(|usage| sum.add(&usage.ends));
    let ends = portcullis_domain::CallEnd::ALL.map(|end| (end.name().to_owned(), json!(sum.ended(end))));
    Value::Object(ends.into_iter().filter(|(_, count)| *count != json!(0)).collect())
}
