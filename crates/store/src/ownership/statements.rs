//! The statements with which it is kept whose objects are. `CAST` says what PostgreSQL could not infer; SQLite
//! reads the same words. The shifts take `OwnedObject::precedence` apart.

pub(super) const FIND: &str = "SELECT o.owner, o.precedence, o.parent, g.grantee, g.permits FROM owned_object o \
    LEFT JOIN object_grant g ON g.id = o.id AND g.version = (o.precedence >> 47) AND g.permits > 0 \
    WHERE o.id = $1 LIMIT 256";

pub(super) const KEEP: &str = "INSERT INTO owned_object (id, owner, precedence, parent) VALUES ($1, $2, $3, $4) \
    ON CONFLICT (id) DO UPDATE SET \
    owner = excluded.owner, precedence = excluded.precedence, parent = excluded.parent \
    WHERE excluded.precedence > owned_object.precedence \
        OR (excluded.precedence = owned_object.precedence AND excluded.owner < owned_object.owner)";

/// The latest word on one party holds, and a later version of the object starts anew.
pub(super) const GRANT: &str = "INSERT INTO object_grant (id, grantee, version, permits, at) \
    VALUES ($1, $2, $3, $4, $5) \
    ON CONFLICT (id, grantee) DO UPDATE SET \
    version = excluded.version, permits = excluded.permits, at = excluded.at \
    WHERE excluded.version > object_grant.version \
        OR (excluded.version = object_grant.version AND excluded.at >= object_grant.at)";

pub(super) const NOTE: &str = "INSERT INTO object_history (id, changed, kind, owner, authority, at, receipt) \
    SELECT $1, c.value, CAST($2 AS TEXT), CAST($3 AS BIGINT), CAST($4 AS TEXT), CAST($5 AS BIGINT), \
        CAST($6 AS TEXT) \
    FROM change_counter c \
    WHERE EXISTS (SELECT 1 FROM owned_object WHERE id = $1 AND precedence = CAST($7 AS BIGINT))";

pub(super) const CHANGED: &str =
    "SELECT id, changed FROM object_history WHERE changed > $1 ORDER BY changed LIMIT $2";

pub(super) const HISTORY: &str = "SELECT kind, owner, authority, at, receipt FROM (\
    SELECT kind, owner, authority, at, receipt, changed FROM object_history WHERE id = $1 \
    ORDER BY changed DESC LIMIT 100) latest ORDER BY changed";

pub(super) const LIST: &str =
    "SELECT id, owner, precedence, parent FROM owned_object WHERE id > $1 ORDER BY id LIMIT $2";

pub(super) const FORGET_TOMBSTONES: &str = "DELETE FROM owned_object WHERE ((precedence >> 46) & 1) = 1 \
    AND (4398046511103 - (precedence & 4398046511103)) < $1";

pub(super) const FORGET_OBSERVATIONS: &str = "DELETE FROM owned_object WHERE ((precedence >> 45) & 3) = 0 \
    AND (4398046511103 - (precedence & 4398046511103)) < $1";

pub(super) const FORGET_HISTORY: &str = "DELETE FROM object_history WHERE at < $1";

pub(super) const FORGET_GRANTS: &str = "DELETE FROM object_grant WHERE NOT EXISTS (\
    SELECT 1 FROM owned_object o WHERE o.id = object_grant.id AND (o.precedence >> 47) = object_grant.version)";

pub(super) const COVER: &str = "INSERT INTO object_type (realm, kind, own, granted, alien, unknown, \
    contradictions, began_at, last_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
    ON CONFLICT (realm, kind) DO UPDATE SET \
    own = object_type.own + excluded.own, granted = object_type.granted + excluded.granted, \
    alien = object_type.alien + excluded.alien, unknown = object_type.unknown + excluded.unknown, \
    contradictions = object_type.contradictions + excluded.contradictions, \
    last_at = CASE WHEN excluded.last_at > object_type.last_at THEN excluded.last_at \
        ELSE object_type.last_at END";

pub(super) const COVERAGE: &str = "SELECT realm, kind, own, granted, alien, unknown, contradictions, began_at, \
    last_at FROM object_type ORDER BY realm, kind";

pub(super) const SETTLE: &str = "UPDATE object_type SET contradictions = 0 WHERE realm = $1 AND kind = $2";

pub(super) const SECRET: &str = "SELECT sealed FROM ownership_secret WHERE id = 1";

pub(super) const FIRST_SECRET: &str =
    "INSERT INTO ownership_secret (id, sealed) VALUES (1, $1) ON CONFLICT (id) DO NOTHING";

pub(super) const NEXT_SECRET: &str = "UPDATE ownership_secret SET sealed = $1 WHERE id = 1";
