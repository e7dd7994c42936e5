//! Finding the same operation in both documents, and comparing all of it.

use std::collections::HashMap;

use portcullis_config::Diagnostics;

use super::findings::Changes;
use super::schemas::Comparer;
use super::security::Demand;
use super::{Change, Code, Pair, answers, extensions, parameters, security};
use crate::compile::methods;
use crate::graphql::GRAPHQL;
use crate::lifecycle::{Lifecycle, LifecycleChange, State};
use crate::reading::{Findings, Node};

/// An operation and its path.
struct Found<'d> {
    /// `METHOD /path`, as it is written.
    name: String,
    item: Node<'d>,
    operation: Node<'d>,
}

/// Compares all that two documents say.
pub(super) fn compare(old: &Node<'_>, new: &Node<'_>) -> Vec<Change> {
    let mut changes = Changes::default();
    let mut comparer = Comparer::default();
    security::compare_schemes(&Pair { old, new }, &mut changes);
    let (before, now) = (found(old), found(new));
    let by_key: HashMap<&str, &Found<'_>> = now.iter().map(|(key, found)| (key.as_str(), found)).collect();
    for (key, one) in &before {
        changes.enter(one.name.clone());
        let Some(other) = by_key.get(key.as_str()) else {
            changes.add(
                Code::OperationRemoved,
                Some(&one.operation),
                None,
                format!("`{}` is gone", one.name),
            );
            continue;
        };
        let operations = Pair { old: &one.operation, new: &other.operation };
        let items = Pair { old: &one.item, new: &other.item };
        let demands = (Demand::of(operations.old, old), Demand::of(operations.new, new));
        security::compare(&demands.0, &demands.1, &mut changes);
        compare_lives(&life(old, one), &life(new, other), &operations, &mut changes);
        parameters::compare(&items, &operations, &mut comparer, &mut changes);
        parameters::compare_bodies(&operations, &mut comparer, &mut changes);
        extensions::compare(GRAPHQL, operations.old, operations.new, "the operation", &mut changes);
        answers::compare(&operations, &mut comparer, &mut changes);
    }
    let known: HashMap<&str, ()> = before.iter().map(|(key, _)| (key.as_str(), ())).collect();
    for (_, one) in now.iter().filter(|(key, _)| !known.contains_key(key.as_str())) {
        changes.enter(one.name.clone());
        if Demand::of(&one.operation, new).is_public() {
            let sentence = format!("`{}` is new, and anybody may call it", one.name);
            changes.add(Code::PublicOperationAdded, None, Some(&one.operation), sentence);
        }
    }
    changes.leave();
    changes.finish()
}

/// The operations of a document, each under its method and the shape of its path: names of parameters do not matter.
fn found<'d>(root: &Node<'d>) -> Vec<(String, Found<'d>)> {
    let mut all = Vec::new();
    // What is wrong with a path is for `check` to say.
    let mut unheard = Diagnostics::new();
    let mut findings = Findings::new(&mut unheard);
    for (path, item) in root.child("paths").iter().flat_map(Node::members) {
        let Some(item) = item.resolved().ok().filter(|_| path.starts_with('/')) else { continue };
        for (method, operation) in methods(&item, &mut findings) {
            let name = format!("{method} {path}");
            all.push((format!("{method} {}", shape(path)), Found { name, item: item.clone(), operation }));
        }
    }
    all
}

fn shape(path: &str) -> String {
    let mut shape = String::with_capacity(path.len());
    let mut is_inside = false;
    for letter in path.chars() {
        match letter {
            '{' => is_inside = true,
            '}' => is_inside = false,
            _ if is_inside => continue,
            _ => {}
        }
        shape.push(letter);
    }
    shape
}

fn life(root: &Node<'_>, found: &Found<'_>) -> Lifecycle {
    let mut unheard = Diagnostics::new();
    let mut findings = Findings::new(&mut unheard);
    let undecided = LifecycleChange::default();
    let mut life = Lifecycle::default();
    for node in [root, &found.item, &found.operation] {
        life = Lifecycle::read(node, &life, &undecided, &mut findings);
    }
    life
}

fn compare_lives(old: &Lifecycle, new: &Lifecycle, operations: &Pair<'_, '_>, changes: &mut Changes) {
    let mut add =
        |code, sentence: &str| changes.add(code, Some(operations.old), Some(operations.new), sentence);
    match (old.state, new.state) {
        (State::Retired, State::Retired) => return,
        (State::Retired, _) => return add(Code::LifecycleExtended, "it was retired, and is served again"),
        (_, State::Retired) => return add(Code::OperationRetired, "it is retired"),
        _ => {}
    }
    match (old.sunset_at, new.sunset_at) {
        (Some(_), None) => add(Code::LifecycleExtended, "it was to end, and does not any more"),
        (Some(before), Some(now)) if now > before => {
            add(Code::LifecycleExtended, "it ends later than was said")
        }
        (Some(before), Some(now)) if now < before => {
            add(Code::SunsetAdvanced, "it ends earlier than was said")
        }
        (Some(_), Some(_)) | (None, _) => {}
    }
}
