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
}
