//! The Core Rule Set, where others put it (`/work/shared/crs`), read by the engine.

use std::path::PathBuf;

use portcullis_config::{Color, Diagnostics};
use portcullis_waf::{Files, RuleSet, read};

/// Files as the system has them.
pub(crate) struct Disk;

impl Files for Disk {
    fn read(&self, path: &str) -> Result<String, String> {
        std::fs::read_to_string(path).map_err(|error| error.to_string())
    }

    fn matching(&self, pattern: &str) -> Result<Vec<String>, String> {
        let (folder, name) = pattern.rsplit_once('/').ok_or("no folder")?;
        let (start, end) = name.split_once('*').ok_or("no star")?;
        let entries = std::fs::read_dir(folder).map_err(|error| error.to_string())?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut found: Vec<String> = names
            .filter(|name| name.starts_with(start) && name.ends_with(end))
            .map(|name| format!("{folder}/{name}"))
            .collect();
        found.sort();
        Ok(found)
    }
}

/// Where the rules are: `PORTCULLIS_CRS` at build time, or beside the repository. `None`, said aloud, where they are absent.
pub(crate) fn folder() -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/crs");
    let folder = option_env!("PORTCULLIS_CRS").map_or(beside, PathBuf::from);
    if folder.join("rules").is_dir() {
        return Some(folder);
    }
    println!("skipped: {} is absent", folder.display());
    None
}

/// Set-up and all rule files, read without a single mistake.
pub(crate) fn rule_set() -> Option<RuleSet> {
    let folder = folder()?;
    let rules = Disk.matching(&format!("{}/rules/*.conf", folder.display())).unwrap();
    assert_eq!(rules.len(), 27, "files of rules");
    let setup = folder.join("crs-setup.conf.example").display().to_string();
    let paths: Vec<String> = std::iter::once(setup).chain(rules).collect();
    let mut diagnostics = Diagnostics::new();
    let set = read(&paths, &Disk, &mut diagnostics);
    assert!(diagnostics.is_empty(), "{}", diagnostics.render(Color::Never));
    Some(set)
}
