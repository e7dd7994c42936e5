//! HTML as a browser's tokenizer takes it, from the middle of it on (WHATWG HTML §13.2.5, as far as markup can be told).
//!
//! In: bytes, and in which place of a document they would land. Out: [`Token`]s. A browser never refuses, so nothing here
//! fails; NUL bytes are skipped where browsers skip them.

/// Where in a document the bytes would land.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Context {
    /// Between tags.
    Text,
    /// Within a tag, where an attribute may begin.
    Tag,
    /// Within a value that ends with this quotation mark.
    Value(u8),
}

/// What the tokenizer saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'v> {
    /// Something without meaning here: text, the end of a tag.
    Other,
    /// The name of a tag that begins.
    Tag(&'v [u8]),
    /// The name of an attribute.
    Attribute(&'v [u8]),
    /// The value of one.
    Value(&'v [u8]),
    /// A comment, or what browsers take for one.
    Comment(&'v [u8]),
    /// A document type.
    DocumentType,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Text,
    TagOpen,
    EndTagOpen,
    TagName,
    SelfClosing,
    BeforeAttribute,
    AttributeName,
    AfterAttribute,
    BeforeValue,
    Quoted(u8),
    Unquoted,
    AfterQuoted,
    /// The `>` of a tag is next.
    Close,
    Declaration,
    Bogus,
    BogusPercent,
    Comment,
    CharacterData,
    DocumentType,
    End,
}

/// The tokens of some bytes.
pub(super) struct Tokens<'v> {
    bytes: &'v [u8],
    at: usize,
    state: State,
    /// Whether the tag that is read is an end tag.
    is_end_tag: bool,
}

impl<'v> Tokens<'v> {
    pub(super) const fn new(bytes: &'v [u8], context: Context) -> Self {
        let state = match context {
            Context::Text => State::Text,
            Context::Tag => State::BeforeAttribute,
            Context::Value(quote) => State::Quoted(quote),
        };
        Self { bytes, at: 0, state, is_end_tag: false }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn rest(&self) -> &'v [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// The bytes up to `end`, behind which it goes on so many bytes later.
    fn take(&mut self, end: usize, behind: usize, state: State) -> &'v [u8] {
        let taken = self.bytes.get(self.at..end).unwrap_or_default();
        self.at = end + behind;
        self.state = state;
        taken
    }

    fn take_all(&mut self) -> &'v [u8] {
        self.take(self.bytes.len(), 0, State::End)
    }

    /// Skips blanks and NUL; what comes then.
    fn skip_blanks(&mut self) -> Option<u8> {
        while self.peek().is_some_and(|byte| byte == 0 || is_blank(byte)) {
            self.at += 1;
        }
        self.peek()
    }

    fn go(&mut self, behind: usize, state: State) {
        self.at += behind;
        self.state = state;
    }

    /// One step: a token, or none yet. `Err` at the end.
    fn step(&mut self) -> Result<Option<Token<'v>>, End> {
        match self.state {
            State::End => Err(End),
            State::Text => match memchr::memchr(b'<', self.rest()) {
                Some(length) => {
                    let text = self.take(self.at + length, 1, State::TagOpen);
                    Ok((!text.is_empty()).then_some(Token::Other))
                }
                None if self.rest().is_empty() => Err(End),
                None => {
                    self.take_all();
                    Ok(Some(Token::Other))
                }
            },
            State::TagOpen => self.tag_open(),
            State::EndTagOpen => match self.peek().ok_or(End)? {
                b'>' => self.silently(0, State::Text),
                byte if byte.is_ascii_alphabetic() => self.silently(0, State::TagName),
                _ => {
                    self.is_end_tag = false;
                    self.silently(0, State::Bogus)
                }
            },
            State::TagName => Ok(Some(self.tag_name())),
            State::SelfClosing => match self.peek().ok_or(End)? {
                b'>' => self.told(1, State::Text),
                _ => self.silently(0, State::BeforeAttribute),
            },
            State::BeforeAttribute => match self.skip_blanks().ok_or(End)? {
                b'/' => self.silently(1, State::SelfClosing),
                b'>' => self.told(1, State::Text),
                _ => self.silently(0, State::AttributeName),
            },
            State::AttributeName => Ok(Some(self.attribute_name())),
            State::AfterAttribute => match self.skip_blanks().ok_or(End)? {
                b'/' => self.silently(1, State::SelfClosing),
                b'=' => self.silently(1, State::BeforeValue),
                b'>' => self.silently(0, State::Close),
                _ => self.silently(0, State::AttributeName),
            },
            State::BeforeValue => match self.skip_blanks().ok_or(End)? {
                quote @ (b'"' | b'\'' | b'`') => self.silently(1, State::Quoted(quote)),
                _ => self.silently(0, State::Unquoted),
            },
            State::Quoted(quote) => Ok(Some(Token::Value(match memchr::memchr(quote, self.rest()) {
                Some(length) => self.take(self.at + length, 1, State::AfterQuoted),
                None => self.take_all(),
            }))),
            State::Unquoted => Ok(Some(self.unquoted())),
            State::AfterQuoted => match self.peek().ok_or(End)? {
                byte if is_blank(byte) => self.silently(1, State::BeforeAttribute),
                b'/' => self.silently(1, State::SelfClosing),
                b'>' => self.told(1, State::Text),
                _ => self.silently(0, State::BeforeAttribute),
            },
            State::Close => {
                self.is_end_tag = false;
                self.told(1, State::Text)
            }
            State::Declaration => self.declaration(),
            State::Bogus => Ok(Some(Token::Comment(match memchr::memchr(b'>', self.rest()) {
                Some(length) => self.take(self.at + length, 1, State::Text),
                None => self.take_all(),
            }))),
            State::BogusPercent => Ok(Some(Token::Comment(match memchr::memmem::find(self.rest(), b"%>") {
                Some(length) => self.take(self.at + length, 2, State::Text),
                None => self.take_all(),
            }))),
            State::Comment => Ok(Some(self.comment())),
            State::CharacterData => {
                match memchr::memmem::find(self.rest(), b"]]>") {
                    Some(length) => drop(self.take(self.at + length, 3, State::Text)),
                    None => drop(self.take_all()),
                }
                Ok(Some(Token::Other))
            }
            State::DocumentType => {
                match memchr::memchr(b'>', self.rest()) {
                    Some(length) => drop(self.take(self.at + length, 1, State::Text)),
                    None => drop(self.take_all()),
                }
                Ok(Some(Token::DocumentType))
            }
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "an arm of `step`")]
    fn silently(&mut self, behind: usize, state: State) -> Result<Option<Token<'v>>, End> {
        self.go(behind, state);
        Ok(None)
    }

    #[expect(clippy::unnecessary_wraps, reason = "an arm of `step`")]
    fn told(&mut self, behind: usize, state: State) -> Result<Option<Token<'v>>, End> {
        self.go(behind, state);
        Ok(Some(Token::Other))
    }

    fn tag_open(&mut self) -> Result<Option<Token<'v>>, End> {
        match self.peek().ok_or(End)? {
            b'!' => self.silently(1, State::Declaration),
            b'/' => {
                self.is_end_tag = true;
                self.silently(1, State::EndTagOpen)
            }
            b'?' => self.silently(1, State::Bogus),
            b'%' => self.silently(1, State::BogusPercent),
            byte if byte.is_ascii_alphabetic() || byte == 0 => self.silently(0, State::TagName),
            _ => self.told(0, State::Text),
        }
    }

    fn tag_name(&mut self) -> Token<'v> {
        let ends = |byte: u8| is_blank(byte) || matches!(byte, b'/' | b'>');
        let Some(length) = self.rest().iter().position(|byte| ends(*byte)) else {
            return Token::Tag(self.take_all());
        };
        let end = self.at + length;
        match self.bytes.get(end) {
            Some(b'>') if self.is_end_tag => {
                self.is_end_tag = false;
                self.take(end, 1, State::Text);
                Token::Other
            }
            Some(b'>') => Token::Tag(self.take(end, 0, State::Close)),
            Some(b'/') => Token::Tag(self.take(end, 1, State::SelfClosing)),
            _ => Token::Tag(self.take(end, 1, State::BeforeAttribute)),
        }
    }

    fn attribute_name(&mut self) -> Token<'v> {
        let ends = |byte: u8| is_blank(byte) || matches!(byte, b'/' | b'=' | b'>');
        // Its first character may be anything.
        let Some(length) = self.rest().iter().skip(1).position(|byte| ends(*byte)) else {
            return Token::Attribute(self.take_all());
        };
        let end = self.at + 1 + length;
        Token::Attribute(match self.bytes.get(end) {
            Some(b'/') => self.take(end, 1, State::SelfClosing),
            Some(b'=') => self.take(end, 1, State::BeforeValue),
            Some(b'>') => self.take(end, 0, State::Close),
            _ => self.take(end, 1, State::AfterAttribute),
        })
    }

    fn unquoted(&mut self) -> Token<'v> {
        let Some(length) = self.rest().iter().position(|byte| is_blank(*byte) || *byte == b'>') else {
            return Token::Value(self.take_all());
        };
        let end = self.at + length;
        Token::Value(match self.bytes.get(end) {
            Some(b'>') => self.take(end, 0, State::Close),
            _ => self.take(end, 1, State::BeforeAttribute),
        })
    }

    fn declaration(&mut self) -> Result<Option<Token<'v>>, End> {
        let rest = self.rest();
        if rest.get(..7).is_some_and(|word| word.eq_ignore_ascii_case(b"doctype")) {
            self.silently(0, State::DocumentType)
        } else if rest.starts_with(b"[CDATA[") {
            self.silently(7, State::CharacterData)
        } else if rest.starts_with(b"--") {
            self.silently(2, State::Comment)
        } else {
            self.silently(0, State::Bogus)
        }
    }

    /// Up to `-->` or `-!>`, whatever NUL bytes stand between.
    fn comment(&mut self) -> Token<'v> {
        for start in memchr::memchr_iter(b'-', self.rest()) {
            let end = self.at + start;
            let behind = self.bytes.get(end + 1..).unwrap_or_default();
            let nulls = behind.iter().take_while(|byte| **byte == 0).count();
            if let Some([b'-' | b'!', b'>', ..]) = behind.get(nulls..) {
                return Token::Comment(self.take(end, 1 + nulls + 2, State::Text));
            }
        }
        Token::Comment(self.take_all())
    }
}

/// Nothing more comes.
struct End;

impl<'v> Iterator for Tokens<'v> {
    type Item = Token<'v>;

    fn next(&mut self) -> Option<Token<'v>> {
        loop {
            match self.step() {
                Ok(Some(token)) => return Some(token),
                Ok(None) => {}
                Err(End) => return None,
            }
        }
    }
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}
