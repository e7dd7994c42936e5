//! The store and API keys (C0700 to C0799).

codes! {
    LOCATION_AMBIGUOUS = "C0701" {
        title: "two places for the store",
        means: "The `store` section names a file and a PostgreSQL database as well.",
        matters: "A key that is revoked in one of them would live on in the other.",
        mend: "Keep one of them: the file for one gateway, PostgreSQL for several.",
    }
    ADDRESS_MALFORMED = "C0702" {
        title: "address of the database cannot be read",
        means: "The secret that `postgresql:` names holds no address of PostgreSQL.",
        matters: "The gateway could not open its store and would not start.",
        mend: "Write `postgresql://user:password@host/database` into the secret.",
    }
    SECRET_MISSING = "C0703" {
        title: "secret of the store is not set",
        means: "The store is shared, or previous secrets are named, and `secret:` is missing.",
        matters: "Each replica would make a secret of its own and recognize no key that another one digested.",
        mend: "Make one with `openssl rand -hex 32`, keep it where every replica can read it, and name it with `secret: ${file:…}`.",
    }
    SECRET_WEAK = "C0704" {
        title: "secret of the store is weak",
        means: "The secret is shorter than 32 bytes, repeats itself, or is printed as an example somewhere.",
        matters: "Whoever guesses it and gets at the database can put keys of their own into it and open what is sealed there.",
        mend: "Make one with `openssl rand -hex 32`.",
    }
    SECRET_REPEATED = "C0705" {
        title: "a key serves twice",
        means: "The same secret is configured for two purposes, or as the present and as a previous one.",
        matters: "A key that serves two purposes is as weak as the weaker of them, and cannot be replaced for one alone (RFC 8725 §3.12).",
        mend: "Make a secret of its own for each purpose.",
    }
    POLL_RANGE = "C0706" {
        title: "poll is out of range",
        means: "The time between two looks at the store is below 20 ms or above 1 s.",
        matters: "For that long a credential that was revoked elsewhere is accepted here.",
        mend: "Write a time such as `250ms`, or leave the setting out.",
    }
    STORE_UNUSABLE = "C0707" {
        title: "store cannot be opened",
        means: "The file or database of the store cannot be reached, read or written, or a newer program made it.",
        matters: "Operations take API keys, and without the store nobody can tell a good one from a bad one.",
        mend: "Check the path, its owner and mode (0600), or the database's address and rights.",
    }
    KEY_PLACE = "C0711" {
        title: "API keys are taken from a header only",
        means: "A security scheme of type `apiKey` is in the query or in a cookie, or its header is `Authorization` or one that carries something else.",
        matters: "Addresses end up in logs, histories and referrers; cookies are sent by browsers without being asked, from any page.",
        mend: "Declare `in: header` with a name of its own, such as `X-API-Key`.",
    }
    KEY_SETTINGS = "C0712" {
        title: "API key setting is out of range",
        means: "A setting under `api_keys` is zero, or the default life of a key is longer than the longest.",
        matters: "Keys would end at once, or never.",
        mend: "Correct the value, or leave the setting out.",
    }
}
