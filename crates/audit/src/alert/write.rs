//! An alert as a line of the record.

use std::io::Write as _;

use portcullis_domain::Timestamp;

use super::{Alert, EXEMPLARS};
use crate::line::{Calendar, FIELD, Line, push_number, push_text};
use crate::redact;

/// Most bytes that are kept of its sentence.
const SUMMARY: usize = 512;

impl Alert {
    /// Appends the alert as one line.
    pub(crate) fn write(&self, buffer: &mut Vec<u8>, at: Timestamp, calendar: &mut Calendar) {
        let mut line = Line::begin(buffer, at, calendar);
        line.word("event", self.event.text()).word("level", self.event.level().name());
        line.word("detector", self.detector.name).number("version", u64::from(self.detector.version));
        line.word("severity", self.severity.name());
        line.number("confidence", u64::from(self.confidence.as_percent()));
        let names = [("subject", &self.subject), ("api", &self.api), ("operation", &self.operation)];
        for (name, text) in names {
            if let Some(text) = text {
                line.text(name, &redact::text(text), FIELD);
            }
        }
        line.text("summary", &redact::text(&self.summary), SUMMARY);
        line.moment("first_seen", self.first_seen).moment("last_seen", self.last_seen);
        if let Some(statistic) = &self.statistic {
            line.raw("statistic", |buffer| {
                buffer.extend_from_slice(b"{\"name\":");
                push_text(buffer, statistic.name, FIELD);
                for (name, value) in [("value", statistic.value), ("threshold", statistic.threshold)] {
                    // Neither infinity nor NaN is JSON. Writing to a `Vec` cannot fail.
                    let value = if value.is_finite() { value } else { 0.0 };
                    let _ = write!(buffer, ",\"{name}\":{value:.3}");
                }
                buffer.push(b'}');
            });
        }
        if !self.samples.is_empty() {
            line.raw("samples", |buffer| {
                for (index, sample) in self.samples.iter().enumerate() {
                    buffer.push(if index == 0 { b'{' } else { b',' });
                    push_text(buffer, sample.name, FIELD);
                    buffer.push(b':');
                    push_number(buffer, sample.count);
                }
                buffer.push(b'}');
            });
        }
        if !self.exemplars.is_empty() {
            line.raw("exemplars", |buffer| {
                for (index, exemplar) in self.exemplars.iter().take(EXEMPLARS).enumerate() {
                    buffer.push(if index == 0 { b'[' } else { b',' });
                    push_text(buffer, &redact::text(exemplar), FIELD);
                }
                buffer.push(b']');
            });
        }
        line.word("action", self.action.name()).text("key", &redact::text(&self.key()), FIELD);
        line.moment("until", self.at.plus(self.suppress));
        if let Some(receipt) = self.receipt {
            // By another name than a request has it: this is no event of that request.
            line.word("explain", receipt.encode(&mut [0; 36]));
        }
        line.end();
    }
}
