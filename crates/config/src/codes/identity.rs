//! Issuers, tokens and authorization rules (C0200 to C0299).

codes! {
    AUDIENCE_MISSING = "C0201" {
        title: "audience is not set",
        means: "An issuer has no `audience:`, or an empty one.",
        matters: "Tokens that the issuer minted for any other service would be accepted here (RFC 8725 §3.9).",
        mend: "Add `audience:` with the name that this API has at the issuer.",
    }
    ISSUER_EMPTY = "C0202" {
        title: "issuer is empty",
        means: "`issuer:` is an empty text.",
        matters: "Tokens are accepted from the issuer whose identifier their `iss` repeats exactly (RFC 8725 §3.8).",
        mend: "Write the value that `iss` has in the issuer's tokens.",
    }
    ISSUER_NOT_FETCHABLE = "C0203" {
        title: "issuer metadata cannot be fetched",
        means: "There is no `jwks:`, and the issuer's identifier is no https address under which its metadata could be.",
        matters: "Without metadata and without `jwks:` no key is known, and every token would be refused.",
        mend: "Add `jwks: { url: https://… }` or `jwks: { file: … }`, or mend the identifier.",
    }
    JWKS_SOURCE = "C0204" {
        title: "place of the keys is not clear",
        means: "`jwks:` has both a file and an address, or neither.",
        matters: "Keys decide who is let in; which ones hold must not be a matter of order.",
        mend: "Write either `file:` or `url:`; leave `jwks:` out to have the issuer's metadata say it.",
    }
    JWKS_ADDRESS = "C0205" {
        title: "keys are not fetched from there",
        means: "The address of a key set is not an https URL, or carries a user name, a password or a fragment.",
        matters: "Whoever can answer in place of the issuer decides who is let in (OWASP API7:2023).",
        mend: "Write an https address. Plain http is possible to a loopback address, with `allow_private_network: true`.",
    }
    JWKS_UNUSABLE = "C0206" {
        title: "key set has no usable key",
        means: "The file is no JWK Set, has too many keys, or none of its keys may verify tokens.",
        matters: "Every token of this issuer would be refused.",
        mend: "Check the file; warnings at its keys say why each was left out.",
    }
    JWK_LEFT_OUT = "C0207" {
        title: "key is not used",
        means: "A key of a set is symmetric, private, too small, for encryption, damaged, of an unknown kind, or shares its `kid` with another.",
        matters: "Such a key would weaken what it verifies, or could be mistaken for another (RFC 8725 §3.5).",
        mend: "Publish only public signature keys, each with its own `kid`. If a private key was published, replace it.",
    }
    ALGORITHM_REFUSED = "C0208" {
        title: "algorithm is never accepted",
        means: "`algorithms:` names `none` or an algorithm with a shared secret.",
        matters: "Unsigned tokens prove nothing. With a shared secret everyone who can check a token can also make one, and a public key could be passed off as the secret (RFC 8725 §3.1, §3.5).",
        mend: "Have the issuer sign with ES256, EdDSA, PS256 or RS256, and list that.",
    }
    ALGORITHM_UNKNOWN = "C0209" {
        title: "algorithm is not known",
        means: "`algorithms:` is empty or names something that is no signature algorithm supported here.",
        matters: "No token could ever satisfy it.",
        mend: "Choose from RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512 and EdDSA.",
    }
    TOKEN_TYPE_EXCEPTION = "C0210" {
        title: "token type deviates from RFC 9068",
        means: "`token_types:` accepts something other than `at+jwt`, or nothing at all.",
        matters: "`typ` keeps ID tokens and other JWTs from being used as access tokens (RFC 8725 §3.11, §3.12); an exception leans on `aud` and on claims that only those have.",
        mend: "Have the issuer mark access tokens with `typ: at+jwt` where it can, and remove the exception.",
    }
    CLOCK_SKEW_TOO_LARGE = "C0211" {
        title: "clock skew is too large",
        means: "`clock_skew:` is more than 60 seconds.",
        matters: "For that long expired tokens would live on.",
        mend: "Synchronize the clocks; 30 seconds are plenty.",
    }
    CLOCK_SKEW_WIDENED = "C0212" {
        title: "clock skew is wider than the default",
        means: "`clock_skew:` is more than 30 seconds.",
        matters: "For that long expired tokens live on.",
        mend: "Synchronize the clocks and remove the setting.",
    }
    CLAIM_INDISPENSABLE = "C0213" {
        title: "claim cannot be left out",
        means: "`required_claims:` lacks `iss`, `exp`, `aud` or `sub`.",
        matters: "Without these nobody can say who minted a token, for whom, about whom, and until when it holds.",
        mend: "List all four.",
    }
    CLAIM_RELAXED = "C0214" {
        title: "required claim is relaxed",
        means: "`required_claims:` lacks `client_id`, `iat` or `jti`, which RFC 9068 §2.2 wants in every access token.",
        matters: "Without `jti` a single token cannot be revoked, without `iat` not all before a moment, without `client_id` not those of one client.",
        mend: "Have the issuer add the claim where it can, and remove the exception.",
    }
    PRIVATE_NETWORK_ALLOWED = "C0215" {
        title: "keys may be fetched from the private network",
        means: "`allow_private_network: true` lets fetches for this issuer connect to private and loopback addresses.",
        matters: "Should the issuer's name or metadata ever point to an inner address, the gateway would ask there (OWASP API7:2023).",
        mend: "Keep it only for issuers that live in the own network.",
    }
    KEY_TIMES = "C0216" {
        title: "key settings cannot work",
        means: "A period, size or number under `keys:` is zero, or `maximum_lifetime:` is.",
        matters: "No keys could be had, or strangers could make the gateway fetch without pause.",
        mend: "Leave the setting out to have its default.",
    }
    TOO_MANY_ISSUERS = "C0217" {
        title: "too many issuers",
        means: "`identity:` has more than 64 entries.",
        matters: "Which of them an operation accepts is kept in 64 bits.",
        mend: "Join entries of one issuer by listing several audiences, or use a second gateway.",
    }
    INTROSPECTION_ADDRESS = "C0218" {
        title: "introspection endpoint is no https address",
        means: "`introspection.url` is no https URL, or carries a user name, a password or a fragment.",
        matters: "Tokens and the gateway's own secret are sent there.",
        mend: "Write an https address. Plain http is possible to a loopback address, with `allow_private_network: true`.",
    }
    STRENGTH_MALFORMED = "C0219" {
        title: "value of `acr` or `amr` cannot be asked for",
        means: "A value under `require:` is empty or has a space in it.",
        matters: "The challenge lists values separated by spaces (RFC 9470 §3); a client would ask the issuer for something else.",
        mend: "Write each value as an item of its own.",
    }
    SCHEMES_REFUSED = "C0220" {
        title: "schemes cannot be accepted together",
        means: "An operation accepts tokens of two issuers that are both asked about opaque tokens.",
        matters: "An opaque token does not say whose it is, and no issuer may be shown the tokens of another (RFC 9700 §4.9).",
        mend: "Accept one of them on this operation, or have the other issue JWTs.",
    }
    CERTIFICATE_NAME = "C0221" {
        title: "name of a certificate is no pattern",
        means: "An entry of `names` or `require.certificate` is neither a URI nor a DNS name, or has a `*` elsewhere than as `/*` at the end of a URI or `*.` at the begin of a DNS name.",
        matters: "A wildcard in the middle fits names that nobody thought of.",
        mend: "Write `spiffe://trust.domain/path/*`, `https://name/path`, `host.example` or `*.example`.",
    }
    USERS_UNUSABLE = "C0222" {
        title: "file of users cannot be used",
        means: "A line is no `name:$argon2id$…`, a name comes twice, or a hash is too cheap or too dear.",
        matters: "A cheap hash gives passwords away with the file; a dear one lets strangers use up the machine.",
        mend: "Make each hash with `argon2 SALT -id -m 15 -t 2 -p 1 -e`.",
    }
    PASSWORDS_ACCEPTED = "C0223" {
        title: "passwords are accepted",
        means: "A scheme takes user and password with each request (RFC 7617).",
        matters: "A password never ends by itself, and every client and log on the way may keep it.",
        mend: "Prefer API keys or tokens where callers can use them.",
    }
    SESSION_CLIENT = "C0224" {
        title: "client cannot show who asks",
        means: "`session:` or `introspection:` has neither `secret` nor `key`, both, or a key that is no PKCS #8 private key on P-256 or Ed25519.",
        matters: "Without it, whoever gets hold of a code could redeem it, or ask what tokens are good for (RFC 9700 §2.5, RFC 7662 §2.1).",
        mend: "Write `secret:` or `key:` as a reference, such as `${file:client.secret}`.",
    }
    SESSION_SETTINGS = "C0225" {
        title: "session settings cannot work",
        means: "Under `session:` a path, page, cookie name, scope or period is not what it must be.",
        matters: "A cookie without the `__Host-` prefix can be planted by a sibling host; a page of another origin makes the login a way out for codes and trust (RFC 9700 §4.11.1).",
        mend: "Leave the setting out to have its default.",
    }
    SESSION_ISSUER = "C0226" {
        title: "issuer of logins has no metadata address",
        means: "`session:` is set, and the issuer's identifier is no https address.",
        matters: "Where users log in stands in the issuer's metadata, and nowhere else.",
        mend: "Mend the identifier. Plain http is possible to a loopback address, with `allow_private_network: true`.",
    }
    SESSION_TWICE = "C0227" {
        title: "API has two kinds of session",
        means: "Operations of one API accept schemes that each have `session:`.",
        matters: "Which session a cookie stands for, and where its user logs in, must not be a matter of order.",
        mend: "Use one scheme with `session:` per API, or serve two APIs.",
    }
    POLICY_SYNTAX = "C0228" {
        title: "policy cannot be read",
        means: "A file of policies is not Cedar, or holds a template.",
        matters: "A policy that is left out may be the one that forbids.",
        mend: "Mend the place that is shown. The language is described at docs.cedarpolicy.com.",
    }
    POLICY_TYPE = "C0229" {
        title: "policy does not fit the contract",
        means: "A policy names an operation, a parameter, a claim or an entity that there is not, or compares what cannot be compared.",
        matters: "It would fail or never match when a request comes.",
        mend: "Correct the name; declare claims under `rules: { claims: … }`; ask `has` before reading what may be missing. `docs/guides/roles-and-attributes.md` lists all words.",
    }
    POLICY_IDLE = "C0230" {
        title: "policy can never match",
        means: "No request can make the conditions of a policy true.",
        matters: "It permits or forbids nothing, and whoever wrote it believes that it does.",
        mend: "Correct the names in it, or remove it.",
    }
    RULE_MALFORMED = "C0231" {
        title: "rule cannot be read",
        means: "A short form of a rule holds a value that means nothing.",
        matters: "The rule would not do what it says.",
        mend: "Correct the value that is shown.",
    }
    RULE_PUBLIC = "C0232" {
        title: "rule on a public operation",
        means: "An override sets `allow` or `deny` for an operation that asks nobody for a credential.",
        matters: "Nobody is known there whom a rule could permit or forbid anything.",
        mend: "Give the operation a security requirement, or remove the rule.",
    }
    ZONE_UNKNOWN = "C0233" {
        title: "time zone is not known",
        means: "There is no such zone among the system's (/usr/share/zoneinfo).",
        matters: "Hours and days would be other ones than meant.",
        mend: "Write a name such as `Europe/Berlin`, and install the system's `tzdata`.",
    }
    CASE_MALFORMED = "C0234" {
        title: "case describes no call",
        means: "A case for `portcullis policy test` names an API, an operation or a value that there is not.",
        matters: "It would test nothing, and look as if it did.",
        mend: "Correct what is shown. Say either `call: GET /path` or `operation` with `path`, and `api` where there are several.",
    }
    RULES_TOO_MANY = "C0235" {
        title: "too many rules for one operation",
        means: "The policies of an API reach its operations more often than a gateway can hold, or one operation is reached by too many.",
        matters: "Every decision on that operation would ask all of them, and a request would wait for it.",
        mend: "Let policies name what they are about in their scope: `action == Action::\"…\"`, or a tag. What differs only in a name is better one policy that compares a claim or a role.",
    }
}
