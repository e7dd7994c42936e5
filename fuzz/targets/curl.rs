//! Command lines of curl: whatever is taken is one request, and none that would break its own head.

#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis_message::curl::WrittenRequest;

fuzz_target!(|text: &str| {
    let Ok(request) = WrittenRequest::from_curl(text) else { return };
    assert!(!request.url.is_empty());
    for (name, value) in &request.headers {
        assert!(!name.is_empty() && !name.contains(['\r', '\n', ':']), "{name:?}");
        assert!(!value.contains(['\r', '\n']), "{value:?}");
    }
});
