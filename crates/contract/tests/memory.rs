//! The filter takes less than 256 KiB, whatever the answer is, and nothing more for a longer one.
//!
//! A binary of its own: what is counted is every allocation of the process.

#![expect(clippy::unwrap_used, reason = "a test stops where its ground is not as expected")]

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::BytesMut;
use dhat::HeapStats;
use portcullis_config::{Diagnostics, Document, Limits};
use portcullis_contract::filter::{FilterPlan, OnUndeclared, Sight, Viewer};
use portcullis_contract::{NoReferences, Objects};
use portcullis_domain::{Scopes, Subject};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// What the filter may take.
const BOUND: usize = 256 * 1024;
const PIECE: usize = 16 * 1024;

fn plan(schema: &str) -> Arc<FilterPlan> {
    let text = format!(
        r#"{{"openapi":"3.1.1","info":{{"title":"t","version":"1"}},"paths":{{}},"components":{{"schemas":{{"It":{schema}}}}}}}"#
    );
    let document = Document::parse("openapi.json", text.as_bytes(), &Limits::default()).unwrap();
    let pointer = "/components/schemas/It";
    FilterPlan::compile(&document, &NoReferences, pointer, Objects::Closed, &mut Diagnostics::new()).unwrap()
}

/// The most that is allocated while an answer of `pieces` pieces passes, and what is allocated in all.
fn taken(
    plan: &Arc<FilterPlan>,
    undeclared: OnUndeclared,
    pieces: impl Iterator<Item = String>,
) -> (usize, u64) {
    let (scopes, roles, subject) = (Scopes::default(), Scopes::default(), Subject::from("ada"));
    let viewer =
        Viewer { scopes: &scopes, roles: &roles, subject: Some(&subject), path_parameter: &|_| None };
    let sight = Sight::of(plan.audiences(), &viewer);
    // Room for what leaves is the caller's, and is emptied after each piece.
    let mut out = BytesMut::with_capacity(8 * PIECE);
    let (mut most, mut blocks) = (0, 0);
    let mut filter = plan.start(sight, undeclared);
    for piece in pieces {
        let before = HeapStats::get();
        filter.push(piece.as_bytes(), &mut out).unwrap();
        let after = HeapStats::get();
        blocks += after.total_blocks - before.total_blocks;
        most += after.curr_bytes.saturating_sub(before.curr_bytes);
        out.clear();
    }
    let _ = filter.finish(&mut out).unwrap();
    (most, blocks)
}

#[test]
fn memory_is_bounded_and_does_not_grow_with_the_answer() {
    let _counting = dhat::Profiler::builder().testing().build();

    // Records with something to remove, to hide and to hold in each.
    let records = plan(
        r#"{"type":"array","items":{"type":"object","properties":{"id":{},"owner":{},"secret":{"writeOnly":true},
            "phone":{"x-portcullis-visible-to":{"owner":{"property":"owner"}}}}}}"#,
    );
    let record = r#"{"id":1,"phone":"0123456789","secret":[1,2,3],"owner":"ada","more":{"a":[{}]}}"#;
    let list = |pieces: usize| {
        let piece = vec![record; PIECE / record.len()].join(",");
        (0..pieces).map(move |n| {
            let (before, after) = (if n == 0 { "[" } else { "," }, if n == pieces - 1 { "]" } else { "" });
            format!("{before}{piece}{after}")
        })
    };
    for undeclared in [OnUndeclared::Remove, OnUndeclared::Report] {
        let (short, _) = taken(&records, undeclared, list(2));
        let (long, blocks) = taken(&records, undeclared, list(200));
        assert!(long < BOUND, "{long}");
        assert!(long <= short + 4096, "{short} for 2 pieces and {long} for 200");
        println!("{long} bytes in {blocks} blocks for 200 pieces");
        // Some 42,000 records: what one needs serves for the next.
        assert!(blocks < 100, "{blocks}");
    }

    // The worst of everything at once: wide objects to the full depth, all names known or all unknown,
    // members that wait in each, and one that fills what may wait.
    let mut wide = String::from(
        r##"{"type":"object","properties":{"owner":{},"in":{"$ref":"#/components/schemas/It"},
        "held":{"x-portcullis-visible-to":{"owner":{"property":"owner"}}}"##,
    );
    for n in 0..4000 {
        write!(wide, r#","m{n}":{{}}"#).unwrap();
    }
    let wide = plan(&(wide + "}}"));
    for undeclared in [OnUndeclared::Remove, OnUndeclared::Report] {
        let level = |n: usize| {
            let name = "n".repeat(900);
            let unknown: String = (0..40).map(|x| format!(r#""{name}{n}-{x}":[],"#)).collect();
            format!(r#"{{{unknown}"m3999":1,"held":"{}","in":"#, "h".repeat(400))
        };
        let inmost = format!(r#"{{"held":"{}","id":"#, "h".repeat(40 * 1024));
        let answer = (0..127).map(level).chain([inmost, format!("1{}", "}".repeat(128))]);
        let (most, _) = taken(&wide, undeclared, answer);
        assert!(most < BOUND, "{most}");
    }
}
