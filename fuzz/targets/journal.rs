//! Lines of a journal, which somebody may have written by hand: what is read is written and read again as the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis_audit::journal::Line;

fuzz_target!(|bytes: &[u8]| {
    let Ok(line) = Line::read(bytes) else { return };
    let written = serde_json::to_vec(&line).expect("every line has a form");
    if written.len() < portcullis_audit::journal::LONGEST_LINE {
        assert_eq!(Line::read(&written).as_ref(), Ok(&line));
    }
});
