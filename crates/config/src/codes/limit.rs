//! Limits (C0500 to C0599).

codes! {
    LIMIT_ZERO = "C0501" {
        title: "limit is zero",
        means: "A rate, burst or number at a time is zero.",
        matters: "It would refuse every request, which is hardly what was meant.",
        mend: "Write at least 1, or leave the setting out.",
    }
    QUOTA_NAME = "C0502" {
        title: "quota name cannot be used",
        means: "The name of a quota is empty, longer than 64 characters, or holds characters other than letters, digits, `-`, `_` and `.`.",
        matters: "Clients read the name in the `RateLimit-Policy` header field; other characters would need quoting there.",
        mend: "Choose a short name such as `per-minute`.",
    }
    QUOTA_NAME_REPEATED = "C0503" {
        title: "quota name is repeated",
        means: "Two quotas of one list have the same name.",
        matters: "A client that is told it has used up a quota could not tell which.",
        mend: "Give each quota its own `name:`.",
    }
    REFILL_TOO_LONG = "C0504" {
        title: "quota takes too long to refill",
        means: "At this rate it would take more than a hundred years until the whole burst is available again.",
        matters: "The moment could not be kept exactly, and nobody would live to see it.",
        mend: "Shorten the period of the rate, or lower the burst.",
    }
    PREFIX_RANGE = "C0505" {
        title: "IPv6 prefix is out of range",
        means: "The number of bits of an IPv6 address that make one peer is not between 32 and 128.",
        matters: "A very short prefix would count a whole provider as one peer.",
        mend: "Write a number from 32 to 128; 64 is what one subscriber usually has.",
    }
    QUOTA_PACE = "C0506" {
        title: "quota has no pace, or two",
        means: "A quota sets neither `rate` nor `fixed`, or both, or a `burst` beside `fixed`.",
        matters: "It would not be clear when what was spent comes back.",
        mend: "Write `rate: 100/1m` for a quota that comes back evenly, or `fixed: { count: 1000, every: day }` for one that comes back at midnight; for both, write two quotas.",
    }
    QUOTA_ZONE = "C0507" {
        title: "time zone of a quota is unknown",
        means: "The time zone in which a quota's days begin is none of this system's.",
        matters: "It could not be told when the next day begins.",
        mend: "Use a name like `Europe/Berlin`, install the system's time zones (Debian: `tzdata`), or leave it out for UTC.",
    }
    QUOTA_MISPLACED = "C0508" {
        title: "setting of a quota cannot stand here",
        means: "A limit by address, or of failed credentials, has a setting that only limits by caller have: `fixed`, `counts`, `mode` or `alert`.",
        matters: "These limits stand before everything else and must cost nothing: they count requests or failures, in this process, and refuse.",
        mend: "Move the quota to `caller`, or to `keyed` with `by: [address]`.",
    }
    KEY_UNREADABLE = "C0509" {
        title: "operation has no such place",
        means: "A limit goes by a parameter or a member of the body that the operation does not have, or that may hold several values.",
        matters: "It could not be told whose budget a request spends.",
        mend: "Name parameters as the document does, and members that stand alone as a JSON pointer such as `/user/name`.",
    }
    KEYED_NOWHERE = "C0510" {
        title: "limit holds nowhere",
        means: "A limit by key matches no operation, or says in an override on which operations it holds.",
        matters: "It looks like a protection and is none.",
        mend: "Write an operation id, `METHOD /path` as in the document, or `tag:NAME` in `on`, and leave `on` out in overrides.",
    }
    ATTEMPTS_MISPLACED = "C0511" {
        title: "setting is for single operations",
        means: "An API as a whole says `attempts` or `class`.",
        matters: "What a failed login looks like, or that an operation is one, is true of single operations only.",
        mend: "Move the setting to the operation's entry in `overrides`.",
    }
    QUOTA_NAME_SHARED = "C0512" {
        title: "two quotas that hold together have one name",
        means: "Two lists give quotas of the same name to one operation.",
        matters: "A client that is told it has used up a quota could not tell which.",
        mend: "Give one of them another `name:`.",
    }
    AUTHENTICATION_ASSUMED = "C0513" {
        title: "operation is taken for an authentication",
        means: "A public operation that takes a body is called like a login, token request, one-time code, password reset or recovery, and nothing says whether it is one.",
        matters: "Such operations are what passwords and codes are guessed at. It has the limits of `limits.authentication`, which may be too strict for anything else.",
        mend: "Say `limits: { class: authentication }` in its override, better with `attempts:`, or `class: ordinary` if it is none.",
    }
    SHARED_SERVER = "C0520" {
        title: "server of shared limits cannot be used",
        means: "The list of servers at which gateways count together is empty, or one of them is no host and port.",
        matters: "Every gateway would count by itself, and all together would grant a multiple of each quota.",
        mend: "Write host and port of each server that may be the primary, such as `cache.internal:6379`.",
    }
    SHARED_PLAINTEXT = "C0521" {
        title: "server of shared limits is asked without TLS",
        means: "A server that is not this machine is to be asked without TLS.",
        matters: "Who listens on the way reads the password, and may change every count.",
        mend: "Add `tls: {}` if a public authority vouches for the server, or name yours in `tls: { authorities: … }`.",
    }
    SHARED_SECRET = "C0522" {
        title: "secret of shared limits is too short",
        means: "The secret with which it is hashed whose count is whose has fewer than 32 bytes.",
        matters: "Who reads the server could try addresses and names until the hashes agree.",
        mend: "Make one with `openssl rand -hex 32`, and give the same to every gateway.",
    }
    SHARED_PREFIX = "C0523" {
        title: "prefix of shared limits cannot be used",
        means: "The prefix of keys is empty, longer than 64 characters, or holds others than letters, digits, `-`, `_` and `.`.",
        matters: "It is the hash tag that keeps all keys in one slot of a cluster; a brace in it would end it early.",
        mend: "Choose a short name, such as `portcullis`.",
    }
    SHARED_TIMEOUT = "C0524" {
        title: "timeout of shared limits is out of range",
        means: "The longest that a request waits for the server of shared limits is not between 1 millisecond and 1 second.",
        matters: "When the server is lost, requests under way wait that long; a shorter time would lose a healthy server.",
        mend: "Write a time from `1ms` to `1s`; 50 milliseconds are usual.",
    }
    SHARED_FIXED = "C0525" {
        title: "shared limits change with a restart only",
        means: "The section about shared limits was changed while the gateway is running.",
        matters: "Connections and the names of keys are made when the process starts; until the next start the old section holds.",
        mend: "Restart the gateways one after the other.",
    }
}
