//! Files that are wrong: each mistake at its line, nothing lost, nothing dead.

use std::collections::BTreeMap;

use portcullis_config::Diagnostics;
use portcullis_waf::{Files, RuleSet, read};

struct Folder(BTreeMap<&'static str, String>);

impl Files for Folder {
    fn read(&self, path: &str) -> Result<String, String> {
        self.0.get(path).cloned().ok_or_else(|| "no such file".to_owned())
    }

    fn matching(&self, pattern: &str) -> Result<Vec<String>, String> {
        let (start, end) = pattern.split_once('*').ok_or("no star")?;
        Ok(self
            .0
            .keys()
            .filter(|name| name.starts_with(start) && name.ends_with(end))
            .map(|name| (*name).into())
            .collect())
    }
}

fn read_files(files: &[(&'static str, &str)]) -> (RuleSet, Vec<String>) {
    let folder = Folder(files.iter().map(|(name, text)| (*name, (*text).to_owned())).collect());
    let mut diagnostics = Diagnostics::new();
    let set = read(&[files[0].0.to_owned()], &folder, &mut diagnostics);
    let found = diagnostics.iter().map(|found| {
        let place = found.place().map(|place| format!("{}:{}: ", place.file(), place.line()));
        format!("{}{}", place.unwrap_or_default(), found.message())
    });
    let found = found.collect();
    (set, found)
}

#[track_caller]
fn mistakes(text: &str) -> Vec<String> {
    read_files(&[("a.conf", text)]).1
}

#[test]
fn what_is_not_known_is_a_mistake_at_its_line() {
    for (text, found) in [
        ("SecRule ARGS \"@rx a\" \"id:1,deny", "a.conf:1: a quotation is not closed"),
        ("\nSecNothing On", "a.conf:2: `SecNothing` is no directive that is known"),
        ("SecRule ARGZ \"@rx a\" \"id:1,deny\"", "a.conf:1: `ARGZ` is no variable"),
        ("SecRule ARGS \"@rex a\" \"id:1,deny\"", "a.conf:1: `@rex` is no operator"),
        ("SecRule ARGS \"@rx a\" \\\n  \"id:1,t:rot13\"", "a.conf:2: `rot13` is no transformation"),
        ("SecRule ARGS \"@rx a\" \"id:1,explode\"", "a.conf:1: `explode` is no action"),
        ("SecRule ARGS \"@rx a\" \"deny\"", "a.conf:1: the rule has no id"),
        ("SecRule ARGS \"@rx a\" \"id:1,id:2\"", "a.conf:1: `id` is said twice"),
        ("SecRule ARGS", "a.conf:1: `SecRule` takes targets, an operator and actions, not 1 arguments"),
        ("SecAction \"id:1,skipAfter:END\"", "a.conf:1: rule 1 skips to `END`, which is nowhere"),
        ("SecDefaultAction \"phase:1,block\"", "a.conf:1: `block` says nothing here"),
        ("Include missing.conf", "a.conf:1: `missing.conf` cannot be read: no such file"),
        ("Include a.conf", "a.conf:1: `a.conf` includes itself"),
    ] {
        assert_eq!(mistakes(text), [found], "{text}");
    }
}

#[test]
fn ids_stand_once() {
    let found = mistakes("SecAction \"id:7,pass\"\nSecAction \"id:7,pass\"\n");
    assert_eq!(found, ["a.conf:2: rule 7 stands twice"]);
}

#[test]
fn chains_are_whole_or_a_mistake() {
    let chained = "SecRule ARGS \"@rx a\" \"id:1,deny,chain\"\nSecRule ARGS \"@rx b\" \"t:lowercase\"\n";
    let (set, found) = read_files(&[("a.conf", chained)]);
    assert!(found.is_empty(), "{found:?}");
    assert_eq!(set.rules().next().unwrap().links.len(), 2);
    assert_eq!(
        mistakes("SecRule ARGS \"@rx a\" \"id:1,deny,chain\"\nSecMarker X\n"),
        ["a.conf:1: the chain of rule 1 has no end"]
    );
    assert_eq!(
        mistakes("SecRule ARGS \"@rx a\" \"id:1,deny,chain\"\nSecRule ARGS \"@rx b\" \"id:2,pass\"\n"),
        ["a.conf:2: `id` belongs to the first rule of the chain, 1"]
    );
    // One mistake in the head is one mistake, however long the chain.
    let broken = "SecRule ARGS \"@rx (\" \"id:1,deny,chain\"\nSecRule ARGS \"@rx b\" \"chain\"\nSecRule ARGS \"@rx c\" \"t:none\"\nSecAction \"id:2,pass\"\n";
    let (set, found) = read_files(&[("a.conf", broken)]);
    assert_eq!((found.len(), set.rules().count()), (1, 1), "{found:?}");
}

#[test]
fn includes_are_read_in_place_and_in_order() {
    let (set, found) = read_files(&[
        ("rules/main.conf", "SecAction \"id:1,pass\"\nInclude plugins/*.conf\nSecAction \"id:9,pass\"\n"),
        ("rules/plugins/b.conf", "SecAction \"id:3,pass\"\n"),
        ("rules/plugins/a.conf", "SecAction \"id:2,pass\"\n"),
    ]);
    assert!(found.is_empty(), "{found:?}");
    assert_eq!(set.rules().map(|rule| rule.id).collect::<Vec<_>>(), [1, 2, 3, 9]);
}
