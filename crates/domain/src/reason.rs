//! Every reason for which Portcullis refuses or fails, in one table.
//!
//! The problem document, the metric label, the log field and the documentation page derive from a row
//! here. A code never gets a second meaning; a new refusal is a new row. The table is a macro so that
//! the enum, [`Reason::ALL`] and the facts cannot drift apart (decision 0005).

use std::fmt;

use crate::stage::Stage;

/// Whose doing a refusal or failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The request is wrong.
    Client,
    /// The request is well-formed and the policy says no.
    Policy,
    /// We, or something we depend on, could not decide.
    Gateway,
    /// The API behind us.
    Upstream,
}

impl Cause {
    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Policy => "policy",
            Self::Gateway => "gateway",
            Self::Upstream => "upstream",
        }
    }
}

/// What is known about a [`Reason`].
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Stable code, as the record and metrics have it.
    pub code: &'static str,
    /// Code that the client sees. Differs where the precise code would help an attacker (RFC 6750 §3.1:
    /// every bad token gets the same answer).
    pub public_code: &'static str,
    /// The stage that gives it.
    pub stage: Stage,
    /// HTTP status.
    pub status: u16,
    /// Whose doing.
    pub cause: Cause,
    /// One sentence for the client; hints at no check that was close.
    pub title: &'static str,
    /// The standard that asks for it.
    pub source: &'static str,
}

macro_rules! reasons {
    ($( $(#[doc = $doc:literal])+ $name:ident = $code:literal $(as $public:literal)?, $stage:ident, $status:literal, $cause:ident, $title:literal, $source:literal; )+) => {
        /// A closed set of reasons; see [`Facts`] for what each means on the wire.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason { $( $(#[doc = $doc])+ $name, )+ }

        impl Reason {
            /// Every reason, in walking order.
            pub const ALL: &'static [Self] = &[ $( Self::$name, )+ ];

            /// The row of the table.
            #[must_use]
            pub const fn facts(self) -> &'static Facts {
                match self { $(
                    Self::$name => &Facts {
                        code: $code,
                        public_code: reasons!(@public $code $(, $public)?),
                        stage: Stage::$stage,
                        status: $status,
                        cause: Cause::$cause,
                        title: $title,
                        source: $source,
                    },
                )+ }
            }

            /// What the documentation page says of it.
            #[must_use]
            pub const fn explanation(self) -> &'static str {
                match self { $( Self::$name => concat!($($doc),+), )+ }
            }
        }
    };
    (@public $code:literal) => { $code };
    (@public $code:literal, $public:literal) => { $public };
}

reasons! {
    // listen: framing and head
    /// The request line is not `method target version`.
    RequestLineMalformed = "request_line_malformed", Listen, 400, Client, "The request line is malformed.", "RFC 9112 §3";
    /// The version is not one we speak.
    HttpVersionUnsupported = "http_version_unsupported", Listen, 505, Client, "This HTTP version is not supported.", "RFC 9110 §15.6.6";
    /// The method name is longer than any method we would accept.
    MethodTooLong = "method_too_long", Listen, 501, Client, "The method is not implemented.", "RFC 9112 §3";
    /// TRACE, TRACK, CONNECT and other methods that the data plane never serves.
    MethodRefused = "method_refused", Listen, 405, Client, "The method is not allowed here.", "RFC 9110 §9.3.8";
    /// The target is longer than the configured bound.
    TargetTooLong = "target_too_long", Listen, 414, Client, "The request target is too long.", "RFC 9110 §15.5.15";
    /// A header line has whitespace before the colon, is folded, or holds a character that does not belong.
    HeaderLineMalformed = "header_line_malformed", Listen, 400, Client, "A header line is malformed.", "RFC 9112 §5";
    /// A line ends in a lone LF, or a CR stands alone.
    LineEndingMalformed = "line_ending_malformed", Listen, 400, Client, "A line ending is malformed.", "RFC 9112 §2.2";
    /// The header section is larger than the configured bound in bytes or fields.
    HeadTooLarge = "head_too_large", Listen, 431, Client, "The header section is too large.", "RFC 6585 §5";
    /// Both Content-Length and Transfer-Encoding are present.
    FramingAmbiguous = "framing_ambiguous", Listen, 400, Client, "The message length is ambiguous.", "RFC 9112 §6.1";
    /// Transfer-Encoding is anything but the single coding `chunked` on HTTP/1.1.
    TransferEncodingRefused = "transfer_encoding_refused", Listen, 400, Client, "The transfer encoding is not accepted.", "RFC 9112 §6.1";
    /// Content-Length is repeated, signed, not decimal, or overflows.
    ContentLengthMalformed = "content_length_malformed", Listen, 400, Client, "The content length is malformed.", "RFC 9112 §6.3";
    /// A chunk's size, extension or end does not follow the grammar or its bounds.
    ChunkMalformed = "chunk_malformed", Listen, 400, Client, "The chunked body is malformed.", "RFC 9112 §7.1";
    /// No Host, several, or one that is not a host.
    HostMalformed = "host_malformed", Listen, 400, Client, "The Host header is missing or malformed.", "RFC 9112 §3.2";
    /// Host and the target's authority name different entities.
    AuthorityMismatch = "authority_mismatch", Listen, 400, Client, "The authority is ambiguous.", "RFC 9113 §8.3.1";
    /// The head did not arrive in time.
    HeadTimeout = "head_timeout", Listen, 408, Client, "The request took too long to arrive.", "RFC 9110 §15.5.9";
    /// The body did not arrive in time.
    BodyTimeout = "body_timeout", Listen, 408, Client, "The request took too long to arrive.", "RFC 9110 §15.5.9";
    /// The client closed or broke the connection before the body was complete.
    BodyIncomplete = "body_incomplete", Listen, 400, Client, "The request body is incomplete.", "RFC 9112 §8";
    /// An `Expect` that is not `100-continue`.
    ExpectationUnknown = "expectation_unknown", Listen, 417, Client, "The expectation cannot be met.", "RFC 9110 §15.5.18";
    /// The request came over TLS early data, which can be replayed.
    EarlyDataRefused = "early_data_refused", Listen, 425, Client, "The request must be sent after the handshake.", "RFC 8470 §5.2";
    /// A credential came over plaintext; it must be treated as compromised.
    PlaintextCredential = "plaintext_credential", Listen, 403, Policy, "Credentials must never be sent without TLS. Consider this one compromised.", "RFC 6750 §5.3";
    /// Plaintext is not served at all.
    PlaintextRefused = "plaintext_refused", Listen, 403, Policy, "TLS is required.", "ASVS 4.1.2";
    /// The request names a host that this gateway does not serve.
    AuthorityUnknown = "authority_unknown", Listen, 421, Client, "This host is not served here.", "RFC 9110 §15.5.20";
    /// The authority differs from the name of the TLS handshake on a listener whose policy depends on it.
    AuthorityMisdirected = "authority_misdirected", Listen, 421, Client, "This connection does not serve that host.", "RFC 9113 §9.1.2";
    /// One peer holds too many connections.
    PeerConnectionsExceeded = "peer_connections_exceeded", Listen, 429, Policy, "Too many connections.", "OWASP API4:2023";

    // limit, by peer
    /// The peer's request quota is used up.
    PeerRateExceeded = "peer_rate_exceeded", Limit, 429, Policy, "Too many requests.", "RFC 6585 §4";

    // route
    /// The path can be read in two ways: encoded slashes, dots, backslashes, NUL, doubled slashes, path parameters.
    PathAmbiguous = "path_ambiguous", Route, 400, Client, "The path is ambiguous.", "RFC 3986 §6.2.2";
    /// A percent sign that starts no valid escape, bytes that are not UTF-8, or a character or form that belongs in no target.
    TargetMalformed = "target_malformed", Route, 400, Client, "The request target is malformed.", "RFC 3986 §2.1";
    /// No operation is declared at this path.
    OperationUnknown = "operation_unknown", Route, 404, Client, "There is nothing here.", "RFC 9110 §15.5.5";
    /// Operations are declared at this path, but not with this method.
    MethodUndeclared = "method_undeclared", Route, 405, Client, "The method is not allowed here.", "RFC 9110 §15.5.6";
    /// The API's version was retired.
    VersionRetired = "version_retired", Route, 410, Policy, "This version of the API has been retired.", "RFC 9110 §15.5.11";
    /// The version is being switched off for a while, as announced, before it is retired for good.
    VersionBrownout = "version_brownout", Route, 503, Policy, "This version of the API is switched off for a while before it is retired.", "RFC 8594 §3";
    /// The request names a version that there is not.
    VersionUnknown = "version_unknown", Route, 404, Client, "There is no such version of the API.", "RFC 9110 §15.5.5";
    /// The request asks by media type for a version that there is not.
    VersionUnacceptable = "version_unacceptable", Route, 406, Client, "There is no such version of the API.", "RFC 9110 §15.5.7";
    /// The request names two versions: by path and header, by two headers, or by two media types.
    VersionAmbiguous = "version_ambiguous", Route, 400, Client, "More than one version of the API is asked for.", "OWASP API9:2023";
    /// The request names no version, and none is declared for that case.
    VersionMissing = "version_missing", Route, 400, Client, "The version of the API must be named.", "OWASP API9:2023";
    /// The request has been here before.
    LoopDetected = "loop_detected", Route, 508, Client, "The request loops.", "RFC 8586 §2";
    /// A CORS preflight from an origin that the API does not list, or a cross-site request with cookies.
    OriginRefused = "origin_refused", Route, 403, Policy, "The origin is not allowed.", "OWASP API8:2023";
    /// A protocol switch that this operation does not list.
    UpgradeRefused = "upgrade_refused", Route, 403, Policy, "The protocol switch is not allowed here.", "RFC 9110 §7.8";

    // identify
    /// No credential, where one is needed.
    CredentialMissing = "credential_missing", Identify, 401, Client, "Authentication is required.", "RFC 6750 §3.1";
    /// Two places carry a credential, or one place carries it twice.
    CredentialAmbiguous = "credential_ambiguous", Identify, 400, Client, "More than one credential was presented.", "RFC 6750 §3.1";
    /// The Authorization header cannot be read.
    CredentialMalformed = "credential_malformed" as "token_invalid", Identify, 401, Client, "The credential is not valid.", "RFC 6750 §3.1";
    /// The token is larger than the bound and was not parsed.
    TokenTooLarge = "token_too_large" as "token_invalid", Identify, 401, Client, "The credential is not valid.", "RFC 8725 §3.11";
    /// The token is not a compact JWS with strict base64url parts and unambiguous JSON.
    TokenMalformed = "token_malformed" as "token_invalid", Identify, 401, Client, "The credential is not valid.", "RFC 7515 §3.1";
    /// `typ` says that this is not an access token.
    TokenTypeWrong = "token_type_wrong" as "token_invalid", Identify, 401, Client, "The credential is not valid.", "RFC 9068 §4";
    /// `alg` is `none`, a MAC, unlisted for this issuer, or not the one the key is bound to.
    TokenAlgorithmRefused = "token_algorithm_refused" as "token_invalid", Identify, 401, Client, "The credential is not valid.", "RFC 8725 §3.1";
    /// `crit` names an extension that we do not understand.
    TokenCriticalUnknown = "token_critical_unknown" as "token_invalid", Identify, 401, Client, "The credential is not valid.", "RFC 7515 §4.1.11";
    /// `iss` is no configured issuer.
    TokenIssuerUnknown = "token_issuer_unknown" as "token_invalid", Identify, 401, Client, "The credential is not valid.", "RFC 8725 §3.8";
    /// No key of the issuer has this `kid`.
    TokenKeyUnknown = "token_key_unknown" as "token_invalid", Identify, 401, Client, "The credential is not valid.", "RFC 7517 §4.5";
    /// The signature does not verify.
    TokenSignatureInvalid = "token_signature_invalid" as "token_invalid", Identify, 401, Client, "The credential is not valid.", "RFC 7515 §5.2";
    /// A claim that an access token must have is absent or of the wrong type.
    TokenClaimMalformed = "token_claim_malformed" as "token_invalid", Identify, 401, Client, "The credential is not valid.", "RFC 9068 §2.2";
    /// `aud` does not name this API.
    TokenAudienceMismatch = "token_audience_mismatch" as "token_invalid", Identify, 401, Client, "The credential is not valid.", "RFC 8725 §3.9";
    /// `exp` has passed.
    TokenExpired = "token_expired" as "token_invalid", Identify, 401, Client, "The credential is not valid.", "RFC 7519 §4.1.4";
    /// `nbf` or `iat` lies in the future beyond the permitted skew.
    TokenNotYetValid = "token_not_yet_valid" as "token_invalid", Identify, 401, Client, "The credential is not valid.", "RFC 7519 §4.1.5";
    /// The token lives longer, from `iat` to `exp`, than this issuer's tokens may.
    TokenLifetimeExceeded = "token_lifetime_exceeded" as "token_invalid", Identify, 401, Client, "The credential is not valid.", "RFC 9700 §2.2";
    /// The token is bound to a key, and was shown as a plain bearer token.
    TokenBindingUnproven = "token_binding_unproven" as "token_invalid", Identify, 401, Client, "The credential is not valid.", "RFC 9449 §7.2";
    /// The operation wants a token that is bound to a key, and this one is a plain bearer token.
    SenderConstraintMissing = "sender_constraint_missing", Identify, 401, Policy, "A token bound to a key is required.", "RFC 9700 §2.2.1";
    /// The issuer says that the token is not active, or does not say clearly that it is.
    TokenInactive = "token_inactive" as "token_invalid", Identify, 401, Client, "The credential is not valid.", "RFC 7662 §2.2";
    /// No DPoP proof or more than one, or one that is not what a proof must be: type, algorithm, embedded key, claims.
    ProofMalformed = "proof_malformed" as "proof_invalid", Identify, 401, Client, "The proof of possession is not valid.", "RFC 9449 §4.3";
    /// The proof's signature does not verify with the key it brings.
    ProofSignatureInvalid = "proof_signature_invalid" as "proof_invalid", Identify, 401, Client, "The proof of possession is not valid.", "RFC 9449 §4.3";
    /// The proof was made for another method, address or token.
    ProofMismatched = "proof_mismatched" as "proof_invalid", Identify, 401, Client, "The proof of possession is not valid.", "RFC 9449 §4.3";
    /// The proof was made too long ago, or in the future.
    ProofOutdated = "proof_outdated" as "proof_invalid", Identify, 401, Client, "The proof of possession is not valid.", "RFC 9449 §11.1";
    /// The proof has been used before.
    ProofReplayed = "proof_replayed" as "proof_invalid", Identify, 401, Client, "The proof of possession is not valid.", "RFC 9449 §11.1";
    /// The proof lacks the nonce that we demand, or has one that is no longer good; the answer brings a fresh one.
    ProofNonceWanted = "proof_nonce_wanted", Identify, 401, Client, "The proof of possession needs a fresh nonce.", "RFC 9449 §9";
    /// More proofs are remembered than there is room for; an unknown one cannot be told from a replay.
    ProofsSaturated = "proofs_saturated", Identify, 503, Gateway, "Authentication is temporarily unavailable.", "RFC 9449 §11.1";
    /// The user or password is not known.
    PasswordInvalid = "password_invalid" as "token_invalid", Identify, 401, Client, "The credential is not valid.", "RFC 7617 §2";
    /// Too many passwords wait to be checked.
    PasswordsSaturated = "passwords_saturated", Identify, 503, Gateway, "Authentication is temporarily unavailable.", "OWASP API4:2023";
    /// The client certificate is good and its names are none that may call here.
    CertificateUnlisted = "certificate_unlisted" as "token_invalid", Identify, 401, Client, "The credential is not valid.", "RFC 8705 §2.1";
    /// The caller is known, but not strongly or recently enough authenticated for this operation.
    AuthenticationInsufficient = "authentication_insufficient", Identify, 401, Policy, "Stronger or more recent authentication is required.", "RFC 9470 §3";
    /// The issuer could not be asked about the token; nobody is let in on a guess.
    IntrospectionUnavailable = "introspection_unavailable", Identify, 503, Gateway, "Authentication is temporarily unavailable.", "ASVS 16.5.3";
    /// The token, or something it belongs to (subject, session, client, signing key, issuer), was revoked by hand.
    TokenRevoked = "token_revoked" as "token_invalid", Identify, 401, Client, "The credential is not valid.", "RFC 6750 §3.1";
    /// The API key has not the form of one, or its checksum is wrong; nothing was looked up.
    KeyMalformed = "key_malformed" as "key_invalid", Identify, 401, Client, "The credential is not valid.", "NIST SP 800-228 §2.7.1";
    /// There is no such API key, or its secret is another.
    KeyUnknown = "key_unknown" as "key_invalid", Identify, 401, Client, "The credential is not valid.", "OWASP API2:2023";
    /// The API key has ended by itself: its life, or the overlap after its rotation, is over.
    KeyExpired = "key_expired" as "key_invalid", Identify, 401, Client, "The credential is not valid.", "NIST SP 800-228 §2.7";
    /// The API key was revoked.
    KeyRevoked = "key_revoked" as "key_invalid", Identify, 401, Client, "The credential is not valid.", "NIST SP 800-228 §2.7.3";
    /// The API key is good, but not for this API, from this network or in this header.
    KeyMisplaced = "key_misplaced" as "key_invalid", Identify, 401, Client, "The credential is not valid.", "NIST SP 800-228 §2.7";
    /// Keys and revocations cannot be read, and what was known last is too old; nobody is let in on a guess.
    StoreUnavailable = "store_unavailable", Identify, 503, Gateway, "Authentication is temporarily unavailable.", "ASVS 16.5.3";
    /// The session in the cookie is none, has ended, or was not used for too long.
    SessionUnknown = "session_unknown", Identify, 401, Client, "There is no such session.", "NIST SP 800-63B §5.2";
    /// A call with a session's cookie that changes something, and did not come from a page of this origin.
    CrossSiteRefused = "cross_site_refused", Identify, 403, Client, "The request did not come from a page of this site.", "ASVS 3.5.1";
    /// A user comes back from a login that this browser did not begin, that took too long, or that is over already.
    LoginUnsolicited = "login_unsolicited" as "login_refused", Identify, 400, Client, "The login cannot be completed.", "RFC 9700 §4.7.1";
    /// The provider did not sign the user in, or what it says of the user is not believed.
    LoginUnproven = "login_unproven" as "login_refused", Identify, 400, Client, "The login cannot be completed.", "OpenID Connect Core §3.1.3.7";
    /// A logout token is not what it must be, or has been used before.
    LogoutTokenInvalid = "logout_token_invalid", Identify, 400, Client, "The logout token is not valid.", "OpenID Connect Back-Channel Logout §2.6";
    /// More logins are under way than there is room for.
    LoginsSaturated = "logins_saturated", Identify, 503, Gateway, "Authentication is temporarily unavailable.", "OWASP API4:2023";
    /// The provider of logins cannot be asked, or does not know us.
    ProviderUnavailable = "provider_unavailable", Identify, 503, Gateway, "Authentication is temporarily unavailable.", "ASVS 16.5.3";
    /// The issuer's keys cannot be had; nobody is let in on a guess.
    KeysUnavailable = "keys_unavailable", Identify, 503, Gateway, "Authentication is temporarily unavailable.", "ASVS 16.5.3";
    /// The client certificate is missing where the operation needs one.
    CertificateMissing = "certificate_missing", Identify, 401, Client, "A client certificate is required.", "RFC 8705 §3";

    // authorize
    /// The token does not carry the scopes that the operation needs.
    ScopeInsufficient = "scope_insufficient", Authorize, 403, Policy, "The credential does not permit this operation.", "RFC 6750 §3.1";
    /// No rule permits this caller.
    PermitMissing = "permit_missing", Authorize, 403, Policy, "This operation is not permitted.", "OWASP API5:2023";
    /// No rule permits this caller, on a route whose objects are confidential: looks like absence.
    ObjectConcealed = "object_concealed" as "operation_unknown", Authorize, 404, Policy, "There is nothing here.", "RFC 9110 §15.5.4";
    /// An object that the request names is not the caller's, nor shared with it: looks like absence.
    ObjectForeign = "object_foreign" as "operation_unknown", Authorize, 404, Policy, "There is nothing here.", "OWASP API1:2023";
    /// Two places of the request that must name one object name two, or what should be an id is none.
    ObjectAmbiguous = "object_ambiguous", Authorize, 400, Client, "The request does not name one object.", "OWASP API1:2023";
    /// The issuer gives no token for the upstream on behalf of this caller, or one with more than the caller has.
    ExchangeRefused = "exchange_refused", Authorize, 403, Policy, "This operation is not permitted.", "RFC 8693 §2.2.2";
    /// The issuer could not be asked for the upstream's token.
    ExchangeUnavailable = "exchange_unavailable", Authorize, 503, Gateway, "Authorization is temporarily unavailable.", "RFC 8693 §2.2";
    /// A rule failed; that is a denial, and an alarm.
    RuleFailed = "rule_failed" as "decision_unavailable", Authorize, 503, Gateway, "Authorization is temporarily unavailable.", "ASVS 16.5.3";
    /// A decision point could not be asked; that is a denial.
    DecisionUnavailable = "decision_unavailable", Authorize, 503, Gateway, "Authorization is temporarily unavailable.", "ASVS 16.5.3";
    /// A step of a workflow before the one that must come first has succeeded, or a second one at the same time.
    FlowStepMissing = "flow_step_missing", Authorize, 409, Policy, "A step before this one is missing.", "ASVS 2.3.1";

    // limit, by caller
    /// A step of a workflow came sooner after the one before than a person can take it.
    FlowPaceExceeded = "flow_pace_exceeded", Limit, 429, Policy, "Too many requests.", "OWASP API6:2023";
    /// The caller's request quota is used up.
    CallerRateExceeded = "caller_rate_exceeded", Limit, 429, Policy, "Too many requests.", "RFC 6585 §4";
    /// A budget that all callers share is used up, e.g. toward a service that costs money.
    BudgetExhausted = "budget_exhausted", Limit, 429, Policy, "Too many requests.", "OWASP API4:2023";
    /// More is under way than can be done, and requests of this priority give way.
    Overloaded = "overloaded", Limit, 503, Gateway, "The service is overloaded.", "RFC 9110 §15.6.4";
    /// What is counted together with other gateways cannot be counted now, and must be: an authentication beyond this
    /// gateway's part, or anything at all if so configured.
    LimitsUnavailable = "limits_unavailable", Limit, 503, Gateway, "The service is temporarily unavailable.", "ASVS 16.5.3";
    /// Too many failed credentials from one place, or failed attempts at one account.
    FailuresExceeded = "failures_exceeded", Limit, 429, Policy, "Too many failed attempts.", "OWASP API2:2023";
    /// A detector has noticed the caller, and the operator wants such callers to go slowly for a while.
    SubjectThrottled = "subject_throttled", Limit, 429, Policy, "Too many requests.", "NIST SP 800-228 REC-24";
    /// The caller has too many calls under way.
    ConcurrencyExceeded = "concurrency_exceeded", Limit, 429, Policy, "Too many requests at once.", "OWASP API4:2023";

    // validate
    /// The body is larger than the operation's bound.
    BodyTooLarge = "body_too_large", Validate, 413, Client, "The request body is too large.", "RFC 9110 §15.5.14";
    /// The body's media type is not declared, or its charset is not UTF-8.
    MediaTypeUnsupported = "media_type_unsupported", Validate, 415, Client, "The media type is not supported here.", "RFC 9110 §15.5.16";
    /// The body's content coding is not accepted.
    ContentCodingUnsupported = "content_coding_unsupported", Validate, 415, Client, "The content coding is not supported here.", "RFC 9110 §15.5.16";
    /// No response media type of the operation satisfies `Accept`.
    AcceptUnsatisfiable = "accept_unsatisfiable", Validate, 406, Client, "No acceptable representation.", "RFC 9110 §15.5.7";
    /// The body is not what its media type says, or can be read in two ways.
    BodyMalformed = "body_malformed", Validate, 400, Client, "The request body is malformed.", "RFC 8259 §4";
    /// Parameters or body break the contract.
    RequestInvalid = "request_invalid", Validate, 400, Client, "The request does not keep the contract.", "OWASP API8:2023";
    /// Parameters or body break the contract, on an API that answers this with 422.
    RequestUnprocessable = "request_unprocessable" as "request_invalid", Validate, 422, Client, "The request does not keep the contract.", "RFC 9110 §15.5.21";
    /// A GraphQL request asks for the API's schema, and the operation does not say that it may.
    GraphqlIntrospectionRefused = "graphql_introspection_refused", Validate, 403, Policy, "The schema is not shown.", "ASVS 4.3.2";
    /// A header that may stand once is repeated.
    HeaderRepeated = "header_repeated", Validate, 400, Client, "A header is repeated.", "RFC 9110 §5.3";

    // inspect
    /// The request looks like an attack.
    AttackSuspected = "attack_suspected", Inspect, 403, Policy, "The request was refused.", "OWASP CRS";
    /// A detector has noticed the caller, and the operator wants such callers kept out for a while.
    SubjectBlocked = "subject_blocked", Inspect, 403, Policy, "The request was refused.", "NIST SP 800-228 REC-24";

    // forward
    /// No connection to the upstream could be made.
    UpstreamUnreachable = "upstream_unreachable", Forward, 502, Upstream, "The service cannot be reached.", "RFC 9110 §15.6.3";
    /// The upstream's certificate does not verify, or it answered in plaintext.
    UpstreamUntrusted = "upstream_untrusted", Forward, 502, Upstream, "The service cannot be reached.", "RFC 9325 §7.1";
    /// The upstream closed the connection before it answered.
    UpstreamReset = "upstream_reset", Forward, 502, Upstream, "The service did not complete its answer.", "RFC 9110 §15.6.3";
    /// The upstream's answer is not well-formed HTTP.
    UpstreamMalformed = "upstream_malformed", Forward, 502, Upstream, "The service gave an invalid answer.", "RFC 9112 §6.3";
    /// The upstream did not answer in time.
    UpstreamTimeout = "upstream_timeout", Forward, 504, Upstream, "The service did not answer in time.", "RFC 9110 §15.6.5";
    /// The circuit to the upstream is open.
    UpstreamCircuitOpen = "upstream_circuit_open", Forward, 503, Upstream, "The service is temporarily unavailable.", "RFC 9110 §15.6.4";
    /// Too many calls to the upstream are under way.
    UpstreamSaturated = "upstream_saturated", Forward, 503, Upstream, "The service is temporarily unavailable.", "RFC 9110 §15.6.4";

    // release
    /// The upstream refuses a confidential object or has none: the two look the same.
    ObjectAbsent = "object_absent" as "operation_unknown", Release, 404, Client, "There is nothing here.", "RFC 9110 §15.5.4";
    /// The upstream's answer is another's, or does not say whose it is where it must: looks like absence.
    AnswerForeign = "answer_foreign" as "operation_unknown", Release, 404, Policy, "There is nothing here.", "OWASP API1:2023";
    /// The upstream answered 5xx; its body stays inside.
    UpstreamFailed = "upstream_failed", Release, 502, Upstream, "The service failed.", "ASVS 16.5.1";
    /// The upstream answered 503 of itself; its body stays inside, its `Retry-After` is handed on.
    UpstreamUnavailable = "upstream_unavailable", Release, 503, Upstream, "The service is temporarily unavailable.", "RFC 9110 §15.6.4";
    /// The response breaks the contract.
    ResponseInvalid = "response_invalid", Release, 502, Upstream, "The service gave an invalid answer.", "OWASP API10:2023";

    // respond
    /// The client closed the connection before it was answered; nobody sees the status.
    ClientGone = "client_gone", Respond, 499, Client, "The client has left.", "RFC 9110 §15.5";
    /// No policy is loaded; nothing passes.
    PolicyMissing = "policy_missing", Respond, 503, Gateway, "The service is not available.", "ASVS 16.5.3";
    /// A stage panicked; the request was not let through.
    InternalFault = "internal_fault", Respond, 500, Gateway, "The request could not be handled.", "ASVS 16.5.4";

    // record
    /// The record cannot be written, and this operation may not run unrecorded.
    RecordUnavailable = "record_unavailable", Record, 503, Gateway, "The service is temporarily unavailable.", "ASVS 16.5.3";
}

impl Reason {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.facts().code
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.facts().status
    }

    /// The reason with this code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.code() == code)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_are_unique_and_read_back() {
        let codes: HashSet<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        assert_eq!(codes.len(), Reason::ALL.len());
        for reason in Reason::ALL {
            assert_eq!(Reason::from_code(reason.code()), Some(*reason));
        }
    }

    #[test]
    fn statuses_fit_their_cause() {
        for reason in Reason::ALL {
            let facts = reason.facts();
            let is_server_error = facts.status >= 500;
            match facts.cause {
                Cause::Gateway | Cause::Upstream => assert!(is_server_error, "{reason}"),
                // A brownout rehearses the end: clients must meet what they meet when a service is away.
                Cause::Policy => assert!(!is_server_error || *reason == Reason::VersionBrownout, "{reason}"),
                Cause::Client => assert!((400..=599).contains(&facts.status), "{reason}"),
            }
        }
    }

    #[test]
    fn every_bad_token_looks_the_same_to_the_client() {
        let titles: HashSet<_> = Reason::ALL
            .iter()
            .filter(|reason| reason.facts().public_code == "token_invalid")
            .map(|reason| (reason.facts().title, reason.status()))
            .collect();
        assert_eq!(titles.len(), 1);
    }
}
