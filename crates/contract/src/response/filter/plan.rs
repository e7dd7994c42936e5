//! From the schemas of answers to plans.
//!
//! In: schema nodes of the document, read in the direction of answers. Out: one [`FilterPlan`] for each.
//! Called by the compilation of `responses`, as [`crate::schema::Translator`] is: all schemas are asked
//! for first, then everything is finished at once, so that what two operations share exists once.
//!
//! A shape is known by the schemas that it joins. Each is made once, and a `$ref` back to it is its
//! number. What is too much to be understood is left open and reported: nothing declared is ever removed
//! because of it.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use portcullis_config::{Diagnostic, Diagnostics, Document, codes};
use regex::{Regex, RegexBuilder};
use smallvec::SmallVec;

use super::audience::{Audience, Owner};
use super::draft::{Draft, behind, is_plain};
use super::frame::OWNERS;
use super::said::{Listener, OthersSaid, Said, Unsaid, VISIBLE_TO, identity};
use super::shape::{Kinds, MEMBERS, Others, Rule, RuleId, Shape, ShapeId, Shapes, Standing};
use super::text::EXCERPT;
use super::{FilterPlan, extension};
use crate::options::Objects;
use crate::reading::{Findings, Library, Node, References, Verdict};
use crate::schema::{Dialect, Heirs};
use crate::structure;

/// How many shapes one contract may need. The largest real ones need some ten thousand.
const SHAPES: usize = 200_000;
/// How many schemas one shape may join.
const JOINED: usize = 256;
/// How many distinct audiences one contract may name.
const AUDIENCES: usize = 4096;
/// Memory that one compiled pattern may take, in bytes (VAL-23).
const PATTERN_BYTES: usize = 1 << 20;

/// A schema that answers will be filtered by, by its number in [`Plans`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PlanRoot(ShapeId);

/// Collects schemas. One for each contract.
pub(crate) struct Planner<'d> {
    dialect: Dialect,
    unsaid: Unsaid,
    heirs: Heirs<'d>,
    drafts: Vec<Draft<'d>>,
    known: HashMap<(Vec<(usize, String)>, Unsaid), ShapeId>,
    /// Shapes without anything within: most schemas are a plain type.
    plain: HashMap<Kinds, ShapeId>,
    waiting: VecDeque<(ShapeId, Vec<Node<'d>>, Unsaid)>,
    rules: Vec<Rule>,
    rule_ids: HashMap<Rule, RuleId>,
    audiences: Vec<Audience>,
    patterns: HashMap<&'d str, Option<Regex>>,
    roots: BTreeSet<ShapeId>,
    /// Whether there are more shapes than may be, or some schema was left open.
    is_too_large: bool,
    is_incomplete: bool,
}

/// The plans of a contract.
#[derive(Default)]
pub(crate) struct Plans(HashMap<ShapeId, Arc<FilterPlan>>);

impl FilterPlan {
    /// The plan for the schema at `pointer` (RFC 6901) of an OpenAPI document, without the contract around
    /// it. What cannot be followed goes to `diagnostics`; `None` if there is no schema, or it is broken.
    pub fn compile(
        document: &Arc<Document>,
        references: &dyn References,
        pointer: &str,
        objects: Objects,
        diagnostics: &mut Diagnostics,
    ) -> Option<Arc<Self>> {
        let library = Library::load(document, references, diagnostics);
        let root = library.root()?;
        let mut findings = Findings::new(diagnostics);
        let dialect = structure::dialect(&root, &mut findings)?;
        let schema = root.follow(&format!("#{pointer}"))?;
        let mut planner = Planner::new(&root, dialect, objects);
        let own = planner.root(&schema);
        let plans = planner.finish(&mut findings);
        (findings.finish() == Verdict::Usable).then(|| plans.plan(own))
    }
}

impl<'d> Planner<'d> {
    pub(crate) fn new(root: &Node<'d>, dialect: Dialect, objects: Objects) -> Self {
        let mut planner = Self {
            dialect,
            unsaid: match objects {
                Objects::Closed => Unsaid::Closed,
                Objects::AsDeclared => Unsaid::Open,
            },
            heirs: Heirs::of(root),
            drafts: Vec::new(),
            known: HashMap::new(),
            plain: HashMap::new(),
            waiting: VecDeque::new(),
            rules: vec![Rule::default()],
            rule_ids: HashMap::from([(Rule::default(), RuleId::NONE)]),
            audiences: Vec::new(),
            patterns: HashMap::new(),
            roots: BTreeSet::new(),
            is_too_large: false,
            is_incomplete: false,
        };
        // The first is `ShapeId::OPEN`, and so is every schema that says nothing.
        planner.drafts.push(Draft::open());
        planner.plain.insert(Kinds::ANY, ShapeId::OPEN);
        planner
    }

    /// Adds a schema that answers will be filtered by.
    pub(crate) fn root(&mut self, schema: &Node<'d>) -> PlanRoot {
        let shape = self.shape(vec![schema.clone()], self.unsaid);
        self.roots.insert(shape);
        PlanRoot(shape)
    }

    /// Makes the plans of everything that was asked for.
    pub(crate) fn finish(mut self, findings: &mut Findings<'_>) -> Plans {
        while let Some((id, nodes, unsaid)) = self.waiting.pop_front() {
            let draft = self.draft(&nodes, unsaid, findings);
            if let Some(waiting) = self.drafts.get_mut(id.0 as usize) {
                *waiting = draft;
            }
        }
        self.report_size(findings);
        let owners = self.owners(findings);
        let Self { drafts, rules, audiences, roots, .. } = self;
        let mut shapes: Vec<Shape> =
            drafts.into_iter().zip(owners).map(|(draft, owners)| draft.finish(&owners)).collect();
        let hides = |id: ShapeId| {
            let rule = shapes.get(id.0 as usize).and_then(|shape| rules.get(shape.rule.0 as usize));
            rule.is_some_and(|rule| rule.write_only || !rule.audiences.is_empty())
        };
        let hiding: Vec<bool> = shapes.iter().map(|shape| shape.within().any(hides)).collect();
        for (shape, hides) in shapes.iter_mut().zip(hiding) {
            shape.hides = hides;
        }
        let shapes = Arc::new(Shapes { shapes, rules, audiences });
        Plans(roots.into_iter().map(|root| (root, Arc::new(FilterPlan::of(&shapes, root)))).collect())
    }

    /// The shape that joins `nodes`.
    fn shape(&mut self, mut nodes: Vec<Node<'d>>, unsaid: Unsaid) -> ShapeId {
        for node in &mut nodes {
            *node = behind(node);
        }
        let mut key: Vec<_> = nodes.iter().map(identity).collect();
        key.sort_unstable();
        key.dedup();
        let key = (key, unsaid);
        if let Some(id) = self.known.get(&key) {
            return *id;
        }
        if key.0.len() > JOINED || self.drafts.len() >= SHAPES {
            self.is_too_large = true;
            return ShapeId::OPEN;
        }
        if let [node] = nodes.as_slice()
            && is_plain(node)
        {
            return self.plain_shape(node, unsaid);
        }
        let id = self.add(Draft { node: nodes.first().cloned(), ..Draft::open() });
        self.known.insert(key, id);
        self.waiting.push_back((id, nodes, unsaid));
        id
    }

    fn plain_shape(&mut self, node: &Node<'d>, unsaid: Unsaid) -> ShapeId {
        let said = Listener::new(self.dialect, &self.heirs).listen(std::slice::from_ref(node), unsaid);
        if let Some(id) = self.plain.get(&said.kinds) {
            return *id;
        }
        let id = self.add(Draft { kinds: said.kinds, ..Draft::open() });
        self.plain.insert(said.kinds, id);
        id
    }

    fn add(&mut self, draft: Draft<'d>) -> ShapeId {
        let id = ShapeId(u32::try_from(self.drafts.len()).unwrap_or_default());
        self.drafts.push(draft);
        id
    }

    fn draft(&mut self, nodes: &[Node<'d>], unsaid: Unsaid, findings: &mut Findings<'_>) -> Draft<'d> {
        let node = nodes.first().cloned();
        let said = Listener::new(self.dialect, &self.heirs).listen(nodes, unsaid);
        let why_open = if said.is_cut {
            Some("the schemas of this value are too many")
        } else if said.members.len() + said.required.len() > MEMBERS {
            Some("this object has too many members")
        } else if said.members.iter().any(|(name, _)| name.len() > EXCERPT) {
            Some("the name of a member is too long")
        } else {
            None
        };
        let rule = self.rule(&said, findings);
        report_widened(&said, findings);
        if let (Some(why), Some(node)) = (why_open, &node) {
            left_open(node, why, findings);
            self.is_incomplete = true;
            return Draft { node: Some(node.clone()), rule, ..Draft::open() };
        }
        let within = if said.is_free { Unsaid::Free } else { self.unsaid };
        let others = match said.others {
            OthersSaid::Closed => Others::Closed,
            OthersSaid::Open(schemas) if schemas.is_empty() => Others::Open(ShapeId::OPEN),
            OthersSaid::Open(schemas) => Others::Open(self.shape(schemas, within)),
        };
        let (patterns, others) = self.patterns(said.patterns, others, within, findings);
        let mut members = Vec::with_capacity(said.members.len());
        for (name, mut schemas) in said.members {
            if schemas.iter().all(|schema| *schema.value() == false) && within != Unsaid::Free {
                members.push((name, ShapeId::OPEN, Standing::Undeclared));
                continue;
            }
            let matching = patterns.iter().filter(|pattern| pattern.regex.is_match(name));
            schemas.extend(matching.map(|pattern| pattern.schema.clone()));
            members.push((name, self.shape(schemas, within), Standing::Declared));
        }
        let all_patterns = match patterns.as_slice() {
            [] => ShapeId::OPEN,
            [only] => only.shape,
            several => self.shape(several.iter().map(|pattern| pattern.schema.clone()).collect(), within),
        };
        let patterns: Vec<_> = patterns.into_iter().map(|pattern| (pattern.regex, pattern.shape)).collect();
        if others == Others::Closed && patterns.is_empty() {
            // What is required and nowhere described is declared all the same.
            let known: BTreeSet<&str> = members.iter().map(|(name, ..)| *name).collect();
            let mut required = said.required;
            required.sort_unstable();
            required.dedup();
            let undescribed = required.into_iter().filter(|name| !known.contains(name));
            members.extend(undescribed.map(|name| (name, ShapeId::OPEN, Standing::Declared)));
        }
        let items = if said.items.is_empty() { ShapeId::OPEN } else { self.shape(said.items, within) };
        Draft { node, kinds: said.kinds, rule, members, patterns, all_patterns, others, items }
    }

    fn patterns(
        &mut self,
        said: Vec<(&'d str, Node<'d>)>,
        others: Others,
        within: Unsaid,
        findings: &mut Findings<'_>,
    ) -> (Vec<Pattern<'d>>, Others) {
        let (mut patterns, mut others) = (Vec::new(), others);
        for (text, schema) in said {
            let compiled = self.patterns.entry(text).or_insert_with(|| {
                RegexBuilder::new(text).size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES).build().ok()
            });
            match compiled.clone() {
                Some(regex) => {
                    let shape = self.shape(vec![schema.clone()], within);
                    patterns.push(Pattern { regex, schema, shape });
                }
                None => {
                    left_open(&schema, "this pattern of names cannot be matched in linear time", findings);
                    self.is_incomplete = true;
                    others = Others::Open(ShapeId::OPEN);
                }
            }
        }
        (patterns, others)
    }

    fn rule(&mut self, said: &Said<'d>, findings: &mut Findings<'_>) -> RuleId {
        let mut rule = Rule { write_only: said.write_only, ..Rule::default() };
        for node in &said.visible_to {
            let audience = extension::audience(node, findings);
            rule.audiences.extend(audience.map(|audience| self.audience(audience, node, findings)));
        }
        for node in &said.masks {
            if let Some((mask, audience)) = extension::mask(node, findings) {
                let audience = audience.map(|audience| self.audience(audience, node, findings));
                rule.masks.push((mask, audience));
            }
        }
        rule.audiences.sort_unstable();
        rule.audiences.dedup();
        let next = RuleId(u32::try_from(self.rules.len()).unwrap_or_default());
        let id = *self.rule_ids.entry(rule.clone()).or_insert(next);
        if id == next {
            self.rules.push(rule);
        }
        id
    }

    fn audience(&mut self, audience: Audience, node: &Node<'d>, findings: &mut Findings<'_>) -> u16 {
        let at = self.audiences.iter().position(|known| *known == audience).unwrap_or_else(|| {
            self.audiences.push(audience);
            self.audiences.len() - 1
        });
        if at >= AUDIENCES {
            let why = format!("the document names more than {AUDIENCES} audiences");
            extension::malformed(node, VISIBLE_TO, &why, "let operations share them", findings);
        }
        u16::try_from(at).unwrap_or(u16::MAX)
    }
}

impl Planner<'_> {
    /// What is too large is left open. But what is to be hidden there would be seen.
    fn report_size(&self, findings: &mut Findings<'_>) {
        let Some(node) = self.drafts.iter().find_map(|draft| draft.node.as_ref()) else { return };
        if self.is_too_large {
            left_open(node, "the answers of this document need too many shapes", findings);
        }
        let has_rules = self.rules.iter().any(|rule| !rule.audiences.is_empty() || !rule.masks.is_empty());
        if has_rules && (self.is_too_large || self.is_incomplete) {
            let what = "the document hides parts of its answers, and not all of them can be followed";
            findings.refuse(
                Diagnostic::error(codes::contract::ANSWER_NOT_FILTERED, what)
                    .at(node.place())
                    .help("see the warnings about what is left open"),
            );
        }
    }

    /// The properties that name an owner of `rule`.
    fn owner_properties(&self, shape: ShapeId) -> impl Iterator<Item = &str> {
        let rule = self.drafts.get(shape.0 as usize).and_then(|draft| self.rules.get(draft.rule.0 as usize));
        let audiences = rule.into_iter().flat_map(|rule| &rule.audiences);
        audiences.filter_map(|audience| match &self.audiences.get(usize::from(*audience))?.owner {
            Some(Owner::Property(name)) => Some(&**name),
            Some(Owner::Path(_)) | None => None,
        })
    }

    /// For each shape, the properties that name owners of its other members.
    fn owners(&self, findings: &mut Findings<'_>) -> Vec<SmallVec<[Box<str>; 1]>> {
        let of_draft = |draft: &Draft<'_>| {
            let mut owners: SmallVec<[Box<str>; 1]> = SmallVec::new();
            for name in draft.members_within().flat_map(|shape| self.owner_properties(shape)) {
                if !owners.iter().any(|known| **known == *name) {
                    owners.push(name.into());
                }
            }
            owners
        };
        let all: Vec<_> = self.drafts.iter().map(of_draft).collect();
        for root in &self.roots {
            let draft = self.drafts.get(root.0 as usize);
            if let (Some(owner), Some(node)) =
                (self.owner_properties(*root).next(), draft.and_then(|draft| draft.node.as_ref()))
            {
                refuse_owner(owner, "a whole answer", node, findings);
            }
        }
        for (draft, owners) in self.drafts.iter().zip(&all) {
            let Some(node) = &draft.node else { continue };
            if let Some(owner) = self.owner_properties(draft.items).next() {
                refuse_owner(owner, "an item", node, findings);
            }
            let missing =
                owners.iter().find(|owner| !draft.members.iter().any(|(name, ..)| *name == &***owner));
            if let (Some(owner), Others::Closed) = (missing, draft.others) {
                let why = format!("the owner is in `{owner}`, which this object does not have");
                extension::malformed(
                    node,
                    VISIBLE_TO,
                    &why,
                    "name a property beside the one that is hidden",
                    findings,
                );
            }
            if owners.len() > OWNERS {
                let why = format!("the members of this object name more than {OWNERS} owners");
                extension::malformed(node, VISIBLE_TO, &why, "let them share a property", findings);
            }
        }
        all
    }
}

impl Plans {
    /// The plan of a schema.
    pub(crate) fn plan(&self, root: PlanRoot) -> Arc<FilterPlan> {
        self.0.get(&root.0).map_or_else(FilterPlan::open, Arc::clone)
    }
}

/// Reports what is hidden or masked in one alternative, and so in all.
fn report_widened(said: &Said<'_>, findings: &mut Findings<'_>) {
    for node in &said.widened {
        findings.warn_once(codes::contract::ANSWER_HIDDEN_IN_ALL, "", || {
            Diagnostic::warning(
                codes::contract::ANSWER_HIDDEN_IN_ALL,
                "what is hidden or masked in one alternative is so in all of them",
            )
            .at(node.place())
            .label("which one a value follows is not known when it passes")
            .help("say it at the members of the alternative")
        });
    }
}

/// Refuses an owner who is named in a property where there is no object around.
fn refuse_owner(owner: &str, what: &str, node: &Node<'_>, findings: &mut Findings<'_>) {
    let why = format!("the owner is in `{owner}`, and what is hidden is {what} and no member");
    extension::malformed(node, VISIBLE_TO, &why, "say it at a property of an object", findings);
}

/// Names that are described by what they look like.
struct Pattern<'d> {
    regex: Regex,
    schema: Node<'d>,
    shape: ShapeId,
}

/// Reports what is not filtered.
fn left_open(node: &Node<'_>, why: &str, findings: &mut Findings<'_>) {
    findings.warn_once(codes::contract::ANSWER_NOT_FILTERED, why, || {
        Diagnostic::warning(codes::contract::ANSWER_NOT_FILTERED, format!("{why}: all of it passes"))
            .at(node.place())
            .label("what is undeclared here is not noticed in answers")
    });
}
