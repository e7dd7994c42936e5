//! From an OpenAPI document to a contract.
//!
//! In: the document, a way to others that it refers to, and what the gateway decides. Out: a
//! [`Contract`], or every mistake at once. Called when a policy is compiled. The document's `paths` are
//! walked once, in order; callbacks and webhooks are requests to others and are not ours.

use std::collections::HashMap;
use std::sync::Arc;

use http::Method;
use portcullis_config::{ByteSize, Diagnostic, Diagnostics, Document, Place, codes};
use serde_json::{Map, Value};

use crate::body::{self, Body, ContentCodings, Range};
use crate::graphql::{self, GRAPHQL, GraphqlLimits};
use crate::lifecycle::{LIFECYCLE, Lifecycle, LifecycleChange};
use crate::operation::{Checks, Operation, PromisedStatus, ResponsePromise};
use crate::options::{CompileOptions, Invalid, Outlined, Selected};
use crate::outline::Outlines;
use crate::parameter::{self, Parameters};
use crate::paths::{Fault, Routes, Spanning, Template};
use crate::reading::{Findings, Library, Node, References, Verdict};
use crate::response::filter::{Planner, Plans};
use crate::response::{self, AnswersDraft};
use crate::schema::{Rules, Schemas, Translator};
use crate::security::{ACCESS, KeyLocation, SchemeKind, Security, SecurityReader};
use crate::{Contract, extension, own, server, structure};

/// Bytes that a body may have, in place of the default.
pub(crate) const BODY_LIMIT: &str = "x-portcullis-body-limit";

/// Our extensions of a document.
const OF_DOCUMENT: &[&str] = &[LIFECYCLE];
/// Our extensions of a path: none, lest what is said there be taken to hold below.
const OF_PATH: &[&str] = &[];
/// Our extensions of an operation. A stage that reads a new one adds its name.
const OF_OPERATION: &[&str] = &[ACCESS, BODY_LIMIT, GRAPHQL, LIFECYCLE];

/// An operation that waits for the schemas to be compiled.
pub(crate) struct Draft {
    pub(crate) path: usize,
    pub(crate) operation: Unfinished,
}

/// All of an [`Operation`] but its schemas.
pub(crate) struct Unfinished {
    pub(crate) id: Arc<str>,
    pub(crate) method: Method,
    pub(crate) template: Arc<str>,
    pub(crate) tags: Vec<String>,
    pub(crate) security: Security,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) extensions: Map<String, Value>,
    pub(crate) responses: Vec<ResponsePromise>,
    pub(crate) body_limit: usize,
    pub(crate) codings: ContentCodings,
    pub(crate) invalid: Invalid,
    pub(crate) place: Place,
    pub(crate) parameters: Parameters,
    pub(crate) body: Body,
    pub(crate) graphql: Option<GraphqlLimits>,
    pub(crate) answers: AnswersDraft,
    pub(crate) outlines: Outlines,
}

/// A path template and where it stands.
pub(crate) struct PathDraft {
    pub(crate) template: Template,
    pub(crate) place: Place,
}

impl Contract {
    /// Compiles an OpenAPI document. All that is wrong goes to `diagnostics`; there is a contract only if
    /// none of it is an error.
    pub fn compile(
        document: &Arc<Document>,
        references: &dyn References,
        options: &CompileOptions<'_>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let before = diagnostics.errors().count();
        let library = Library::load(document, references, diagnostics);
        let root = library.root()?;
        let mut findings = Findings::new(diagnostics);
        let contract = compile_root(&root, options, &mut findings);
        let verdict = findings.finish();
        // A broken document behind a reference has put its own mistakes there.
        let is_clean = verdict == Verdict::Usable && diagnostics.errors().count() == before;
        contract.filter(|_| is_clean)
    }
}

fn compile_root(
    root: &Node<'_>,
    options: &CompileOptions<'_>,
    findings: &mut Findings<'_>,
) -> Option<Contract> {
    let dialect = structure::dialect(root, findings)?;
    structure::verify(root, dialect, findings);
    let rules =
        Rules { objects: options.objects, read_only: options.read_only, unbounded: options.unbounded };
    let mut compiler = Compiler {
        options,
        security: SecurityReader::new(root, findings),
        lifecycle: Lifecycle::read(root, &Lifecycle::default(), &(options.lifecycle)(None), findings),
        translator: Translator::new(root, dialect, rules),
        paths: Vec::new(),
        drafts: Vec::new(),
        nodes: Vec::new(),
    };
    if let Some(paths) = root.child("paths") {
        compiler.paths(&paths, findings);
    }
    own::add(options, &mut compiler.paths, &mut compiler.drafts, findings);
    let plans = compiler.answers(root, Planner::new(root, dialect, options.objects), findings);
    let servers = server::read(root, findings);
    let text =
        |name: &str| root.child("info").and_then(|info| info.text(name)).unwrap_or_default().to_owned();
    let schemas = Arc::new(compiler.translator.finish(findings)?);
    let (operations, routes) = assemble(compiler.paths, compiler.drafts, &schemas, &plans, findings);
    Some(Contract {
        title: text("title"),
        version: text("version"),
        lifecycle: compiler.lifecycle,
        extensions: extension::read(root, OF_DOCUMENT, "", findings),
        servers,
        schemes: compiler.security.into_schemes(),
        operations,
        routes,
    })
}

/// Numbers the operations and puts them under their paths.
pub(crate) fn assemble(
    paths: Vec<PathDraft>,
    drafts: Vec<Draft>,
    schemas: &Arc<Schemas>,
    plans: &Plans,
    findings: &mut Findings<'_>,
) -> (Vec<Arc<Operation>>, Routes<Arc<Operation>>) {
    refuse_repeated_ids(&drafts, findings);
    let mut operations = Vec::with_capacity(drafts.len());
    let mut by_path: Vec<Vec<(Method, Arc<Operation>)>> = Vec::new();
    by_path.resize_with(paths.len(), Vec::new);
    for (index, draft) in drafts.into_iter().enumerate() {
        let operation = Arc::new(draft.operation.finish(index, Arc::clone(schemas), plans));
        if let Some(methods) = by_path.get_mut(draft.path) {
            methods.push((operation.method.clone(), Arc::clone(&operation)));
        }
        operations.push(operation);
    }
    let (templates, places): (Vec<_>, Vec<_>) =
        paths.into_iter().map(|path| (path.template, path.place)).unzip();
    let (routes, repeated) = Routes::build(templates.into_iter().zip(by_path).collect());
    for pair in repeated {
        if let (Some(first), Some(second)) = (places.get(pair.first), places.get(pair.second)) {
            findings.refuse(
                Diagnostic::error(codes::contract::PATH_REPEATED, "this path stands in the document twice")
                    .at(second.clone())
                    .related(first.clone(), "here under other parameter names")
                    .help("put all methods under one of them"),
            );
        }
    }
    (operations, routes)
}

fn refuse_repeated_ids(drafts: &[Draft], findings: &mut Findings<'_>) {
    let mut known: HashMap<&str, &Place> = HashMap::new();
    for draft in drafts {
        let Unfinished { id, place, .. } = &draft.operation;
        if let Some(first) = known.insert(id, place) {
            findings.refuse(
                Diagnostic::error(
                    codes::contract::OPERATION_ID_REPEATED,
                    format!("operation id `{id}` is used twice"),
                )
                .at(place.clone())
                .related(first.clone(), "first used here")
                .help("rules of `portcullis.yaml` select operations by their id"),
            );
        }
    }
}

impl Unfinished {
    fn finish(self, index: usize, schemas: Arc<Schemas>, plans: &Plans) -> Operation {
        let media_types = self.responses.iter().flat_map(|response| &response.media_types);
        let offered = media_types.filter_map(|text| Range::parse(text)).collect();
        Operation {
            index,
            id: self.id,
            method: self.method,
            template: self.template,
            tags: self.tags,
            security: self.security,
            lifecycle: self.lifecycle,
            extensions: self.extensions,
            responses: self.responses,
            body_limit: self.body_limit,
            place: self.place,
            outlines: self.outlines,
            checks: Checks {
                parameters: self.parameters,
                body: self.body,
                graphql: self.graphql,
                offered,
                answers: self.answers.finish(plans),
                schemas,
                codings: self.codings,
                invalid: self.invalid,
            },
        }
    }
}

struct Compiler<'d, 'o> {
    options: &'o CompileOptions<'o>,
    security: SecurityReader,
    lifecycle: Lifecycle,
    translator: Translator<'d>,
    paths: Vec<PathDraft>,
    drafts: Vec<Draft>,
    /// Where each of the drafts stands: answers are read when all requests were.
    nodes: Vec<Node<'d>>,
}

/// What an operation has from its path.
#[derive(Clone, Copy)]
struct Above<'a, 'd> {
    path: &'a str,
    item: &'a Node<'d>,
    gaps: &'a [Box<str>],
    lifecycle: &'a Lifecycle,
}

impl<'d> Compiler<'d, '_> {
    fn paths(&mut self, paths: &Node<'d>, findings: &mut Findings<'_>) {
        for (text, item) in paths.members().filter(|(text, _)| !text.starts_with("x-")) {
            let Some(template) =
                read_template(self.options.base_path, text, Spanning::Refused, &item.place().key(), findings)
            else {
                continue;
            };
            match item.resolved() {
                Ok(resolved) => self.path_item(text, template, &item, &resolved, findings),
                Err(diagnostic) => findings.refuse(*diagnostic),
            }
        }
    }

    fn path_item(
        &mut self,
        text: &str,
        template: Template,
        written: &Node<'d>,
        item: &Node<'d>,
        findings: &mut Findings<'_>,
    ) {
        if written.reference().is_some() && written.object().is_some_and(|members| members.len() > 1) {
            findings.refuse(
                Diagnostic::error(
                    codes::contract::OPENAPI_STRUCTURE,
                    "a path that refers to another place says nothing beside `$ref`",
                )
                .at(written.place().key())
                .help("OpenAPI leaves open which of the two holds"),
            );
        }
        let path = self.paths.len();
        let gaps = template.names().to_vec();
        self.paths.push(PathDraft { template, place: written.place().key() });
        server::report_ignored(item, findings);
        extension::read(
            item,
            OF_PATH,
            &format!("say it at each operation: {}", extension::quoted(OF_OPERATION)),
            findings,
        );
        let lifecycle = Lifecycle::read(item, &self.lifecycle, &LifecycleChange::default(), findings);
        for (method, operation) in methods(item, findings) {
            let above = Above { path: text, item, gaps: &gaps, lifecycle: &lifecycle };
            let draft = self.operation(&above, method, &operation, findings);
            self.drafts.push(Draft { path, operation: draft });
            self.nodes.push(operation);
        }
    }

    /// Reads what all operations promise of their answers.
    fn answers(&mut self, root: &Node<'d>, mut planner: Planner<'d>, findings: &mut Findings<'_>) -> Plans {
        self.translator.turn_to_answers(root, findings);
        for (draft, node) in self.drafts.iter_mut().zip(&self.nodes) {
            draft.operation.answers = response::declared(node, &mut self.translator, &mut planner, findings);
        }
        planner.finish(findings)
    }

    fn operation(
        &mut self,
        above: &Above<'_, 'd>,
        method: Method,
        operation: &Node<'d>,
        findings: &mut Findings<'_>,
    ) -> Unfinished {
        let Above { path: text, item, gaps, lifecycle } = *above;
        let tags: Vec<String> = operation
            .child("tags")
            .iter()
            .flat_map(Node::items)
            .filter_map(|tag| tag.value().as_str().map(str::to_owned))
            .collect();
        let id: Arc<str> = match operation.text("operationId") {
            Some(id) if !id.is_empty() => id.into(),
            _ => format!("{method} {text}").into(),
        };
        let selected = Selected { id: &id, method: &method, template: text, tags: &tags };
        let lifecycle =
            Lifecycle::read(operation, lifecycle, &(self.options.lifecycle)(Some(&selected)), findings);
        let decided = (self.options.access)(&selected);
        let security = self.security.of_operation(operation, decided, findings);
        if security == Security::Undeclared {
            findings.refuse(security_undeclared(&id, operation.place().key()));
        }
        let declared = body_limit(operation, self.options.body_limit, findings);
        let body_limit = (self.options.body_limit_of)(&selected).unwrap_or(declared);
        server::report_ignored(operation, findings);
        let mut parameters = parameter::declared(item, operation, gaps, &mut self.translator, findings);
        parameters.credentials = self.security.query_keys();
        parameters.undeclared = self.options.undeclared_query;
        parameters.limit_pages(&self.options.page_limits);
        let body = body::declared(operation, &mut self.translator, findings);
        let graphql = (self.options.graphql)(&selected);
        let graphql = graphql::of_operation(operation, graphql, &body, findings);
        Unfinished {
            id,
            template: text.into(),
            tags,
            security,
            lifecycle,
            extensions: extension::read(operation, OF_OPERATION, "", findings),
            responses: responses(operation, findings),
            body_limit,
            codings: self.options.codings.clone(),
            invalid: self.options.invalid,
            place: operation.place().key(),
            parameters,
            body,
            graphql,
            answers: AnswersDraft::default(),
            outlines: match self.options.outlines {
                Outlined::No => Outlines::default(),
                Outlined::Yes => Outlines::of(operation, self.translator.dialect()),
            },
            method,
        }
    }
}

/// The mistake of an operation that does not say who may call it (AUTHN-01).
pub(crate) fn security_undeclared(id: &str, place: Place) -> Diagnostic {
    Diagnostic::error(
        codes::contract::SECURITY_UNDECLARED,
        format!("operation `{id}` does not say who may call it"),
    )
    .at(place)
    .label("no security requirement holds here")
    .help("add `security`, here or for the whole document")
    .help("if anybody may call it, say `x-portcullis-access: public`")
}

/// Reads a path template, or reports why it is none.
pub(crate) fn read_template(
    base: &str,
    text: &str,
    spanning: Spanning,
    place: &Place,
    findings: &mut Findings<'_>,
) -> Option<Template> {
    match Template::parse(base, text, spanning) {
        Ok(template) => Some(template),
        Err(fault @ (Fault::Unreachable | Fault::SegmentEmpty)) => {
            findings.warn(
                Diagnostic::warning(
                    codes::contract::PATH_UNREACHABLE,
                    format!("path `{text}` is never reached"),
                )
                .at(place.clone())
                .label(fault.to_string()),
            );
            None
        }
        Err(fault) => {
            findings.refuse(
                Diagnostic::error(codes::contract::PATH_MALFORMED, format!("`{text}` is no path template"))
                    .at(place.clone())
                    .label(fault.to_string()),
            );
            None
        }
    }
}

/// The operations of a path item.
pub(crate) fn methods<'d>(item: &Node<'d>, findings: &mut Findings<'_>) -> Vec<(Method, Node<'d>)> {
    let mut found = Vec::new();
    for (name, node) in item.members() {
        let method = match name {
            "get" => Method::GET,
            "put" => Method::PUT,
            "post" => Method::POST,
            "delete" => Method::DELETE,
            "options" => Method::OPTIONS,
            "head" => Method::HEAD,
            "patch" => Method::PATCH,
            "trace" => {
                findings.warn(
                    Diagnostic::warning(codes::contract::METHOD_NEVER_SERVED, "`TRACE` is never served")
                        .at(node.place().key())
                        .label("it would echo credentials to scripts (RFC 9110 §9.3.8)"),
                );
                continue;
            }
            // OpenAPI 3.2.
            "query" => match Method::from_bytes(b"QUERY") {
                Ok(method) => method,
                Err(_) => continue,
            },
            "additionalOperations" => {
                for (name, node) in node.members() {
                    match Method::from_bytes(name.as_bytes()) {
                        Ok(method) => found.push((method, node)),
                        Err(_) => findings.refuse(
                            Diagnostic::error(
                                codes::contract::OPENAPI_STRUCTURE,
                                format!("`{name}` is no method"),
                            )
                            .at(node.place().key()),
                        ),
                    }
                }
                continue;
            }
            "$ref" | "summary" | "description" | "servers" | "parameters" => continue,
            _ if name.starts_with("x-") => continue,
            _ => {
                findings.refuse(
                    Diagnostic::error(codes::contract::OPENAPI_STRUCTURE, format!("a path has no `{name}`"))
                        .at(node.place().key())
                        .help("methods are written in lower case"),
                );
                continue;
            }
        };
        if node.object().is_none() {
            findings.refuse(
                Diagnostic::error(codes::contract::OPENAPI_STRUCTURE, "an operation is an object")
                    .at(node.place()),
            );
            continue;
        }
        found.push((method, node));
    }
    found
}

fn responses(operation: &Node<'_>, findings: &mut Findings<'_>) -> Vec<ResponsePromise> {
    let mut promises = Vec::new();
    for (key, node) in operation.child("responses").iter().flat_map(Node::members) {
        if key.starts_with("x-") {
            continue;
        }
        let Some(status) = PromisedStatus::from_key(key) else {
            findings.refuse(
                Diagnostic::error(codes::contract::OPENAPI_STRUCTURE, format!("`{key}` is no status"))
                    .at(node.place().key())
                    .help("write `200`, `2XX` or `default`"),
            );
            continue;
        };
        match node.resolved() {
            Ok(node) => {
                let content = node.child("content");
                let media_types = content.iter().flat_map(Node::members).map(|(name, _)| name.to_owned());
                promises.push(ResponsePromise { status, media_types: media_types.collect() });
            }
            Err(diagnostic) => findings.refuse(*diagnostic),
        }
    }
    promises
}

impl PromisedStatus {
    pub(crate) fn from_key(key: &str) -> Option<Self> {
        match key.as_bytes() {
            b"default" => Some(Self::Default),
            [class @ b'1'..=b'5', b'X' | b'x', b'X' | b'x'] => Some(Self::Class(class - b'0')),
            [b'1'..=b'5', b'0'..=b'9', b'0'..=b'9'] => key.parse().ok().map(Self::Exactly),
            _ => None,
        }
    }
}

fn body_limit(operation: &Node<'_>, default: usize, findings: &mut Findings<'_>) -> usize {
    let Some(node) = operation.child(BODY_LIMIT) else { return default };
    match serde_json::from_value::<ByteSize>(node.value().clone()) {
        Ok(size) => size.as_usize(),
        Err(error) => {
            findings.refuse(
                Diagnostic::error(codes::contract::EXTENSION_MALFORMED, format!("`{BODY_LIMIT}`: {error}"))
                    .at(node.place())
                    .help("write `16 KiB`"),
            );
            default
        }
    }
}

impl SecurityReader {
    fn query_keys(&self) -> Vec<Box<str>> {
        self.schemes()
            .iter()
            .filter_map(|scheme| match &scheme.kind {
                SchemeKind::ApiKey { location: KeyLocation::Query, name } => Some(name.as_str().into()),
                _ => None,
            })
            .collect()
    }
}
