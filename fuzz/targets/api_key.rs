//! API keys: the reader never fails, and what it accepts has the published form and no other spelling.

#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis_authn::api_key::read;

fuzz_target!(|bytes: &[u8]| {
    let Ok(key) = read(bytes) else { return };
    let text = std::str::from_utf8(bytes).expect("letters and digits");
    let mut parts = text.split('_');
    assert_eq!(parts.next(), Some("pcl"));
    assert_eq!(parts.next(), Some(key.environment));
    assert_eq!(parts.next(), Some(key.id.to_string().as_str()), "an id has one spelling");
    assert_eq!(parts.next().map(str::len), Some(38));
    assert_eq!(parts.next(), None);
    // A CRC finds every change of a single character.
    let mut typo = bytes.to_vec();
    for index in 0..typo.len() {
        let kept = typo[index];
        typo[index] = if kept == b'0' { b'1' } else { b'0' };
        assert!(read(&typo).is_err(), "a typing mistake at {index} was accepted");
        typo[index] = kept;
    }
});
