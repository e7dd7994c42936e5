//! One alert in the words of those who receive it.
//!
//! In: an alert as the record has it, one line of JSON. Out: what Alertmanager, Slack, PagerDuty and a plain webhook
//! are posted. Called by whoever carries alerts ([`crate::ship::Carrier`]), on a receiver's own thread. Everything
//! that could be markup in the receiver's words is escaped: a summary must not call a channel or become a link.
//!
//! Alertmanager's API v2, Slack's incoming webhooks, PagerDuty's Events API v2.

use serde_json::{Map, Value, json};

/// An alert, read back.
#[derive(Clone, Debug)]
pub struct Told(Map<String, Value>);

impl Told {
    /// Reads the line of an alert; `None` for any other line.
    #[must_use]
    pub fn read(line: &[u8]) -> Option<Self> {
        let Ok(Value::Object(members)) = serde_json::from_slice(line) else { return None };
        members.contains_key("detector").then_some(Self(members))
    }

    /// All that the record has, for a plain webhook.
    #[must_use]
    pub fn plain(&self) -> Value {
        Value::Object(self.0.clone())
    }

    /// One alert of `POST /api/v2/alerts`, which takes a list of them. Labels are few and take few values, for they
    /// say which alerts are one; what tells this one apart stands in the annotations.
    #[must_use]
    pub fn alertmanager(&self, gateway: &str) -> Value {
        let mut labels = Map::new();
        labels.insert("alertname".into(), self.text("event").into());
        labels.insert("gateway".into(), gateway.into());
        for name in ["detector", "severity", "api", "operation"] {
            if let Some(value) = self.0.get(name) {
                labels.insert(name.into(), value.clone());
            }
        }
        let mut annotations = Map::new();
        annotations.insert("summary".into(), self.text("summary").into());
        annotations.insert("evidence".into(), self.evidence().join("; ").into());
        for name in ["subject", "action", "explain", "key"] {
            if let Some(value) = self.0.get(name) {
                annotations.insert(name.into(), value.clone());
            }
        }
        json!({
            "labels": labels,
            "annotations": annotations,
            "startsAt": self.text("first_seen"),
            "endsAt": self.text("until"),
        })
    }

    /// The body of an incoming webhook of Slack.
    #[must_use]
    pub fn slack(&self, gateway: &str) -> Value {
        let severity = self.text("severity").to_uppercase();
        let mut text =
            format!("*{severity}* {} ({})", slack(self.text("summary")), slack(self.text("event")));
        for line in self.evidence() {
            text.push_str("\n• ");
            text.push_str(&slack(&line));
        }
        text.push_str(&format!("\n_{} at {}_", slack(gateway), slack(self.text("time"))));
        json!({ "text": text })
    }

    /// One event of PagerDuty; those with the same key are one incident.
    #[must_use]
    pub fn pagerduty(&self, routing_key: &str, gateway: &str) -> Value {
        let severity = match self.text("severity") {
            "critical" => "critical",
            "high" => "error",
            "medium" => "warning",
            _ => "info",
        };
        json!({
            "routing_key": routing_key,
            "event_action": "trigger",
            "dedup_key": self.text("key"),
            "payload": {
                // Longer ones are refused.
                "summary": self.text("summary").chars().take(1024).collect::<String>(),
                "source": gateway,
                "severity": severity,
                "timestamp": self.text("time"),
                "component": self.0.get("api"),
                "group": self.text("detector"),
                "class": self.text("event"),
                "custom_details": self.plain(),
            },
        })
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.0.get(name).and_then(Value::as_u64)
    }

    /// What can be counted by hand, a line for each.
    pub(crate) fn evidence(&self) -> Vec<String> {
        let mut evidence = Vec::new();
        for name in ["subject", "api", "operation", "action", "explain"] {
            match self.text(name) {
                "" => {}
                value => evidence.push(format!("{name}: {value}")),
            }
        }
        if let Some(statistic) = self.0.get("statistic") {
            let part = |name: &str| statistic.get(name).map_or_else(String::new, Value::to_string);
            let name = statistic.get("name").and_then(Value::as_str).unwrap_or_default();
            evidence.push(format!("{name}: {} of {}", part("value"), part("threshold")));
        }
        for (name, count) in self.0.get("samples").and_then(Value::as_object).into_iter().flatten() {
            evidence.push(format!("{name}: {count}"));
        }
        for exemplar in self.0.get("exemplars").and_then(Value::as_array).into_iter().flatten() {
            evidence.extend(exemplar.as_str().map(str::to_owned));
        }
        evidence
    }
}

/// Text without what Slack takes for links, mentions and commands to channels.
fn slack(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // A zero-width joiner in front keeps it from being markup.
            '*' | '_' | '~' | '`' => escaped.extend(['\u{2060}', character]),
            '\n' | '\r' => escaped.push(' '),
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
pub(crate) mod tests {
    use portcullis_domain::{ReceiptId, Timestamp};

    use super::super::{Action, Alert, Confidence, Detector, Sample, Severity, Statistic};
    use super::*;
    use crate::line::Calendar;
    use crate::vocabulary::EventName;

    pub(crate) fn line(change: impl FnOnce(&mut Alert)) -> Vec<u8> {
        let at = Timestamp::from_seconds(1_764_000_000);
        let detector = Detector { name: "enumeration", version: 3 };
        let mut alert =
            Alert::new(detector, EventName::AuthzFail, Severity::High, at, "ids of others were tried");
        alert.subject = Some("s-1f".into());
        alert.api = Some("shop".into());
        alert.operation = Some("getOrder".into());
        alert.confidence = Confidence::percent(97);
        alert.statistic = Some(Statistic { name: "llr", value: 4.75, threshold: 4.6 });
        alert.samples = vec![Sample { name: "foreign", count: 12 }];
        alert.exemplars = vec!["/orders/…7".into()];
        alert.action = Action::Throttled;
        alert.receipt = Some(ReceiptId::new(at, &[7; 10]));
        change(&mut alert);
        let mut line = Vec::new();
        alert.write(&mut line, at, &mut Calendar::default());
        line
    }

    fn told(change: impl FnOnce(&mut Alert)) -> Told {
        Told::read(&line(change)).unwrap()
    }

    #[test]
    fn alertmanager_gets_few_labels_and_an_end() {
        let alert = told(|_| {}).alertmanager("edge-1");
        assert_eq!(
            alert["labels"],
            json!({
                "alertname": "authz_fail", "gateway": "edge-1", "detector": "enumeration", "severity": "high",
                "api": "shop", "operation": "getOrder",
            })
        );
        assert_eq!(alert["startsAt"], "2025-11-24T16:00:00.000Z");
        assert_eq!(alert["endsAt"], "2025-11-24T16:15:00.000Z");
        assert_eq!(alert["annotations"]["subject"], "s-1f");
        let evidence = alert["annotations"]["evidence"].as_str().unwrap();
        assert!(evidence.contains("llr: 4.75 of 4.6; foreign: 12; /orders/…7"), "{evidence}");
    }

    #[test]
    fn slack_is_told_nothing_that_it_would_act_on() {
        let text = told(|alert| {
            alert.summary = "<!channel> see <https://evil.test|this> & *that*".into();
            alert.exemplars = vec!["`rm` <@U1>\n>quote".into()];
        });
        let text = text.slack("edge-1")["text"].as_str().unwrap().to_owned();
        assert!(
            text.starts_with("*HIGH* &lt;!channel&gt; see &lt;https://evil.test|this&gt; &amp; "),
            "{text}"
        );
        assert!(!text.contains('<') && !text.contains('>'), "{text}");
        assert!(!text.contains("*that*"), "{text}");
        assert!(text.lines().count() < 15, "an exemplar begins no line of its own: {text}");
    }

    #[test]
    fn pagerduty_makes_one_incident_of_alerts_with_one_key() {
        let event = told(|_| {}).pagerduty("R0UT1NG", "edge-1");
        assert_eq!((&event["routing_key"], &event["event_action"]), (&json!("R0UT1NG"), &json!("trigger")));
        assert_eq!(event["dedup_key"], "enumeration/authz_fail/s-1f");
        assert_eq!(event["payload"]["severity"], "error");
        assert_eq!(event["payload"]["custom_details"]["samples"], json!({ "foreign": 12 }));
        let other = told(|alert| alert.severity = Severity::Critical).pagerduty("R", "e");
        assert_eq!(
            (&other["payload"]["severity"], &other["dedup_key"]),
            (&json!("critical"), &event["dedup_key"])
        );
    }

    #[test]
    fn other_lines_of_the_record_are_no_alerts() {
        for line in ["", "{}", "[]", r#"{"event":"sys_startup"}"#] {
            assert!(Told::read(line.as_bytes()).is_none(), "{line}");
        }
    }
}
