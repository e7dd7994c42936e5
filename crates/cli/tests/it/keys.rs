//! `portcullis keys`.

use portcullis_testkit::wait::until;
use serde_json::Value;

use crate::operator::{Operator, status_with};

const CREATE: [&str; 8] = ["keys", "create", "--owner", "erp", "--api", "shop", "--scope", "stock:read"];

#[track_caller]
fn id_of(key: &str) -> String {
    key.trim().split('_').nth(2).expect("an id").to_owned()
}

// proves: KEY-02
#[test]
fn a_key_is_shown_once_and_is_kept_nowhere() {
    let operator = Operator::new();
    let created = operator.well(&CREATE);
    let key = created.out.trim();
    assert!(key.starts_with("pcl_live_") && created.out.lines().count() == 1, "{created:?}");
    assert!(!created.err.contains(&key[21..]));
    let listed = operator.well(&["keys", "list"]);
    assert!(listed.out.contains(&id_of(key)) && listed.out.contains("erp"), "{listed:?}");
    for shown in [listed, operator.well(&["keys", "show-usage", &id_of(key)])] {
        assert!(!shown.out.contains(&key[21..]) && !shown.err.contains(&key[21..]), "{shown:?}");
    }
    for file in ["store.db", "store.db-wal", "store.key"] {
        let bytes = std::fs::read(operator.workspace.path(".portcullis").join(file)).unwrap_or_default();
        let secret = &key.as_bytes()[21..53];
        assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{file} holds the key");
    }
    assert_eq!(status_with(&operator.gateway(), key), 200);
}

// proves: KEY-04
#[test]
fn a_key_has_owner_scopes_creation_last_use_and_an_end() {
    let operator = Operator::new();
    let key = operator.well(&CREATE).out.trim().to_owned();
    let list = || operator.json(&["keys", "list"])[0].clone();
    let listed = list();
    assert_eq!((&listed["owner"], &listed["scopes"][0]), (&"erp".into(), &"stock:read".into()));
    assert_eq!((&listed["apis"][0], &listed["state"]), (&"shop".into(), &"active".into()));
    assert_eq!(listed["last_used_at"], Value::Null);
    let moment = |field: &str| -> i64 {
        let text = listed[field].as_str().unwrap();
        let seconds = std::process::Command::new("date").args(["-u", "-d", text, "+%s"]).output().unwrap();
        String::from_utf8(seconds.stdout).unwrap().trim().parse().unwrap()
    };
    assert_eq!(moment("expires_at") - moment("created_at"), 90 * 86_400, "ninety days unless said");
    // Ended is 401 and out of scope is 403; see the walk tests too.
    let gateway = operator.gateway();
    assert_eq!(status_with(&gateway, &key), 200);
    let brief = [&CREATE[..], &["--lifetime", "1ms"]].concat();
    assert_eq!(status_with(&gateway, operator.well(&brief).out.trim()), 401);
    let narrow = ["keys", "create", "--owner", "erp", "--api", "shop", "--scope", "other"];
    assert_eq!(status_with(&gateway, operator.well(&narrow).out.trim()), 403);
    // Stopping writes what was used.
    gateway.shutdown();
    let used = operator.json(&["keys", "list"]);
    let used = used.as_array().unwrap().iter().find(|one| one["id"] == listed["id"]).unwrap();
    assert!(used["last_used_at"].is_string(), "{used}");
}

#[test]
fn mistakes_are_named_and_make_no_key() {
    let operator = Operator::new();
    for (arguments, hint) in [
        (&["--owner", "erp", "--api", "shoop"][..], "there is no API `shoop`"),
        (&["--owner", "erp", "--api", "shop", "--lifetime", "4000d"], "longest_lifetime"),
        (&["--owner", "erp", "--api", "shop", "--lifetime", "0s"], "ends at once"),
        (&["--owner", "erp", "--api", "shop", "--scope", "a b"], "is no scope"),
        (&["--owner", "", "--api", "shop"], "the owner must have"),
        (&["--owner", "e\u{1b}[2J", "--api", "shop"], "controls a terminal"),
    ] {
        let ran = operator.run(&[&["keys", "create"], arguments].concat());
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.err.contains(hint) && ran.out.is_empty(), "{ran:?}");
    }
    // What clap refuses: neither an API nor all of them, and what is no network.
    for arguments in [&["--owner", "erp"][..], &["--owner", "erp", "--every-api", "--network", "here"]] {
        assert_eq!(operator.run(&[&["keys", "create"], arguments].concat()).code, 2);
    }
    assert_eq!(operator.well(&["keys", "list"]).out, "no keys\n");
}

#[test]
fn a_mistake_in_the_configuration_is_shown_as_a_diagnostic() {
    let operator = Operator::new();
    operator.workspace.file("portcullis.yaml", "listen: [{ address: 127.0.0.1:0 }]\nstore: { poll: 1h }\n");
    let ran = operator.run(&["keys", "list"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.err.contains("error[C0706]"), "{ran:?}");
}

#[test]
fn a_rotated_key_and_its_successor_are_both_good_until_the_overlap_is_over() {
    let operator = Operator::new();
    let old = operator.well(&CREATE).out.trim().to_owned();
    let gateway = operator.gateway();
    let new = operator.well(&["keys", "rotate", &id_of(&old)]).out.trim().to_owned();
    assert_eq!((status_with(&gateway, &old), status_with(&gateway, &new)), (200, 200));
    let again = operator.run(&["keys", "rotate", &id_of(&old)]);
    assert!(again.code == 1 && again.err.contains("is replaced"), "{again:?}");
    let listed = operator.json(&["keys", "list", "--usable"]);
    assert_eq!(listed.as_array().unwrap().len(), 2);
    let newest = operator.well(&["keys", "rotate", &id_of(&new), "--overlap", "0s"]).out.trim().to_owned();
    until("the end of the overlap is taken up", || status_with(&gateway, &new) == 401);
    assert_eq!(status_with(&gateway, &newest), 200);
}

#[test]
fn keys_that_end_soon_are_found() {
    let operator = Operator::new();
    operator.well(&[&CREATE[..], &["--lifetime", "10d"]].concat());
    operator.well(&CREATE);
    let ran = operator.run(&["keys", "list", "--ending-within", "14d", "--json"]);
    let found: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, found.as_array().unwrap().len()), (2, 1));
    assert_eq!(operator.run(&["keys", "list", "--ending-within", "1d"]).code, 0);
}

#[test]
fn usage_tells_what_a_key_touched() {
    let operator = Operator::new();
    let key = operator.well(&CREATE).out.trim().to_owned();
    let gateway = operator.gateway();
    for _ in 0..3 {
        assert_eq!(status_with(&gateway, &key), 200);
    }
    gateway.shutdown();
    let usage = operator.json(&["keys", "show-usage", &id_of(&key)]);
    let touched = &usage["touched"];
    assert_eq!(touched["events"], 3, "{usage:#}");
    assert_eq!(touched["operations"][0]["operation"], "getStock");
    assert_eq!(touched["addresses"]["127.0.0.1"], 3);
}
