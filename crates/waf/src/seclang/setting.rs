//! Directives that set the engine up: `SecRuleEngine On`, `SecRequestBodyLimit 13107200`.

use super::action::{EngineMode, Switch, engine_mode, switch};

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// Whether rules decide.
    RuleEngine(EngineMode),
    /// Whether bodies of requests are looked at.
    RequestBodyAccess(Switch),
    /// Whether bodies of answers are.
    ResponseBodyAccess(Switch),
    /// The largest body of a request, in bytes.
    RequestBodyLimit(u64),
    /// The same, without files.
    RequestBodyNoFilesLimit(u64),
    /// What becomes of a larger one.
    RequestBodyLimitAction(Beyond),
    /// How deep JSON may be.
    RequestBodyJsonDepthLimit(u64),
    /// How many parameters a request may have.
    ArgumentsLimit(u64),
    /// Types of answers whose bodies are looked at.
    ResponseBodyMimeType(Vec<String>),
    /// How much of an answer is looked at, in bytes.
    ResponseBodyLimit(u64),
    /// What becomes of a larger one.
    ResponseBodyLimitAction(Beyond),
    /// What stands between the parameters of a query.
    ArgumentSeparator(char),
    /// Which set of rules this is.
    ComponentSignature(String),
    /// Read and without effect here.
    Accepted {
        /// What was said.
        directive: String,
        /// Why it has no effect.
        why: &'static str,
    },
}

/// What becomes of a body that is larger than what is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beyond {
    /// It is refused.
    Reject,
    /// What fits is looked at.
    ProcessPartial,
}

/// The largest limit that is taken, in bytes.
const LARGEST: u64 = 1 << 30;

impl Setting {
    /// Reads a directive; `None` if it is no setting.
    ///
    /// # Errors
    /// What is wrong with its arguments, for people.
    pub(super) fn parse(directive: &str, arguments: &[&str]) -> Option<Result<Self, String>> {
        let one = || match arguments {
            [only] => Ok(*only),
            _ => Err(format!("`{directive}` takes one argument, not {}", arguments.len())),
        };
        let number = || {
            let text = one()?;
            text.parse::<u64>()
                .ok()
                .filter(|number| *number <= LARGEST)
                .ok_or_else(|| format!("`{text}` is no whole number up to {LARGEST}"))
        };
        let beyond = || match one()? {
            text if text.eq_ignore_ascii_case("reject") => Ok(Beyond::Reject),
            text if text.eq_ignore_ascii_case("processpartial") => Ok(Beyond::ProcessPartial),
            text => Err(format!("`{text}` is not `Reject` or `ProcessPartial`")),
        };
        Some(match directive.to_ascii_lowercase().as_str() {
            "secruleengine" => one().and_then(engine_mode).map(Self::RuleEngine),
            "secrequestbodyaccess" => one().and_then(switch).map(Self::RequestBodyAccess),
            "secresponsebodyaccess" => one().and_then(switch).map(Self::ResponseBodyAccess),
            "secrequestbodylimit" => number().map(Self::RequestBodyLimit),
            "secrequestbodynofileslimit" => number().map(Self::RequestBodyNoFilesLimit),
            "secrequestbodylimitaction" => beyond().map(Self::RequestBodyLimitAction),
            "secrequestbodyjsondepthlimit" => number().map(Self::RequestBodyJsonDepthLimit),
            "secargumentslimit" => number().map(Self::ArgumentsLimit),
            "secresponsebodymimetype" => Ok(Self::ResponseBodyMimeType(
                arguments.iter().map(|text| text.to_ascii_lowercase()).collect(),
            )),
            "secresponsebodylimit" => number().map(Self::ResponseBodyLimit),
            "secresponsebodylimitaction" => beyond().map(Self::ResponseBodyLimitAction),
            "secargumentseparator" => one().and_then(|text| match text.chars().collect::<Vec<_>>()[..] {
                [separator] if separator.is_ascii() => Ok(Self::ArgumentSeparator(separator)),
                _ => Err(format!("`{text}` is not one character")),
            }),
            "seccomponentsignature" => one().map(|text| Self::ComponentSignature(text.to_owned())),
            other => Ok(Self::Accepted { directive: directive.to_owned(), why: accepted(other)? }),
        })
    }
}

/// Why a directive that is known has no effect.
fn accepted(directive: &str) -> Option<&'static str> {
    Some(match directive {
        "secauditengine"
        | "secauditlog"
        | "secauditlogparts"
        | "secauditlogtype"
        | "secauditlogformat"
        | "secauditlogrelevantstatus"
        | "secauditlogstoragedir"
        | "secdebuglog"
        | "secdebugloglevel"
        | "secguardianlog" => "the record is written by the gateway",
        "secpcrematchlimit" | "secpcrematchlimitrecursion" => "patterns are matched in linear time",
        "sectmpdir"
        | "secdatadir"
        | "secuploaddir"
        | "secuploadkeepfiles"
        | "secuploadfilelimit"
        | "secuploadfilemode"
        | "secrequestbodyinmemorylimit"
        | "sectmpsaveuploadedfiles" => "nothing is kept in files",
        "secunicodemapfile" | "secunicodecodepage" => "best-fit characters follow one table",
        "seccookieformat" => "cookies are read as RFC 6265 has them",
        "seccookiev0separator" => "cookies are separated by semicolons",
        "seccollectiontimeout" => "collections end with `expirevar` or the process",
        "secserversignature" => "the gateway shows no banner",
        "secstatusengine" | "sechttpblkey" | "secconnengine" | "secinterceptonerror" => {
            "nothing is sent anywhere"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_and_others_are_none() {
        assert_eq!(
            Setting::parse("SecRuleEngine", &["DetectionOnly"]),
            Some(Ok(Setting::RuleEngine(EngineMode::DetectionOnly)))
        );
        assert_eq!(
            Setting::parse("secrequestbodylimit", &["131072"]),
            Some(Ok(Setting::RequestBodyLimit(131_072)))
        );
        assert!(matches!(Setting::parse("SecPcreMatchLimit", &["1000"]), Some(Ok(Setting::Accepted { .. }))));
        assert!(matches!(Setting::parse("SecRuleEngine", &["Perhaps"]), Some(Err(_))));
        assert!(matches!(Setting::parse("SecRequestBodyLimit", &["a lot"]), Some(Err(_))));
        assert!(matches!(Setting::parse("SecArgumentSeparator", &["&&"]), Some(Err(_))));
        assert_eq!(Setting::parse("SecNothing", &[]), None);
    }
}
