//! Files of rules as one [`RuleSet`].
//!
//! In: paths, and the [`Files`] that they lead to. Out: everything that the files say, in the order in which an engine
//! would meet it, with every mistake at its line. What is not known is a mistake: a rule that is silently dead is a hole
//! that nobody sees.

use std::collections::BTreeMap;

use portcullis_config::codes::waf as codes;
use portcullis_config::{Diagnostic, Diagnostics, Place};

use super::action::actions;
use super::chain::{Open, Reached, Said, begin};
use super::exclusion::Exclusion;
use super::files::{Files, resolved};
use super::operator::Operator;
use super::rule::{Defaults, RuleSet, Skip, Sorted, Statement};
use super::setting::Setting;
use super::statement::{RawStatement, statements};
use super::target::targets;
use super::transformation::resolved as resolved_steps;
use super::{action::Disruption, action::Phase};

/// How deep files may include one another.
const DEPTH: usize = 16;
/// The largest file of rules, in bytes: ten times the Core Rule Set's largest.
const LARGEST_FILE: usize = 4 << 20;
/// Most statements of all files together: a hundred times the Core Rule Set's.
const STATEMENTS: usize = 100_000;

/// Reads the files at `paths`, in order.
#[must_use]
pub fn read(paths: &[String], files: &dyn Files, diagnostics: &mut Diagnostics) -> RuleSet {
    let mut reader = Reader {
        files,
        diagnostics,
        set: RuleSet::default(),
        defaults: Vec::new(),
        chain: None,
        ids: BTreeMap::new(),
        opened: Vec::new(),
        is_adrift: false,
    };
    for path in paths {
        reader.file(path, None);
    }
    reader.end_chain();
    reader.check_markers();
    reader.set
}

struct Reader<'r> {
    files: &'r dyn Files,
    diagnostics: &'r mut Diagnostics,
    set: RuleSet,
    /// The defaults of each phase so far.
    defaults: Vec<Defaults>,
    /// A chain that is not at its end.
    chain: Option<Open>,
    /// Where each id was given.
    ids: BTreeMap<u32, Place>,
    /// Files that are being read, the innermost last.
    opened: Vec<String>,
    /// Whether the last rule could not be read: what follows without an id is the rest of its chain.
    is_adrift: bool,
}

impl Reader<'_> {
    fn file(&mut self, path: &str, named_at: Option<&Place>) {
        let refuse = |reader: &mut Self, message: String| {
            let found = Diagnostic::error(codes::RULE_FILE, message);
            reader.diagnostics.push(match named_at {
                Some(place) => found.at(place.clone()),
                None => found,
            });
        };
        if self.opened.iter().any(|open| open == path) {
            return refuse(self, format!("`{path}` includes itself"));
        }
        if self.opened.len() >= DEPTH {
            return refuse(self, format!("`{path}` would be the {DEPTH}th file within another"));
        }
        let text = match self.files.read(path) {
            Ok(text) if text.len() > LARGEST_FILE => {
                return refuse(self, format!("`{path}` has {} bytes, more than {LARGEST_FILE}", text.len()));
            }
            Ok(text) => text,
            Err(error) => return refuse(self, format!("`{path}` cannot be read: {error}")),
        };
        self.opened.push(path.to_owned());
        let place = Place::whole_text(path, &text);
        for statement in statements(&text, &place) {
            if self.set.statements.len() >= STATEMENTS {
                refuse(self, format!("there are more than {STATEMENTS} statements"));
                break;
            }
            match statement {
                Ok(statement) => self.statement(&statement, path),
                Err(unclosed) => self.mistake(&unclosed.place, "a quotation is not closed".to_owned()),
            }
        }
        self.opened.pop();
    }

    fn statement(&mut self, statement: &RawStatement, path: &str) {
        let RawStatement { place, directive, arguments } = statement;
        let texts: Vec<&str> = arguments.iter().map(|argument| argument.text.as_str()).collect();
        match (directive.to_ascii_lowercase().as_str(), texts.as_slice()) {
            ("secrule", _) => return self.rule(statement, path),
            ("secaction", [_]) => return self.said(None, statement.arguments.first(), place),
            _ => self.end_chain(),
        }
        match (directive.to_ascii_lowercase().as_str(), texts.as_slice()) {
            ("secmarker", [name]) => self.set.statements.push(Statement::Marker((*name).to_owned())),
            ("secdefaultaction", [text]) => self.default_action(text, place),
            ("include", [pattern]) => self.include(pattern, path, place),
            ("secaction" | "secmarker" | "secdefaultaction" | "include", _) => {
                self.mistake(place, format!("`{directive}` takes one argument, not {}", texts.len()));
            }
            _ => match Setting::parse(directive, &texts).map(|read| read.map(Statement::Setting)).or_else(
                || Exclusion::parse(directive, &texts, place).map(|read| read.map(Statement::Exclusion)),
            ) {
                Some(Ok(read)) => self.set.statements.push(read),
                Some(Err(message)) => self.mistake(place, message),
                None => self.mistake(place, format!("`{directive}` is no directive that is known")),
            },
        }
    }

    fn include(&mut self, pattern: &str, path: &str, place: &Place) {
        let pattern = resolved(pattern, path);
        if !pattern.contains('*') {
            return self.file(&pattern, Some(place));
        }
        match self.files.matching(&pattern) {
            Ok(found) => found.iter().for_each(|path| self.file(path, Some(place))),
            Err(error) => self.mistake(place, format!("`{pattern}` cannot be looked up: {error}")),
        }
    }

    fn rule(&mut self, statement: &RawStatement, path: &str) {
        let (looked, tested, acts) = match statement.arguments.as_slice() {
            [looked, tested] => (looked, tested, None),
            [looked, tested, acts] => (looked, tested, Some(acts)),
            other => {
                let count = other.len();
                let message =
                    format!("`SecRule` takes targets, an operator and actions, not {count} arguments");
                return self.broken(&statement.place, message);
            }
        };
        let found = match targets(&looked.text) {
            Ok(found) => found,
            Err(message) => return self.broken(&looked.place, message),
        };
        match Operator::parse(&tested.text, path, self.files) {
            Ok(operator) => self.said(Some((found, operator)), acts, &statement.place),
            Err(message) => self.broken(&tested.place, message),
        }
    }

    fn said(
        &mut self,
        looked: Option<(Vec<super::target::Target>, Operator)>,
        acts: Option<&super::statement::Argument>,
        place: &Place,
    ) {
        let text = acts.map(|acts| acts.text.as_str()).unwrap_or_default();
        let sorted = match actions(text).and_then(Sorted::of) {
            Ok(sorted) => sorted,
            Err(message) => return self.broken(acts.map_or(place, |acts| &acts.place), message),
        };
        if self.is_adrift && sorted.id.is_none() {
            self.is_adrift = sorted.chains;
            return;
        }
        self.is_adrift = false;
        let said = Said { looked, sorted, place: place.clone() };
        let reached = match self.chain.take() {
            Some(open) => open.link(said),
            None => begin(said, &self.defaults),
        };
        match reached {
            Ok(Reached::Open(open)) => self.chain = Some(open),
            Ok(Reached::Rule(rule)) => {
                if let Some(first) = self.ids.get(&rule.id) {
                    self.diagnostics.push(
                        Diagnostic::error(codes::RULE_TWICE, format!("rule {} stands twice", rule.id))
                            .at(rule.place().unwrap_or(place).clone())
                            .related(first.clone(), "first here"),
                    );
                } else {
                    self.ids.insert(rule.id, rule.place().unwrap_or(place).clone());
                }
                self.set.statements.push(Statement::Rule(rule));
            }
            Err(message) => self.mistake(place, message),
        }
    }

    fn default_action(&mut self, text: &str, place: &Place) {
        let sorted = match actions(text).and_then(Sorted::of) {
            Ok(sorted) => sorted,
            Err(message) => return self.mistake(place, message),
        };
        let disruption = match sorted.disruption {
            Some(Disruption::Block) => return self.mistake(place, "`block` says nothing here".to_owned()),
            Some(disruption) => disruption,
            None => return self.mistake(place, "it does not say what becomes of a match".to_owned()),
        };
        let defaults = Defaults {
            phase: sorted.phase.unwrap_or(Phase::RequestBody),
            disruption,
            status: sorted.status,
            logging: sorted.logging,
            transformations: resolved_steps(sorted.steps),
        };
        self.defaults.push(defaults.clone());
        self.set.statements.push(Statement::Default(defaults));
    }

    /// A rule that cannot be read takes its chain with it.
    fn broken(&mut self, place: &Place, message: String) {
        self.chain = None;
        self.is_adrift = true;
        self.mistake(place, message);
    }

    fn mistake(&mut self, place: &Place, message: String) {
        self.diagnostics.push(Diagnostic::error(codes::RULE_SYNTAX, message).at(place.clone()));
    }

    fn end_chain(&mut self) {
        let Some(open) = self.chain.take() else { return };
        let (place, id) = open.head();
        let found = Diagnostic::error(codes::RULE_SYNTAX, format!("the chain of rule {id} has no end"));
        self.diagnostics.push(match place {
            Some(place) => found.at(place.clone()),
            None => found,
        });
    }

    /// A jump to nowhere would switch off everything that follows.
    fn check_markers(&mut self) {
        let markers: std::collections::BTreeSet<&str> = self
            .set
            .statements
            .iter()
            .filter_map(|statement| match statement {
                Statement::Marker(name) => Some(name.as_str()),
                _ => None,
            })
            .collect();
        let lost = self.set.rules().filter_map(|rule| match &rule.skip {
            Some(Skip::After(marker)) if !markers.contains(marker.as_str()) => Some((rule, marker)),
            _ => None,
        });
        for (rule, marker) in lost {
            let message = format!("rule {} skips to `{marker}`, which is nowhere", rule.id);
            let found = Diagnostic::error(codes::MARKER_MISSING, message);
            self.diagnostics.push(match rule.place() {
                Some(place) => found.at(place.clone()),
                None => found,
            });
        }
    }
}
