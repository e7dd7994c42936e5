//! What is known of one request and its answer, as rules ask for it.
//!
//! In: heads and bodies as they came. Out: variables with their values ([`Transaction::each`]). What no phase has brought
//! yet is empty.

use super::collection::Collection;
use crate::body::{self, Parsed};
use crate::seclang::action::{Allowed, BodyProcessor, EngineMode, IdRange, Switch};
use crate::seclang::target::Target;
use crate::seclang::transformation::Transformation;
use crate::seclang::variable::Variable;
use crate::transform::apply;

/// A request's head, as it came.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'r> {
    /// The method.
    pub method: &'r [u8],
    /// The target of the first line.
    pub target: &'r [u8],
    /// `HTTP/1.1`.
    pub protocol: &'r [u8],
    /// Fields, in order.
    pub headers: &'r [(&'r [u8], &'r [u8])],
    /// The client's address.
    pub client: &'r str,
    /// The id by which the record names the request; hexadecimal digits.
    pub id: &'r str,
}

/// An answer's head.
#[derive(Clone, Copy, Debug)]
pub struct AnswerHead<'r> {
    /// The status.
    pub status: u16,
    /// `HTTP/1.1`.
    pub protocol: &'r [u8],
    /// Fields, in order.
    pub headers: &'r [(&'r [u8], &'r [u8])],
}

/// What rules may ask of one request.
#[derive(Clone, Debug, Default)]
pub struct Transaction {
    pub(super) single: Single,
    pub(super) headers: Collection,
    pub(super) cookies: Collection,
    pub(super) query: Collection,
    pub(super) parsed: Parsed,
    pub(super) answer_headers: Collection,
    /// What rules have set, by collection.
    pub(super) tx: Collection,
    pub(super) kept: Kept,
    pub(super) matched: Collection,
    /// The value that matched last, and its full name.
    pub(super) last: (Vec<u8>, Vec<u8>),
    pub(super) changes: Changes,
}

/// Values of which there is one.
#[derive(Clone, Debug, Default)]
pub(super) struct Single {
    method: Vec<u8>,
    target: Vec<u8>,
    protocol: Vec<u8>,
    path: Vec<u8>,
    query: Vec<u8>,
    uri: Vec<u8>,
    client: String,
    id: String,
    body: Vec<u8>,
    body_length: usize,
    processor: Option<BodyProcessor>,
    status: Option<u16>,
    answer_protocol: Vec<u8>,
    answer_body: Vec<u8>,
}

/// Collections that may outlive a request; here they last as long as it does.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    pub(super) global: Collection,
    pub(super) ip: Collection,
    pub(super) resource: Collection,
    pub(super) session: Collection,
    pub(super) user: Collection,
}

/// What rules have changed for the rest of the request.
#[derive(Clone, Debug, Default)]
pub(super) struct Changes {
    pub(super) mode: Option<EngineMode>,
    pub(super) ids: Vec<IdRange>,
    pub(super) tags: Vec<String>,
    pub(super) messages: Vec<String>,
    pub(super) targets: Vec<(Whose, Vec<Target>)>,
    pub(super) processor: Option<BodyProcessor>,
    pub(super) body_variable: Option<Switch>,
    pub(super) body_access: Option<Switch>,
    pub(super) answer_body_access: Option<Switch>,
    pub(super) allowed: Option<Allowed>,
}

/// Rules of which a target is taken.
#[derive(Clone, Debug)]
pub(super) enum Whose {
    Ids(IdRange),
    Tag(String),
    Message(String),
}

impl Transaction {
    /// What is known once a request's head is there.
    #[must_use]
    pub fn new(head: &RequestHead<'_>) -> Self {
        let mut transaction = Self::default();
        let uri = without_origin(head.target);
        let (path, query) = match uri.iter().position(|byte| *byte == b'?') {
            Some(at) => (uri.get(..at).unwrap_or_default(), uri.get(at + 1..).unwrap_or_default()),
            None => (uri, &[][..]),
        };
        transaction.single = Single {
            method: head.method.to_vec(),
            target: head.target.to_vec(),
            // A first line of two words (RFC 1945 §3.1).
            protocol: if head.protocol.is_empty() { b"HTTP/0.9".to_vec() } else { head.protocol.to_vec() },
            path: without_encoding(path),
            query: query.to_vec(),
            uri: uri.to_vec(),
            client: head.client.to_owned(),
            id: head.id.to_owned(),
            ..Single::default()
        };
        for (name, value) in head.headers {
            transaction.headers.push(*name, *value);
            if name.eq_ignore_ascii_case(b"cookie") {
                body::cookies(value, &mut |name, value| transaction.cookies.push(name, value));
            }
        }
        body::form(query, &mut |name, value| transaction.query.push(name, value));
        transaction.single.processor = transaction.headers.first(b"content-type").and_then(processor_for);
        transaction
    }

    /// Adds the request's body. Read as its type says, or as a rule of the first phase has decided.
    pub fn take_body(&mut self, body: &[u8]) {
        self.single.body_length = body.len();
        if self.changes.body_access == Some(Switch::Off) {
            return;
        }
        let processor = self.changes.processor.or(self.single.processor);
        self.single.processor = processor;
        let content_type = self.headers.first(b"content-type").unwrap_or_default();
        self.parsed = match processor {
            Some(processor) => body::parse(processor, content_type, body),
            None => Parsed::default(),
        };
        // Where something else has read the body it is not there as a whole.
        let is_whole = match processor {
            Some(BodyProcessor::UrlEncoded) => true,
            Some(BodyProcessor::Json | BodyProcessor::Xml | BodyProcessor::Multipart) => false,
            None => self.changes.body_variable == Some(Switch::On),
        };
        if is_whole {
            self.single.body = body.to_vec();
        }
    }

    /// Adds the answer's head.
    pub fn take_answer_head(&mut self, head: &AnswerHead<'_>) {
        self.single.status = Some(head.status);
        self.single.answer_protocol = head.protocol.to_vec();
        for (name, value) in head.headers {
            self.answer_headers.push(*name, *value);
        }
    }

    /// Adds the answer's body.
    pub fn take_answer_body(&mut self, body: &[u8]) {
        if self.changes.answer_body_access != Some(Switch::Off) {
            self.single.answer_body = body.to_vec();
        }
    }

    /// A collection that rules may set.
    pub(super) fn settable(&mut self, collection: Variable) -> Option<&mut Collection> {
        Some(match collection {
            Variable::Tx => &mut self.tx,
            Variable::Global => &mut self.kept.global,
            Variable::Ip => &mut self.kept.ip,
            Variable::Resource => &mut self.kept.resource,
            Variable::Session => &mut self.kept.session,
            Variable::User => &mut self.kept.user,
            _ => return None,
        })
    }

    /// Shows every value of a variable, with its name if it has one of its own.
    pub(super) fn each<'t>(&'t self, variable: Variable, see: &mut dyn FnMut(&'t [u8], &[u8])) {
        use Variable as V;
        let single = &self.single;
        let parsed = &self.parsed;
        let flag = |is_set: bool| if is_set { &b"1"[..] } else { b"0" };
        let mut one = |value: &[u8]| see(b"", value);
        match variable {
            V::ArgsCombinedSize => {
                one(number(
                    self.query.bytes()
                        + parsed
                            .arguments
                            .iter()
                            .map(|(name, value)| name.len() + value.len())
                            .sum::<usize>(),
                )
                .as_slice());
            }
            V::FilesCombinedSize => one(number(parsed.files.iter().map(|file| file.size).sum()).as_slice()),
            V::FullRequestLength => one(number(self.headers.bytes() + single.body_length).as_slice()),
            V::InboundDataError | V::OutboundDataError => one(b"0"),
            V::MatchedVar => one(&self.last.1),
            V::MatchedVarName => one(&self.last.0),
            V::QueryString => one(&single.query),
            V::RemoteAddr | V::RemoteHost => one(single.client.as_bytes()),
            V::ReqbodyError | V::ReqbodyProcessorError => one(flag(parsed.error.is_some())),
            V::ReqbodyErrorMsg | V::ReqbodyProcessorErrorMsg => {
                one(parsed.error.as_deref().unwrap_or_default().as_bytes());
            }
            V::ReqbodyProcessor => one(processor_name(single.processor)),
            V::RequestBasename => {
                let path = &single.path;
                let start = path.iter().rposition(|byte| matches!(byte, b'/' | b'\\')).map_or(0, |at| at + 1);
                one(path.get(start..).unwrap_or_default());
            }
            V::RequestBody => {
                if !single.body.is_empty() {
                    one(&single.body);
                }
            }
            V::RequestBodyLength => one(number(single.body_length).as_slice()),
            V::RequestFilename => one(&single.path),
            V::RequestLine => one(&[&single.method[..], &single.target, &single.protocol].join(&b' ')),
            V::RequestMethod => one(&single.method),
            V::RequestProtocol => one(&single.protocol),
            V::RequestUri => one(&single.uri),
            V::RequestUriRaw => one(&single.target),
            V::ResponseBody => {
                if !single.answer_body.is_empty() {
                    one(&single.answer_body);
                }
            }
            V::ResponseContentLength => one(number(single.answer_body.len()).as_slice()),
            V::ResponseContentType => one(self.answer_headers.first(b"content-type").unwrap_or_default()),
            V::ResponseProtocol => one(&single.answer_protocol),
            V::ResponseStatus => {
                if let Some(status) = single.status {
                    one(status.to_string().as_bytes());
                }
            }
            V::ServerName => one(self.headers.first(b"host").unwrap_or_default()),
            V::UniqueId => one(single.id.as_bytes()),
            V::MultipartStrictError => one(flag(parsed.flags.is_strict_error())),
            V::MultipartBoundaryQuoted => one(flag(parsed.flags.boundary_quoted)),
            V::MultipartBoundaryWhitespace => one(flag(parsed.flags.boundary_whitespace)),
            V::MultipartCrlfLfLines => one(flag(parsed.flags.crlf_lf_lines)),
            V::MultipartDataAfter => one(flag(parsed.flags.data_after)),
            V::MultipartDataBefore => one(flag(parsed.flags.data_before)),
            V::MultipartHeaderFolding => one(flag(parsed.flags.header_folding)),
            V::MultipartInvalidHeaderFolding => one(flag(parsed.flags.invalid_header_folding)),
            V::MultipartInvalidPart => one(flag(parsed.flags.invalid_part)),
            V::MultipartInvalidQuoting => one(flag(parsed.flags.invalid_quoting)),
            V::MultipartLfLine => one(flag(parsed.flags.lf_line)),
            V::MultipartMissingSemicolon => one(flag(parsed.flags.missing_semicolon)),
            V::MultipartUnmatchedBoundary => one(flag(parsed.flags.unmatched_boundary)),
            V::MultipartFileLimitExceeded => one(b"0"),
            V::MultipartFilename => {
                if let Some(file) = parsed.files.last() {
                    one(&file.file_name);
                }
            }
            V::MultipartName => {
                if let Some(file) = parsed.files.last() {
                    one(&file.field);
                }
            }
            V::UrlencodedError => one(b"0"),
            V::Args => {
                self.query.iter().for_each(|(name, value)| see(name, value));
                parsed.arguments.iter().for_each(|(name, value)| see(name, value));
            }
            V::ArgsNames => {
                self.query.iter().for_each(|(name, _)| see(name, name));
                parsed.arguments.iter().for_each(|(name, _)| see(name, name));
            }
            V::ArgsGet => self.query.iter().for_each(|(name, value)| see(name, value)),
            V::ArgsGetNames => self.query.iter().for_each(|(name, _)| see(name, name)),
            V::ArgsPost => parsed.arguments.iter().for_each(|(name, value)| see(name, value)),
            V::ArgsPostNames => parsed.arguments.iter().for_each(|(name, _)| see(name, name)),
            V::Files => parsed.files.iter().for_each(|file| see(&file.field, &file.file_name)),
            V::FilesNames => parsed.files.iter().for_each(|file| see(&file.field, &file.field)),
            V::FilesSizes => {
                parsed.files.iter().for_each(|file| see(&file.field, number(file.size).as_slice()));
            }
            V::MultipartPartHeaders => parsed.part_headers.iter().for_each(|(name, line)| see(name, line)),
            V::MatchedVars => self.matched.iter().for_each(|(name, value)| see(name, value)),
            V::MatchedVarsNames => self.matched.iter().for_each(|(name, _)| see(name, name)),
            V::RequestCookies => self.cookies.iter().for_each(|(name, value)| see(name, value)),
            V::RequestCookiesNames => self.cookies.iter().for_each(|(name, _)| see(name, name)),
            V::RequestHeaders => self.headers.iter().for_each(|(name, value)| see(name, value)),
            V::RequestHeadersNames => self.headers.iter().for_each(|(name, _)| see(name, name)),
            V::ResponseHeaders => self.answer_headers.iter().for_each(|(name, value)| see(name, value)),
            V::ResponseHeadersNames => self.answer_headers.iter().for_each(|(name, _)| see(name, name)),
            V::Tx => self.tx.iter().for_each(|(name, value)| see(name, value)),
            V::Global => self.kept.global.iter().for_each(|(name, value)| see(name, value)),
            V::Ip => self.kept.ip.iter().for_each(|(name, value)| see(name, value)),
            V::Resource => self.kept.resource.iter().for_each(|(name, value)| see(name, value)),
            V::Session => self.kept.session.iter().for_each(|(name, value)| see(name, value)),
            V::User => self.kept.user.iter().for_each(|(name, value)| see(name, value)),
            V::Xml => {
                parsed.xml.texts.iter().for_each(|text| see(b"/*", text));
                parsed.xml.attributes.iter().for_each(|value| see(b"//@*", value));
            }
            V::AuthType => {
                let scheme = self.headers.first(b"authorization").unwrap_or_default();
                one(scheme.split(|byte| *byte == b' ').next().unwrap_or_default());
            }
            // Not known here: no clock, no socket, no environment.
            V::Duration
            | V::Env
            | V::PathInfo
            | V::RemotePort
            | V::RemoteUser
            | V::Rule
            | V::ServerAddr
            | V::ServerPort
            | V::Sessionid
            | V::StatusLine
            | V::Time
            | V::TimeDay
            | V::TimeEpoch
            | V::TimeHour
            | V::TimeMin
            | V::TimeMon
            | V::TimeSec
            | V::TimeWday
            | V::TimeYear
            | V::Userid
            | V::Webappid => {}
        }
    }
}

fn number(number: usize) -> Vec<u8> {
    number.to_string().into_bytes()
}

/// A path with its percent-encoding resolved, as an upstream would look it up.
fn without_encoding(path: &[u8]) -> Vec<u8> {
    let plus: Vec<&[u8]> = path.split(|byte| *byte == b'+').collect();
    let decoded = plus.into_iter().map(|part| apply(Transformation::UrlDecode, part)).collect::<Vec<_>>();
    decoded.join(&b'+')
}

/// A target without scheme and authority (RFC 9112 §3.2.2).
fn without_origin(target: &[u8]) -> &[u8] {
    let is_absolute = target.first().is_some_and(u8::is_ascii_alphabetic);
    let behind_scheme = target.windows(3).position(|window| window == b"://").filter(|_| is_absolute);
    let Some(rest) = behind_scheme.and_then(|at| target.get(at + 3..)) else { return target };
    rest.iter().position(|byte| *byte == b'/').and_then(|at| rest.get(at..)).unwrap_or(b"/")
}

/// How bodies of a type are read.
fn processor_for(content_type: &[u8]) -> Option<BodyProcessor> {
    let essence =
        content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii().to_ascii_lowercase();
    match essence.as_slice() {
        b"application/x-www-form-urlencoded" => Some(BodyProcessor::UrlEncoded),
        b"multipart/form-data" => Some(BodyProcessor::Multipart),
        b"text/xml" | b"application/xml" => Some(BodyProcessor::Xml),
        b"application/json" => Some(BodyProcessor::Json),
        other if other.ends_with(b"+json") => Some(BodyProcessor::Json),
        other if other.ends_with(b"+xml") => Some(BodyProcessor::Xml),
        _ => None,
    }
}

const fn processor_name(processor: Option<BodyProcessor>) -> &'static [u8] {
    match processor {
        None => b"",
        Some(BodyProcessor::UrlEncoded) => b"URLENCODED",
        Some(BodyProcessor::Json) => b"JSON",
        Some(BodyProcessor::Multipart) => b"MULTIPART",
        Some(BodyProcessor::Xml) => b"XML",
    }
}
