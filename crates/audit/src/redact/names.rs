//! Names whose values are secrets.

/// Words that tell wherever they stand in a name, written without separators; by their first letter.
const fn words(first: u8) -> &'static [&'static str] {
    match first {
        b'a' => &["apikey", "accesskey", "authoriz", "assertion"],
        b'b' => &["bearer"],
        b'c' => &["cookie", "credential", "cvc", "cvv"],
        b'd' => &["dpop"],
        b'j' => &["jwt"],
        b'o' => &["onetime"],
        b'p' => &["passw", "passcode", "passphrase", "privatekey", "pwd"],
        b's' => &["secret", "session"],
        b't' => &["token"],
        _ => &[],
    }
}

/// Names that tell in a query or header, where they stand alone. In running text they are ordinary words.
const fn whole_names(first: u8) -> &'static [&'static str] {
    match first {
        b'a' => &["auth"],
        b'c' => &["code", "card", "cardnumber", "ccnumber", "csc", "cvn"],
        b'h' => &["hmac"],
        b'k' => &["key"],
        b'm' => &["mac"],
        b'n' => &["nonce"],
        b'o' => &["otp"],
        b'p' => &["pass", "pin", "pan"],
        b'r' => &["relaystate"],
        b's' => &["state", "sid", "sig", "signature", "ssn", "samlresponse", "samlrequest"],
        b't' => &["ticket", "totp"],
        _ => &[],
    }
}

/// How such names end when there is more to them: `subscription-key`, `x-amz-signature`.
const ENDS: [&str; 2] = ["key", "signature"];

/// Steps of a path after which a secret may stand: `/reset-password/4f9c2ab81d`.
const STEPS: [&str; 12] = [
    "activate",
    "confirm",
    "invite",
    "magic",
    "otp",
    "passwordreset",
    "reset",
    "resetpassword",
    "token",
    "unsubscribe",
    "verify",
    "verifyemail",
];

/// Longer names than this are judged by their first so many letters and digits.
const LONGEST: usize = 48;

/// Whether `name: value` in running text hides a secret.
pub(super) fn is_sensitive(name: &str) -> bool {
    Name::read(name).holds_word()
}

/// Whether the value of a query parameter or header of this name is a secret.
pub(super) fn is_parameter_sensitive(name: &str) -> bool {
    let name = Name::read(name);
    name.holds_word()
        || name.is_one_of(whole_names(name.first()))
        || ENDS.iter().any(|end| name.letters().ends_with(end.as_bytes()))
}

/// Whether the path segment after this one may be a secret.
pub(super) fn is_step_to_secret(segment: &str) -> bool {
    (3..=20).contains(&segment.len()) && Name::read(segment).is_one_of(&STEPS)
}

/// Whether all the rest of the line belongs to the value.
pub(super) fn fills_the_line(name: &str) -> bool {
    let name = Name::read(name);
    let ends = |word: &str| name.letters().ends_with(word.as_bytes());
    ends("authorization") || ends("cookie")
}

/// A name in lower case, without what separates its words: `X-Api_Key`, `apiKey` and `api.key` are one.
struct Name {
    letters: [u8; LONGEST],
    length: usize,
}

impl Name {
    fn read(name: &str) -> Self {
        let mut read = Self { letters: [0; LONGEST], length: 0 };
        let bytes = name.bytes().filter(u8::is_ascii_alphanumeric);
        for (place, byte) in read.letters.iter_mut().zip(bytes) {
            *place = byte.to_ascii_lowercase();
            read.length += 1;
        }
        read
    }

    fn letters(&self) -> &[u8] {
        self.letters.get(..self.length).unwrap_or_default()
    }

    /// The first letter; zero if there is none.
    fn first(&self) -> u8 {
        self.letters().first().copied().unwrap_or(0)
    }

    fn holds_word(&self) -> bool {
        let mut rest = self.letters();
        while let Some((first, after)) = rest.split_first() {
            if words(*first).iter().any(|word| rest.starts_with(word.as_bytes())) {
                return true;
            }
            rest = after;
        }
        false
    }

    fn is_one_of(&self, list: &[&str]) -> bool {
        list.iter().any(|word| word.as_bytes() == self.letters())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_however_they_are_spelled() {
        for name in ["access_token", "X-Api-Key", "clientSecret", "user[password]", "sessionid", "JSESSIONID"]
        {
            assert!(is_sensitive(name), "{name}");
        }
        for name in ["code", "state", "sig", "subscription-key", "cvv", "OTP"] {
            assert!(is_parameter_sensitive(name), "{name}");
        }
        for name in ["id", "page", "author", "country_code", "q", "sort", ""] {
            assert!(!is_parameter_sensitive(name), "{name}");
        }
        assert!(!is_sensitive("code"));
        assert!(is_step_to_secret("Reset-Password"));
        assert!(!is_step_to_secret("orders"));
    }
}
