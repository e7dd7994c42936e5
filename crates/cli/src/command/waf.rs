//! `portcullis waf`: what rule files say.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use portcullis_config::Diagnostics;
use portcullis_waf::seclang::{Statement, setting::Setting};
use portcullis_waf::{Files, RuleSet, read};

use super::{color, complain, say};
use crate::{CONFIGURATION_INVALID, WELL};

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
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let Command::Lint { paths } = &arguments.command;
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
