//! Comparing what an operation promises to answer.

use super::findings::Changes;
use super::parameters::content;
use super::schemas::{Comparer, Direction};
use super::{Code, Pair};
use crate::reading::Node;

/// Compares the answers of an operation.
pub(super) fn compare(operations: &Pair<'_, '_>, comparer: &mut Comparer, changes: &mut Changes) {
    let Some(before) = operations.old.child("responses") else { return };
    let now = operations.new.child("responses");
    for (status, old) in before.members().filter(|(status, _)| !status.starts_with("x-")) {
        let Ok(old) = old.resolved() else { continue };
        let new = now.as_ref().and_then(|now| now.child(status)).and_then(|new| new.resolved().ok());
        let Some(new) = new else {
            // That something fails in fewer ways breaks nobody.
            if status.starts_with('2') {
                let sentence = format!("status {status} is not promised any more");
                changes.add(Code::ResponseRemoved, Some(&old), Some(operations.new), sentence);
            }
            continue;
        };
        compare_one(status, &Pair { old: &old, new: &new }, comparer, changes);
    }
}

fn compare_one(status: &str, pair: &Pair<'_, '_>, comparer: &mut Comparer, changes: &mut Changes) {
    let Pair { old, new } = pair;
    for (name, header) in old.child("headers").iter().flat_map(Node::members) {
        let headers = new.child("headers");
        let is_there = headers.iter().flat_map(Node::members).any(|(own, _)| own.eq_ignore_ascii_case(name));
        if !is_there {
            let sentence = format!("header `{name}` of the {status} is not promised any more");
            changes.add(Code::ResponseHeaderRemoved, Some(&header), Some(new), sentence);
        }
    }
    for (media_type, before) in content(old) {
        let Some(now) = new.child("content").and_then(|content| content.child(media_type)) else {
            let sentence = format!("the {status} does not come as `{media_type}` any more");
            changes.add(Code::ResponseMediaTypeRemoved, Some(&before), Some(new), sentence);
            continue;
        };
        if let (Some(before), Some(now)) = (before.child("schema"), now.child("schema")) {
            comparer.compare(&before, &now, Direction::Answer, &format!("the {status}"), changes);
        }
    }
}
