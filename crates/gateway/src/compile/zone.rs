//! Time zones, as the system has them.

use std::path::Path;

use jiff::tz::TimeZone;

use super::documents::read_file;

/// Where the system keeps its time zones.
const ZONES: &str = "/usr/share/zoneinfo";

/// The zone of this name, if the system has one.
pub(super) fn read_zone(name: &str) -> Option<TimeZone> {
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_+-".contains(&byte))
        && !name.starts_with('/');
    if !is_name {
        return None;
    }
    TimeZone::tzif(name, &read_file(&Path::new(ZONES).join(name)).ok()?).ok()
}
