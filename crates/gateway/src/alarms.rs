//! Alarms about the gateway itself: what somebody should know now, and not find in the record a week later.
//!
//! In: what the control thread meets. Out: alerts, beside the events of the record (AUD-20). The detectors of
//! attacks are elsewhere; here nothing is inferred.

use std::sync::Arc;
use std::time::Duration;

use portcullis_audit::EventName;
use portcullis_audit::alert::{Alert, Alerts, Detector, Sample, Severity};
use portcullis_config::Diagnostics;
use portcullis_domain::{AccessGrant, Clock, Reason, ReceiptId, Timestamp};

use crate::worker::Shared;

/// Changes of the policy.
const POLICY: Detector = Detector { name: "policy", version: 1 };

/// Rules on who may do what.
const RULES: Detector = Detector { name: "rules", version: 1 };

/// Whose objects are.
const OWNERSHIP: Detector = Detector { name: "ownership", version: 1 };

/// Decision points outside.
const DECISIONS: Detector = Detector { name: "decision_points", version: 1 };

/// Quotas that cost money.
const BUDGETS: Detector = Detector { name: "budgets", version: 1 };

/// Rights that are granted for a while.
const GRANTS: Detector = Detector { name: "grants", version: 1 };

/// Limits that several gateways share.
const SHARED_LIMITS: Detector = Detector { name: "shared_limits", version: 1 };

/// The record.
const RECORD: Detector = Detector { name: "record", version: 1 };

/// What ends by itself.
const EXPIRY: Detector = Detector { name: "expiry", version: 1 };

/// From when on an end is urgent.
const LAST_DAYS: Duration = Duration::from_secs(7 * 86_400);

/// How often it is looked whether a storm is over.
const ROUND: Duration = Duration::from_secs(1);

/// Another policy is in force.
pub(crate) fn policy_changed(alerts: &Alerts, clock: &Clock, revision: &str) {
    let summary = format!("the configuration was changed: revision {revision}");
    let at = clock.now().wall;
    // Each change is news.
    let alert = Alert::new(POLICY, EventName::SysPolicyLoaded, Severity::Low, at, summary);
    alerts.raise_recorded(&Alert { suppress: Duration::ZERO, ..alert });
}

/// A policy was offered and not taken.
pub(crate) fn policy_refused(alerts: &Alerts, clock: &Clock, mistakes: &Diagnostics) {
    let summary = "a changed configuration was refused, and the old one stays in force";
    let alert = Alert::new(POLICY, EventName::SysPolicyRefused, Severity::High, clock.now().wall, summary);
    let first = mistakes.errors().next().map(|mistake| mistake.message().into());
    alerts.raise_recorded(&Alert {
        samples: vec![Sample { name: "mistakes", count: mistakes.errors().count() as u64 }],
        exemplars: first.into_iter().collect(),
        ..alert
    });
}

/// A decision point does not answer, several times in a row.
pub(crate) fn decision_point_away(alerts: &Alerts, clock: &Clock, name: &str, why: &str) {
    let summary = format!("decision point `{name}` does not answer: {why}");
    let alert =
        Alert::new(DECISIONS, EventName::SysDecisionPointAway, Severity::High, clock.now().wall, summary);
    alerts.raise(&Alert { subject: Some(name.into()), ..alert });
}

/// The request that an alarm is about.
pub(crate) struct Met<'r> {
    pub(crate) at: Timestamp,
    pub(crate) api: &'r str,
    pub(crate) operation: &'r str,
    pub(crate) receipt: ReceiptId,
}

/// What a stage refused, or in shadow would have refused, that calls for somebody: a rule that fails shuts everybody out
/// whom it reaches, and an answer that is somebody else's says that the upstream did not ask. One alarm for each
/// operation in a quarter of an hour.
pub(crate) fn refused(alerts: &Alerts, reason: Reason, met: &Met<'_>) {
    let (detector, event, severity, summary) = if reason == Reason::RuleFailed {
        let summary = "a rule failed, and the call was not permitted: the record says which rule";
        (RULES, EventName::SysRuleFailed, Severity::High, summary)
    } else if reason == Reason::AnswerForeign {
        let summary = "an answer was withheld: it is somebody else's, or nobody can tell whose";
        (OWNERSHIP, EventName::AuthzForeignAnswer, Severity::Critical, summary)
    } else {
        return;
    };
    let alert = Alert::new(detector, event, severity, met.at, summary);
    let operation: Box<str> = met.operation.into();
    alerts.raise(&Alert {
        subject: Some(operation.clone()),
        api: Some(met.api.into()),
        operation: Some(operation),
        receipt: Some(met.receipt),
        ..alert
    });
}

/// So much of a quota is spent that somebody wants to know (LIM-19).
pub(crate) fn budget_runs_out(alerts: &Alerts, at: Timestamp, api: &str, quota: &str) {
    let summary = format!("quota `{quota}` of `{api}` runs out");
    let alert = Alert::new(BUDGETS, EventName::SysBudgetLow, Severity::Medium, at, summary);
    alerts.raise(&Alert { subject: Some(quota.into()), api: Some(api.into()), ..alert });
}

/// The request that an alarm is about.
pub(crate) struct Asked<'r> {
    pub(crate) at: Timestamp,
    pub(crate) api: &'r str,
    pub(crate) operation: &'r str,
    pub(crate) receipt: ReceiptId,
}

/// A grant is used for the first time.
pub(crate) fn grant_used(alerts: &Alerts, grant: &AccessGrant, asked: &Asked<'_>) {
    let summary = format!("grant {} is used, opened by {}: {}", grant.id, grant.opened_by, grant.cause);
    let alert = Alert::new(GRANTS, EventName::AuthzGrantUsed, Severity::High, asked.at, summary);
    let gives = [("role", &grant.roles), ("scope", &grant.scopes)];
    alerts.raise(&Alert {
        subject: Some(grant.id.to_string().into()),
        api: Some(asked.api.into()),
        operation: Some(asked.operation.into()),
        receipt: Some(asked.receipt),
        exemplars: gives
            .into_iter()
            .flat_map(|(kind, names)| names.iter().map(move |name| format!("{kind} {name}").into()))
            .collect(),
        ..alert
    });
}

/// The server of shared limits is lost: each gateway grants its part of every quota (LIM-12).
pub(crate) fn limits_counted_alone(alerts: &Alerts, clock: &Clock, why: &str) {
    let summary = format!("shared limits are counted by each gateway alone: {why}");
    let alert =
        Alert::new(SHARED_LIMITS, EventName::SysLimitsAlone, Severity::High, clock.now().wall, summary);
    // Told when it begins, and not while it lasts.
    alerts.raise(&Alert { suppress: Duration::ZERO, ..alert });
}

/// The server of shared limits is back.
pub(crate) fn limits_counted_together(alerts: &Alerts, clock: &Clock) {
    let summary = "shared limits are counted together again";
    let alert =
        Alert::new(SHARED_LIMITS, EventName::SysLimitsTogether, Severity::Low, clock.now().wall, summary);
    alerts.raise(&Alert { suppress: Duration::ZERO, ..alert });
}

/// A certificate, or a list of revocations, ends soon (AUD-21).
pub(crate) fn ends_soon(shared: &Shared, what: &str, name: &str, ends: Timestamp) {
    let at = shared.clock.now().wall;
    let severity = if ends.since(at) <= LAST_DAYS { Severity::High } else { Severity::Medium };
    let days = ends.since(at).as_secs() / 86_400;
    let summary = format!("{what} of `{name}` ends in {days} days");
    let alert = Alert::new(EXPIRY, EventName::SysCertificateExpiring, severity, at, summary);
    shared.alerts.raise_recorded(&Alert { subject: Some(name.into()), ..alert });
}

/// Looks every second whether a storm is over, and whether the record is still written, for as long as the process
/// lives.
pub(crate) async fn follow(shared: Arc<Shared>) {
    let mut tick = tokio::time::interval(ROUND);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let at = shared.clock.now().wall;
        shared.alerts.sum_up(at);
        if !shared.recorder.healthy() {
            let summary = "the record is not written, or loses events";
            let alert = Alert::new(RECORD, EventName::SysMonitorDisabled, Severity::Critical, at, summary);
            // Into a record that is not written it need not go.
            shared.alerts.raise_recorded(&alert);
        }
    }
}
