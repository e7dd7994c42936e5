//! A second, plain reading of a stream of requests, sharing no code with the guard.

use httparse::{EMPTY_HEADER, Request, Status};

/// One request as another parser reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) minor_version: u8,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<(String, Vec<u8>)>,
    /// Where it ends in the stream.
    pub(crate) end: usize,
}

impl Message {
    pub(crate) fn values(&self, name: &str) -> Vec<&[u8]> {
        let named = |(own, _): &&(String, Vec<u8>)| own.eq_ignore_ascii_case(name);
        self.headers.iter().filter(named).map(|(_, value)| value.as_slice()).collect()
    }
}

/// What a stream holds.
#[derive(Debug)]
pub(crate) struct Reading {
    /// The complete requests.
    pub(crate) messages: Vec<Message>,
    /// A request whose body does not end within the stream.
    pub(crate) unfinished: Option<Message>,
}

/// Reads a stream of which every head must be acceptable.
#[track_caller]
pub(crate) fn read(stream: &[u8]) -> Reading {
    let mut messages = Vec::new();
    let mut at = 0;
    while let Some((mut message, length)) = read_head(&stream[at..]) {
        at += length;
        match read_body(&mut message, &stream[at..]) {
            Some(length) => {
                at += length;
                message.end = at;
                messages.push(message);
            }
            None => return Reading { messages, unfinished: Some(message) },
        }
    }
    Reading { messages, unfinished: None }
}

fn read_head(bytes: &[u8]) -> Option<(Message, usize)> {
    let mut headers = [EMPTY_HEADER; 128];
    let mut request = Request::new(&mut headers);
    match request.parse(bytes).expect("httparse takes what the guard releases") {
        Status::Partial => None,
        Status::Complete(length) => {
            let message = Message {
                method: request.method.unwrap().to_owned(),
                target: request.path.unwrap().to_owned(),
                minor_version: request.version.unwrap(),
                headers: owned(request.headers),
                body: Vec::new(),
                trailers: Vec::new(),
                end: 0,
            };
            Some((message, length))
        }
    }
}

fn owned(headers: &[httparse::Header<'_>]) -> Vec<(String, Vec<u8>)> {
    headers.iter().map(|header| (header.name.to_ascii_lowercase(), header.value.to_vec())).collect()
}

/// The length of the body on the wire, or nothing if it does not end here.
fn read_body(message: &mut Message, bytes: &[u8]) -> Option<usize> {
    if !message.values("transfer-encoding").is_empty() {
        return read_chunks(message, bytes);
    }
    let length = match message.values("content-length").as_slice() {
        [] => 0,
        [value] => std::str::from_utf8(value).unwrap().parse::<usize>().unwrap(),
        several => panic!("{several:?}"),
    };
    message.body = bytes[..length.min(bytes.len())].to_vec();
    (bytes.len() >= length).then_some(length)
}

fn read_chunks(message: &mut Message, bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let line_end = find_crlf(&bytes[at..])?;
        // The extension may hold any bytes.
        let size = bytes[at..at + line_end].split(|byte| *byte == b';').next().unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(size).unwrap(), 16).unwrap();
        at += line_end + 2;
        if size == 0 {
            break;
        }
        let available = bytes.len() - at;
        message.body.extend_from_slice(&bytes[at..at + size.min(available)]);
        if available < size.checked_add(2)? {
            return None;
        }
        assert_eq!(&bytes[at + size..at + size + 2], b"\r\n");
        at += size + 2;
    }
    let mut trailers = [EMPTY_HEADER; 128];
    match httparse::parse_headers(&bytes[at..], &mut trailers).expect("trailers are fields") {
        Status::Partial => None,
        Status::Complete((length, trailers)) => {
            message.trailers = owned(trailers);
            Some(at + length)
        }
    }
}

fn find_crlf(bytes: &[u8]) -> Option<usize> {
    bytes.windows(2).position(|pair| pair == b"\r\n")
}
