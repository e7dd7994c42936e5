//! What a 401 or 403 tells a client about how to authenticate (RFC 9110 §11.6.1).

use std::borrow::Cow;
use std::fmt::Write as _;

/// An authentication scheme of the registry that we challenge with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// RFC 6750.
    Bearer,
    /// RFC 9449.
    Dpop,
    /// RFC 7617.
    Basic,
    /// An API key in a header. Not a registered scheme; named so that a client can tell what is missing.
    ApiKey,
    /// A client certificate, which no registered scheme stands for either (RFC 8705 §2).
    MutualTls,
}

impl Scheme {
    /// The scheme's name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
            Self::Basic => "Basic",
            Self::ApiKey => "ApiKey",
            Self::MutualTls => "MutualTLS",
        }
    }
}

/// One challenge: a scheme and its parameters, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    scheme: Scheme,
    parameters: Vec<(&'static str, Cow<'static, str>)>,
}

impl Challenge {
    /// A challenge without parameters.
    #[must_use]
    pub const fn new(scheme: Scheme) -> Self {
        Self { scheme, parameters: Vec::new() }
    }

    /// Adds a parameter. Characters outside RFC 6750 §3's set (`%x20-21 / %x23-5B / %x5D-7E`) become
    /// spaces when the challenge is written, so that no claim of a token can end the quoted string.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.parameters.push((name, value.into()));
        self
    }

    /// The scheme.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The value of `WWW-Authenticate`.
    #[must_use]
    pub fn header_value(&self) -> String {
        let mut text = String::from(self.scheme.name());
        for (index, (name, value)) in self.parameters.iter().enumerate() {
            let separator = if index == 0 { " " } else { ", " };
            let safe: String = value.chars().map(|c| if is_quotable(c) { c } else { ' ' }).collect();
            // Writing to a `String` cannot fail.
            let _ = write!(text, "{separator}{name}=\"{safe}\"");
        }
        text
    }
}

const fn is_quotable(c: char) -> bool {
    matches!(c, '\x20'..='\x21' | '\x23'..='\x5B' | '\x5D'..='\x7E')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_quoted_and_cannot_break_out() {
        let challenge = Challenge::new(Scheme::Bearer)
            .with("realm", "shop")
            .with("error", "invalid_token")
            .with("error_description", "x\", evil=\"\r\n1");
        assert_eq!(
            challenge.header_value(),
            "Bearer realm=\"shop\", error=\"invalid_token\", error_description=\"x , evil=   1\""
        );
    }
}
