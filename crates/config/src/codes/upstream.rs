//! APIs, routes and upstreams (C0400 to C0499).

codes! {
    CONTRACT_MISSING = "C0401" {
        title: "API has no contract",
        means: "Neither `contract:` nor `operations:` says what the API offers, or both do.",
        matters: "Only declared operations are forwarded: without them nothing passes, and with two sources nobody can tell which holds.",
        mend: "Name the OpenAPI document under `contract:`, or list the operations under `operations:`.",
    }
    MOUNT_TAKEN = "C0402" {
        title: "two APIs are served at the same place",
        means: "Two APIs have a host name and a mount in common.",
        matters: "A request could be judged by the rules of one and meant for the other.",
        mend: "Give one of them another entry under `hosts:` or `mount:`.",
    }
    MOUNT_MALFORMED = "C0403" {
        title: "mount is no path",
        means: "`mount:` does not begin with a slash, ends with one, or is not in its canonical form.",
        matters: "The mount is cut off before a request is judged; it must be found in one way only.",
        mend: "Write it like `/shop/v1`.",
    }
    HOST_MALFORMED = "C0404" {
        title: "host name is malformed",
        means: "An entry of `hosts:` is neither a host name nor `*`; ports do not belong here.",
        matters: "Requests for it would never be recognized.",
        mend: "Write the bare name, e.g. `api.example.com`.",
    }
    HOSTS_UNSET = "C0405" {
        title: "API is served on loopback names only",
        means: "Neither `hosts:` nor the document's `servers` names a host, so only `localhost`, `127.0.0.1` and `[::1]` are answered.",
        matters: "Serving any name by default invites host header attacks.",
        mend: "List the names under `hosts:`, or write `hosts: [\"*\"]` to serve any.",
    }
    SCHEME_UNKNOWN = "C0406" {
        title: "security scheme has no issuer",
        means: "An operation demands a security scheme that `identity:` does not know and that is no client certificate.",
        matters: "Nobody could ever satisfy it, or somebody might be tempted to make the operation public.",
        mend: "Add an entry of that name under `identity:`.",
    }
    SCHEMES_COMBINED = "C0407" {
        title: "security schemes in combination are not supported",
        means: "One alternative of `security` demands several schemes at once.",
        matters: "Checking only one of them would admit more than the document says.",
        mend: "Demand one scheme per alternative.",
    }
    OVERRIDE_UNMATCHED = "C0408" {
        title: "override matches no operation",
        means: "A selector under `overrides:` names no operation id, method and path, or tag of the contract.",
        matters: "The protection that it was meant to set is set nowhere.",
        mend: "Write an operation id, `METHOD /path` as in the document, `tag:NAME` or `method:NAME`.",
    }
    ORIGIN_MALFORMED = "C0409" {
        title: "CORS origin is malformed",
        means: "An entry of `cors.origins` is `*`, `null`, or more than scheme, host and port.",
        matters: "Wildcards let any page read answers that are meant for one caller (OWASP API8:2023).",
        mend: "Write each origin in full, e.g. `https://app.example.com`.",
    }
    ADDRESS_MALFORMED = "C0410" {
        title: "upstream address is malformed",
        means: "An address is not `http://host:port` or `https://host:port`, or carries a path or credentials.",
        matters: "Requests would go somewhere other than what was judged.",
        mend: "Write scheme, host and port only; use `mount:` for paths.",
    }
    SCHEMES_MIXED = "C0411" {
        title: "addresses mix http and https",
        means: "One upstream lists addresses of both schemes.",
        matters: "A request would lose its protection because another address was chosen (TLS-14).",
        mend: "Use one scheme for all addresses of an upstream.",
    }
    SECURITY_TXT_EXPIRY = "C0412" {
        title: "security.txt has no usable expiry",
        means: "`security_txt.expires` is no point in time, has passed, or lies more than a year ahead (RFC 9116 §2.5.5).",
        matters: "Stale contact details send reports of vulnerabilities nowhere.",
        mend: "Write a date within the next year, e.g. `2027-06-30T00:00:00Z`.",
    }
    PUBLIC_OPERATION = "C0413" {
        title: "operation is public",
        means: "An operation is reachable without a credential because the configuration or the document says so.",
        matters: "It is worth knowing which operations anybody may call.",
        mend: "Nothing, if that is meant. Otherwise remove `access: public`.",
    }
    HAND_OVER_FIELD = "C0414" {
        title: "field cannot be handed over",
        means: "An entry of `hand_over.headers` is no header field that may speak of the caller, or names nothing that is known of one.",
        matters: "A field that frames or addresses the message would change what was judged; one without a meaning would be empty.",
        mend: "Name a field of your own, and one of `subject`, `issuer`, `client`, `scopes`, `roles`, or a claim as `/name`.",
    }
    INTERNAL_TOKENS_MISSING = "C0415" {
        title: "nobody signs tokens for upstreams",
        means: "An API has `hand_over.token`, and there is no `internal_tokens:`.",
        matters: "The upstream would wait for a token that never comes.",
        mend: "Add `internal_tokens:` with the `issuer` that upstreams are to expect.",
    }
    INTERNAL_TOKEN_TIMES = "C0416" {
        title: "times of internal tokens cannot work",
        means: "`internal_tokens.rotate` is shorter than two hours, or a token would live for more than five minutes or not at all.",
        matters: "A key must be known before it signs, and a stolen internal token must be worthless soon.",
        mend: "Leave the setting out to have its default.",
    }
    INTERNAL_KEYS_UNREADABLE = "C0417" {
        title: "kept keys cannot be read",
        means: "The file with the keys for internal tokens is damaged or cannot be opened.",
        matters: "New keys made in silence would have every upstream refuse every caller for a while.",
        mend: "Restore the file, or remove it and have the upstreams fetch the keys again.",
    }
    LEARNING = "C0418" {
        title: "API is learnt, and nothing of it is enforced",
        means: "An API has `learn` in place of a contract: every method and path is forwarded, and no parameter or body is checked.",
        matters: "Whatever its upstream answers is reachable, also what was never meant to be.",
        mend: "When it was called enough, run `portcullis learn`, read the document, and name it as `contract`.",
    }
    LEARNING_UNGUARDED = "C0419" {
        title: "nobody says who may call an API that is learnt",
        means: "An API has `learn`, and neither `access` nor `security` in it.",
        matters: "All of the API would be public by accident.",
        mend: "Name a scheme of `identity` under `learn.security`, or say `access: public` if that is meant.",
    }
}
