//! A moment as people write it.

use portcullis_domain::Timestamp;

/// `2025-11-24`, in UTC.
pub(crate) fn date(at: Timestamp) -> String {
    i64::try_from(at.as_seconds())
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .map_or_else(
            || "a day after all calendars".to_owned(),
            |moment| moment.strftime("%Y-%m-%d").to_string(),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_written_in_utc() {
        assert_eq!(date(Timestamp::from_seconds(1_764_028_799)), "2025-11-24");
        assert_eq!(date(Timestamp::from_seconds(1_764_028_800)), "2025-11-25");
        assert_eq!(date(Timestamp::from_millis(u64::MAX)), "a day after all calendars");
    }
}
