//! The name of each event, after the OWASP Logging Vocabulary, in one table.
//!
//! In: how a request ended, or what happened to the process. Out: an [`EventName`] with its level. One
//! decision is one event, so it gets the name of what decided it.
//!
//! | name | level | given for | in the vocabulary |
//! | --- | --- | --- | --- |
//! | `request_answered` | INFO | an answer of the upstream, or of the gateway on its behalf | ours |
//! | `request_refused` | INFO | a refusal that is no sign of an attack: unknown path or method, timeout, retired version | ours |
//! | `request_failed` | WARN | the upstream or a dependency failed | ours |
//! | `authn_login_success` | INFO | an answered request whose credential was verified for the first time | yes |
//! | `authn_login_fail` | WARN | a credential that is missing, malformed or not believed | yes |
//! | `authn_login_fail_max` | WARN | too many failed credentials | yes |
//! | `authn_login_lock` | WARN | too many failed credentials: nobody is let try for a while | yes |
//! | `authn_token_created` | INFO | a key was made, or took another's place | yes |
//! | `authn_token_revoked` | INFO | a key, a token or all of somebody's was ended by hand | yes |
//! | `authn_token_reuse` | CRITICAL | a key or token that was ended by hand, or a proof that was used before, was shown; one token came from two places | yes |
//! | `authn_credential_exposed` | CRITICAL | a credential that came over plaintext | ours |
//! | `authn_impossible_travel` | CRITICAL | one caller in two places that nobody travels between in that time | yes |
//! | `authn_guessing`, `authn_spray`, `authn_stuffing` | CRITICAL | many passwords at one account, one at many, more failed logins than usual | ours, as `authn_*` |
//! | `malicious_excess_404` | WARN | many different things that are not there | yes |
//! | `malicious_direct_reference` | CRITICAL | ids of objects are tried | yes |
//! | `malicious_harvest` | WARN | far more objects than peers read | ours, as `malicious_*` |
//! | `malicious_parameters` | WARN | parameters stand where they should not, and the API answers | ours, as `malicious_*` |
//! | `malicious_behavior` | WARN | several weak signs about one caller | ours, as `malicious_*` |
//! | `excess_volume`, `excess_payload` | INFO | far more requests or bytes than the caller's habit | ours, as `excess_*` |
//! | `excess_denials` | WARN | far more refusals than usual | ours, as `excess_*` |
//! | `sensitive_exposed` | WARN | sensitive values stand in answers where they did not before | ours, as `sensitive_*` |
//! | `authz_admin` | WARN | an operator did something through the admin listener | yes |
//! | `authz_fail` | CRITICAL | a caller who may not | yes |
//! | `authz_foreign_answer` | CRITICAL | an answer was withheld because it is somebody else's | ours, as `authz_*` |
//! | `authz_change` | WARN | rights were granted for a while, or taken back | yes |
//! | `authz_grant_used` | CRITICAL | rights that were granted for a while were used for the first time | ours, as `authz_*` |
//! | `excess_rate_limit_exceeded` | WARN | a rate, a number at a time, a number of connections | yes |
//! | `input_validation_fail` | WARN | a message or body that breaks its grammar, its bounds or its contract | yes |
//! | `malicious_request` | CRITICAL | a message that can be read in two ways, or that looks like an attack | ours, as `malicious_*` |
//! | `malicious_cors` | CRITICAL | an origin that is not listed | yes |
//! | `crypt_handshake_fail` | WARN | TLS with a client or an upstream could not be agreed or trusted | ours, as `crypt_*` |
//! | `sys_startup`, `sys_shutdown` | WARN | the process | yes |
//! | `sys_crash` | WARN | a stage panicked | yes |
//! | `sys_monitor_disabled` | WARN | a request was refused because it could not be recorded | yes |
//! | `sys_policy_loaded`, `sys_policy_refused` | WARN | the configuration | ours, as `sys_*` |
//! | `sys_certificate_loaded`, `sys_certificate_refused` | WARN | a certificate | ours, as `sys_*` |
//! | `sys_certificate_expiring` | WARN | a certificate or a list of revocations ends soon | ours, as `sys_*` |
//! | `sys_upstream_changed` | WARN | an upstream became healthy or unhealthy | ours, as `sys_*` |
//! | `sys_fetch_refused` | WARN | the fetch guard, or a failed fetch of keys | ours, as `sys_*` |
//! | `sys_rule_failed` | CRITICAL | a rule of the operator failed, so nobody is permitted by it | ours, as `sys_*` |
//! | `sys_decision_point_away` | WARN | a decision point outside does not answer | ours, as `sys_*` |
//! | `sys_budget_low` | WARN | a quota that somebody pays for runs out | ours, as `sys_*` |
//! | `sys_limits_alone` | CRITICAL | the server of shared limits is lost, and each gateway counts by itself | ours, as `sys_*` |
//! | `sys_limits_together` | WARN | that server is back | ours, as `sys_*` |
//! | `sys_alert_storm` | WARN | a detector had more to tell than it may; this sums it up | ours, as `sys_*` |
//! | `sys_failure_spike` | WARN | far more failures than usual | ours, as `sys_*` |
//! | `sys_undeclared_operation` | WARN | a path is answered that no contract declares | ours, as `sys_*` |
//! | `sys_retired_operation` | INFO | something that was retired is still called | ours, as `sys_*` |
//! | `sys_posture_drift` | WARN | an operation is served without a credential, which it hardly ever was | ours, as `sys_*` |
//! | `audit_opened`, `audit_checkpoint`, `audit_closed` | INFO | a part of the record begins, goes on, ends | ours |
//! | `audit_lost` | CRITICAL | events could not be written | ours |
//! | `audit_sink_failing` | CRITICAL | a sink beside the record takes nothing; what is for it is spooled | ours |
//! | `audit_sink_restored` | WARN | that sink takes events again; says how many it will never get | ours |
//! | `audit_removed` | WARN | an older file of the record was deleted, as the policy of retention says | ours |
//!
//! Where several fit, the first that applies wins: a request that was let in by a fresh credential and
//! then refused by a rule is `authz_fail`; that its credential was verified stands in `authn`.

use portcullis_domain::{Cause, Reason, Stage};

/// How urgent an event is, in the vocabulary's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Expected.
    Info,
    /// Somebody should look at these together.
    Warn,
    /// Somebody should look at this one.
    Critical,
}

impl Level {
    /// The word in the record.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Critical => "CRITICAL",
        }
    }
}

macro_rules! event_names {
    ($( $name:ident = $text:literal, $level:ident; )+) => {
        /// What an event is called; see the module's table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "the table of the module says what each is given for")]
        pub enum EventName { $( $name, )+ }

        impl EventName {
            /// Every name.
            pub const ALL: &'static [Self] = &[ $( Self::$name, )+ ];

            /// The text in the record.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $( Self::$name => $text, )+ }
            }

            /// How urgent it is.
            #[must_use]
            pub const fn level(self) -> Level {
                match self { $( Self::$name => Level::$level, )+ }
            }
        }
    };
}

event_names! {
    RequestAnswered = "request_answered", Info;
    RequestRefused = "request_refused", Info;
    RequestFailed = "request_failed", Warn;
    AuthnLoginSuccess = "authn_login_success", Info;
    AuthnLoginFail = "authn_login_fail", Warn;
    AuthnLoginFailMax = "authn_login_fail_max", Warn;
    AuthnLoginLock = "authn_login_lock", Warn;
    AuthnTokenCreated = "authn_token_created", Info;
    AuthnTokenReuse = "authn_token_reuse", Critical;
    AuthnTokenRevoked = "authn_token_revoked", Info;
    AuthnCredentialExposed = "authn_credential_exposed", Critical;
    AuthnImpossibleTravel = "authn_impossible_travel", Critical;
    AuthnGuessing = "authn_guessing", Critical;
    AuthnSpray = "authn_spray", Critical;
    AuthnStuffing = "authn_stuffing", Critical;
    AuthzAdmin = "authz_admin", Warn;
    AuthzFail = "authz_fail", Critical;
    AuthzChange = "authz_change", Warn;
    AuthzGrantUsed = "authz_grant_used", Critical;
    AuthzForeignAnswer = "authz_foreign_answer", Critical;
    ExcessRateLimitExceeded = "excess_rate_limit_exceeded", Warn;
    InputValidationFail = "input_validation_fail", Warn;
    MaliciousRequest = "malicious_request", Critical;
    MaliciousCors = "malicious_cors", Critical;
    MaliciousExcess404 = "malicious_excess_404", Warn;
    MaliciousDirectReference = "malicious_direct_reference", Critical;
    MaliciousHarvest = "malicious_harvest", Warn;
    MaliciousParameters = "malicious_parameters", Warn;
    MaliciousBehavior = "malicious_behavior", Warn;
    ExcessVolume = "excess_volume", Info;
    ExcessPayload = "excess_payload", Info;
    ExcessDenials = "excess_denials", Warn;
    SensitiveExposed = "sensitive_exposed", Warn;
    CryptHandshakeFail = "crypt_handshake_fail", Warn;
    SysStartup = "sys_startup", Warn;
    SysShutdown = "sys_shutdown", Warn;
    SysCrash = "sys_crash", Warn;
    SysMonitorDisabled = "sys_monitor_disabled", Warn;
    SysPolicyLoaded = "sys_policy_loaded", Warn;
    SysPolicyRefused = "sys_policy_refused", Warn;
    SysCertificateLoaded = "sys_certificate_loaded", Warn;
    SysCertificateRefused = "sys_certificate_refused", Warn;
    SysCertificateExpiring = "sys_certificate_expiring", Warn;
    SysUpstreamChanged = "sys_upstream_changed", Warn;
    SysFetchRefused = "sys_fetch_refused", Warn;
    SysDecisionPointAway = "sys_decision_point_away", Warn;
    SysRuleFailed = "sys_rule_failed", Critical;
    SysBudgetLow = "sys_budget_low", Warn;
    SysLimitsAlone = "sys_limits_alone", Critical;
    SysLimitsTogether = "sys_limits_together", Warn;
    SysAlertStorm = "sys_alert_storm", Warn;
    SysFailureSpike = "sys_failure_spike", Warn;
    SysUndeclaredOperation = "sys_undeclared_operation", Warn;
    SysRetiredOperation = "sys_retired_operation", Info;
    SysPostureDrift = "sys_posture_drift", Warn;
    AuditOpened = "audit_opened", Info;
    AuditCheckpoint = "audit_checkpoint", Info;
    AuditClosed = "audit_closed", Info;
    AuditLost = "audit_lost", Critical;
    AuditSinkFailing = "audit_sink_failing", Critical;
    AuditSinkRestored = "audit_sink_restored", Warn;
    AuditRemoved = "audit_removed", Warn;
}

impl EventName {
    /// The name of a decision that ended with `reason`.
    ///
    /// Reasons that mean more than their stage are named; the others follow from stage and cause, so that
    /// a new row of the table of reasons needs no second edit here.
    #[must_use]
    pub const fn of(reason: Reason) -> Self {
        match reason {
            Reason::PlaintextCredential => Self::AuthnCredentialExposed,
            Reason::FailuresExceeded => Self::AuthnLoginFailMax,
            Reason::TokenRevoked | Reason::KeyRevoked | Reason::ProofReplayed => Self::AuthnTokenReuse,
            Reason::OriginRefused => Self::MaliciousCors,
            Reason::FramingAmbiguous
            | Reason::TransferEncodingRefused
            | Reason::AuthorityMismatch
            | Reason::PathAmbiguous => Self::MaliciousRequest,
            Reason::UpstreamUntrusted => Self::CryptHandshakeFail,
            Reason::InternalFault => Self::SysCrash,
            Reason::RecordUnavailable => Self::SysMonitorDisabled,
            Reason::PeerConnectionsExceeded => Self::ExcessRateLimitExceeded,
            Reason::TargetMalformed => Self::InputValidationFail,
            Reason::HeadTimeout
            | Reason::BodyTimeout
            | Reason::BodyIncomplete
            | Reason::ExpectationUnknown
            | Reason::PlaintextRefused
            | Reason::AuthorityUnknown
            | Reason::AuthorityMisdirected => Self::RequestRefused,
            other => {
                let facts = other.facts();
                Self::by_stage(facts.stage, facts.cause)
            }
        }
    }

    const fn by_stage(stage: Stage, cause: Cause) -> Self {
        match (stage, cause) {
            (_, Cause::Gateway | Cause::Upstream) => Self::RequestFailed,
            (Stage::Listen | Stage::Validate, _) => Self::InputValidationFail,
            (Stage::Limit, _) => Self::ExcessRateLimitExceeded,
            (Stage::Identify, _) => Self::AuthnLoginFail,
            (Stage::Authorize, _) => Self::AuthzFail,
            (Stage::Inspect, _) => Self::MaliciousRequest,
            (Stage::Route | Stage::Forward | Stage::Release | Stage::Respond | Stage::Record, _) => {
                Self::RequestRefused
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_name_that_fits_its_stage() {
        for reason in Reason::ALL {
            let (name, facts) = (EventName::of(*reason), reason.facts());
            let is_ours = matches!(facts.cause, Cause::Client | Cause::Policy);
            match facts.stage {
                Stage::Identify if is_ours => assert!(name.text().starts_with("authn_"), "{reason}"),
                Stage::Authorize if is_ours => assert_eq!(name, EventName::AuthzFail, "{reason}"),
                Stage::Limit if is_ours => assert!(matches!(facts.status, 429), "{reason}"),
                _ => assert_ne!(name, EventName::RequestAnswered, "{reason}"),
            }
            if facts.status == 429 {
                assert!(name.level() >= Level::Warn, "{reason}");
            }
        }
    }

    // proves-part: AUD-02, AUD-03, AUD-04 (that they are recorded is shown in the walk)
    #[test]
    fn the_vocabulary_names_what_defeated_which_control() {
        for (reason, name) in [
            (Reason::TokenSignatureInvalid, "authn_login_fail"),
            (Reason::CredentialMissing, "authn_login_fail"),
            (Reason::FailuresExceeded, "authn_login_fail_max"),
            (Reason::TokenRevoked, "authn_token_reuse"),
            (Reason::KeyRevoked, "authn_token_reuse"),
            (Reason::ProofReplayed, "authn_token_reuse"),
            (Reason::ScopeInsufficient, "authz_fail"),
            (Reason::ObjectConcealed, "authz_fail"),
            (Reason::RequestInvalid, "input_validation_fail"),
            (Reason::HeadTooLarge, "input_validation_fail"),
            (Reason::AttackSuspected, "malicious_request"),
            (Reason::FramingAmbiguous, "malicious_request"),
            (Reason::CallerRateExceeded, "excess_rate_limit_exceeded"),
            (Reason::PeerRateExceeded, "excess_rate_limit_exceeded"),
            (Reason::OriginRefused, "malicious_cors"),
            (Reason::PlaintextCredential, "authn_credential_exposed"),
            (Reason::OperationUnknown, "request_refused"),
            (Reason::KeysUnavailable, "request_failed"),
            (Reason::UpstreamTimeout, "request_failed"),
            (Reason::InternalFault, "sys_crash"),
        ] {
            assert_eq!(EventName::of(reason).text(), name, "{reason}");
        }
    }

    #[test]
    fn the_modules_table_has_a_row_for_every_name_with_its_level() {
        let rows: Vec<&str> =
            include_str!("vocabulary.rs").lines().filter(|line| line.starts_with("//! | `")).collect();
        for name in EventName::ALL {
            let (text, level) = (format!("`{}`", name.text()), format!("| {} |", name.level().name()));
            assert!(rows.iter().any(|row| row.contains(&text) && row.contains(&level)), "{text} {level}");
        }
    }

    #[test]
    fn names_are_unique() {
        let names: std::collections::HashSet<_> = EventName::ALL.iter().map(|name| name.text()).collect();
        assert_eq!(names.len(), EventName::ALL.len());
    }
}
