//! Regression tests of rule sets, as go-ftw has them.
//!
//! In: a test file (YAML, go-ftw v2) and a [`Plan`]. Out: for each test whether rules matched as it says. In process: what
//! a front end would refuse first is looked at by the rules all the same. Tests that ask for a status alone are about the
//! front end and are told apart.

mod backend;
mod request;
mod suite;

use portcullis_config::Diagnostics;
use regex::Regex;

use crate::engine::{AnswerHead, Match, Plan, RequestHead, Transaction};
use crate::seclang::action::Phase;
use backend::Answer;
use request::Request;
use suite::Expected;
pub use suite::{Suite, Test};

/// How a test ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it says.
    Passed,
    /// Otherwise; why.
    Failed(String),
    /// It is about what answers before any rule is asked.
    FrontEnd,
}

/// Reads a file of tests.
///
/// # Errors
/// What is wrong with it.
pub fn read(name: &str, text: &[u8]) -> Result<Suite, Diagnostics> {
    suite::read(name, text)
}

/// Runs a test.
#[must_use]
pub fn run(plan: &Plan, test: &Test) -> Verdict {
    for stage in &test.stages {
        if stage.output.is_of_the_front_end() {
            return Verdict::FrontEnd;
        }
        let matches = match Request::of(&stage.input) {
            Ok(request) => matches(plan, &request),
            Err(error) => return Verdict::Failed(error),
        };
        if let Err(why) = judge(&stage.output, &matches) {
            return Verdict::Failed(why);
        }
    }
    Verdict::Passed
}

/// What rules tell of a request, and of the answer that the backend of the tests gives to it.
fn matches(plan: &Plan, request: &Request) -> Vec<Match> {
    let headers: Vec<(&[u8], &[u8])> =
        request.headers.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
    let mut transaction = Transaction::new(&RequestHead {
        method: &request.method,
        target: &request.target,
        protocol: &request.protocol,
        headers: &headers,
        client: "127.0.0.1",
        id: "019ab697e80077078707070707070707",
    });
    let mut matches = Vec::new();
    plan.run(Phase::RequestHeaders, &mut transaction, &mut matches);
    transaction.take_body(&request.body);
    plan.run(Phase::RequestBody, &mut transaction, &mut matches);
    let answer = Answer::to(request);
    let fields: Vec<(&[u8], &[u8])> =
        answer.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    transaction.take_answer_head(&AnswerHead {
        status: answer.status,
        protocol: b"HTTP/1.1",
        headers: &fields,
    });
    plan.run(Phase::ResponseHeaders, &mut transaction, &mut matches);
    if answer.is_looked_at() {
        transaction.take_answer_body(&answer.body);
    }
    plan.run(Phase::ResponseBody, &mut transaction, &mut matches);
    plan.run(Phase::Logging, &mut transaction, &mut matches);
    matches
}

fn judge(expected: &Expected, matches: &[Match]) -> Result<(), String> {
    let seen = || matches.iter().map(|found| found.id.to_string()).collect::<Vec<_>>().join(" ");
    let log = &expected.log;
    for id in &log.expect_ids {
        if !matches.iter().any(|found| found.id == *id) {
            return Err(format!("rule {id} did not match; what did: {}", seen()));
        }
    }
    for id in &log.no_expect_ids {
        if matches.iter().any(|found| found.id == *id) {
            return Err(format!("rule {id} matched"));
        }
    }
    let lines: String = matches.iter().map(line).collect();
    let pattern = |text: &str| Regex::new(text).map_err(|error| format!("the pattern `{text}`: {error}"));
    if let Some(text) = &log.match_regex
        && !pattern(text)?.is_match(&lines)
    {
        return Err(format!("nothing told matches `{text}`:\n{lines}"));
    }
    if let Some(text) = &log.no_match_regex
        && pattern(text)?.is_match(&lines)
    {
        return Err(format!("something told matches `{text}`: {}", seen()));
    }
    Ok(())
}

/// A match as ModSecurity's log has it, which some tests read.
fn line(found: &Match) -> String {
    let escaped = |text: &str| {
        text.chars()
            .map(|one| if one.is_control() { format!("\\x{:02x}", one as u32) } else { one.to_string() })
            .collect::<String>()
    };
    let tags: String = found.tags.iter().map(|tag| format!(" [tag \"{tag}\"]")).collect();
    format!(
        "[id \"{}\"] [msg \"{}\"] [data \"{}\"]{tags}\n",
        found.id,
        escaped(&found.message),
        escaped(&found.data)
    )
}
