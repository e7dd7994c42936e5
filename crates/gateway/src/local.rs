//! Answers that the gateway gives itself, without an upstream.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use crate::forward::AnswerBody;

/// An answer of our own.
pub(crate) enum Local {
    /// To a CORS preflight: the fields say what the page may do.
    Preflight(HeaderMap),
    /// To `OPTIONS *`, or to an OPTIONS that may travel no further (RFC 9110 §7.6.2).
    Options,
    /// RFC 9116.
    SecurityTxt(Bytes),
    /// RFC 8555 §8.3.
    AcmeChallenge(String),
    /// The keys of our own tokens (RFC 7517 §5).
    InternalKeys(Bytes),
    /// RFC 9728 §3.2.
    ResourceMetadata(Bytes),
    /// At a place of a login, under this name in the record.
    Session(&'static str, Box<Response<AnswerBody>>),
    /// The API's document, to who may read it.
    Documentation(Bytes),
    /// To the same place over TLS (RFC 9110 §15.4.9).
    Redirect(HeaderValue),
}

impl Local {
    /// The name under which the record knows it.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Preflight(_) => "preflight",
            Self::Options => "options",
            Self::SecurityTxt(_) => "security_txt",
            Self::AcmeChallenge(_) => "acme_challenge",
            Self::InternalKeys(_) => "internal_keys",
            Self::ResourceMetadata(_) => "resource_metadata",
            Self::Session(name, _) => name,
            Self::Documentation(_) => "documentation",
            Self::Redirect(_) => "redirect",
        }
    }

    /// The response, without the fields that every answer gets.
    pub(crate) fn into_response(self) -> Response<AnswerBody> {
        match self {
            Self::Preflight(fields) => {
                let mut response = empty(StatusCode::NO_CONTENT);
                *response.headers_mut() = fields;
                response
            }
            Self::Options => empty(StatusCode::NO_CONTENT),
            Self::SecurityTxt(text) => plain_text(text),
            Self::AcmeChallenge(text) => plain_text(Bytes::from(text)),
            Self::InternalKeys(keys) => {
                let mut response = json(keys);
                // Far less than the time for which a key is published before it signs.
                let age = HeaderValue::from_static("public, max-age=300");
                response.headers_mut().insert(header::CACHE_CONTROL, age);
                response
            }
            Self::ResourceMetadata(document) => json(document),
            Self::Documentation(document) => {
                let mut response = json(document);
                // It was for one caller (GW-26).
                response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
                response
            }
            Self::Session(_, response) => *response,
            Self::Redirect(location) => {
                let mut response = empty(StatusCode::PERMANENT_REDIRECT);
                response.headers_mut().insert(header::LOCATION, location);
                response
            }
        }
    }
}

fn empty(status: StatusCode) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::empty());
    *response.status_mut() = status;
    response
}

fn plain_text(text: Bytes) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::whole(text));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

fn json(document: Bytes) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::whole(document));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
