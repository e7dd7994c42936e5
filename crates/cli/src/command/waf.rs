//! `portcullis waf`: what rule files say, and whether they do what their tests expect.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use portcullis_config::Diagnostics;
use portcullis_waf::engine::compile;
use portcullis_waf::ftw::{self, Verdict};
use portcullis_waf::seclang::{Statement, setting::Setting};
use portcullis_waf::{Files, RuleSet, read};

use super::{color, complain, say};
use crate::{CONFIGURATION_INVALID, FINDINGS, WELL};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Read rule files and report what they would do; exit code 3 if any rule is not understood.
    Lint {
        /// Files in SecLang, or folders laid out like the Core Rule Set, in the order in which they are to be read.
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
    /// Run regression tests of a rule set (go-ftw, version 2) in process; exit code 2 if one fails.
    Test {
        /// Folders or files of tests.
        #[arg(required = true)]
        tests: Vec<PathBuf>,
        /// Files in SecLang, or folders laid out like the Core Rule Set, in the order in which they are to be read.
        #[arg(long, required = true)]
        rules: Vec<PathBuf>,
        /// A file in SecLang that is read behind the set-up of the rule set, for what its tests presume.
        #[arg(long)]
        setup: Option<PathBuf>,
    },
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    match &arguments.command {
        Command::Lint { paths } => lint(paths),
        Command::Test { tests, rules, setup } => test(tests, rules, setup.as_deref()),
    }
}

fn lint(paths: &[PathBuf]) -> anyhow::Result<u8> {
    let mut files = Vec::new();
    for path in paths {
        files.extend(rule_files(path)?);
    }
    let mut diagnostics = Diagnostics::new();
    let set = read(&files, &Disk, &mut diagnostics);
    complain(&diagnostics.render(color()));
    say(&summary(&set, files.len()));
    Ok(if diagnostics.has_errors() { CONFIGURATION_INVALID } else { WELL })
}

fn test(tests: &[PathBuf], rules: &[PathBuf], setup: Option<&Path>) -> anyhow::Result<u8> {
    let mut files = Vec::new();
    for path in rules {
        files.extend(rule_files(path)?);
    }
    if let Some(setup) = setup {
        // Behind the rule set's own set-up, if that comes first.
        let at = usize::from(files.first().is_some_and(|first| first.contains("crs-setup.conf")));
        files.insert(at, setup.display().to_string());
    }
    let mut diagnostics = Diagnostics::new();
    let plan = compile(&read(&files, &Disk, &mut diagnostics), &mut diagnostics);
    complain(&diagnostics.render(color()));
    if diagnostics.has_errors() {
        return Ok(CONFIGURATION_INVALID);
    }
    let mut tally = Tally::default();
    for path in test_files(tests)? {
        let suite = match ftw::read(&path.display().to_string(), &std::fs::read(&path)?) {
            Ok(suite) => suite,
            Err(found) => {
                complain(&found.render(color()));
                return Ok(CONFIGURATION_INVALID);
            }
        };
        for test in &suite.tests {
            tally.count(suite.rule_id, test, &ftw::run(&plan, test));
        }
    }
    if tally.all == 0 {
        bail!("no test was found");
    }
    say(&tally.to_string());
    Ok(if tally.failed() { FINDINGS } else { WELL })
}

/// What came of the tests: an engine that does nothing passes those that expect nothing, so the two kinds are told apart.
#[derive(Default)]
struct Tally {
    all: usize,
    /// Passed and failed, of those that expect a rule to match.
    positive: (usize, usize),
    /// The same of those that expect none to.
    negative: (usize, usize),
    front_end: usize,
}

impl Tally {
    fn count(&mut self, rule: u32, test: &ftw::Test, verdict: &Verdict) {
        self.all += 1;
        let kind = if test.is_positive() { &mut self.positive } else { &mut self.negative };
        match verdict {
            Verdict::Passed => kind.0 += 1,
            Verdict::FrontEnd => self.front_end += 1,
            Verdict::Failed(why) => {
                kind.1 += 1;
                say(&format!("{rule}-{} FAILED: {why}\n", test.test_id));
            }
        }
    }

    const fn failed(&self) -> bool {
        self.positive.1 + self.negative.1 > 0
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (positive, negative) = (self.positive, self.negative);
        writeln!(f, "a rule should match: {} of {}", positive.0, positive.0 + positive.1)?;
        writeln!(f, "none should match:   {} of {}", negative.0, negative.0 + negative.1)?;
        writeln!(f, "not run, about what answers before any rule: {}", self.front_end)
    }
}

/// Every file of tests at or below these paths, in order.
fn test_files(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = paths.to_vec();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            for entry in std::fs::read_dir(&path)? {
                open.push(entry?.path());
            }
        } else if path.extension().is_some_and(|end| end == "yaml" || end == "yml") || paths.contains(&path) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The files of a path: itself, or what a folder of the Core Rule Set holds, in the order that its documentation asks
/// for: set-up, what stands before the rules, the rules, what stands after them.
fn rule_files(path: &Path) -> anyhow::Result<Vec<String>> {
    if !path.is_dir() {
        return Ok(vec![path.display().to_string()]);
    }
    let mut found = Vec::new();
    let setup = ["crs-setup.conf", "crs-setup.conf.example"].map(|name| path.join(name));
    found.extend(setup.iter().find(|file| file.is_file()).map(|file| file.display().to_string()));
    let within = |pattern: &str| Disk.matching(&format!("{}/{pattern}", path.display())).unwrap_or_default();
    for pattern in ["plugins/*-config.conf", "plugins/*-before.conf", "rules/*.conf", "plugins/*-after.conf"]
    {
        found.extend(within(pattern));
    }
    if found.is_empty() {
        found = within("*.conf");
    }
    if found.is_empty() {
        bail!("{} holds no rule files", path.display());
    }
    Ok(found)
}

/// What the rules are, in a dozen lines.
fn summary(set: &RuleSet, files: usize) -> String {
    let mut text = String::new();
    let rules = set.rules().count();
    let links: usize = set.rules().map(|rule| rule.links.len()).sum();
    // Writing to a `String` cannot fail.
    let _ = writeln!(text, "{files} files, {rules} rules, {} of them links of chains", links - rules);
    let mut phases = BTreeMap::<_, usize>::new();
    let mut operators = BTreeMap::<_, usize>::new();
    for rule in set.rules() {
        *phases.entry(rule.phase).or_default() += 1;
        for condition in rule.links.iter().filter_map(|link| link.condition.as_ref()) {
            *operators.entry(condition.operator.test.name()).or_default() += 1;
        }
    }
    for (phase, count) in phases {
        let _ = writeln!(text, "  phase {}: {count} rules", phase as u8);
    }
    let listed: Vec<String> = operators.iter().map(|(name, count)| format!("{name} {count}")).collect();
    let _ = writeln!(text, "  operators: {}", listed.join(", "));
    for statement in &set.statements {
        match statement {
            Statement::Setting(Setting::Accepted { directive, why }) => {
                let _ = writeln!(text, "  `{directive}` has no effect: {why}");
            }
            Statement::Exclusion(exclusion) if exclusion.meets(set) == 0 => {
                let place = &exclusion.place;
                let _ = writeln!(text, "  the exclusion at {}:{} meets no rule", place.file(), place.line());
            }
            _ => {}
        }
    }
    text
}

/// Rule files as the system has them.
struct Disk;

impl Files for Disk {
    fn read(&self, path: &str) -> Result<String, String> {
        std::fs::read_to_string(path).map_err(|error| error.to_string())
    }

    fn matching(&self, pattern: &str) -> Result<Vec<String>, String> {
        let matched = || -> anyhow::Result<Vec<String>> {
            let (folder, name) = pattern.rsplit_once('/').unwrap_or((".", pattern));
            let (start, end) = name.split_once('*').context("a pattern has one `*`, in its last part")?;
            let mut found = Vec::new();
            for entry in std::fs::read_dir(folder)? {
                let name = entry?.file_name();
                let Some(name) = name.to_str() else { continue };
                if name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end) {
                    found.push(format!("{folder}/{name}"));
                }
            }
            found.sort();
            Ok(found)
        };
        matched().map_err(|error| error.to_string())
    }
}
