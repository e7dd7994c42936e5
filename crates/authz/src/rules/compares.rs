//! What the rules of an operation compare facts with: enough to ask them again about a request of which only digests
//! of its values are kept.
//!
//! In: one operation's rules. Out: [`Compares`]. Called where recorded decisions are replayed, never in a request's
//! way. Whoever replays puts a text that the rules name where the digest is that text's, and any other text where it
//! is not: comparing for equality and membership then gives what it gave. What looks into a text cannot be told so.

use std::collections::BTreeSet;

use cedar_policy_core::ast::{Expr, ExprKind, Literal, Var};
use ipnet::IpNet;

use super::decide::OperationRules;
use super::guard::{Guard, network};
use super::kin::Granted;
use super::suggest::chain;

/// What rules compare facts with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compares {
    /// Texts, in the one spelling in which facts are compared.
    pub texts: BTreeSet<String>,
    /// Networks that a client's address may have to be in.
    pub networks: BTreeSet<IpNet>,
    /// The claims that are read.
    pub claims: BTreeSet<String>,
    /// How texts are compared.
    pub texts_are: TextsAre,
}

/// How rules compare texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TextsAre {
    /// Only for being the same.
    #[default]
    Compared,
    /// By patterns, or read as something else.
    LookedInto,
}

impl OperationRules {
    /// What they compare facts with.
    #[must_use]
    pub fn compares(&self) -> Compares {
        let mut compares = Compares::default();
        for policy in &self.whole.policies {
            for guard in &policy.guards {
                match guard {
                    Guard::Client(networks) => compares.networks.extend(networks.iter().copied()),
                    Guard::In(listed) | Guard::NotIn(listed) => {
                        compares.texts.extend(listed.iter().filter_map(|one| match &one.by {
                            Granted::Group { named, .. } => Some(named.to_string()),
                            Granted::Roles { .. } => None,
                        }));
                    }
                    // Scopes are kept as they are.
                    Guard::Scopes(_) => {}
                }
            }
            policy.rest.iter().flat_map(Expr::subexpressions).for_each(|part| compares.add(part));
        }
        compares
    }
}

impl Compares {
    fn add(&mut self, part: &Expr) {
        match part.expr_kind() {
            ExprKind::Lit(Literal::String(text)) => {
                self.texts.insert(text.to_string());
            }
            // A group is known by what a claim lists.
            ExprKind::Lit(Literal::EntityUID(uid)) => {
                self.texts.insert(AsRef::<str>::as_ref(uid.eid()).to_owned());
            }
            ExprKind::Like { .. } => self.texts_are = TextsAre::LookedInto,
            ExprKind::ExtensionFunctionApp { fn_name, args } if reads_text(&fn_name.to_string()) => {
                match args.first().map(Expr::expr_kind) {
                    Some(ExprKind::Lit(Literal::String(text))) => {
                        self.networks.extend(network(text));
                    }
                    Some(_) | None => self.texts_are = TextsAre::LookedInto,
                }
            }
            ExprKind::GetAttr { .. } => {
                if let Some((Var::Principal, names)) = chain(part)
                    && let ["claims", name] = names.as_slice()
                {
                    self.claims.insert((*name).to_owned());
                }
            }
            _ => {}
        }
    }
}

/// Whether a function makes something else of a text.
fn reads_text(function: &str) -> bool {
    matches!(function, "ip" | "decimal" | "datetime" | "duration")
}
