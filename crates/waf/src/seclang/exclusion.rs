//! Directives that take something from rules: `SecRuleRemoveById 942100`, `SecRuleUpdateTargetByTag attack-sqli "!ARGS:q"`.

use portcullis_config::Place;

use super::action::{Action, IdRange, actions, id_range};
use super::rule::{Rule, RuleSet};
use super::target::{Mode, Target, targets};

/// What is taken from rules, or changed in them.
#[derive(Clone, Debug)]
pub struct Exclusion {
    /// Which rules.
    pub rules: Chosen,
    /// What becomes of them.
    pub edit: Edit,
    /// Where it stands.
    pub place: Place,
}

/// Which rules are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// Those with these ids.
    Ids(Vec<IdRange>),
    /// Those with this tag.
    Tag(String),
    /// Those with a matching message.
    Message(String),
}

/// What becomes of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// It is gone.
    Remove,
    /// It looks at these, too, or at these no more.
    Targets(Vec<Target>),
    /// It does this, too, or this instead.
    Actions(Vec<Action>),
}

impl Exclusion {
    /// Reads a directive; `None` if it is no exclusion.
    ///
    /// # Errors
    /// What is wrong with its arguments, for people.
    pub(super) fn parse(directive: &str, arguments: &[&str], place: &Place) -> Option<Result<Self, String>> {
        let lower = directive.to_ascii_lowercase();
        let read = match lower.as_str() {
            "secruleremovebyid" => ids(arguments).map(|rules| (rules, Edit::Remove)),
            "secruleremovebytag" => one(directive, arguments).map(|tag| (Chosen::Tag(tag), Edit::Remove)),
            "secruleremovebymsg" => {
                one(directive, arguments).map(|text| (Chosen::Message(text), Edit::Remove))
            }
            "secruleupdatetargetbyid" | "secruleupdatetargetbytag" | "secruleupdatetargetbymsg" => {
                retargeted(&lower, arguments)
            }
            "secruleupdateactionbyid" => match arguments {
                [rules, edits] => ids(&[rules]).and_then(|rules| Ok((rules, Edit::Actions(actions(edits)?)))),
                _ => Err("an id and actions are needed".to_owned()),
            },
            _ => return None,
        };
        Some(read.map(|(rules, edit)| Self { rules, edit, place: place.clone() }))
    }
}

impl Exclusion {
    /// How many rules of a set it names.
    #[must_use]
    pub fn meets(&self, set: &RuleSet) -> usize {
        set.rules().filter(|rule| self.rules.hold(rule)).count()
    }
}

impl Chosen {
    /// Whether a rule is meant. Messages are compared as texts that are part of the rule's.
    #[must_use]
    pub fn hold(&self, rule: &Rule) -> bool {
        match self {
            Self::Ids(ranges) => ranges.iter().any(|range| range.holds(rule.id)),
            Self::Tag(tag) => rule.has_tag(tag),
            Self::Message(text) => {
                rule.message.literal().is_some_and(|message| message.contains(text.as_str()))
            }
        }
    }
}

fn retargeted(directive: &str, arguments: &[&str]) -> Result<(Chosen, Edit), String> {
    let [rules, text] = arguments else {
        return Err("rules and targets are needed".to_owned());
    };
    let rules = match directive {
        "secruleupdatetargetbyid" => ids(&[rules])?,
        "secruleupdatetargetbytag" => Chosen::Tag((*rules).to_owned()),
        _ => Chosen::Message((*rules).to_owned()),
    };
    let found = targets(text)?;
    match found.iter().any(|target| target.mode == Mode::Count) {
        true => Err("a count can be neither added nor taken away".to_owned()),
        false => Ok((rules, Edit::Targets(found))),
    }
}

/// Ids and ranges, split by blanks or commas.
fn ids(arguments: &[&str]) -> Result<Chosen, String> {
    let texts = arguments.iter().flat_map(|text| text.split([' ', ','])).filter(|text| !text.is_empty());
    let ranges: Vec<IdRange> = texts.map(id_range).collect::<Result<_, _>>()?;
    match ranges.is_empty() {
        true => Err("an id is missing".to_owned()),
        false => Ok(Chosen::Ids(ranges)),
    }
}

fn one(directive: &str, arguments: &[&str]) -> Result<String, String> {
    match arguments {
        [only] => Ok((*only).to_owned()),
        _ => Err(format!("`{directive}` takes one argument, not {}", arguments.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seclang::target::Selector;

    fn read(directive: &str, arguments: &[&str]) -> Result<Exclusion, String> {
        Exclusion::parse(directive, arguments, &Place::whole_text("a.conf", "")).unwrap()
    }

    #[test]
    fn exclusions_name_rules_and_what_becomes_of_them() {
        let removed = read("SecRuleRemoveById", &["1", "10-20 30"]).unwrap();
        let Chosen::Ids(ranges) = removed.rules else { panic!("ids") };
        assert_eq!(ranges.len(), 3);
        let updated = read("SecRuleUpdateTargetById", &["932240", "!REQUEST_COOKIES:/^_ga/"]).unwrap();
        let Edit::Targets(targets) = updated.edit else { panic!("targets") };
        assert_eq!(
            (targets[0].mode, &targets[0].selector),
            (Mode::Excluded, &Selector::Pattern("^_ga".into()))
        );
        assert!(read("SecRuleRemoveById", &[]).is_err());
        assert!(read("SecRuleUpdateTargetById", &["1"]).is_err());
        assert!(read("SecRuleUpdateTargetByTag", &["a", "&ARGS"]).is_err());
        assert!(Exclusion::parse("SecRule", &[], &Place::whole_text("a", "")).is_none());
    }
}
