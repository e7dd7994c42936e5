//! From a schedule of brownouts to the spans of time it means.
//!
//! In: `lifecycle.brownouts`, and the term for which they hold. Out: every single span, so that a request need
//! not reckon with days, weeks and offsets. A mistake for a schedule that cannot be kept.

use portcullis_config::codes::version as codes;
use portcullis_config::{Diagnostic, Diagnostics, Place};
use portcullis_contract::moment;
use portcullis_domain::Timestamp;

use crate::config::{BrownoutConfig, EveryConfig, OnceConfig, RhythmConfig};
use crate::life::{Brownouts, Span};
use crate::rules::weekday_of;

/// Spans that one schedule may come to: every day for eleven years.
const SPANS: usize = 4096;

/// From when and until when brownouts recur.
#[derive(Clone, Copy)]
pub(crate) struct Term {
    pub(crate) begin: Timestamp,
    pub(crate) sunset: Timestamp,
}

/// All spans of `said`.
pub(crate) fn compile(
    said: &[BrownoutConfig],
    term: Term,
    place: &Place,
    diagnostics: &mut Diagnostics,
) -> Brownouts {
    let mut spans = Vec::new();
    for (index, brownout) in said.iter().enumerate() {
        let found = match brownout {
            BrownoutConfig::Once(once) => one(once, term),
            BrownoutConfig::Every(every) => recurring(every, term),
        };
        match found {
            Ok(found) => spans.extend(found),
            Err(why) => diagnostics.push(
                Diagnostic::error(codes::BROWNOUT_MALFORMED, format!("this brownout cannot be kept: {why}"))
                    .at(place.index(index)),
            ),
        }
    }
    Brownouts::new(spans)
}

fn one(config: &OnceConfig, term: Term) -> Result<Vec<Span>, &'static str> {
    let (Some(from), Some(until)) = (moment(&config.from), moment(&config.until)) else {
        return Err("`from` and `until` are moments such as `2027-05-04T10:00:00Z`");
    };
    if until <= from {
        return Err("it ends before it begins");
    }
    if from >= term.sunset {
        return Err("it lies after the sunset");
    }
    Ok(vec![Span { from, until }])
}

fn recurring(config: &EveryConfig, term: Term) -> Result<Vec<Span>, &'static str> {
    let (weekday, longest) = match (config.every, config.on) {
        (RhythmConfig::Day, None) => (None, 1),
        (RhythmConfig::Week, Some(day)) => (Some(day), 7),
        (RhythmConfig::Day, Some(_)) => return Err("`on` belongs to `every: week`"),
        (RhythmConfig::Week, None) => return Err("`every: week` needs a day: `on: tuesday`"),
    };
    let length = config.length.0;
    if length.is_zero() || length.as_secs() >= longest * 86_400 {
        return Err("`for` is longer than a moment and shorter than the time to the next one");
    }
    let time: jiff::civil::Time = config.at.parse().map_err(|_| "`at` is a time of day such as `10:00`")?;
    let offset = offset(&config.zone).ok_or("`zone` is `UTC` or an offset such as `+02:00`")?;
    let moment = i64::try_from(term.begin.as_millis()).ok();
    let begin = moment.and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
    // A day earlier: one that began before the term may still last.
    let mut day = begin.and_then(|begin| offset.to_datetime(begin).date().yesterday().ok());
    let mut spans = Vec::new();
    while let Some(today) = day {
        day = today.tomorrow().ok();
        if weekday.is_some_and(|weekday| weekday != weekday_of(today)) {
            continue;
        }
        let from = offset.to_timestamp(today.to_datetime(time)).ok();
        let from =
            from.and_then(|from| u64::try_from(from.as_millisecond()).ok()).map(Timestamp::from_millis);
        let Some(from) = from.filter(|from| *from < term.sunset) else { break };
        if spans.len() >= SPANS {
            return Err("it recurs too often before the sunset");
        }
        spans.push(Span { from, until: from.plus(length) });
    }
    spans.retain(|span| span.until > term.begin);
    Ok(spans)
}

fn offset(zone: &str) -> Option<jiff::tz::Offset> {
    if zone == "UTC" {
        return Some(jiff::tz::Offset::UTC);
    }
    let (sign, rest) = zone.split_at_checked(1)?;
    let (hours, minutes) = rest.split_once(':')?;
    let seconds = hours.parse::<i32>().ok()? * 3600 + minutes.parse::<i32>().ok()? * 60;
    jiff::tz::Offset::from_seconds(if sign == "-" { -seconds } else { seconds }).ok()
}

#[cfg(test)]
mod tests {
    use portcullis_config::{Period, Weekday};

    use super::*;

    fn term(begin: &str, sunset: &str) -> Term {
        Term { begin: moment(begin).unwrap(), sunset: moment(sunset).unwrap() }
    }

    fn span(from: &str, until: &str) -> Span {
        Span { from: moment(from).unwrap(), until: moment(until).unwrap() }
    }

    fn every(on: Option<Weekday>, at: &str, zone: &str) -> EveryConfig {
        EveryConfig {
            every: if on.is_some() { RhythmConfig::Week } else { RhythmConfig::Day },
            on,
            at: at.into(),
            length: Period::from_secs(1800),
            zone: zone.into(),
        }
    }

    #[test]
    fn a_weekly_brownout_falls_on_its_day_until_the_sunset() {
        let term = term("2027-05-01", "2027-05-20");
        let spans = recurring(&every(Some(Weekday::Tuesday), "10:00", "UTC"), term).unwrap();
        assert_eq!(
            spans,
            [
                span("2027-05-04T10:00:00Z", "2027-05-04T10:30:00Z"),
                span("2027-05-11T10:00:00Z", "2027-05-11T10:30:00Z"),
                span("2027-05-18T10:00:00Z", "2027-05-18T10:30:00Z"),
            ]
        );
        let spans = recurring(&every(Some(Weekday::Tuesday), "01:00", "+02:00"), term).unwrap();
        assert_eq!(spans[0], span("2027-05-03T23:00:00Z", "2027-05-03T23:30:00Z"));
    }

    #[test]
    fn one_that_has_begun_when_the_policy_is_read_still_lasts() {
        let spans =
            recurring(&every(None, "23:50", "UTC"), term("2027-05-02T00:05:00Z", "2027-05-03")).unwrap();
        assert_eq!(
            spans,
            [
                span("2027-05-01T23:50:00Z", "2027-05-02T00:20:00Z"),
                span("2027-05-02T23:50:00Z", "2027-05-03T00:20:00Z"),
            ]
        );
    }

    #[test]
    fn what_cannot_be_kept_is_refused() {
        let term = term("2027-05-01", "2027-05-20");
        let week = EveryConfig { on: None, ..every(Some(Weekday::Monday), "10:00", "UTC") };
        let day = EveryConfig { on: Some(Weekday::Monday), ..every(None, "10:00", "UTC") };
        let long = EveryConfig { length: Period::from_secs(86_400), ..every(None, "10:00", "UTC") };
        let never = EveryConfig { length: Period::from_secs(0), ..every(None, "10:00", "UTC") };
        for bad in
            [week, day, long, never, every(None, "25:00", "UTC"), every(None, "10:00", "Europe/Berlin")]
        {
            assert!(recurring(&bad, term).is_err(), "{bad:?}");
        }
        let far = Term { sunset: moment("2047-01-01").unwrap(), ..term };
        assert!(recurring(&every(None, "10:00", "UTC"), far).is_err());
        let once =
            |from: &str, until: &str| one(&OnceConfig { from: from.into(), until: until.into() }, term);
        assert!(once("2027-05-04T10:00:00Z", "2027-05-04T11:00:00Z").is_ok());
        assert!(once("2027-05-04T10:00:00Z", "2027-05-04T10:00:00Z").is_err());
        assert!(once("2027-05-20", "2027-05-21").is_err());
        assert!(once("soon", "2027-05-21").is_err());
    }
}
