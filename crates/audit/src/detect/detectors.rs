//! The detectors, in one table: names, versions, what their alarms are called and how much they weigh.
//!
//! A change of a detector's constants is a new version. What each looks for stands in its own module; how well it
//! does so is measured in `docs/detection.md`.

use crate::alert::{Detector, Severity};
use crate::vocabulary::EventName;

/// How much an alarm says of its subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Nothing: it is about an operation or an API, and no caller.
    None,
    /// Four of these within the half-life make an alarm of their own.
    Weak,
    /// Two of these do.
    Strong,
    /// It needs no other.
    Decisive,
}

impl Weight {
    /// What is added to the subject's risk.
    pub(super) const fn points(self) -> f32 {
        match self {
            Self::None => 0.0,
            Self::Weak => 25.0,
            Self::Strong => 60.0,
            Self::Decisive => 100.0,
        }
    }
}

macro_rules! detectors {
    ($( $(#[doc = $doc:literal])+ $name:ident = $word:literal $version:literal, $event:ident, $severity:ident, $weight:ident; )+) => {
        /// What can be noticed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        pub enum Noticed { $( $(#[doc = $doc])+ #[serde(rename = $word)] $name, )+ }

        impl Noticed {
            /// Every one.
            pub const ALL: &'static [Self] = &[ $( Self::$name, )+ ];

            /// Name and version.
            #[must_use]
            pub const fn detector(self) -> Detector {
                match self { $( Self::$name => Detector { name: $word, version: $version }, )+ }
            }

            /// What its alarm is called in the record.
            #[must_use]
            pub const fn event(self) -> EventName {
                match self { $( Self::$name => EventName::$event, )+ }
            }

            /// How bad it is, if it is true.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $( Self::$name => Severity::$severity, )+ }
            }

            /// How much it says of its subject.
            #[must_use]
            pub const fn weight(self) -> Weight {
                match self { $( Self::$name => Weight::$weight, )+ }
            }
        }
    };
}

detectors! {
    /// Ids of others, or of nobody, are tried one after the other.
    Enumeration = "enumeration" 1, MaliciousDirectReference, High, Decisive;
    /// Fifty different things within a minute that are not there or not for the caller.
    Misses = "misses" 1, MaliciousExcess404, Medium, Decisive;
    /// Far more different objects than peers read, or than the caller read before.
    Harvest = "harvest" 1, MaliciousHarvest, High, Strong;
    /// Logins fail more often than at this time of the week.
    Stuffing = "stuffing" 1, AuthnStuffing, Critical, Weak;
    /// Many passwords are tried at one account.
    Guessing = "guessing" 1, AuthnGuessing, High, Strong;
    /// One password is tried at many accounts.
    Spray = "spray" 1, AuthnSpray, High, Strong;
    /// One token from two places, or a proof or token that was somebody else's.
    TokenReplay = "token_replay" 1, AuthnTokenReuse, Critical, Decisive;
    /// One caller in two places that nobody travels between in that time.
    Travel = "travel" 1, AuthnImpossibleTravel, Medium, Weak;
    /// Far more requests than the caller sends otherwise.
    Volume = "volume" 1, ExcessVolume, Low, Weak;
    /// Far more bytes than the caller takes away otherwise.
    Payload = "payload" 1, ExcessPayload, Medium, Weak;
    /// Several weak signs about one caller.
    Fusion = "fusion" 1, MaliciousBehavior, High, None;
    /// Far more refusals than usual.
    Denials = "denials" 1, ExcessDenials, Medium, None;
    /// Far more failures than usual.
    Failures = "failures" 1, SysFailureSpike, High, None;
    /// A path is answered that no contract declares.
    Shadow = "shadow" 1, SysUndeclaredOperation, Medium, None;
    /// Something that was retired is still called.
    Zombie = "zombie" 1, SysRetiredOperation, Low, None;
    /// An operation that is hardly ever served without a credential is now.
    Posture = "posture" 1, SysPostureDrift, High, None;
    /// Parameters stand twice or where they do not belong, and the API answers.
    Pollution = "pollution" 1, MaliciousParameters, Medium, Weak;
    /// Sensitive values stand in answers where they did not before.
    Sensitive = "sensitive" 1, SensitiveExposed, High, None;
}

impl Noticed {
    /// The one of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|noticed| noticed.detector().name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found_again() {
        for noticed in Noticed::ALL {
            assert_eq!(Noticed::from_name(noticed.detector().name), Some(*noticed));
            assert_eq!(serde_json::to_value(noticed).unwrap(), noticed.detector().name);
        }
    }
}
