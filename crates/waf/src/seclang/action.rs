//! What a rule does: `id:942100,phase:2,block,t:none,setvar:'tx.sql=+1'`.

mod ctl;
mod read;

pub(super) use ctl::{engine_mode, id_range, switch};
pub use read::actions;

use super::target::Target;
use super::template::Template;
use super::transformation::Step;
use super::variable::Variable;

/// One action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The rule's id.
    Id(u32),
    /// When it is asked.
    Phase(Phase),
    /// What becomes of the request.
    Disruptive(Disruption),
    /// A step of transformation.
    Transform(Step),
    /// Each step's outcome is looked at, not only the last.
    MultiMatch,
    /// Captures of the pattern become `TX.0` to `TX.9`.
    Capture,
    /// The next rule belongs to this one.
    Chain,
    /// Whether matches are told.
    Log(Logging),
    /// What is told of a match.
    Msg(Template),
    /// What else is told of it.
    LogData(Template),
    /// A word by which rules are grouped.
    Tag(Template),
    /// How bad it is.
    Severity(Severity),
    /// The rule set's version.
    Ver(String),
    /// The rule's revision.
    Rev(String),
    /// How ripe the rule is thought to be, 1 to 9.
    Maturity(u8),
    /// How exact it is thought to be, 1 to 9.
    Accuracy(u8),
    /// The status of a refusal.
    Status(u16),
    /// A variable is set.
    SetVar(SetVar),
    /// A collection that outlives the request is opened under a key.
    InitCol(Variable, Template),
    /// A variable ends after so many seconds.
    ExpireVar(String),
    /// The rules up to this marker are not asked.
    SkipAfter(String),
    /// So many rules that follow are not asked.
    Skip(u32),
    /// The engine changes for the rest of the request.
    Ctl(Ctl),
}

/// When a rule is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// The request's head is there.
    RequestHeaders = 1,
    /// Its body is.
    RequestBody,
    /// The answer's head is.
    ResponseHeaders,
    /// Its body is.
    ResponseBody,
    /// All is decided.
    Logging,
}

/// What becomes of a request that a rule matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disruption {
    /// Nothing.
    Pass,
    /// What the default action of the phase says.
    Block,
    /// It is refused.
    Deny,
    /// Its connection is closed.
    Drop,
    /// No more rules are asked, of this request, of its phase, or of the request's two phases.
    Allow(Allowed),
}

/// How far `allow` reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// All phases but logging.
    Everything,
    /// The phase that it is in.
    Phase,
    /// The phases before the answer.
    Request,
}

/// What is told of matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logging {
    /// Everything.
    Log,
    /// Nothing.
    NoLog,
    /// The audit log hears of it.
    AuditLog,
    /// It does not.
    NoAuditLog,
}

/// How bad a match is (syslog).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// 0.
    Emergency,
    /// 1.
    Alert,
    /// 2.
    Critical,
    /// 3.
    Error,
    /// 4.
    Warning,
    /// 5.
    Notice,
    /// 6.
    Info,
    /// 7.
    Debug,
}

/// A variable that is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetVar {
    /// The collection, mostly `TX`.
    pub collection: Variable,
    /// The name in it, which may hold macros.
    pub name: Template,
    /// What becomes of it.
    pub change: Change,
}

/// What becomes of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It becomes this.
    To(Template),
    /// This number is added.
    By(Template),
    /// This number is taken away.
    Less(Template),
    /// It is gone.
    Unset,
}

/// A change of the engine for one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ctl {
    /// Whether rules decide.
    RuleEngine(EngineMode),
    /// Accepted; the record is the gateway's.
    AuditEngine,
    /// Accepted; the record is the gateway's.
    AuditLogParts,
    /// Accepted.
    DebugLogLevel,
    /// Whether `REQUEST_BODY` is there although something else read the body.
    ForceRequestBodyVariable(Switch),
    /// Whether the body is looked at.
    RequestBodyAccess(Switch),
    /// How the body is read.
    RequestBodyProcessor(BodyProcessor),
    /// Whether the answer's body is looked at.
    ResponseBodyAccess(Switch),
    /// These rules are not asked.
    RemoveById(IdRange),
    /// Rules with a matching message are not.
    RemoveByMsg(String),
    /// Rules with this tag are not.
    RemoveByTag(String),
    /// These rules do not look at this.
    RemoveTargetById(IdRange, Vec<Target>),
    /// Rules with a matching message do not.
    RemoveTargetByMsg(String, Vec<Target>),
    /// Rules with this tag do not.
    RemoveTargetByTag(String, Vec<Target>),
}

/// Whether rules decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineMode {
    /// They do.
    On,
    /// They only tell.
    DetectionOnly,
    /// They are not asked.
    Off,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

/// How a body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyProcessor {
    /// As a form.
    UrlEncoded,
    /// As JSON.
    Json,
    /// As multipart.
    Multipart,
    /// As XML.
    Xml,
}

/// Rules from one id to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdRange {
    /// The first.
    pub first: u32,
    /// The last.
    pub last: u32,
}

impl IdRange {
    /// Whether an id is in it.
    #[must_use]
    pub fn holds(self, id: u32) -> bool {
        (self.first..=self.last).contains(&id)
    }
}
