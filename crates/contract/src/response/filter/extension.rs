//! Reads `x-portcullis-visible-to` and `x-portcullis-mask`.
//!
//! ```yaml
//! x-portcullis-visible-to: {scopes: [orders:audit], roles: [support], owner: {property: owner_id}}
//! x-portcullis-mask: {as: card, visible_to: {roles: [billing]}}
//! ```

use portcullis_config::{Diagnostic, codes};
use portcullis_domain::Scopes;
use serde::Deserialize;

use super::audience::{Audience, Owner};
use super::mask::MaskAs;
use super::said::{MASK, VISIBLE_TO};
use crate::reading::{Findings, Node};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "it is an object")]
struct AudienceText {
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    roles: Vec<String>,
    owner: Option<OwnerText>,
}

#[derive(Deserialize)]
#[serde(
    rename_all = "snake_case",
    deny_unknown_fields,
    expecting = "an owner is `{property: …}` or `{path: …}`"
)]
enum OwnerText {
    Property(String),
    Path(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "it is an object")]
struct MaskText {
    r#as: MaskName,
    visible_to: Option<AudienceText>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum MaskName {
    Card,
    Email,
    Iban,
    Last4,
    All,
}

/// Reads who may see a value. `None` was refused.
pub(super) fn audience(node: &Node<'_>, findings: &mut Findings<'_>) -> Option<Audience> {
    match AudienceText::deserialize(node.value())
        .map_err(|error| error.to_string())
        .and_then(Audience::try_from)
    {
        Ok(audience) => Some(audience),
        Err(why) => {
            let help =
                "write `{scopes: [...], roles: [...], owner: {property: owner_id}}`, or `{path: userId}`";
            malformed(node, VISIBLE_TO, &why, help, findings);
            None
        }
    }
}

/// Reads how a value is masked, and for whom it is not. `None` was refused.
pub(super) fn mask(node: &Node<'_>, findings: &mut Findings<'_>) -> Option<(MaskAs, Option<Audience>)> {
    let read = MaskText::deserialize(node.value()).map_err(|error| error.to_string()).and_then(|text| {
        let audience = text.visible_to.map(Audience::try_from).transpose()?;
        let is_by_property = |audience: &Audience| matches!(audience.owner, Some(Owner::Property(_)));
        if audience.as_ref().is_some_and(is_by_property) {
            return Err("whose it is may not be known yet when the value passes: take `{path: …}`".to_owned());
        }
        Ok((MaskAs::from(text.r#as), audience))
    });
    match read {
        Ok(mask) => Some(mask),
        Err(why) => {
            let help =
                "write `{as: card, visible_to: {roles: [...]}}`; known are card, email, iban, last4 and all";
            malformed(node, MASK, &why, help, findings);
            None
        }
    }
}

impl TryFrom<AudienceText> for Audience {
    type Error = String;

    fn try_from(text: AudienceText) -> Result<Self, String> {
        let audience = Self {
            scopes: text.scopes.into_iter().collect::<Scopes>(),
            roles: text.roles.into_iter().collect(),
            owner: text.owner.map(|owner| match owner {
                OwnerText::Property(name) => Owner::Property(name.into()),
                OwnerText::Path(name) => Owner::Path(name.into()),
            }),
        };
        if audience == Self::default() {
            return Err("nobody may see it: name scopes, roles or an owner, or say `writeOnly`".to_owned());
        }
        Ok(audience)
    }
}

impl From<MaskName> for MaskAs {
    fn from(name: MaskName) -> Self {
        match name {
            MaskName::Card => Self::Card,
            MaskName::Email => Self::Email,
            MaskName::Iban => Self::Iban,
            MaskName::Last4 => Self::Last4,
            MaskName::All => Self::All,
        }
    }
}

/// Refuses what an extension says.
pub(super) fn malformed(node: &Node<'_>, name: &str, why: &str, help: &str, findings: &mut Findings<'_>) {
    findings.refuse(
        Diagnostic::error(codes::contract::EXTENSION_MALFORMED, format!("`{name}`: {why}"))
            .at(node.place())
            .help(help),
    );
}
