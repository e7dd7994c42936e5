//! The reference page of the command line, from what the binary says of itself.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::page::notice;

/// How to write it again.
pub(crate) const COMMAND: &str = "cargo xtask usage";

const INTRODUCTION: &str = "
# Command line

Exit codes: 0 well, 1 could not run, 2 findings or a denial, 3 configuration invalid.
";

/// The page's text: the help of the program and of each subcommand, two levels deep.
pub(crate) fn page(root: &Path) -> Result<String> {
    let mut text = notice(COMMAND);
    text.push_str(INTRODUCTION);
    let help = help(root, &[])?;
    push(&mut text, &[], &help);
    for name in subcommands(&help) {
        let help = self::help(root, &[name])?;
        push(&mut text, &[name], &help);
        for inner in subcommands(&help) {
            push(&mut text, &[name, inner], &self::help(root, &[name, inner])?);
        }
    }
    Ok(text)
}

fn push(text: &mut String, path: &[&str], help: &str) {
    let name = [&["portcullis"], path].concat().join(" ");
    // Trailing spaces come from wrapped columns. Writing to a `String` cannot fail.
    let help: Vec<&str> = help.lines().map(str::trim_end).collect();
    let _ = write!(text, "\n## {name}\n\n```text\n{}\n```\n", help.join("\n").trim_end());
}

/// What `portcullis PATH… --help` prints.
fn help(root: &Path, path: &[&str]) -> Result<String> {
    let output = Command::new("cargo")
        .args(["run", "--quiet", "--package", "portcullis", "--"])
        .args(path)
        .arg("--help")
        // The page must not depend on who writes it.
        .env("COLUMNS", "100")
        .env_remove("PORTCULLIS_CONFIG")
        .env_remove("PORTCULLIS_LOG")
        .current_dir(root)
        .output()
        .context("cannot run `cargo run`")?;
    ensure!(
        output.status.success(),
        "`portcullis --help` failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).context("the help is not UTF-8")
}

/// The names below `Commands:`.
fn subcommands(help: &str) -> Vec<&str> {
    let below = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let entries = below.map_while(|line| line.strip_prefix("  "));
    // A description that goes on in the next line is indented further.
    let names = entries.filter(|entry| !entry.starts_with(' ')).filter_map(|entry| entry.split(' ').next());
    names.filter(|name| *name != "help").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subcommands_are_read_from_the_help() {
        let help = "About\n\nCommands:\n  serve    Serve\n  check    Check\n           there\n  help     Print\n\nOptions:\n  -h\n";
        assert_eq!(subcommands(help), ["serve", "check"]);
        assert!(subcommands("Options:\n  -h\n").is_empty());
    }
}
