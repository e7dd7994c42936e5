//! The record as an operator has it: lines of JSON.

use portcullis_audit::Memory;
use portcullis_testkit::wait;
use serde_json::Value;

/// The record of one gateway.
pub(crate) struct Record(pub(crate) Memory);

impl Record {
    /// The events so far that are about requests, in order; alerts only name them. A last line without its end is
    /// still being written.
    pub(crate) fn requests(&self) -> Vec<Value> {
        let is_request = |event: &Value| event["receipt"].is_string() && event.get("detector").is_none();
        self.all().into_iter().filter(is_request).collect()
    }

    /// Every event so far.
    pub(crate) fn all(&self) -> Vec<Value> {
        let text = self.text();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    /// Everything that was written.
    pub(crate) fn text(&self) -> String {
        self.0.text()
    }

    /// The request events, once there are `count` of them.
    #[track_caller]
    pub(crate) fn wait_for(&self, count: usize) -> Vec<Value> {
        wait::until_some(&format!("{count} audit events"), || {
            let events = self.requests();
            (events.len() >= count).then_some(events)
        })
    }

    /// The first event that fits, once there is one.
    #[track_caller]
    pub(crate) fn wait_until(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        wait::until_some(what, || self.all().into_iter().find(|event| fits(event)))
    }
}
