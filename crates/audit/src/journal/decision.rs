//! One decision as the journal holds it: facts, digests, lengths.
//!
//! These are the types of the format. A member that is not known is passed over, one that is missing is what it was
//! before there was such a member: both hold within one version of the format.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Digest;

/// A decision on one request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// The id that the client was told.
    pub receipt: String,
    /// When it arrived, in milliseconds since the epoch.
    pub at: u64,
    /// The policy that it was judged by.
    pub revision: String,
    /// The request's method.
    pub method: String,
    /// The API, once it was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<String>,
    /// The operation, once it was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The operation's path as the contract writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// The network that the client's address is in: /24, or /48 of IPv6.
    pub network: String,
    /// How it came.
    pub transport: Transport,
    /// The thumbprint of the verified client certificate, in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// Who called, once that was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<CallerFacts>,
    /// How much the caller's behavior looked like an attack, up to a hundred.
    #[serde(default)]
    pub risk: u8,
    /// What the request says, as far as somebody could want to know it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<ValueFact>,
    /// What each stage answered, in order.
    pub steps: Vec<StepFact>,
    /// How it ended.
    pub outcome: Outcome,
    /// The status that the client got.
    pub status: u16,
    /// The grants without which it would have been refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grants: Option<String>,
    /// The rules that decided, where rules did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleFact>,
    /// What they looked at, by kind and length.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<(String, String)>,
    /// Why it was refused, or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
}

/// A rule that decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleFact {
    /// Its file and line.
    pub at: String,
    /// The name that its author gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `permit` or `forbid`.
    pub effect: String,
}

/// How a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Without TLS.
    Plaintext,
    /// Over TLS.
    Tls,
}

/// Who called.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallerFacts {
    /// Who vouches.
    pub issuer: String,
    /// For whom, as a digest.
    pub subject: Digest,
    /// For whom, where the operator wants names in the journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A person or a program.
    pub kind: Kind,
    /// The program that acts, if the credential says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The scheme of the credential.
    pub scheme: String,
    /// Its scopes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// Its roles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// How and when it authenticated.
    #[serde(default)]
    pub assurance: AssuranceFacts,
    /// What else its credential says that rules may ask for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub claims: BTreeMap<String, Claim>,
    /// How many more it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claims_left_out: Option<usize>,
}

/// How and when a caller authenticated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AssuranceFacts {
    /// The authentication context that was shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// The contexts that are reached.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reached: Vec<String>,
    /// The methods.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// When, in milliseconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<u64>,
}

/// A person or a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A person.
    User,
    /// A program.
    Client,
}

/// What a claim says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Claim {
    /// A text.
    Text(Digest),
    /// A number that rules compare.
    Number(i64),
    /// True or false.
    Truth(bool),
    /// Texts.
    List(Vec<Digest>),
    /// Something that is not kept in any form.
    Withheld,
}

/// What a request says at one place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ValueFact {
    /// `path`, `query`, `header`, `body`.
    #[serde(rename = "in")]
    pub part: String,
    /// The parameter's name, or a JSON pointer.
    pub name: String,
    /// All that stands there; nothing if it cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<Vec<Said>>,
}

/// One value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Said {
    /// A text or a number.
    Text(Digest),
    /// True or false.
    Truth(bool),
}

/// What a stage answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepFact {
    /// Which stage.
    pub stage: String,
    /// What it said.
    pub answer: StepAnswer,
    /// The code of its reason, unless it passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Microseconds since the request's arrival.
    pub us: u64,
}

/// An answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepAnswer {
    /// It let the request pass.
    Passed,
    /// It is in shadow and would have refused.
    WouldDeny,
    /// It refused.
    Denied,
    /// It broke.
    Failed,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was let through, or answered here.
    Answered,
    /// It was refused.
    Denied,
    /// Something broke.
    Failed,
}

/// Why a request was refused.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Refusal {
    /// The code of the reason.
    pub reason: String,
    /// The remark of the stage, without secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What breaks the contract.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<ViolationFact>,
    /// The quotas that were used up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quotas: Vec<String>,
    /// Seconds until it would have passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// What would have let it pass, all of it together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub would_help: Vec<String>,
}

/// One way in which a request breaks its contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViolationFact {
    /// In which part of it.
    #[serde(rename = "in")]
    pub part: String,
    /// Where.
    pub at: String,
    /// What it breaks.
    pub keyword: String,
    /// What is expected.
    pub expected: String,
}

impl Decision {
    /// Where the walk ended before the upstream; `None` if it got there.
    #[must_use]
    pub fn refused_by(&self) -> Option<&StepFact> {
        self.steps.iter().rev().find(|step| matches!(step.answer, StepAnswer::Denied | StepAnswer::Failed))
    }
}
