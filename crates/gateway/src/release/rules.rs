//! What the operator and the document decided about the answers of one operation, compiled once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use portcullis_audit::sensitive;
use portcullis_contract::Operation;
use portcullis_contract::filter::{Audience, Detect, Judgement, OnUndeclared, Owner, Sight};
use portcullis_domain::Strength;

use crate::config::{AnswerModeConfig, DetectConfig, ResponsesConfig};

/// Bytes of answers that are kept at once to be checked as a whole behind the client's back, over all answers
/// of an API: what does not fit passes without that check.
const COPIES: usize = 64 << 20;

/// How the answers of one operation are treated.
pub(crate) struct AnswerRules {
    pub(super) mode: AnswerMode,
    /// The largest answer that is checked as a whole, in bytes.
    pub(super) whole: usize,
    pub(super) detect: Option<Arc<dyn Detect>>,
    detection: DetectConfig,
    pub(super) streams: Box<[StreamType]>,
    pub(super) copies: Arc<Copies>,
    asking: Asking,
    audiences: Audiences,
    pub(super) owners: Owners,
    hides: bool,
}

/// Whose subjects own, where answers name owners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owners {
    /// Only one issuer of tokens is accepted, or none: no other can have the same name for somebody else.
    OfAny,
    Of(Arc<str>),
}

/// How strictly answers are held to the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AnswerMode {
    /// Unseen.
    Off,
    /// Recorded.
    Log,
    /// What is undeclared is taken out.
    Strip,
    /// What breaks the document is not handed on.
    Block,
}

/// How the upstream is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asking {
    /// As the client asks.
    AsTheClient,
    /// For the whole answer, uncoded: what is taken out of must be read.
    Plainly,
}

/// What has to be known of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audiences {
    /// Nothing: everybody sees the same.
    None,
    /// Scopes, roles, subject.
    OfCaller,
    /// Also the parameters of the path.
    OfCallerAndPath,
}

impl AnswerRules {
    pub(crate) fn new(
        config: &ResponsesConfig,
        operation: &Operation,
        owners: Owners,
        copies: Arc<Copies>,
    ) -> Self {
        let mode = match config.mode {
            // Nothing is promised: there is nothing to hold an answer to.
            _ if !operation.promises_answers() => AnswerMode::Off,
            AnswerModeConfig::Off => AnswerMode::Off,
            AnswerModeConfig::Log => AnswerMode::Log,
            AnswerModeConfig::Strip => AnswerMode::Strip,
            AnswerModeConfig::Block => AnswerMode::Block,
        };
        let alters =
            operation.answer_plans().any(|plan| plan.may_alter(&Sight::none(), mode.on_undeclared()));
        let is_plain = match mode {
            AnswerMode::Off => false,
            AnswerMode::Block => true,
            AnswerMode::Log | AnswerMode::Strip => alters || config.detect == DetectConfig::Mask,
        };
        let audiences = operation.answer_plans().flat_map(|plan| plan.audiences());
        let may_hide =
            || operation.answer_plans().any(|plan| plan.may_alter(&Sight::none(), OnUndeclared::Report));
        Self {
            mode,
            whole: config.whole.as_usize(),
            detect: match config.detect {
                DetectConfig::Off => None,
                DetectConfig::Report => Some(Arc::new(Detector(Judgement::Listed))),
                DetectConfig::Mask => Some(Arc::new(Detector(Judgement::Masked))),
            },
            detection: config.detect,
            streams: config.streams.iter().filter_map(|text| StreamType::parse(text)).collect(),
            copies,
            asking: if is_plain { Asking::Plainly } else { Asking::AsTheClient },
            audiences: if mode == AnswerMode::Off { Audiences::None } else { Audiences::of(audiences) },
            owners,
            hides: mode != AnswerMode::Off && may_hide(),
        }
    }

    /// How strictly answers are held to the document, if they are.
    pub(crate) const fn strictness(&self) -> Option<Strength> {
        match self.mode {
            AnswerMode::Off => None,
            AnswerMode::Log => Some(Strength::Shadow),
            AnswerMode::Strip | AnswerMode::Block => Some(Strength::Enforce),
        }
    }

    /// Whether the upstream must be asked for the whole answer, uncoded.
    pub(crate) fn asks_plainly(&self) -> bool {
        self.asking == Asking::Plainly
    }

    /// Whether the document keeps something of some answers from some callers, or from all.
    pub(super) const fn hides(&self) -> bool {
        self.hides
    }

    /// Whether what is detected is masked.
    pub(super) fn masks(&self) -> bool {
        self.detection == DetectConfig::Mask
    }

    /// What has to be known of the caller.
    pub(super) fn audiences(&self) -> Audiences {
        self.audiences
    }

    /// Media types of declared answers that are handed on unseen.
    pub(crate) fn unseen(&self, operation: &Operation) -> Vec<String> {
        let of_operator = self.streams.iter().map(|stream| stream.0.to_string());
        let mut types: Vec<String> = operation.unseen_answers().chain(of_operator).collect();
        types.sort();
        types.dedup();
        types
    }

    /// Whether answers of this type are handed on as they come.
    pub(super) fn is_stream(&self, essence: &str) -> bool {
        self.streams.iter().any(|stream| stream.covers(essence))
    }
}

impl AnswerMode {
    pub(super) const fn on_undeclared(self) -> OnUndeclared {
        match self {
            Self::Off | Self::Log => OnUndeclared::Report,
            Self::Strip | Self::Block => OnUndeclared::Remove,
        }
    }
}

impl Audiences {
    fn of<'a>(audiences: impl Iterator<Item = &'a Audience>) -> Self {
        audiences.fold(Self::None, |known, audience| match (known, &audience.owner) {
            (Self::OfCallerAndPath, _) | (_, Some(Owner::Path(_))) => Self::OfCallerAndPath,
            (Self::None | Self::OfCaller, Some(Owner::Property(_)) | None) => Self::OfCaller,
        })
    }
}

/// A media type of answers without an end: `type/subtype` or `type/*`, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StreamType(Box<str>);

impl StreamType {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (kind, subtype) = text.split_once('/')?;
        let is_name = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
        };
        let is_sound = is_name(kind) && (subtype == "*" || is_name(subtype));
        is_sound.then(|| Self(text.to_ascii_lowercase().into()))
    }

    fn covers(&self, essence: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(family) => essence.starts_with(family),
            None => *self.0 == *essence,
        }
    }
}

/// Looks for cards, account numbers, keys and tokens; says of each what becomes of it.
struct Detector(fn(&'static str) -> Judgement);

impl Detect for Detector {
    fn judge(&self, text: &[u8]) -> Judgement {
        sensitive::judge(text).map_or(Judgement::Harmless, |kind| (self.0)(kind.name()))
    }
}

/// How many bytes of answers may still be kept to be checked.
#[derive(Debug)]
pub(crate) struct Copies(AtomicUsize);

impl Default for Copies {
    fn default() -> Self {
        Self(AtomicUsize::new(COPIES))
    }
}

impl Copies {
    /// Takes so many bytes, if there are as many.
    pub(super) fn take(&self, bytes: usize) -> bool {
        let left = |left: usize| left.checked_sub(bytes);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).is_ok()
    }

    pub(super) fn give_back(&self, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stream_types_are_names_or_families() {
        let covers = |text: &str, essence: &str| StreamType::parse(text).unwrap().covers(essence);
        assert!(covers("Application/X-Feed", "application/x-feed"));
        assert!(covers("video/*", "video/mp4"));
        assert!(!covers("video/*", "videos/mp4"));
        assert!(!covers("application/x-feed", "application/x-feeds"));
        for bad in ["", "video", "*/*", "video/", "/mp4", "video/m*", "video/mp4; a=b"] {
            assert_eq!(StreamType::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn copies_are_bounded_together() {
        let copies = Copies(AtomicUsize::new(10));
        assert!(copies.take(6));
        assert!(!copies.take(5));
        assert!(copies.take(4));
        copies.give_back(10);
        assert!(copies.take(10));
    }
}
