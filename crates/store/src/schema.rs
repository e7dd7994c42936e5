//! The tables, and how an older database becomes a newer one.
//!
//! Each version is a list of statements that is run once, all versions in one transaction; a database of a
//! newer version is refused, because what it means is not known here. `BYTES` stands for the type of bytes and
//! `KEYED` for a table that is kept in the order of its key and nowhere else, where there is such a thing: the
//! only words in which the two databases differ.

/// The version that this program makes and understands.
pub const NEWEST: i64 = {
    let versions = MIGRATIONS.len();
    // A handful; the cast cannot lose anything.
    versions as i64
};

/// By version, from 1.
pub(crate) const MIGRATIONS: &[&[&str]] = &[KEYS_AND_SESSIONS, TRAFFIC, OWNERSHIP, GRANTS, LIMITS];

const KEYS_AND_SESSIONS: &[&str] = &[
    "CREATE TABLE change_counter (id BIGINT PRIMARY KEY CHECK (id = 1), value BIGINT NOT NULL)",
    "INSERT INTO change_counter (id, value) VALUES (1, 0)",
    // Scopes are separated by spaces (RFC 6749 §3.3), APIs and networks by line breaks; `apis` is NULL for all.
    "CREATE TABLE api_key (
        id BIGINT PRIMARY KEY,
        pepper BIGINT NOT NULL,
        digest BYTES NOT NULL,
        owner TEXT NOT NULL,
        label TEXT NOT NULL,
        scopes TEXT NOT NULL,
        apis TEXT,
        networks TEXT NOT NULL,
        created_at BIGINT NOT NULL,
        expires_at BIGINT NOT NULL,
        revoked_at BIGINT,
        successor BIGINT,
        last_used_at BIGINT,
        changed BIGINT NOT NULL
    )",
    "CREATE INDEX api_key_changed ON api_key (changed)",
    "CREATE INDEX api_key_owner ON api_key (owner, id)",
    // `issued_before` is the largest number where all is revoked, so that the wider bound is the greater one.
    "CREATE TABLE revocation (
        kind TEXT NOT NULL,
        issuer TEXT NOT NULL,
        value TEXT NOT NULL,
        issued_before BIGINT NOT NULL,
        revoked_at BIGINT NOT NULL,
        forget_at BIGINT NOT NULL,
        cause TEXT NOT NULL,
        changed BIGINT NOT NULL,
        PRIMARY KEY (kind, issuer, value)
    )",
    "CREATE UNIQUE INDEX revocation_changed ON revocation (changed)",
    "CREATE INDEX revocation_forget ON revocation (forget_at)",
    "CREATE TABLE session (
        pepper BIGINT NOT NULL,
        id BYTES NOT NULL,
        issuer TEXT NOT NULL,
        subject TEXT NOT NULL,
        sid TEXT,
        created_at BIGINT NOT NULL,
        idle_at BIGINT NOT NULL,
        ends_at BIGINT NOT NULL,
        content BYTES NOT NULL,
        PRIMARY KEY (id)
    )",
    "CREATE INDEX session_subject ON session (issuer, subject)",
    "CREATE INDEX session_sid ON session (issuer, sid)",
    "CREATE INDEX session_end ON session (ends_at)",
];

const TRAFFIC: &[&str] = &[
    // One row for each consumer, operation and day (days since the epoch).
    "CREATE TABLE call_count (
        api TEXT NOT NULL,
        version TEXT NOT NULL,
        operation TEXT NOT NULL,
        kind TEXT NOT NULL,
        issuer TEXT NOT NULL,
        subject TEXT NOT NULL,
        client TEXT NOT NULL,
        day BIGINT NOT NULL,
        served BIGINT NOT NULL,
        rejected BIGINT NOT NULL,
        failed BIGINT NOT NULL,
        denied BIGINT NOT NULL,
        gone BIGINT NOT NULL,
        first_at BIGINT NOT NULL,
        last_at BIGINT NOT NULL,
        PRIMARY KEY (api, version, operation, kind, issuer, subject, client, day)
    )",
    "CREATE INDEX call_count_day ON call_count (day)",
    "CREATE TABLE stray_call (
        api TEXT NOT NULL,
        version TEXT NOT NULL,
        method TEXT NOT NULL,
        template TEXT NOT NULL,
        refused BIGINT NOT NULL,
        answered BIGINT NOT NULL,
        first_at BIGINT NOT NULL,
        last_at BIGINT NOT NULL,
        PRIMARY KEY (api, version, method, template)
    )",
    "CREATE TABLE stray_member (
        api TEXT NOT NULL,
        version TEXT NOT NULL,
        operation TEXT NOT NULL,
        place TEXT NOT NULL,
        name TEXT NOT NULL,
        times BIGINT NOT NULL,
        first_at BIGINT NOT NULL,
        last_at BIGINT NOT NULL,
        PRIMARY KEY (api, version, operation, place, name)
    )",
    "CREATE TABLE observation (
        api TEXT NOT NULL,
        version TEXT NOT NULL,
        began_at BIGINT NOT NULL,
        last_at BIGINT NOT NULL,
        lost_at BIGINT,
        PRIMARY KEY (api, version)
    )",
    // Batches that were added, so that none is added twice.
    "CREATE TABLE usage_batch (id BYTES NOT NULL, added_at BIGINT NOT NULL, PRIMARY KEY (id))",
    "CREATE TABLE learnt (
        api TEXT NOT NULL,
        revision BIGINT NOT NULL,
        content BYTES NOT NULL,
        PRIMARY KEY (api)
    )",
];

const OWNERSHIP: &[&str] = &[
    // Ten million rows must fit into a gibibyte: digests are short, and what is known is one number whose order
    // is the order in which stories of one object hold (`OwnedObject::precedence`).
    "CREATE TABLE owned_object (
        id BYTES NOT NULL,
        owner BIGINT NOT NULL,
        precedence BIGINT NOT NULL,
        parent BIGINT,
        PRIMARY KEY (id)
    ) KEYED",
    // `permits`: 0 nothing any more, 1 to read, 2 to write; of one version of the object.
    "CREATE TABLE object_grant (
        id BYTES NOT NULL,
        grantee BIGINT NOT NULL,
        version BIGINT NOT NULL,
        permits BIGINT NOT NULL,
        at BIGINT NOT NULL,
        PRIMARY KEY (id, grantee)
    ) KEYED",
    "CREATE TABLE object_history (
        id BYTES NOT NULL,
        changed BIGINT NOT NULL,
        kind TEXT NOT NULL,
        owner BIGINT NOT NULL,
        authority TEXT NOT NULL,
        at BIGINT NOT NULL,
        receipt TEXT,
        PRIMARY KEY (id, changed)
    )",
    "CREATE UNIQUE INDEX object_history_changed ON object_history (changed)",
    "CREATE TABLE object_type (
        realm TEXT NOT NULL,
        kind TEXT NOT NULL,
        own BIGINT NOT NULL,
        granted BIGINT NOT NULL,
        alien BIGINT NOT NULL,
        unknown BIGINT NOT NULL,
        contradictions BIGINT NOT NULL,
        began_at BIGINT NOT NULL,
        last_at BIGINT NOT NULL,
        PRIMARY KEY (realm, kind)
    )",
    // The key of all digests above, sealed: they outlive the root secret.
    "CREATE TABLE ownership_secret (id BIGINT PRIMARY KEY CHECK (id = 1), sealed BYTES NOT NULL)",
];

const GRANTS: &[&str] = &[
    // Roles and scopes are separated by spaces.
    "CREATE TABLE access_grant (
        id BIGINT PRIMARY KEY,
        issuer TEXT NOT NULL,
        subject TEXT NOT NULL,
        roles TEXT NOT NULL,
        scopes TEXT NOT NULL,
        cause TEXT NOT NULL,
        opened_by TEXT NOT NULL,
        opened_at BIGINT NOT NULL,
        expires_at BIGINT NOT NULL,
        needed BIGINT NOT NULL,
        closed_at BIGINT,
        closed_by TEXT,
        used_at BIGINT,
        changed BIGINT NOT NULL
    )",
    "CREATE UNIQUE INDEX access_grant_changed ON access_grant (changed)",
    "CREATE TABLE grant_approval (
        grant_id BIGINT NOT NULL,
        approver TEXT NOT NULL,
        at BIGINT NOT NULL,
        PRIMARY KEY (grant_id, approver)
    )",
];

const LIMITS: &[&str] = &[
    // What was spent of long quotas, by keyed hashes.
    "CREATE TABLE limit_count (
        place TEXT NOT NULL,
        key BIGINT NOT NULL,
        until_at BIGINT NOT NULL,
        spent BIGINT NOT NULL,
        PRIMARY KEY (place, key)
    )",
    "CREATE INDEX limit_count_until ON limit_count (until_at)",
    // The most calls in one minute of the day.
    "ALTER TABLE call_count ADD COLUMN peak BIGINT NOT NULL DEFAULT 0",
];

/// Where the version is kept.
pub(crate) const VERSION_TABLE: &str =
    "CREATE TABLE IF NOT EXISTS portcullis_schema (version BIGINT NOT NULL)";

/// The words of one database.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dialect {
    bytes: &'static str,
    keyed: &'static str,
}

impl Dialect {
    pub(crate) const SQLITE: Self = Self { bytes: "BLOB", keyed: "WITHOUT ROWID" };
    pub(crate) const POSTGRES: Self = Self { bytes: "BYTEA", keyed: "" };

    /// A statement of a migration in these words.
    pub(crate) fn say(self, text: &str) -> String {
        text.replace("BYTES", self.bytes).replace("KEYED", self.keyed)
    }
}
