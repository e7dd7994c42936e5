//! Comparing what an operation takes: parameters and body.

use std::collections::BTreeMap;

use portcullis_config::ByteSize;

use super::findings::Changes;
use super::schemas::{Comparer, Direction};
use super::{Code, Pair, extensions};
use crate::compile::BODY_LIMIT;
use crate::parameter::PAGE_LIMIT;
use crate::reading::Node;

/// Compares the parameters of an operation and its path.
pub(super) fn compare(
    items: &Pair<'_, '_>,
    operations: &Pair<'_, '_>,
    comparer: &mut Comparer,
    changes: &mut Changes,
) {
    let (before, now) = (declared(items.old, operations.old), declared(items.new, operations.new));
    for (key, old) in &before {
        let Some(new) = now.get(key) else {
            // A path parameter under another name is the same segment.
            if key.0 != "path" {
                let sentence = format!("{} is not taken any more", named(old));
                changes.add(Code::ParameterRemoved, Some(old), Some(operations.new), sentence);
            }
            continue;
        };
        let what = named(new);
        match (is_required(old), is_required(new)) {
            (false, true) => {
                changes.add(Code::ParameterRequired, Some(old), Some(new), format!("{what} must be sent"));
            }
            (true, false) => {
                let sentence = format!("{what} need not be sent any more");
                changes.add(Code::RequiredDropped, Some(old), Some(new), sentence);
            }
            (true, true) | (false, false) => {}
        }
        let written = |node: &Node<'_>, part: &str| node.value().get(part).cloned();
        if let Some(part) = ["style", "explode", "allowReserved"]
            .into_iter()
            .find(|part| written(old, part) != written(new, part))
        {
            let sentence = format!("{what} is written with another `{part}`");
            changes.add(Code::ParameterStyleChanged, Some(old), Some(new), sentence);
        }
        extensions::compare(PAGE_LIMIT, old, new, &what, changes);
        if let (Some(old), Some(new)) = (schema(old), schema(new)) {
            comparer.compare(&old, &new, Direction::Request, &what, changes);
        }
    }
    for (key, new) in now.iter().filter(|(key, new)| !before.contains_key(*key) && is_required(new)) {
        if key.0 != "path" {
            let sentence = format!("{} must be sent", named(new));
            changes.add(Code::ParameterRequired, Some(operations.old), Some(new), sentence);
        }
    }
}

/// Compares the bodies that an operation takes.
pub(super) fn compare_bodies(operations: &Pair<'_, '_>, comparer: &mut Comparer, changes: &mut Changes) {
    let old = operations.old.child("requestBody").and_then(|body| body.resolved().ok());
    let new = operations.new.child("requestBody").and_then(|body| body.resolved().ok());
    compare_limits(operations, changes);
    match (&old, &new) {
        (None, None) => {}
        (Some(old), None) => {
            changes.add(Code::BodyRemoved, Some(old), Some(operations.new), "a body is not taken any more");
        }
        (None, Some(new)) => {
            if is_required(new) {
                changes.add(Code::BodyRequired, Some(operations.old), Some(new), "a body must be sent");
            }
        }
        (Some(old), Some(new)) => {
            match (is_required(old), is_required(new)) {
                (false, true) => {
                    changes.add(Code::BodyRequired, Some(old), Some(new), "the body must be sent");
                }
                (true, false) => {
                    changes.add(
                        Code::RequiredDropped,
                        Some(old),
                        Some(new),
                        "the body need not be sent any more",
                    );
                }
                (true, true) | (false, false) => {}
            }
            for (media_type, before) in content(old) {
                let Some(now) = new.child("content").and_then(|content| content.child(media_type)) else {
                    let sentence = format!("the body is not taken as `{media_type}` any more");
                    changes.add(Code::MediaTypeRemoved, Some(&before), Some(new), sentence);
                    continue;
                };
                if let (Some(before), Some(now)) = (before.child("schema"), now.child("schema")) {
                    comparer.compare(&before, &now, Direction::Request, "the body", changes);
                }
            }
        }
    }
}

fn compare_limits(operations: &Pair<'_, '_>, changes: &mut Changes) {
    let (old, new) = (limit(operations.old), limit(operations.new));
    match (&old, &new) {
        (Some((before, old)), None) => {
            let sentence = format!("the body's own limit of {before} bytes is gone");
            changes.add(Code::BodyLimitRaised, Some(old), Some(operations.new), sentence);
        }
        (Some((before, old)), Some((now, new))) if before != now => {
            let code = if now > before { Code::BodyLimitRaised } else { Code::BodyLimitLowered };
            let sentence = format!("the body's limit went from {before} to {now} bytes");
            changes.add(code, Some(old), Some(new), sentence);
        }
        (None, Some((now, new))) => {
            let sentence = format!("the body has a limit of its own: {now} bytes");
            changes.add(Code::BodyLimitLowered, Some(operations.old), Some(new), sentence);
        }
        (Some(_), Some(_)) | (None, None) => {}
    }
}

fn limit<'d>(operation: &Node<'d>) -> Option<(usize, Node<'d>)> {
    let node = operation.child(BODY_LIMIT)?;
    let size = serde_json::from_value::<ByteSize>(node.value().clone()).ok()?;
    Some((size.as_usize(), node))
}

/// The media types of a body or answer.
pub(super) fn content<'d>(node: &Node<'d>) -> Vec<(&'d str, Node<'d>)> {
    node.child("content").iter().flat_map(|content| content.members().collect::<Vec<_>>()).collect()
}

/// Parameters by place and name; the operation's own before the path's.
fn declared<'d>(item: &Node<'d>, operation: &Node<'d>) -> BTreeMap<(String, String), Node<'d>> {
    let mut found = BTreeMap::new();
    for list in [item, operation] {
        for parameter in list.child("parameters").iter().flat_map(Node::items) {
            let Ok(parameter) = parameter.resolved() else { continue };
            let (Some(place), Some(name)) = (parameter.text("in"), parameter.text("name")) else { continue };
            let name = if place == "header" { name.to_ascii_lowercase() } else { name.to_owned() };
            found.insert((place.to_owned(), name), parameter);
        }
    }
    found
}

fn schema<'d>(parameter: &Node<'d>) -> Option<Node<'d>> {
    let of_content = || content(parameter).into_iter().next()?.1.child("schema");
    parameter.child("schema").or_else(of_content)
}

fn is_required(node: &Node<'_>) -> bool {
    node.says("required") || node.text("in") == Some("path")
}

fn named(parameter: &Node<'_>) -> String {
    let part = |name| parameter.text(name).unwrap_or_default();
    format!("{} parameter `{}`", part("in"), part("name"))
}
