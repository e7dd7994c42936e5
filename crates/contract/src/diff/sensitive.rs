//! Names and formats that speak of secrets or of people.

use super::facts::Facts;

/// Parts of names, in lower case and without separators. Short ones must be the whole name.
const PARTS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "credential",
    "cookie",
    "session",
    "hash",
    "salt",
    "socialsecurity",
    "passport",
    "taxid",
    "nationalid",
    "creditcard",
    "cardnumber",
    "iban",
    "accountnumber",
    "bankaccount",
    "birth",
    "email",
    "phone",
    "mobile",
    "address",
    "salary",
    "income",
    "health",
    "diagnosis",
    "medical",
    "religion",
    "ethnic",
    "gender",
    "latitude",
    "longitude",
    "internal",
    "debug",
    "stacktrace",
];
const WHOLE: &[&str] =
    &["pin", "otp", "ssn", "dob", "cvv", "cvc", "pan", "ip", "key", "role", "roles", "admin"];
const FORMATS: &[&str] = &["password", "email", "idn-email", "byte", "binary"];

/// Whether a member with this name says something that not everybody should know.
pub(super) fn is_sensitive(name: &str, facts: &Facts<'_>) -> bool {
    let plain: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
    PARTS.iter().any(|part| plain.contains(part))
        || WHOLE.contains(&plain.as_str())
        || facts.formats.keys().any(|format| FORMATS.contains(format))
}
