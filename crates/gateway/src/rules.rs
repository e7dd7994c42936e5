//! The rules of one operation, as a request meets them.
//!
//! Made by [`crate::compile`], asked by [`crate::stages::authorize`]. The decision itself is that of
//! [`portcullis_authz::rules`]; what is here is where the facts stand that it wants.

use std::sync::Arc;

use jiff::tz::TimeZone;
use portcullis_authz::rules::{LocalTime, OperationRules, Reach};
use portcullis_config::Weekday;
use portcullis_domain::Timestamp;

use crate::ownership::Place;

/// The rules of one operation.
pub(crate) struct RouteRules {
    pub(crate) rules: Arc<OperationRules>,
    pub(crate) zone: TimeZone,
    /// Where it stands what is wanted before the body is known.
    pub(crate) head: Box<[Place]>,
    /// Where it stands what is wanted once it is.
    pub(crate) whole: Box<[Place]>,
}

impl RouteRules {
    pub(crate) fn places(&self, reach: Reach) -> &[Place] {
        match reach {
            Reach::Head => &self.head,
            Reach::Whole => &self.whole,
        }
    }

    /// What the clock on the wall of the rules shows.
    pub(crate) fn local(&self, now: Timestamp) -> LocalTime {
        let seconds = i64::try_from(now.as_seconds()).unwrap_or(i64::MAX);
        let instant = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MAX);
        let local = self.zone.to_datetime(instant);
        LocalTime {
            weekday: weekday_of(local.date()),
            minute: i64::from(local.hour()) * 60 + i64::from(local.minute()),
        }
    }
}

/// The day of the week of a date.
pub(crate) fn weekday_of(date: jiff::civil::Date) -> Weekday {
    Weekday::after_monday(date.weekday().to_monday_zero_offset().unsigned_abs())
}
