//! How guesses at accounts are recognized, from what is written of it.

use std::sync::Arc;

use portcullis_config::codes::limit as codes;
use portcullis_config::{Diagnostic, Place};
use portcullis_contract::Operation;
use portcullis_limits::{Purpose, Quota, Span, TermsAt};

use super::{Writing, keyed};
use crate::config::{AttemptsConfig, ByConfig};
use crate::limits::By;
use crate::limits::attempts::{Attempts, Failed, FailedAnswer};
use crate::ownership::Pointer;

pub(super) fn compile(
    config: &AttemptsConfig,
    operation: &Operation,
    place: &str,
    at: &Place,
    writing: &mut Writing<'_>,
) -> Option<Attempts> {
    let mut field = |by: &Option<ByConfig>, name: &str| match by {
        None => Some(None),
        Some(by) => match keyed::part(by, operation) {
            Some(By::Field(place)) => Some(Some(place)),
            Some(_) | None => {
                writing.diagnostics.push(
                    Diagnostic::error(codes::KEY_UNREADABLE, format!("`{}` has no such place", operation.id))
                        .at(at.child(name))
                        .help(format!(
                            "it stands in one `path`, `query`, `header` or `body`: `{{ body: /{name} }}`"
                        )),
                );
                None
            }
        },
    };
    let account = field(&config.account, "account")?;
    let password = field(&config.password, "password")?;
    let answer = match &config.failed.answer {
        None => None,
        Some(answer) => match Pointer::parse(&answer.at) {
            Some(pointer) => Some(FailedAnswer { at: pointer, is: answer.is.clone().into() }),
            None => {
                writing.diagnostics.push(
                    Diagnostic::error(codes::KEY_UNREADABLE, format!("`{}` is no JSON pointer", answer.at))
                        .at(at.child("failed").child("answer").child("at"))
                        .help("write it like `/ok` or `/result/success`"),
                );
                return None;
            }
        },
    };
    let mut terms = |configs, child: &str, name: &str| {
        let place = format!("{place}/{name}");
        let standing = TermsAt { place: &place, name, purpose: Purpose::Guessing };
        writing.terms(configs, standing, &at.child(child)).into_boxed_slice()
    };
    let per_account = terms(&config.per_account, "per_account", "attempts-account");
    let per_address = terms(&config.per_address, "per_address", "attempts-address");
    // One unit that is paid off when the acquaintance is over.
    let familiar = Quota::new("attempts-familiar", 1, config.familiar.0, 1).ok();
    let Some(familiar) = familiar else {
        writing.diagnostics.push(
            Diagnostic::error(codes::LIMIT_ZERO, "an acquaintance of no time at all is none")
                .at(at.child("familiar"))
                .help("write how long an address is known where it has succeeded: `30d`"),
        );
        return None;
    };
    let familiar =
        writing.stock.limiter(&format!("{place}/familiar"), familiar, Purpose::Guessing, Span::Lasting);
    Some(Attempts {
        account,
        password,
        failed: Arc::new(Failed { statuses: config.failed.statuses.clone().into(), answer }),
        per_account,
        per_address,
        familiar,
    })
}
