//! What a decision point answered, read strictly.
//!
//! In: status and body. Out: yes, no, or why it cannot be told. Only a plain `true` is a yes: whatever could be
//! read in two ways is no answer at all. AuthZEN 1.0 §6.2; Open Policy Agent's data API, where a rule that is not
//! defined has no `result`, and that is a no.

use portcullis_message::json::{self, JsonBounds};
use serde_json::{Map, Value};

/// Most bytes of an answer.
pub(crate) const LARGEST: usize = 64 * 1024;

/// Most bytes of what it says about its no.
const REMARK: usize = 200;

/// How questions and answers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Authzen,
    Opa,
}

/// What it said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Yes,
    /// With what it says about it, for the operator's record.
    No(Option<String>),
}

/// Reads an answer.
pub(super) fn read(shape: Shape, status: u16, body: &[u8]) -> Result<Answer, String> {
    if status != 200 {
        return Err(format!("it answers with status {status}"));
    }
    let read = json::parse(body, &JsonBounds::default()).ok();
    let Some(Value::Object(answer)) = read else { return Err("its answer is no JSON object".to_owned()) };
    match shape {
        Shape::Authzen => match answer.get("decision") {
            Some(Value::Bool(true)) => Ok(Answer::Yes),
            Some(Value::Bool(false)) => Ok(Answer::No(authzen_remark(&answer))),
            Some(_) | None => Err("its answer has no `decision` that is true or false".to_owned()),
        },
        Shape::Opa => match answer.get("result") {
            None => Ok(Answer::No(Some("the rule is not defined".to_owned()))),
            Some(Value::Bool(true)) => Ok(Answer::Yes),
            Some(Value::Bool(false)) => Ok(Answer::No(None)),
            Some(Value::Object(result)) => match result.get("allow") {
                Some(Value::Bool(true)) => Ok(Answer::Yes),
                Some(Value::Bool(false)) => Ok(Answer::No(result.get("reason").and_then(text))),
                Some(_) | None => Err("its result has no `allow` that is true or false".to_owned()),
            },
            Some(_) => Err("its result is neither true nor false".to_owned()),
        },
    }
}

/// AuthZEN leaves the form of the reasons open: a text, or texts by language or status.
fn authzen_remark(answer: &Map<String, Value>) -> Option<String> {
    let context = answer.get("context")?;
    ["reason_admin", "reason"].iter().find_map(|name| match context.get(name)? {
        Value::Object(texts) => texts.values().find_map(text),
        one => text(one),
    })
}

fn text(value: &Value) -> Option<String> {
    let text = value.as_str()?;
    Some(text.chars().filter(|character| !character.is_control()).take(REMARK).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authzen(body: &str) -> Result<Answer, String> {
        read(Shape::Authzen, 200, body.as_bytes())
    }

    fn opa(body: &str) -> Result<Answer, String> {
        read(Shape::Opa, 200, body.as_bytes())
    }

    #[test]
    fn only_a_plain_true_is_a_yes() {
        assert_eq!(authzen(r#"{"decision":true,"context":{"id":"0"}}"#), Ok(Answer::Yes));
        assert_eq!(authzen(r#"{"decision":false}"#), Ok(Answer::No(None)));
        for unclear in [
            "",
            "true",
            "[true]",
            "{}",
            "null",
            r#"{"decision":"true"}"#,
            r#"{"decision":1}"#,
            r#"{"decision":null}"#,
            r#"{"Decision":true}"#,
            r#"{"decision":true,"decision":false}"#,
            r#"{"decision":true} x"#,
            r#"{"result":true}"#,
            "\u{feff}{\"decision\":true}",
        ] {
            assert!(authzen(unclear).is_err(), "{unclear}");
        }
        for status in [201, 204, 302, 400, 401, 403, 500] {
            assert!(read(Shape::Authzen, status, br#"{"decision":true}"#).is_err(), "{status}");
        }
    }

    #[test]
    fn a_rule_of_opa_may_be_a_truth_or_have_one() {
        assert_eq!(opa(r#"{"result":true}"#), Ok(Answer::Yes));
        assert_eq!(opa(r#"{"result":{"allow":true}}"#), Ok(Answer::Yes));
        assert_eq!(opa(r#"{"result":false,"decision_id":"x"}"#), Ok(Answer::No(None)));
        assert_eq!(
            opa(r#"{"result":{"allow":false,"reason":"not\u0007 yours"}}"#),
            Ok(Answer::No(Some("not yours".into())))
        );
        assert_eq!(opa("{}"), Ok(Answer::No(Some("the rule is not defined".into()))));
        for unclear in
            [r#"{"result":1}"#, r#"{"result":[true]}"#, r#"{"result":{}}"#, r#"{"result":{"allow":1}}"#]
        {
            assert!(opa(unclear).is_err(), "{unclear}");
        }
    }

    #[test]
    fn what_it_says_about_its_no_is_kept_short() {
        let long = "x".repeat(1000);
        let answer =
            authzen(&format!(r#"{{"decision":false,"context":{{"reason_admin":{{"en":"{long}"}}}}}}"#));
        assert_eq!(answer, Ok(Answer::No(Some("x".repeat(200)))));
        let answer = authzen(r#"{"decision":false,"context":{"reason":"closed"}}"#);
        assert_eq!(answer, Ok(Answer::No(Some("closed".into()))));
    }
}
