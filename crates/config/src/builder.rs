//! Builds a value and its spans from what a reader of YAML or JSON sees, and keeps the bounds.
//!
//! In: open, key, scalar, alias, close, in the order of the text. Out: the value and its spans. Called by
//! [`crate::yaml`] and [`crate::json`]. Every bound of [`Limits`] is kept here, so that no reader can
//! forget one.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::codes;
use crate::diagnostic::{Diagnostic, quote};
use crate::diagnostics::Diagnostics;
use crate::limits::Limits;
use crate::place::Place;
use crate::source::Source;
use crate::spans::Spans;

/// Reading cannot go on; the reason is among the diagnostics.
#[derive(Debug)]
pub(crate) struct Stop;

/// Mistakes of one file after which nobody reads on.
const MOST_MISTAKES: usize = 100;

pub(crate) struct Builder {
    source: Arc<Source>,
    limits: Limits,
    diagnostics: Diagnostics,
    open: Vec<Container>,
    root: Option<Part>,
    spent: Cost,
    anchors: BTreeMap<usize, Part>,
}

/// An object or array that is not closed yet.
struct Container {
    content: Content,
    start: usize,
    children: Vec<Spans>,
    /// The name by which aliases call it.
    anchor: Option<usize>,
    /// Spent when it was opened.
    before: Cost,
    /// The most levels below any of its children.
    height: usize,
}

enum Content {
    Object { members: Map<String, Value>, key: Option<Key> },
    Array(Vec<Value>),
}

struct Key {
    name: String,
    range: Range<usize>,
    /// Said before in the same object.
    repeated: bool,
}

/// A finished value.
#[derive(Clone)]
struct Part {
    value: Value,
    spans: Spans,
    cost: Cost,
    height: usize,
}

/// What a value takes of the bounds.
#[derive(Clone, Copy, Default)]
struct Cost {
    nodes: usize,
    text: usize,
}

impl Builder {
    pub(crate) fn new(source: &Arc<Source>, limits: &Limits) -> Self {
        Self {
            source: Arc::clone(source),
            limits: *limits,
            diagnostics: Diagnostics::new(),
            open: Vec::new(),
            root: None,
            spent: Cost::default(),
            anchors: BTreeMap::new(),
        }
    }

    /// The value, if there was one and no mistake in it.
    pub(crate) fn finish(self) -> Result<Option<(Value, Spans)>, Diagnostics> {
        if self.diagnostics.is_empty() {
            Ok(self.root.map(|part| (part.value, part.spans)))
        } else {
            Err(self.diagnostics)
        }
    }

    pub(crate) fn open_object(&mut self, start: usize, anchor: Option<usize>) -> Result<(), Stop> {
        self.open_container(Content::Object { members: Map::new(), key: None }, start, anchor)
    }

    pub(crate) fn open_array(&mut self, start: usize, anchor: Option<usize>) -> Result<(), Stop> {
        self.open_container(Content::Array(Vec::new()), start, anchor)
    }

    /// Ends the innermost container.
    pub(crate) fn close(&mut self, end: usize) -> Result<(), Stop> {
        let Some(container) = self.open.pop() else { return Ok(()) };
        let value = match container.content {
            Content::Object { members, .. } => Value::Object(members),
            Content::Array(elements) => Value::Array(elements),
        };
        let part = Part {
            value,
            spans: Spans {
                key: Default::default(),
                value: (container.start..end.max(container.start)).into(),
                children: container.children.into(),
            },
            cost: Cost {
                nodes: self.spent.nodes.saturating_sub(container.before.nodes),
                text: self.spent.text.saturating_sub(container.before.text),
            },
            height: container.height + 1,
        };
        self.put(part, container.anchor)
    }

    /// Whether the innermost container is an object that waits for a key.
    pub(crate) fn wants_key(&self) -> bool {
        matches!(self.open.last(), Some(Container { content: Content::Object { key: None, .. }, .. }))
    }

    pub(crate) fn key(&mut self, name: String, range: Range<usize>) -> Result<(), Stop> {
        self.spend(Cost { nodes: 0, text: name.len() }, &range)?;
        let Some(Container { content: Content::Object { members, key }, children, .. }) =
            self.open.last_mut()
        else {
            return Ok(());
        };
        let first = match members.contains_key(&name) {
            true => members.keys().position(|known| *known == name).and_then(|index| children.get(index)),
            false => None,
        };
        let first = first.map(|spans| spans.key.range());
        *key = Some(Key { name: name.clone(), range: range.clone(), repeated: first.is_some() });
        match first {
            Some(first) => self.mistake(
                Diagnostic::error(codes::file::KEY_REPEATED, format!("key {} is given twice", quote(&name)))
                    .at(Place::text(&self.source, range))
                    .label("given again here")
                    .related(Place::text(&self.source, first), "first given here")
                    .help("keep one of the two: some readers take the first, others the last"),
            ),
            None => Ok(()),
        }
    }

    pub(crate) fn scalar(
        &mut self,
        value: Value,
        range: Range<usize>,
        anchor: Option<usize>,
    ) -> Result<(), Stop> {
        let cost = Cost { nodes: 1, text: value.as_str().map_or(0, str::len) };
        self.spend(cost, &range)?;
        let spans = Spans { value: range.into(), ..Spans::default() };
        self.put(Part { value, spans, cost, height: 0 }, anchor)
    }

    /// Puts a copy of an anchored value.
    pub(crate) fn alias(&mut self, anchor: usize, range: Range<usize>) -> Result<(), Stop> {
        let Some(part) = self.anchors.get(&anchor).cloned() else {
            return self.fatal(
                Diagnostic::error(
                    codes::file::ALIAS_REFUSED,
                    "alias stands inside the value that it repeats",
                )
                .at(Place::text(&self.source, range))
                .label("this would never end"),
            );
        };
        self.spend(part.cost, &range)?;
        self.fits_below(part.height, &range)?;
        self.put(part, None)
    }

    /// Notes a mistake and goes on, unless there are too many.
    pub(crate) fn mistake(&mut self, diagnostic: Diagnostic) -> Result<(), Stop> {
        self.diagnostics.push(diagnostic);
        if self.diagnostics.len() < MOST_MISTAKES { Ok(()) } else { Err(Stop) }
    }

    /// Notes a mistake after which nothing can be read.
    pub(crate) fn fatal(&mut self, diagnostic: Diagnostic) -> Result<(), Stop> {
        self.diagnostics.push(diagnostic);
        Err(Stop)
    }

    fn open_container(&mut self, content: Content, start: usize, anchor: Option<usize>) -> Result<(), Stop> {
        let before = self.spent;
        let range = start..start + 1;
        self.spend(Cost { nodes: 1, text: 0 }, &range)?;
        self.fits_below(1, &range)?;
        self.open.push(Container { content, start, children: Vec::new(), anchor, before, height: 0 });
        Ok(())
    }

    fn put(&mut self, mut part: Part, anchor: Option<usize>) -> Result<(), Stop> {
        if let Some(anchor) = anchor {
            // The copy is paid for like an alias: nested anchors copy what is in them once a level.
            self.spend(part.cost, &part.spans.value.range())?;
            self.anchors.insert(anchor, part.clone());
        }
        let Some(container) = self.open.last_mut() else {
            self.root = Some(part);
            return Ok(());
        };
        container.height = container.height.max(part.height);
        match &mut container.content {
            Content::Array(elements) => elements.push(part.value),
            Content::Object { members, key } => {
                let Some(key) = key.take() else { return Ok(()) };
                if key.repeated {
                    return Ok(());
                }
                part.spans.key = key.range.into();
                members.insert(key.name, part.value);
            }
        }
        container.children.push(part.spans);
        Ok(())
    }

    fn fits_below(&mut self, levels: usize, range: &Range<usize>) -> Result<(), Stop> {
        if self.open.len() + levels <= self.limits.depth { Ok(()) } else { self.refuse_depth(range) }
    }

    pub(crate) fn refuse_depth(&mut self, range: &Range<usize>) -> Result<(), Stop> {
        let most = self.limits.depth;
        self.fatal(
            Diagnostic::error(codes::file::FILE_TOO_DEEP, format!("values nest deeper than {most} levels"))
                .at(Place::text(&self.source, range.clone()))
                .label("one level too many"),
        )
    }

    fn spend(&mut self, cost: Cost, range: &Range<usize>) -> Result<(), Stop> {
        self.spent.nodes = self.spent.nodes.saturating_add(cost.nodes);
        self.spent.text = self.spent.text.saturating_add(cost.text);
        // Without aliases, text never doubles: the longest escape gain is two bytes to three (`\L`).
        let most_text = self.limits.bytes.saturating_mul(2);
        if self.spent.nodes <= self.limits.nodes && self.spent.text <= most_text {
            return Ok(());
        }
        let most = self.limits.nodes;
        self.fatal(
            Diagnostic::error(
                codes::file::FILE_TOO_LARGE,
                format!("document has more than {most} values or {most_text} bytes of text once aliases are expanded"),
            )
            .at(Place::text(&self.source, range.clone()))
            .label("the bound was reached here"),
        )
    }
}
