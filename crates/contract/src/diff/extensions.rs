//! Comparing extensions of ours that demand something of requests, as they are written.

use super::Code;
use super::findings::Changes;
use crate::reading::Node;

/// Compares the extension `name` of `old` and `new`, which are `what`.
pub(super) fn compare(name: &str, old: &Node<'_>, new: &Node<'_>, what: &str, changes: &mut Changes) {
    let (before, now) = (old.child(name), new.child(name));
    if before.as_ref().map(Node::value) == now.as_ref().map(Node::value) {
        return;
    }
    let (at_old, at_new) = (before.as_ref().unwrap_or(old), now.as_ref().unwrap_or(new));
    if before.is_some() {
        let sentence = format!("`{name}` of {what} is gone or another");
        changes.add(Code::ConditionRemoved, Some(at_old), Some(at_new), sentence);
    }
    if now.is_some() {
        let sentence = format!("`{name}` of {what} is new or another");
        changes.add(Code::ConditionAdded, Some(at_old), Some(at_new), sentence);
    }
}
