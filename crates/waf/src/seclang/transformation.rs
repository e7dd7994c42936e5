//! What is done to a value before it is looked at: `t:urlDecodeUni`.

/// Makes the list of transformations.
macro_rules! transformations {
    ($( $variant:ident = $name:literal $doc:literal, )*) => {
        /// What is done to a value.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Transformation {
            $( #[doc = $doc] $variant, )*
        }

        impl Transformation {
            /// Every transformation.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )* ];

            /// The name in rules.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $( Self::$variant => $name, )* }
            }
        }
    };
}

transformations! {
    Base64Decode = "base64Decode" "From Base64, up to the first byte that is none.",
    Base64DecodeExt = "base64DecodeExt" "From Base64, over bytes that are none.",
    Base64Encode = "base64Encode" "To Base64.",
    CmdLine = "cmdLine" "As a shell reads a command: without quotes and carets, in lower case.",
    CompressWhitespace = "compressWhitespace" "Runs of blanks as one space.",
    CssDecode = "cssDecode" "CSS escapes resolved.",
    EscapeSeqDecode = "escapeSeqDecode" "ANSI C escapes resolved.",
    HexDecode = "hexDecode" "From hexadecimal.",
    HexEncode = "hexEncode" "To hexadecimal.",
    HtmlEntityDecode = "htmlEntityDecode" "HTML entities resolved.",
    JsDecode = "jsDecode" "JavaScript escapes resolved.",
    Length = "length" "The length in place of the value.",
    Lowercase = "lowercase" "In lower case.",
    NormalizePath = "normalizePath" "Without `//`, `/./` and `/../`.",
    NormalizePathWin = "normalizePathWin" "The same, with backslashes as slashes first.",
    RemoveComments = "removeComments" "Without comments of C, SQL and HTML.",
    RemoveCommentsChar = "removeCommentsChar" "Without the marks of comments.",
    RemoveNulls = "removeNulls" "Without NUL bytes.",
    RemoveWhitespace = "removeWhitespace" "Without blanks.",
    ReplaceComments = "replaceComments" "Each C comment as one space.",
    ReplaceNulls = "replaceNulls" "NUL bytes as spaces.",
    Sha1 = "sha1" "The SHA-1 digest.",
    Trim = "trim" "Without blanks at both ends.",
    TrimLeft = "trimLeft" "Without blanks at the beginning.",
    TrimRight = "trimRight" "Without blanks at the end.",
    Uppercase = "uppercase" "In upper case.",
    UrlDecode = "urlDecode" "Percent-encoding and plus signs resolved.",
    UrlDecodeUni = "urlDecodeUni" "The same, with `%uHHHH` of IIS.",
    UrlEncode = "urlEncode" "Percent-encoded.",
    Utf8ToUnicode = "utf8toUnicode" "Each character beyond ASCII as `%uHHHH`.",
}

/// What `t:` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Whatever was said before does not hold.
    None,
    /// This comes next.
    Then(Transformation),
}

impl Step {
    /// Reads what stands behind `t:`.
    ///
    /// # Errors
    /// The name, for people.
    pub fn parse(name: &str) -> Result<Self, String> {
        if name.eq_ignore_ascii_case("none") {
            return Ok(Self::None);
        }
        // Both spellings are in use.
        let american = name.to_ascii_lowercase().replace("normalise", "normalize");
        Transformation::ALL
            .iter()
            .find(|known| known.name().eq_ignore_ascii_case(&american))
            .map(|known| Self::Then(*known))
            .ok_or_else(|| format!("`{name}` is no transformation"))
    }
}

/// What remains of a list of steps: those behind the last `none`.
pub fn resolved(steps: impl IntoIterator<Item = Step>) -> Vec<Transformation> {
    steps.into_iter().fold(Vec::new(), |mut kept, step| {
        match step {
            Step::None => kept.clear(),
            Step::Then(transformation) => kept.push(transformation),
        }
        kept
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_takes_back_what_was_said_before() {
        let steps =
            ["lowercase", "none", "urldecodeuni", "normalisePath"].map(|name| Step::parse(name).unwrap());
        assert_eq!(resolved(steps), [Transformation::UrlDecodeUni, Transformation::NormalizePath]);
        assert!(Step::parse("rot13").unwrap_err().contains("`rot13`"));
    }
}
