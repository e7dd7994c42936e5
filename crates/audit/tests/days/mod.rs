//! Made-up days of an API, with labels: who is a customer, and who attacks.
//!
//! In: a seed. Out: calls in the order of time, and the truth about each caller. Benign days have what looks like an
//! attack: support agents, batch jobs, stale bookmarks, phones that change networks, deployments. Used by the tests,
//! which run a few hundred caller-days, and by the example `detection`, which prints the tables of
//! `docs/detection.md` from many more. The numbers of a day are made up and stand here to be doubted.

pub mod attacks;
pub mod chance;
pub mod line;
pub mod logins;
pub mod people;
pub mod table;
pub mod tokens;

use std::sync::Arc;

use portcullis_audit::alert::Alert;
use portcullis_audit::detect::{
    DetectionKey, DetectionSettings, End, Engine, Family, Fate, Named, Names, Observation, SeenObject,
    Standings, SubjectKey,
};
use portcullis_domain::{ReceiptId, Timestamp};

/// Monday, 2026-01-05T00:00:00Z.
pub const MONDAY: Timestamp = Timestamp::from_seconds(1_767_571_200);

/// The key of all digests here.
pub const KEY: DetectionKey = DetectionKey::new([7; 16]);

/// One call, as it will be recorded.
#[derive(Clone, Debug)]
pub struct Call {
    /// Seconds since [`MONDAY`].
    pub second: u64,
    pub caller: u32,
    pub role: Role,
    /// Number of the network, and the family of its addresses.
    pub network: u32,
    pub family: Family,
    /// Number of the way the client speaks.
    pub agent: u32,
    pub token: Option<u32>,
    /// The object that it names, if it does.
    pub object: Option<(u32, Fate)>,
}

/// Who somebody is at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Customer,
    Support,
    Batch,
}

impl Role {
    pub fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Support => "support",
            Self::Batch => "batch",
        }
    }
}

impl Call {
    pub fn at(&self) -> Timestamp {
        Timestamp::from_millis(MONDAY.as_millis() + self.second * 1000)
    }

    pub fn subject(&self) -> SubjectKey {
        subject(self.caller)
    }

    pub fn status(&self) -> u16 {
        match self.object {
            // What is somebody else's is served here: nobody enforces it yet.
            Some((_, Fate::Own | Fate::Foreign)) | None => 200,
            Some((_, Fate::Absent)) => 404,
            Some((_, Fate::Denied)) => 403,
        }
    }

    pub fn receipt(&self) -> ReceiptId {
        let mut random = [0; 10];
        random[..8].copy_from_slice(&(u64::from(self.caller) << 32 | self.second).to_be_bytes());
        ReceiptId::new(self.at(), &random)
    }

    pub fn observation(&self) -> Observation {
        let object = self.object.map(|(id, fate)| SeenObject {
            kind: KEY.digest(Named::Kind, &[b"shop", b"order"]),
            id: KEY.digest(Named::Object, &[&id.to_le_bytes()]),
            fate,
        });
        Observation {
            at: self.at(),
            receipt: self.receipt(),
            subject: self.subject(),
            cohort: KEY.digest(Named::Cohort, &[self.role.name().as_bytes()]),
            reads_in_bulk: self.role == Role::Batch,
            network: u64::from(self.network),
            family: self.family,
            agent: u64::from(self.agent),
            token: self.token.map(u64::from),
            operation: KEY.digest(Named::Operation, &[b"shop", b"getOrder"]),
            api: KEY.digest(Named::Operation, &[b"shop"]),
            end: if self.status() == 200 { End::Served } else { End::Rejected },
            status: self.status(),
            response_bytes: 2_000,
            objects: object.into_iter().collect(),
            rare: None,
        }
    }
}

pub fn subject(caller: u32) -> SubjectKey {
    SubjectKey::Principal(KEY.digest(Named::Principal, &[b"https://id.test", line::name(caller).as_bytes()]))
}

/// Detectors with the settings that hold when nothing is configured.
pub fn engine() -> Engine {
    Engine::new(
        Arc::new(DetectionSettings::default()),
        Arc::new(Names::default()),
        Arc::new(Standings::default()),
        KEY,
    )
}

/// What the detectors say of these calls.
pub fn watch(engine: &mut Engine, calls: &[Call]) -> Vec<Alert> {
    let mut alerts = Vec::new();
    for call in calls {
        engine.observe(&call.observation(), &mut alerts);
        engine.pass_time(call.at(), &mut alerts);
    }
    alerts
}
