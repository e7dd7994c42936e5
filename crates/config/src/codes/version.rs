//! Versions, their ends, and what is known of each API (C0800 to C0899).

codes! {
    LIFECYCLE_MALFORMED = "C0801" {
        title: "lifecycle is malformed",
        means: "A date under `lifecycle:` is no date, or a link cannot stand in a header field.",
        matters: "Clients would be told nothing, or something else than was meant.",
        mend: "Write dates as `2027-01-31` or `2027-01-31T12:00:00Z`, and links as URLs or paths without spaces.",
    }
    DEPRECATION_UNDATED = "C0802" {
        title: "deprecation has no date",
        means: "Operations are deprecated, and nothing says since when.",
        matters: "`Deprecation` is a date (RFC 9745 §2); without one, clients are not told at all.",
        mend: "Add `deprecated_at` under `lifecycle:` of the API or of the operation, or `x-deprecated-at` to the document.",
    }
    BROWNOUT_MALFORMED = "C0803" {
        title: "brownout cannot be kept",
        means: "A brownout has no sunset to prepare for, ends before it begins, names no day or hour, or recurs too often.",
        matters: "An outage that nobody can foresee warns nobody.",
        mend: "Give the API or operation a `sunset_at`, and each brownout `from` and `until`, or `every`, `at` and `for`.",
    }
    VERSION_GROUP = "C0804" {
        title: "versions of an API do not fit together",
        means: "An API belongs to a group of versions that is not declared, two have the same name, or the default is not there.",
        matters: "Which version a request gets must never be a guess.",
        mend: "Declare the group under `versions:`, give each of its APIs a name of its own, and let `default` be one of them.",
    }
    VERSION_FALLBACK = "C0805" {
        title: "a version is where requests for unknown versions go",
        means: "One version is mounted above the others, so that a path with an unknown version is looked up in it.",
        matters: "A template such as `/{id}/…` of an older version could take what was meant for a newer one.",
        mend: "Give each version a mount of its own, such as `/v1`, and name the way without a version in the group's `default`.",
    }
    INVENTORY_INCOMPLETE = "C0806" {
        title: "inventory of the API is incomplete",
        means: "Owner, environment, exposure, data class or third parties of an API are not said.",
        matters: "An API that nobody owns is patched by nobody, and forgotten ones are found by others first (OWASP API9:2023).",
        mend: "Fill in `inventory:` of the API; `third_parties: []` says that there are none.",
    }
    ENVIRONMENT_MIXED = "C0807" {
        title: "environments are not kept apart",
        means: "Production data are served outside production, under the name of a test host, or one upstream serves two environments.",
        matters: "Test systems are guarded less, and are how production data leak (OWASP API9:2023, ASVS 13.1.1).",
        mend: "Use made-up data outside production (`data_class: synthetic`), and upstreams of its own for each environment.",
    }
    THIRD_PARTY_UNLISTED = "C0808" {
        title: "data go to somebody who is not listed",
        means: "An upstream lies in another domain than the API, and is not among its `third_parties`.",
        matters: "A data flow that nobody recorded is one that nobody reviews (OWASP API9:2023).",
        mend: "List its host under `inventory.third_parties` with what it gets, or use an address of your own.",
    }
    DOCUMENTATION_PLACE = "C0809" {
        title: "documentation cannot be served there",
        means: "`documentation.path` is no path, is an operation of the API, or the API has no issuer whose tokens could open it.",
        matters: "Documentation that cannot be guarded would be open to everybody.",
        mend: "Choose a free path such as `/docs/openapi.json` in an API that authenticates its callers.",
    }
}
