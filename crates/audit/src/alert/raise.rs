//! Where alerts are raised.
//!
//! In: alerts, from any thread. Out: those that are news, in the record and for each receiver. Called by detectors, by the gateway's
//! stages and by its control thread. Nobody who raises an alert waits for more than a moment's lock.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use portcullis_domain::Timestamp;

use super::receivers::{Open, Receiver};
use super::{Alert, Bounds, Gate, Passage};
use crate::line::Calendar;
use crate::recorder::Recorder;
use crate::ship::SpoolTally;
use crate::system::System;

/// The process's alerts.
#[derive(Debug)]
pub struct Alerts {
    recorder: Arc<Recorder>,
    gate: Mutex<Gate>,
    receivers: OnceLock<Vec<Open>>,
}

impl Alerts {
    /// Alerts go into `recorder`'s record, as far as they keep `bounds`.
    #[must_use]
    pub fn new(recorder: Arc<Recorder>, bounds: Bounds) -> Self {
        Self { recorder, gate: Mutex::new(Gate::new(bounds)), receivers: OnceLock::new() }
    }

    /// Tells `receivers` of every alert from now on, and first of what waited for them. Called once, at start.
    ///
    /// # Errors
    /// What waits cannot be kept, or a thread cannot be started.
    pub fn deliver(&self, receivers: Vec<Receiver>) -> io::Result<()> {
        let open = receivers.into_iter().map(|receiver| Open::start(receiver, self.recorder.notary()));
        let _ = self.receivers.set(open.collect::<io::Result<_>>()?);
        Ok(())
    }

    /// Who is told, and what became of the alerts for them.
    pub fn tallies(&self) -> impl Iterator<Item = (&str, SpoolTally)> {
        self.receivers().iter().map(Open::tally)
    }

    /// Lets receivers take what waits for them, if that is quick, and keeps the rest for the next process.
    pub fn close(&self) {
        self.receivers().iter().for_each(Open::close);
    }

    /// Raises an alarm; says what becomes of it.
    pub fn raise(&self, alert: &Alert) -> Passage {
        let passage = self.gate().judge(alert);
        if let Passage::Told { .. } = passage {
            self.tell(alert);
        }
        passage
    }

    /// Raises an alarm about something that is an event of the record already.
    pub fn raise_recorded(&self, alert: &Alert) -> Passage {
        let passage = self.gate().judge(alert);
        if let Passage::Told { .. } = passage {
            self.send(alert);
        }
        passage
    }

    /// Tells of what was held back, when its time is over. Called about once a second.
    pub fn sum_up(&self, now: Timestamp) {
        let due = self.gate().summaries(now);
        due.iter().for_each(|summary| self.tell(summary));
    }

    fn tell(&self, alert: &Alert) {
        self.recorder.note(&System::Alert(alert));
        self.send(alert);
    }

    fn send(&self, alert: &Alert) {
        if self.receivers().is_empty() {
            return;
        }
        let mut line = Vec::new();
        alert.write(&mut line, alert.at, &mut Calendar::default());
        self.receivers().iter().for_each(|receiver| receiver.tell(alert.severity, &line));
    }

    fn receivers(&self) -> &[Open] {
        self.receivers.get().map_or(&[], Vec::as_slice)
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use portcullis_domain::{Clock, ReceiptId};
    use serde_json::{Value, json};

    use super::super::{Action, Confidence, Detector, Sample, Severity, Statistic};
    use super::*;
    use crate::vocabulary::EventName;
    use crate::{Memory, OnFailure, Settings, SinkChoice};

    const AT: Timestamp = Timestamp::from_seconds(1_764_000_000);

    fn alerts(memory: &Memory) -> (Arc<Recorder>, Alerts) {
        let settings = Settings {
            sink: SinkChoice::Memory(memory.clone()),
            queue_bytes: 1 << 20,
            on_failure: OnFailure::Continue,
            ..Settings::default()
        };
        let recorder = Arc::new(Recorder::open(&settings, Clock::manual(AT)).unwrap());
        (Arc::clone(&recorder), Alerts::new(recorder, Bounds::default()))
    }

    fn recorded(recorder: &Recorder, memory: &Memory) -> Vec<Value> {
        recorder.settle();
        let lines = memory.lines().into_iter().map(|line| serde_json::from_str::<Value>(&line).unwrap());
        lines.filter(|line| line.get("detector").is_some()).collect()
    }

    fn guessing() -> Alert {
        let detector = Detector { name: "guessing", version: 2 };
        let summary = "many passwords\r\nwere tried";
        let mut alert = Alert::new(detector, EventName::AuthnLoginFailMax, Severity::High, AT, summary);
        alert.subject = Some("s-1f00".into());
        alert.confidence = Confidence::percent(250);
        alert.statistic = Some(Statistic { name: "cusum", value: 8.51236, threshold: f64::INFINITY });
        alert.samples = vec![Sample { name: "failures", count: 41 }];
        alert.exemplars = (0..9).map(|index| format!("/orders/{index}\u{1b}[31m").into()).collect();
        alert.action = Action::Throttled;
        alert.receipt = Some(ReceiptId::new(AT, &[7; 10]));
        alert
    }

    #[test]
    fn an_alert_is_one_event_with_evidence_that_can_be_counted() {
        let memory = Memory::default();
        let (recorder, alerts) = alerts(&memory);
        assert_eq!(alerts.raise(&guessing()), Passage::Told { repeats: 0 });
        assert_eq!(alerts.raise(&guessing()), Passage::Repeated);
        let [event] = recorded(&recorder, &memory).try_into().unwrap();
        let of = |name: &str| event[name].clone();
        assert_eq!(of("event"), "authn_login_fail_max");
        assert_eq!((of("detector"), of("version")), (json!("guessing"), json!(2)));
        assert_eq!((of("severity"), of("confidence")), (json!("high"), json!(100)));
        assert_eq!(of("statistic"), json!({"name": "cusum", "value": 8.512, "threshold": 0.0}));
        assert_eq!(of("samples"), json!({"failures": 41}));
        assert_eq!(of("exemplars").as_array().unwrap().len(), 5);
        assert_eq!((of("action"), of("subject")), (json!("throttle"), json!("s-1f00")));
        assert!(ReceiptId::parse(of("explain").as_str().unwrap()).is_some());
        assert!(!memory.text().contains('\u{1b}'));
    }

    #[test]
    fn a_storm_leaves_ten_alerts_and_a_summary() {
        let memory = Memory::default();
        let (recorder, alerts) = alerts(&memory);
        for subject in 0..1_000 {
            alerts.raise(&Alert { subject: Some(subject.to_string().into()), ..guessing() });
        }
        alerts.sum_up(AT.plus(Duration::from_secs(61)));
        let events = recorded(&recorder, &memory);
        assert_eq!(events.len(), 11);
        assert_eq!(events[10]["event"], "sys_alert_storm");
        assert_eq!(events[10]["samples"], json!({"alerts": 990}));
    }
}
