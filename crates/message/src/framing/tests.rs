use super::*;

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a\r\n";

fn inspect(bytes: impl AsRef<[u8]>) -> Inspection {
    FramingGuard::new(Bounds::default()).inspect(bytes.as_ref())
}

#[track_caller]
fn passes(bytes: impl AsRef<[u8]>) {
    let bytes = bytes.as_ref();
    let shown = String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(inspect(bytes), Inspection { released: bytes.len(), refusal: None }, "{shown:?}");
}

/// Nothing of a refused head is released.
#[track_caller]
fn is_refused(bytes: impl AsRef<[u8]>, reason: Reason) {
    let shown = String::from_utf8_lossy(bytes.as_ref()).into_owned();
    assert_eq!(inspect(bytes), Inspection { released: 0, refusal: Some(reason) }, "{shown:?}");
}

#[track_caller]
fn line_is_refused(line: impl AsRef<[u8]>, reason: Reason) {
    is_refused([REQUEST.as_bytes(), line.as_ref(), b"\r\n\r\n"].concat(), reason);
}

/// Refused within the body: the head alone is released, and perhaps some of the body.
#[track_caller]
fn chunks_are_refused(chunks: impl AsRef<[u8]>, reason: Reason) {
    let head = format!("{REQUEST}Transfer-Encoding: chunked\r\n\r\n");
    let inspection = inspect([head.as_bytes(), chunks.as_ref()].concat());
    let shown = String::from_utf8_lossy(chunks.as_ref()).into_owned();
    assert_eq!(inspection.refusal, Some(reason), "{shown:?}");
    assert!(inspection.released >= head.len() && inspection.released < head.len() + chunks.as_ref().len());
}

#[track_caller]
fn chunks_pass(chunks: &str) {
    passes(format!("{REQUEST}Transfer-Encoding: chunked\r\n\r\n{chunks}"));
}

#[test]
fn plain_requests_pass() {
    passes(format!("{REQUEST}\r\n"));
    passes("GET / HTTP/1.0\r\n\r\n");
    passes("\r\nGET / HTTP/1.1\r\nhost:a:8443\r\nX-Empty:\r\nX-Tab:\t a\tb \r\nX-Text: caf\u{e9}\r\n\r\n");
    passes(format!("{REQUEST}Content-Length: 3\r\n\r\nabc{REQUEST}\r\n"));
    passes("DELETE /a?b HTTP/1.1\r\nHost: [::1]:80\r\nContent-Length: \t0 \r\n\r\n");
    passes(format!("{REQUEST}Expect: 100-continue\r\nTransfer-Encoding: Chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"));
}

#[test]
fn each_form_of_target_passes_where_it_belongs() {
    for line in [
        "GET /a/b;c?d=e/?f[x]={y}|z HTTP/1.1",
        "GET http://a.example HTTP/1.1",
        "GET HTTPS://[::1]:8443/b?c HTTP/1.1",
        "GET http://a?b HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "CONNECT a.example:443 HTTP/1.1",
        "M-SEARCH /x HTTP/1.1",
    ] {
        passes(format!("{line}\r\nHost: a\r\n\r\n"));
    }
}

#[test]
fn targets_of_other_forms_are_refused() {
    for target in [
        "*",
        "a",
        "a:80",
        "a/b",
        "?a",
        "http:/a",
        "http://",
        "http:///a",
        "http://u@a/",
        "ftp://a/",
        "/a#b",
        "/a\"b",
        "/<a>",
        "/a\\b",
        "/a^b",
        "/a`b",
        "/a{b}",
        "/a|b",
        "/a?b#c",
        "/a?<b>",
        "/a?\"b\"",
        "/\u{e9}",
        "/a?\u{e9}",
        "/a\x7f",
        "/a\x01",
        "/a\tb",
        "/a\0",
    ] {
        is_refused(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"), Reason::TargetMalformed);
    }
    for target in ["/", "*", "a", "http://a:80/", "a:80/", ":80", "a:"] {
        is_refused(format!("CONNECT {target} HTTP/1.1\r\nHost: a\r\n\r\n"), Reason::TargetMalformed);
    }
}

#[test]
fn a_request_line_is_three_words_and_two_spaces() {
    for line in [
        "GET",
        "GET /",
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        "GET / HTTP/1.1 ",
        " GET / HTTP/1.1",
        "GET\t/ HTTP/1.1",
        "GET /\tHTTP/1.1",
        "GET / HTTP/1.1 x",
        "GET / HTTP/1",
        "GET / HTTP/1.",
        "GET / HTTP/11",
        "GET / HTTP/1.11",
        "GET / HTTP/0.99",
        "GET / http/1.1",
        "GET / HTTPS/1.1",
        "GET / HTTP/1,1",
        "GET / HTTP/a.b",
        "GE(T / HTTP/1.1",
        "GET\0 / HTTP/1.1",
        "GET\u{e9} / HTTP/1.1",
        "{} / HTTP/1.1",
        "\r\n",
    ] {
        is_refused(format!("{line}\r\nHost: a\r\n\r\n"), Reason::RequestLineMalformed);
    }
}

// proves-part: HTTP-20 (which version the upstream gets is shown in the gateway)
#[test]
fn other_versions_are_told_apart_from_nonsense() {
    for version in ["HTTP/2.0", "HTTP/9.1", "HTTP/0.9", "HTTP/1.2", "HTTP/3.0"] {
        is_refused(format!("GET / {version}\r\nHost: a\r\n\r\n"), Reason::HttpVersionUnsupported);
    }
    is_refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Reason::HttpVersionUnsupported);
}

// proves-part: HTTP-01 (the closing of the connection is the gateway's)
#[test]
fn both_framing_fields_are_refused_in_either_order() {
    line_is_refused("Content-Length: 4\r\nTransfer-Encoding: chunked", Reason::FramingAmbiguous);
    line_is_refused("Transfer-Encoding: chunked\r\nContent-Length: 4", Reason::FramingAmbiguous);
    line_is_refused("CONTENT-LENGTH: 0\r\nX: y\r\ntransfer-encoding: CHUNKED", Reason::FramingAmbiguous);
}

// proves-part: HTTP-02 (the closing of the connection is the gateway's)
#[test]
fn every_coding_but_chunked_is_refused() {
    for value in [
        "xchunked",
        "chunkedx",
        "chunked, gzip",
        "gzip, chunked",
        "chunked,",
        ",chunked",
        "chunked, chunked",
        "",
        "identity",
        "gzip",
        "\"chunked\"",
        "chunked;q=1",
        "\tchunked",
        "chunked\t",
        " \t chunked",
        "chunk ed",
        "chunked \t",
        "identity, chunked",
        "chunked\u{e9}",
    ] {
        line_is_refused(format!("Transfer-Encoding:{value}"), Reason::TransferEncodingRefused);
    }
    line_is_refused(
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        Reason::TransferEncodingRefused,
    );
    line_is_refused(
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        Reason::TransferEncodingRefused,
    );
    line_is_refused("Transfer-Encoding: \x0bchunked", Reason::HeaderLineMalformed);
}

// proves-part: HTTP-03 (the closing of the connection is the gateway's)
#[test]
fn every_length_but_one_decimal_number_is_refused() {
    for value in [
        "+5",
        "-5",
        "5, 6",
        "5, 5",
        "5,",
        "0x5",
        "5 5",
        "",
        " ",
        "5a",
        "1e3",
        "1_0",
        "\u{665}",
        "18446744073709551616",
        "9223372036854775808",
        "00000000000000000005",
    ] {
        line_is_refused(format!("Content-Length: {value}"), Reason::ContentLengthMalformed);
    }
    line_is_refused("Content-Length: 5\r\nContent-Length: 6", Reason::ContentLengthMalformed);
    line_is_refused("Content-Length: 5\r\nContent-Length: 5", Reason::ContentLengthMalformed);
    let mut guard = FramingGuard::new(Bounds::default());
    let longest = format!("{REQUEST}Content-Length: 9223372036854775807\r\n\r\n");
    assert_eq!(guard.inspect(longest.as_bytes()).released, longest.len());
    assert_eq!(guard.state(), GuardState::Body { remaining: 9_223_372_036_854_775_807 });
}

// proves-part: HTTP-04 (the closing of the connection is the gateway's)
#[test]
fn http_1_0_has_no_transfer_encoding() {
    is_refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", Reason::TransferEncodingRefused);
}

// proves-part: HTTP-05 (that extensions are discarded is shown in the gateway)
#[test]
fn chunks_follow_the_grammar_and_its_bounds() {
    chunks_pass("5\r\nhello\r\n0\r\n\r\n");
    chunks_pass("5;a=b;c=\"d e\"\r\nhello\r\n00;x\r\n\r\n");
    chunks_pass("000000000000000A\r\n0123456789\r\n0\r\nX-A: b\r\nX-C: d\r\n\r\n");
    for chunks in [
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhelloX\r\n",
        "5\r\nhello\rX",
        "5;a\nb\r\nhello\r\n0\r\n\r\n",
        "5;a\rb\r\nhello\r\n",
        "5;a\0\r\nhello\r\n",
        "5 \r\nhello\r\n",
        "5\t;a\r\nhello\r\n",
        " 5\r\nhello\r\n",
        "+5\r\nhello\r\n",
        "-5\r\nhello\r\n",
        "0x5\r\nhello\r\n",
        "5_0\r\nhello\r\n",
        "\r\n",
        ";a\r\n",
        "g\r\n",
        "5\r\r\nhello\r\n",
        "00000000000000005\r\nhello\r\n",
        "10000000000000000\r\n",
        "5\r\nhello\r\n0\n\r\n",
        "5\r\nhello\r\n\r\n",
    ] {
        chunks_are_refused(chunks, Reason::ChunkMalformed);
    }
}

// proves-part: HTTP-05 (that extensions are discarded is shown in the gateway)
#[test]
fn extensions_are_bounded_over_the_whole_body() {
    chunks_are_refused(format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(64 * 1024)), Reason::ChunkMalformed);
    chunks_pass(&format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(255)));
    chunks_are_refused(format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(256)), Reason::ChunkMalformed);
    chunks_are_refused(format!("000001;{}\r\na\r\n0\r\n\r\n", "x".repeat(256)), Reason::ChunkMalformed);
    chunks_are_refused("1;xxx\r\na\r\n".repeat(65), Reason::ChunkMalformed);
    chunks_pass(&format!("{}0\r\n\r\n", "1;xxx\r\na\r\n".repeat(64)));
}

#[test]
fn trailers_are_lines_like_any_other() {
    chunks_are_refused("0\r\nX-A : b\r\n\r\n", Reason::HeaderLineMalformed);
    chunks_are_refused("0\r\n X-A: b\r\n\r\n", Reason::HeaderLineMalformed);
    chunks_are_refused("0\r\nX-A: b\n\r\n", Reason::LineEndingMalformed);
    chunks_are_refused("0\r\nX-A: b\rc\r\n\r\n", Reason::LineEndingMalformed);
    chunks_are_refused("0\r\nX-A: b\0\r\n\r\n", Reason::HeaderLineMalformed);
    chunks_are_refused(format!("0\r\n{}\r\n", "X-A: b\r\n".repeat(101)), Reason::HeadTooLarge);
    chunks_are_refused(format!("0\r\nX-A: {}\r\n\r\n", "b".repeat(9000)), Reason::HeadTooLarge);
    chunks_are_refused(
        format!("0\r\n{}\r\n", format!("X-A: {}\r\n", "b".repeat(500)).repeat(20)),
        Reason::HeadTooLarge,
    );
}

// proves-part: HTTP-07 (the answer itself is the gateway's)
#[test]
fn controls_and_other_line_ends_are_refused() {
    for line in ["X-A: a\rb", "X-A: a\r", "X-A\r: a", "\rX-A: a", "X-A: a\nb", "X-A: a\nX-B: b", "X-A: \r \r"]
    {
        line_is_refused(line, Reason::LineEndingMalformed);
    }
    for line in ["X-A: a\0b", "X-A: \x07", "X-A: a\x7f", "X-A: a\x0bb", "X\0A: a"] {
        line_is_refused(line, Reason::HeaderLineMalformed);
    }
    is_refused("GET / HTTP/1.1\nHost: a\n\n", Reason::LineEndingMalformed);
    is_refused("GET / HTTP/1.1\r\nHost: a\n\n", Reason::LineEndingMalformed);
    is_refused("GET / HTTP/1.1\r\nHost: a\r\n\n", Reason::LineEndingMalformed);
    is_refused("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Reason::LineEndingMalformed);
    is_refused("GET /\r HTTP/1.1\r\nHost: a\r\n\r\n", Reason::LineEndingMalformed);
    is_refused("GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", Reason::LineEndingMalformed);
}

// proves-part: HTTP-08 (the answer itself is the gateway's)
#[test]
fn whitespace_around_a_name_is_refused() {
    for line in [
        "X-A : a",
        "X-A\t: a",
        " X-A: a",
        "\tX-A: a",
        "X A: a",
        ": a",
        "X-A",
        "X(A): a",
        "X\u{e9}: a",
        "@: a",
        " ",
    ] {
        line_is_refused(line, Reason::HeaderLineMalformed);
    }
    is_refused("GET / HTTP/1.1\r\n Host: a\r\n\r\n", Reason::HeaderLineMalformed);
    is_refused("GET / HTTP/1.1\r\nHost : a\r\n\r\n", Reason::HeaderLineMalformed);
}

// proves-part: HTTP-09 (folded responses of the upstream are the gateway's)
#[test]
fn folded_lines_are_refused() {
    line_is_refused("X-A: a\r\n b", Reason::HeaderLineMalformed);
    line_is_refused("X-A:\r\n\tb", Reason::HeaderLineMalformed);
    line_is_refused("Transfer-Encoding:\r\n chunked", Reason::TransferEncodingRefused);
    line_is_refused("X-A: a\r\n \r\nX-B: b", Reason::HeaderLineMalformed);
}

// proves-part: HTTP-10 (the answer itself is the gateway's)
#[test]
fn http_1_1_has_exactly_one_valid_host() {
    is_refused("GET / HTTP/1.1\r\n\r\n", Reason::HostMalformed);
    is_refused("GET / HTTP/1.1\r\nX-Host: a\r\n\r\n", Reason::HostMalformed);
    line_is_refused("Host: a", Reason::HostMalformed);
    line_is_refused("hOST: b", Reason::HostMalformed);
    for host in ["", " ", "a/b", "a b", "a, b", "a@b", "a:b", "[::1", "a\u{e9}", "a:0"] {
        is_refused(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"), Reason::HostMalformed);
        is_refused(format!("GET / HTTP/1.0\r\nHost: {host}\r\n\r\n"), Reason::HostMalformed);
    }
    is_refused("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", Reason::HostMalformed);
}

// proves-part: HTTP-21 (the answer itself is the gateway's)
#[test]
fn every_part_of_the_head_is_bounded() {
    let long = |count| "a".repeat(count);
    is_refused(format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", long(64 * 1024)), Reason::TargetTooLong);
    is_refused(format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", long(8 * 1024)), Reason::TargetTooLong);
    passes(format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", long(8 * 1024 - 1)));
    is_refused(format!("{} / HTTP/1.1\r\nHost: a\r\n\r\n", long(200)), Reason::MethodTooLong);
    is_refused(format!("{} / HTTP/1.1\r\nHost: a\r\n\r\n", long(64 * 1024)), Reason::MethodTooLong);
    passes(format!("{} / HTTP/1.1\r\nHost: a\r\n\r\n", long(32)));
    line_is_refused(format!("X-A: {}", long(1024 * 1024)), Reason::HeadTooLarge);
    line_is_refused(format!("X-A: {}", long(16 * 1024)), Reason::HeadTooLarge);
    line_is_refused(vec!["X-A: b"; 1000].join("\r\n"), Reason::HeadTooLarge);
    line_is_refused(vec!["X-A: b"; 100].join("\r\n"), Reason::HeadTooLarge);
    passes(format!("{REQUEST}{}\r\n", "X-A: b\r\n".repeat(99)));
    let line = format!("X-A: {}\r\n", long(8 * 1024));
    passes(format!("{REQUEST}{}\r\n", line.repeat(3)));
    is_refused(format!("{REQUEST}{}\r\n", line.repeat(4)), Reason::HeadTooLarge);
}

#[test]
fn what_is_too_long_is_refused_before_it_ends() {
    is_refused(format!("GET /{}", "a".repeat(64 * 1024)), Reason::TargetTooLong);
    is_refused("a".repeat(64 * 1024), Reason::MethodTooLong);
    is_refused(format!("{REQUEST}X-A: {}", "a".repeat(64 * 1024)), Reason::HeadTooLarge);
    is_refused("\0".repeat(64 * 1024), Reason::RequestLineMalformed);
    chunks_are_refused("0".repeat(64 * 1024), Reason::ChunkMalformed);
}

#[test]
fn one_empty_line_before_a_request_is_passed_over() {
    passes(format!("\r\n{REQUEST}\r\n\r\n{REQUEST}\r\n"));
    passes(format!("{REQUEST}Content-Length: 1\r\n\r\na\r\n{REQUEST}\r\n"));
    is_refused(format!("\r\n\r\n{REQUEST}\r\n"), Reason::RequestLineMalformed);
}

#[test]
fn a_head_is_released_whole_or_not_at_all() {
    let request = format!("{REQUEST}\r\n");
    for end in 0..request.len() {
        assert_eq!(inspect(&request[..end]), Inspection { released: 0, refusal: None }, "{end}");
    }
    assert_eq!(inspect(format!("{request}{REQUEST}")).released, request.len());
}

#[test]
fn what_came_before_a_refused_head_is_released() {
    let good = format!("{REQUEST}Content-Length: 2\r\n\r\nab");
    let inspection = inspect(format!("{good}GET / HTTP/1.1\r\n\r\n"));
    assert_eq!(inspection, Inspection { released: good.len(), refusal: Some(Reason::HostMalformed) });
}

#[test]
fn a_guard_that_has_refused_stays_shut() {
    let mut guard = FramingGuard::new(Bounds::default());
    let _refused = guard.inspect(b"\0\r\n");
    guard.pass_through();
    let inspection = guard.inspect(format!("{REQUEST}\r\n").as_bytes());
    assert_eq!(inspection, Inspection { released: 0, refusal: Some(Reason::RequestLineMalformed) });
    assert_eq!(guard.state(), GuardState::Refused(Reason::RequestLineMalformed));
}

#[test]
fn the_state_follows_the_message() {
    let mut guard = FramingGuard::new(Bounds::default());
    let mut show = |bytes: &[u8]| {
        let released = guard.inspect(bytes).released;
        (released, guard.state())
    };
    assert_eq!(show(b""), (0, GuardState::Idle));
    assert_eq!(show(b"G"), (0, GuardState::Head));
    let head = format!("{REQUEST}Content-Length: 3\r\n\r\n");
    assert_eq!(show(head.as_bytes()), (head.len(), GuardState::Body { remaining: 3 }));
    assert_eq!(show(b"ab"), (2, GuardState::Body { remaining: 1 }));
    assert_eq!(show(b"cG"), (1, GuardState::Head));
    let head = format!("{REQUEST}Transfer-Encoding: chunked\r\n\r\n");
    assert_eq!(show(head.as_bytes()), (head.len(), GuardState::Chunked));
    assert_eq!(show(b"2\r\na"), (4, GuardState::Chunked));
    assert_eq!(show(b"b\r"), (1, GuardState::Chunked));
    assert_eq!(show(b"\r\n0\r\nX:"), (5, GuardState::Chunked));
    assert_eq!(show(b"X: y\r\n\r\n"), (8, GuardState::Idle));
}

#[test]
fn after_a_switch_of_protocols_everything_passes() {
    let mut guard = FramingGuard::new(Bounds::default());
    let request = format!("{REQUEST}Connection: upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert_eq!(guard.inspect(request.as_bytes()).released, request.len());
    guard.pass_through();
    assert_eq!(guard.inspect(b"\x81\x85\0\n\r\xff").released, 6);
    assert_eq!(guard.state(), GuardState::PassedThrough);
}

#[test]
fn a_guard_is_small_enough_for_every_idle_connection() {
    assert!(size_of::<FramingGuard>() <= 192, "{}", size_of::<FramingGuard>());
}
