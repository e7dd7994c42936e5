//! Counts that are in the memory of this process alone, for the operator's listener: all of them where there is no
//! store, and else those of the last seconds.

use portcullis_domain::{CallEnd, Usage};
use serde_json::{Value, json};

use super::Observatory;

impl Observatory {
    /// What is not in any store, as JSON: one member for each consumer, operation and day.
    pub(crate) async fn view(&self) -> Value {
        let waiting = self.keeper.lock().await.waiting(self);
        Value::Array(waiting.iter().map(shown).collect())
    }
}

fn shown(usage: &Usage) -> Value {
    let ends = CallEnd::ALL.map(|end| (end.name().to_owned(), json!(usage.ends.ended(end))));
    json!({
        "api": usage.operation.api,
        "version": usage.operation.version,
        "operation": usage.operation.operation,
        "kind": usage.consumer.kind.name(),
        "issuer": usage.consumer.issuer,
        "subject": usage.consumer.subject,
        "client": usage.consumer.client,
        "ends": Value::Object(ends.into_iter().collect()),
        "first_at": usage.first_at.as_millis(),
        "last_at": usage.last_at.as_millis(),
    })
}
