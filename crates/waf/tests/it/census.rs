//! The numbers of CRS v4.28.0 as its census has them (designs/waf.md §1): what the reader found is all that there is.

use std::collections::BTreeMap;

use portcullis_waf::seclang::action::{Logging, Phase};
use portcullis_waf::seclang::operator::{Negation, Test};
use portcullis_waf::seclang::rule::{Captures, Condition, Effect, Matching, Rule, Skip};
use portcullis_waf::seclang::target::{Mode, Selector};
use portcullis_waf::seclang::variable::Variable;
use portcullis_waf::{RuleSet, seclang::Statement};

use crate::core_rule_set::rule_set;

fn conditions(set: &RuleSet) -> impl Iterator<Item = &Condition> {
    set.rules().flat_map(|rule| &rule.links).filter_map(|link| link.condition.as_ref())
}

fn counted<K: Ord>(keys: impl Iterator<Item = K>) -> BTreeMap<K, usize> {
    let mut counts = BTreeMap::new();
    keys.for_each(|key| *counts.entry(key).or_default() += 1);
    counts
}

#[test]
fn rules_and_chains() {
    let Some(set) = rule_set() else { return };
    assert_eq!(set.rules().count(), 630);
    let lengths = counted(set.rules().map(|rule| rule.links.len()));
    assert_eq!(lengths, BTreeMap::from([(1, 575), (2, 41), (3, 11), (4, 2), (5, 1)]));
    let phases = counted(set.rules().map(|rule| rule.phase));
    assert_eq!(
        phases,
        BTreeMap::from([
            (Phase::RequestHeaders, 173),
            (Phase::RequestBody, 292),
            (Phase::ResponseHeaders, 43),
            (Phase::ResponseBody, 109),
            (Phase::Logging, 13),
        ])
    );
    let paranoia = |level: usize| {
        let tag = format!("paranoia-level/{level}");
        set.rules().filter(|rule| rule.has_tag(&tag)).count()
    };
    assert_eq!([1, 2, 3, 4].map(paranoia), [214, 90, 32, 9]);
}

#[test]
fn other_statements() {
    let Some(set) = rule_set() else { return };
    let kinds = counted(set.statements.iter().map(|statement| match statement {
        Statement::Rule(_) => "rule",
        Statement::Marker(_) => "marker",
        Statement::Default(_) => "default",
        Statement::Setting(_) => "setting",
        Statement::Exclusion(_) => "exclusion",
    }));
    assert_eq!(
        kinds,
        BTreeMap::from([("default", 5), ("exclusion", 55), ("marker", 30), ("rule", 630), ("setting", 1)])
    );
}

#[test]
fn operators_and_what_they_look_at() {
    let Some(set) = rule_set() else { return };
    let operators = counted(conditions(&set).map(|condition| condition.operator.test.name()));
    assert_eq!(
        operators,
        BTreeMap::from([
            ("beginsWith", 1),
            ("contains", 4),
            ("detectSQLi", 2),
            ("detectXSS", 2),
            ("endsWith", 6),
            ("eq", 53),
            ("ge", 42),
            ("gt", 15),
            ("ipMatch", 2),
            ("lt", 190),
            ("pm", 12),
            ("pmFromFile", 21),
            ("rx", 318),
            ("streq", 9),
            ("unconditionalMatch", 1),
            ("validateByteRange", 6),
            ("validateUrlEncoding", 1),
            ("validateUtf8Encoding", 1),
            ("within", 9),
        ])
    );
    let negated = conditions(&set).filter(|condition| {
        condition.operator.negation == Negation::Negated && condition.operator.test.name() == "rx"
    });
    assert_eq!(negated.count(), 21);

    let targets = || conditions(&set).flat_map(|condition| &condition.targets);
    assert_eq!(targets().count(), 1_749, "{:#?}", counted(targets().map(|target| target.variable)));
    let modes = counted(targets().map(|target| target.mode as u8));
    assert_eq!(
        modes,
        BTreeMap::from([(Mode::Values as u8, 1_671), (Mode::Count as u8, 50), (Mode::Excluded as u8, 28)])
    );
    let patterns = counted(
        targets()
            .filter(|target| matches!(target.selector, Selector::Pattern(_)))
            .map(|target| target.variable),
    );
    assert_eq!(
        patterns,
        BTreeMap::from([(Variable::Tx, 5), (Variable::RequestCookies, 1), (Variable::ArgsNames, 2)])
    );
}

#[test]
fn phrases_and_patterns() {
    let Some(set) = rule_set() else { return };
    let files: BTreeMap<&str, usize> = conditions(&set)
        .filter_map(|condition| match &condition.operator.test {
            Test::PmFromFile(files) => Some(files),
            _ => None,
        })
        .flatten()
        .map(|file| (file.path.as_str(), file.phrases.len()))
        .collect();
    // The folder holds two more, with 22 phrases, which no rule names.
    assert_eq!((files.len(), files.values().sum::<usize>()), (19, 6_170));
    let patterns: std::collections::BTreeSet<&str> = conditions(&set)
        .filter_map(|condition| match &condition.operator.test {
            Test::Rx(pattern) => Some(pattern.written.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(patterns.len(), 294);
}

#[test]
fn actions() {
    let Some(set) = rule_set() else { return };
    let rules: Vec<&Rule> = set.rules().collect();
    let skips = rules.iter().filter(|rule| matches!(rule.skip, Some(Skip::After(_)))).count();
    assert_eq!(skips, 206);
    assert_eq!(rules.iter().map(|rule| rule.tags.len()).sum::<usize>(), 3_089);
    let links = || rules.iter().flat_map(|rule| &rule.links);
    let effects = counted(links().flat_map(|link| &link.effects).map(|effect| match effect {
        Effect::Set(_) => "setvar",
        Effect::Ctl(_) => "ctl",
        Effect::Open(..) => "initcol",
    }));
    assert_eq!(effects, BTreeMap::from([("ctl", 10), ("initcol", 2), ("setvar", 684)]));
    let each = conditions(&set).filter(|condition| condition.matching == Matching::Each).count();
    let captures = conditions(&set).filter(|condition| condition.captures == Captures::Kept).count();
    assert_eq!((each, captures), (8, 279));
    let silent = rules.iter().filter(|rule| rule.logging.last() == Some(&Logging::NoLog)).count();
    assert!(silent > 200, "{silent} rules that tell nothing");
    let chains: std::collections::BTreeSet<_> =
        conditions(&set).map(|condition| condition.transformations.clone()).collect();
    assert_eq!(chains.len(), 42, "distinct lists of transformations");
}
