//! The statements that counts of traffic are kept with. `CAST` says what PostgreSQL could not infer; SQLite
//! reads the same words.

/// Most paths that are kept of one version of an API and are not declared.
pub(super) const STRAYS_OF_API: u64 = 1000;
/// Most members that are kept of one operation and are not declared.
pub(super) const MEMBERS_OF_OPERATION: u64 = 100;

pub(super) const BATCH: &str = "INSERT INTO usage_batch (id, added_at) VALUES ($1, $2)";

pub(super) const ADD_USED: &str = "INSERT INTO call_count (api, version, operation, kind, issuer, subject, client, \
    day, served, rejected, failed, denied, gone, first_at, last_at, peak) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) \
    ON CONFLICT (api, version, operation, kind, issuer, subject, client, day) DO UPDATE SET \
    served = call_count.served + excluded.served, rejected = call_count.rejected + excluded.rejected, \
    failed = call_count.failed + excluded.failed, denied = call_count.denied + excluded.denied, \
    gone = call_count.gone + excluded.gone, \
    first_at = CASE WHEN excluded.first_at < call_count.first_at THEN excluded.first_at \
        ELSE call_count.first_at END, \
    last_at = CASE WHEN excluded.last_at > call_count.last_at THEN excluded.last_at ELSE call_count.last_at END, \
    peak = CASE WHEN excluded.peak > call_count.peak THEN excluded.peak ELSE call_count.peak END";

pub(super) const ADD_STRAY: &str = "INSERT INTO stray_call (api, version, method, template, refused, answered, \
    first_at, last_at) \
    SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS BIGINT), \
        CAST($6 AS BIGINT), CAST($7 AS BIGINT), CAST($8 AS BIGINT) \
    WHERE (SELECT count(*) FROM stray_call WHERE api = $1 AND version = $2) < CAST($9 AS BIGINT) \
        OR EXISTS (SELECT 1 FROM stray_call WHERE api = $1 AND version = $2 AND method = $3 AND template = $4) \
    ON CONFLICT (api, version, method, template) DO UPDATE SET \
    refused = stray_call.refused + excluded.refused, answered = stray_call.answered + excluded.answered, \
    first_at = CASE WHEN excluded.first_at < stray_call.first_at THEN excluded.first_at \
        ELSE stray_call.first_at END, \
    last_at = CASE WHEN excluded.last_at > stray_call.last_at THEN excluded.last_at ELSE stray_call.last_at END";

pub(super) const ADD_MEMBER: &str = "INSERT INTO stray_member (api, version, operation, place, name, times, \
    first_at, last_at) \
    SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS TEXT), \
        CAST($6 AS BIGINT), CAST($7 AS BIGINT), CAST($8 AS BIGINT) \
    WHERE (SELECT count(*) FROM stray_member WHERE api = $1 AND version = $2 AND operation = $3) \
            < CAST($9 AS BIGINT) \
        OR EXISTS (SELECT 1 FROM stray_member WHERE api = $1 AND version = $2 AND operation = $3 \
            AND place = $4 AND name = $5) \
    ON CONFLICT (api, version, operation, place, name) DO UPDATE SET \
    times = stray_member.times + excluded.times, \
    first_at = CASE WHEN excluded.first_at < stray_member.first_at THEN excluded.first_at \
        ELSE stray_member.first_at END, \
    last_at = CASE WHEN excluded.last_at > stray_member.last_at THEN excluded.last_at \
        ELSE stray_member.last_at END";

pub(super) const OBSERVE: &str = "INSERT INTO observation (api, version, began_at, last_at, lost_at) \
    VALUES ($1, $2, $3, $3, $4) \
    ON CONFLICT (api, version) DO UPDATE SET \
    began_at = CASE WHEN excluded.began_at < observation.began_at THEN excluded.began_at \
        ELSE observation.began_at END, \
    last_at = CASE WHEN excluded.last_at > observation.last_at THEN excluded.last_at \
        ELSE observation.last_at END, \
    lost_at = COALESCE(excluded.lost_at, observation.lost_at)";

pub(super) const USED: &str = "SELECT api, version, operation, kind, issuer, subject, client, \
    CAST(sum(served) AS BIGINT), CAST(sum(rejected) AS BIGINT), CAST(sum(failed) AS BIGINT), \
    CAST(sum(denied) AS BIGINT), CAST(sum(gone) AS BIGINT), min(first_at), max(last_at), max(peak) \
    FROM call_count WHERE day >= $1 \
    GROUP BY api, version, operation, kind, issuer, subject, client \
    ORDER BY api, version, operation, kind, issuer, subject, client LIMIT 100000";

pub(super) const STRAYS: &str = "SELECT api, version, method, template, refused, answered, first_at, last_at \
    FROM stray_call WHERE last_at >= $1 ORDER BY api, version, template, method LIMIT 100000";

pub(super) const MEMBERS: &str = "SELECT api, version, operation, place, name, times, first_at, last_at \
    FROM stray_member WHERE last_at >= $1 ORDER BY api, version, operation, place, name LIMIT 100000";

pub(super) const OBSERVATIONS: &str =
    "SELECT api, version, began_at, last_at, lost_at FROM observation ORDER BY api, version";

/// The day of the newest row for which there is no room.
pub(super) const CROWDED_DAY: &str = "SELECT day FROM call_count ORDER BY day DESC LIMIT 1 OFFSET $1";

pub(super) const FORGET_USED: &str = "DELETE FROM call_count WHERE day < $1";
pub(super) const FORGET_STRAYS: &str = "DELETE FROM stray_call WHERE last_at < $1";
pub(super) const FORGET_MEMBERS: &str = "DELETE FROM stray_member WHERE last_at < $1";
pub(super) const FORGET_BATCHES: &str = "DELETE FROM usage_batch WHERE added_at < $1";
/// Nothing is known any more of what was before.
pub(super) const BEGIN_LATER: &str = "UPDATE observation SET began_at = $1 WHERE began_at < $1";

pub(super) const FIND_LEARNT: &str = "SELECT revision, content FROM learnt WHERE api = $1";
pub(super) const FIRST_LEARNT: &str = "INSERT INTO learnt (api, revision, content) VALUES ($1, 1, $2)";
pub(super) const NEXT_LEARNT: &str =
    "UPDATE learnt SET content = $1, revision = revision + 1 WHERE api = $2 AND revision = $3";
