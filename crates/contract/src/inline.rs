//! A contract for an API that has no document.
//!
//! Inside it is the same [`Contract`] with less in it: no schemas, so parameters and bodies are checked
//! for what the list says of them and not for their values.

use std::sync::Arc;

use http::Method;
use portcullis_config::{Diagnostic, Diagnostics, Place, codes};
use serde_json::Map;

use crate::Contract;
use crate::body::{Body, Content, Presence, Range};
use crate::compile::{Draft, PathDraft, Unfinished, assemble, read_template, security_undeclared};
use crate::config::{InlineAccess, InlineBody, InlineOperation};
use crate::graphql::GraphqlLimits;
use crate::lifecycle::Lifecycle;
use crate::options::{Access, CompileOptions, Selected, Undeclared};
use crate::outline::Outlines;
use crate::own;
use crate::parameter::{Empty, Parameter, ParameterForm, Parameters, Presence as Need};
use crate::paths::{Spanning, Template};
use crate::reading::{Findings, Verdict};
use crate::response::AnswersDraft;
use crate::response::filter::Plans;
use crate::schema::Schemas;
use crate::security::Security;

impl Contract {
    /// Compiles operations that `portcullis.yaml` lists at `place`. All that is wrong goes to
    /// `diagnostics`; there is a contract only if none of it is an error.
    pub fn compile_inline(
        operations: &[InlineOperation],
        place: &Place,
        options: &CompileOptions<'_>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let mut findings = Findings::new(diagnostics);
        let mut paths: Vec<PathDraft> = Vec::new();
        let mut known: Vec<&str> = Vec::new();
        let mut drafts: Vec<Draft> = Vec::new();
        for (index, listed) in operations.iter().enumerate() {
            let place = place.index(index);
            let Some((template, method)) = listed.address(options.base_path, &place, &mut findings) else {
                continue;
            };
            let path = known.iter().position(|path| *path == listed.path).unwrap_or_else(|| {
                known.push(&listed.path);
                paths.push(PathDraft { template, place: place.child("path") });
                paths.len() - 1
            });
            if drafts.iter().any(|draft| draft.path == path && draft.operation.method == method) {
                findings.refuse(
                    Diagnostic::error(
                        codes::contract::PATH_REPEATED,
                        format!("`{method} {}` is listed twice", listed.path),
                    )
                    .at(place.clone()),
                );
                continue;
            }
            let operation = listed.unfinished(method, options, place, &mut findings);
            drafts.push(Draft { path, operation });
        }
        own::add(options, &mut paths, &mut drafts, &mut findings);
        let schemas = Arc::new(Schemas::none()?);
        let (operations, routes) = assemble(paths, drafts, &schemas, &Plans::default(), &mut findings);
        (findings.finish() == Verdict::Usable).then(|| Self {
            title: String::new(),
            version: String::new(),
            lifecycle: Lifecycle::default().changed(&(options.lifecycle)(None)),
            extensions: Map::new(),
            servers: Vec::new(),
            schemes: Vec::new(),
            operations,
            routes,
        })
    }
}

impl InlineOperation {
    pub(crate) fn address(
        &self,
        base: &str,
        place: &Place,
        findings: &mut Findings<'_>,
    ) -> Option<(Template, Method)> {
        let template = read_template(base, &self.path, Spanning::Allowed, &place.child("path"), findings);
        let method = Method::from_bytes(self.method.as_bytes()).ok().filter(|method| {
            let is_upper = method.as_str().bytes().all(|byte| byte.is_ascii_uppercase());
            is_upper && !matches!(*method, Method::TRACE | Method::CONNECT)
        });
        if method.is_none() {
            findings.refuse(
                Diagnostic::error(
                    codes::contract::METHOD_NEVER_SERVED,
                    format!("`{}` is no method that is served", self.method),
                )
                .at(place.child("method"))
                .help("methods are written in upper case; TRACE and CONNECT are never served"),
            );
        }
        Some((template?, method?))
    }

    pub(crate) fn unfinished(
        &self,
        method: Method,
        options: &CompileOptions<'_>,
        place: Place,
        findings: &mut Findings<'_>,
    ) -> Unfinished {
        let id: Arc<str> = match &self.id {
            Some(id) => id.as_str().into(),
            None => format!("{method} {}", self.path).into(),
        };
        let selected = Selected { id: &id, method: &method, template: &self.path, tags: &self.tags };
        let decided = (options.access)(&selected);
        let declared = self.body_limit.map_or(options.body_limit, |limit| limit.as_usize());
        let body_limit = (options.body_limit_of)(&selected).unwrap_or(declared);
        let lifecycle = Lifecycle::default().changed(&(options.lifecycle)(None));
        let lifecycle =
            lifecycle.deprecated_if(self.deprecated).changed(&(options.lifecycle)(Some(&selected)));
        let graphql = self.graphql(&selected, options, &place, findings);
        Unfinished {
            security: self.security(&id, decided, &place, findings),
            id,
            template: self.path.as_str().into(),
            tags: self.tags.clone(),
            lifecycle,
            extensions: Map::new(),
            responses: Vec::new(),
            body_limit,
            codings: options.codings.clone(),
            invalid: options.invalid,
            place,
            parameters: self.parameters(options),
            body: self.body(&method),
            graphql,
            answers: AnswersDraft::default(),
            outlines: Outlines::default(),
            method,
        }
    }

    fn security(
        &self,
        id: &str,
        decided: Option<Access>,
        place: &Place,
        findings: &mut Findings<'_>,
    ) -> Security {
        let own = match (self.access, self.security.is_empty()) {
            (Some(InlineAccess::Public), true) => Some(Access::Public),
            (None, false) => Some(Access::from_requirements(&self.security)),
            (None, true) => None,
            (Some(InlineAccess::Public), false) => {
                findings.refuse(
                    Diagnostic::error(
                        codes::contract::ACCESS_CONTRADICTORY,
                        "the operation asks for a credential and calls itself public",
                    )
                    .at(place.child("access"))
                    .related(place.child("security"), "a credential is asked for here")
                    .help("remove one of the two"),
                );
                None
            }
        };
        match decided.or(own) {
            Some(Access::Public) => Security::Public,
            Some(Access::AnyOf(any)) if any.iter().any(|all| !all.0.is_empty()) => {
                Security::AnyOf(any.into_iter().filter(|all| !all.0.is_empty()).collect())
            }
            Some(Access::AnyOf(_)) | None => {
                findings.refuse(security_undeclared(id, place.clone()));
                Security::Undeclared
            }
        }
    }

    fn parameters(&self, options: &CompileOptions<'_>) -> Parameters {
        let mut parameters = self.named_parameters();
        parameters.limit_pages(&options.page_limits);
        parameters
    }

    fn named_parameters(&self) -> Parameters {
        let Some(names) = &self.query else {
            return Parameters { undeclared: Undeclared::Passed, ..Parameters::default() };
        };
        let parameter = |name: &String| Parameter {
            name: name.as_str().into(),
            presence: Need::Optional,
            empty: Empty::Passed,
            form: ParameterForm::Unchecked,
            root: None,
        };
        Parameters { query: names.iter().map(parameter).collect(), ..Parameters::default() }
    }

    fn graphql(
        &self,
        selected: &Selected<'_>,
        options: &CompileOptions<'_>,
        place: &Place,
        findings: &mut Findings<'_>,
    ) -> Option<GraphqlLimits> {
        let limits = (options.graphql)(selected)?;
        if !self.body(selected.method).is_json_only() {
            findings.refuse(
                Diagnostic::error(
                    codes::contract::EXTENSION_MALFORMED,
                    "GraphQL is judged in JSON, and this operation takes other bodies",
                )
                .at(place.clone())
                .help("say `body: json`"),
            );
        }
        Some(limits)
    }

    fn body(&self, method: &Method) -> Body {
        let usual = match *method {
            Method::GET | Method::HEAD | Method::DELETE | Method::OPTIONS => InlineBody::None,
            _ => InlineBody::Any,
        };
        match self.body.unwrap_or(usual) {
            InlineBody::None => Body::Undeclared,
            InlineBody::Any => Body::Any,
            InlineBody::Json => Body::Declared {
                contents: vec![(Range::Exact("application/json".to_owned()), Content::Json(None))],
                presence: Presence::Optional,
            },
        }
    }
}
