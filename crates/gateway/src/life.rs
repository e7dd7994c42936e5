//! What clients learn of an end that is coming, and the end itself.
//!
//! In: the compiled life of an API or operation, and the walk's one reading of the clock. Out: fields for every
//! answer (`Deprecation` RFC 9745, `Sunset` RFC 8594, `Link`), or a refusal: 410 after the sunset, 503 during a
//! brownout. States change by date, without a restart (VER-06): nothing here remembers an earlier answer.
//! Made by [`crate::compile`]. Called by [`crate::admit`] before anybody is authenticated, and by
//! [`crate::respond`].

use http::{HeaderMap, HeaderName, HeaderValue, header};
use portcullis_domain::{Denial, Reason, Timestamp};

/// The life of an API or of one operation.
#[derive(Debug, Default)]
pub(crate) struct Life {
    /// Fields for every answer; none for most.
    pub(crate) fields: Vec<(HeaderName, HeaderValue)>,
    /// When it is gone.
    pub(crate) end: Option<Timestamp>,
    /// When it is switched off for a while.
    pub(crate) brownouts: Brownouts,
    /// What a refused client is told: members of the problem document.
    pub(crate) told: Vec<(&'static str, String)>,
}

impl Life {
    /// Whether it is there at `now`.
    ///
    /// # Errors
    /// [`Reason::VersionRetired`] from the sunset on (RFC 9110 §15.5.11); [`Reason::VersionBrownout`], with the
    /// time until it is back.
    pub(crate) fn judge(&self, now: Timestamp) -> Result<(), Denial> {
        if self.end.is_some_and(|end| end <= now) {
            return Err(self.tell(Denial::new(Reason::VersionRetired)));
        }
        match self.brownouts.running_until(now) {
            None => Ok(()),
            Some(until) => {
                Err(self.tell(Denial::new(Reason::VersionBrownout)).with_retry_after(until.since(now)))
            }
        }
    }

    /// The same for a version of which nothing is left: no API is found that would put the fields on the answer.
    ///
    /// # Errors
    /// [`Reason::VersionRetired`].
    pub(crate) fn judge_alone(&self, now: Timestamp) -> Result<(), Denial> {
        self.judge(now).map_err(|denial| {
            self.fields.iter().fold(denial, |denial, (name, value)| {
                let name = match name.as_str() {
                    "deprecation" => "deprecation",
                    "sunset" => "sunset",
                    _ => "link",
                };
                denial.with_field(name, value.to_str().unwrap_or_default())
            })
        })
    }

    /// Puts the fields on an answer. An upstream may have links of its own, and they stay; of its life only we
    /// speak.
    pub(crate) fn mark(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.fields {
            if *name == header::LINK {
                headers.append(name.clone(), value.clone());
            } else {
                headers.insert(name.clone(), value.clone());
            }
        }
    }

    fn tell(&self, denial: Denial) -> Denial {
        self.told.iter().fold(denial, |denial, (name, text)| denial.with_detail(name, text.clone()))
    }
}

/// Spans of time, in order and apart from each other. All of them are known when the policy is compiled, so a
/// request asks with one binary search, however many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Brownouts(Box<[Span]>);

/// A span of time: its first moment, and the first one after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
}

impl Brownouts {
    /// Those of `spans`; what overlaps becomes one.
    pub(crate) fn new(mut spans: Vec<Span>) -> Self {
        spans.retain(|span| span.from < span.until);
        spans.sort_unstable();
        let mut apart: Vec<Span> = Vec::with_capacity(spans.len());
        for span in spans {
            match apart.last_mut() {
                Some(last) if span.from <= last.until => last.until = last.until.max(span.until),
                Some(_) | None => apart.push(span),
            }
        }
        Self(apart.into())
    }

    /// The end of the span that `now` lies in, if it lies in one.
    fn running_until(&self, now: Timestamp) -> Option<Timestamp> {
        let next = self.0.partition_point(|span| span.until <= now);
        self.0.get(next).filter(|span| span.from <= now).map(|span| span.until)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn span(from: u64, until: u64) -> Span {
        Span { from: at(from), until: at(until) }
    }

    #[test]
    fn a_moment_lies_in_the_span_that_has_begun_and_not_ended() {
        let brownouts = Brownouts::new(vec![span(300, 400), span(100, 200), span(150, 250), span(9, 9)]);
        assert_eq!(brownouts, Brownouts(Box::new([span(100, 250), span(300, 400)])));
        for (now, until) in
            [(99, None), (100, Some(250)), (249, Some(250)), (250, None), (399, Some(400)), (400, None)]
        {
            assert_eq!(brownouts.running_until(at(now)), until.map(at), "{now}");
        }
    }

    #[test]
    fn the_end_comes_before_a_brownout_and_a_brownout_says_when_it_is_over() {
        let life = Life {
            end: Some(at(1000)),
            brownouts: Brownouts::new(vec![span(500, 600), span(900, 1100)]),
            ..Life::default()
        };
        let reason = |now| life.judge(at(now)).err().map(|denial| denial.reason());
        assert_eq!(reason(499), None);
        assert_eq!(reason(999), Some(Reason::VersionBrownout));
        assert_eq!(reason(1000), Some(Reason::VersionRetired));
        let wait = life.judge(at(570)).unwrap_err().retry_after().unwrap().seconds();
        assert_eq!(Duration::from_secs(wait), Duration::from_secs(30));
    }

    #[test]
    fn an_upstreams_links_stay_and_its_own_dates_do_not() {
        let life = Life {
            fields: vec![
                (header::LINK, HeaderValue::from_static("</v2>; rel=\"successor-version\"")),
                (HeaderName::from_static("sunset"), HeaderValue::from_static("ours")),
            ],
            ..Life::default()
        };
        let mut headers = HeaderMap::new();
        headers.insert(header::LINK, HeaderValue::from_static("</page/2>; rel=\"next\""));
        headers.insert("sunset", HeaderValue::from_static("theirs"));
        life.mark(&mut headers);
        assert_eq!(headers.get_all(header::LINK).iter().count(), 2);
        assert_eq!(headers.get_all("sunset").iter().collect::<Vec<_>>(), ["ours"]);
    }
}
