//! Which characters text may have (VAL-24, ASVS 1.1.1, 1.3.3).
//!
//! A name that looks like another one, or is read in another order than it is stored, deceives whoever reads
//! it. Two strengths: `identifier`, for what people tell each other apart by, and `plain`, for prose.
//! UAX #15 (normal forms), UAX #9 (bidirectional text), UTS #39 §5.2 (restriction levels).

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;
use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick};
use unicode_security::{GeneralSecurityProfile as _, RestrictionLevel, RestrictionLevelDetection as _};

use super::Rule;

/// The extension as a document writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum TextRule {
    /// Names: normal form C, only characters that names are written with, one script or a usual mixture.
    Identifier,
    /// Prose: no controls but tab and newline, nothing that changes the order of what follows.
    Plain,
}

/// What is wrong with text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Control,
    Direction,
    Invisible,
    Form,
    Character,
    Scripts,
}

impl Rule for TextRule {
    fn read(written: &Value) -> Result<Self, String> {
        Self::deserialize(written).map_err(|error| error.to_string())
    }

    fn faults<'r>(&'r self, value: &'r Value) -> impl Iterator<Item = Cow<'static, str>> + 'r {
        let fault = value.as_str().and_then(|text| self.judge(text).err());
        fault.map(Fault::expected).map(Cow::Borrowed).into_iter()
    }
}

impl TextRule {
    fn judge(self, text: &str) -> Result<(), Fault> {
        match self {
            Self::Plain => plain(text),
            Self::Identifier => identifier(text),
        }
    }
}

fn plain(text: &str) -> Result<(), Fault> {
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\t' | '\n' => {}
            // Forms of browsers end lines in both.
            '\r' if rest.peek() == Some(&'\n') => {}
            c if c.is_control() => return Err(Fault::Control),
            c if embeds(c) => return Err(Fault::Direction),
            _ => {}
        }
    }
    Ok(())
}

fn identifier(text: &str) -> Result<(), Fault> {
    if text.chars().any(char::is_control) {
        return Err(Fault::Control);
    }
    if text.is_ascii() {
        return Ok(());
    }
    if text.chars().any(|c| embeds(c) || marks_direction(c)) {
        return Err(Fault::Direction);
    }
    if text.chars().any(is_invisible) {
        return Err(Fault::Invisible);
    }
    let is_normal = match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => true,
        IsNormalized::No => false,
        IsNormalized::Maybe => text.chars().nfc().eq(text.chars()),
    };
    if !is_normal {
        return Err(Fault::Form);
    }
    // Punctuation of ASCII, such as `@` and space, is not for this rule to forbid: `pattern` does that.
    let is_ours = |c: &char| !c.is_ascii() || c.is_ascii_alphanumeric();
    if !text.chars().filter(is_ours).all(|c| c.identifier_allowed()) {
        return Err(Fault::Character);
    }
    let letters: String = text.chars().filter(is_ours).collect();
    if letters.as_str().check_restriction_level(RestrictionLevel::HighlyRestrictive) {
        Ok(())
    } else {
        Err(Fault::Scripts)
    }
}

/// Embeddings, overrides and isolates: what follows is shown in another order than it is stored.
const fn embeds(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Marks that turn the direction without being seen.
const fn marks_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}')
}

/// Characters without width or ink.
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{00ad}' | '\u{034f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    )
}

impl Fault {
    const fn expected(self) -> &'static str {
        match self {
            Self::Control => "no control characters",
            Self::Direction => "no characters that change the direction of text",
            Self::Invisible => "no invisible characters",
            Self::Form => "text in normal form C",
            Self::Character => "characters that names are written with",
            Self::Scripts => "letters of one script, or of a usual mixture",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // proves-part: VAL-24 (the rule; the gateway's walk shows the refusal)
    #[test]
    fn an_identifier_looks_like_what_it_is() {
        for good in [
            "",
            "alice",
            "alice_b-42@example.com",
            "O'Brien",
            "Zo\u{eb}",
            "m\u{fc}ller",
            "алиса",
            "Ελένη",
            "محمد",
            "שרה",
            "田中太郎",
            "たなかa",
            "김철수",
            "Tanaka田中",
            "नीता",
        ] {
            assert_eq!(TextRule::Identifier.judge(good), Ok(()), "{good}");
        }
        for (bad, fault) in [
            ("ali\u{0}ce", Fault::Control),
            ("alice\n", Fault::Control),
            ("ali\u{85}ce", Fault::Control),
            ("alice\u{202e}nimda", Fault::Direction),
            ("alice\u{2067}x\u{2069}", Fault::Direction),
            ("alice\u{200f}", Fault::Direction),
            ("ali\u{200b}ce", Fault::Invisible),
            ("ali\u{200d}ce", Fault::Invisible),
            ("ali\u{feff}ce", Fault::Invisible),
            ("ali\u{ad}ce", Fault::Invisible),
            ("ali\u{fe0f}ce", Fault::Invisible),
            ("ali\u{e0041}ce", Fault::Invisible),
            ("Zoe\u{308}", Fault::Form),
            ("\u{212b}ngstrom", Fault::Form),
            ("\u{ff21}lice", Fault::Character),
            ("alice\u{e000}", Fault::Character),
            ("alice\u{378}", Fault::Character),
            ("alice\u{fdd0}", Fault::Character),
            ("alice\u{2028}", Fault::Character),
            ("\u{1f600}", Fault::Character),
            // One Cyrillic letter among Latin ones.
            ("p\u{430}ypal", Fault::Scripts),
            ("\u{440}\u{430}ypal", Fault::Scripts),
            ("aβc", Fault::Scripts),
        ] {
            assert_eq!(TextRule::Identifier.judge(bad), Err(fault), "{bad:?}");
        }
    }

    // proves-part: VAL-24 (the rule; the gateway's walk shows the refusal)
    #[test]
    fn plain_text_is_prose_in_any_language() {
        for good in ["", "a\tb\nc\r\nd", "Grüße, мир, 世界 👩\u{200d}🚀", "שלום\u{200f} world", "e\u{301}"]
        {
            assert_eq!(TextRule::Plain.judge(good), Ok(()), "{good}");
        }
        for (bad, fault) in [
            ("a\u{0}", Fault::Control),
            ("a\u{1b}[31m", Fault::Control),
            ("a\rb", Fault::Control),
            ("a\r", Fault::Control),
            ("a\u{7f}", Fault::Control),
            ("a\u{9b}31m", Fault::Control),
            ("if (admin\u{202e} // harmless", Fault::Direction),
            ("a\u{2066}b", Fault::Direction),
        ] {
            assert_eq!(TextRule::Plain.judge(bad), Err(fault), "{bad:?}");
        }
    }
}
