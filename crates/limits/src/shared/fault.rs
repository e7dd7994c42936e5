//! Why the server could not say.

use redis::RedisError;

/// What became of a call, or of an attempt to connect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There is no connection now; another one is being tried for.
    #[error("there is no connection")]
    Unconnected,
    /// No connection could be made, or it broke.
    #[error("the connection failed: {0}")]
    Broken(Box<str>),
    /// No answer came in time.
    #[error("no answer came in time")]
    Slow,
    /// The server answered with an error, of which the first word is kept: `OOM`, `READONLY`, `NOAUTH`.
    #[error("the server refused with `{0}`")]
    Refused(Box<str>),
    /// The server did not let the gateway in, or did not answer to its login as a server does.
    #[error("the login failed")]
    Login,
    /// What came is no answer to what was asked.
    #[error("the answer makes no sense")]
    Nonsense,
}

/// The longest error code that is kept; what a stranger sends in its place goes no further.
const CODE: usize = 24;

impl Fault {
    pub(crate) fn of_server(code: &str) -> Self {
        let is_plain = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
        match code.len() <= CODE && code.bytes().all(is_plain) {
            true => Self::Refused(code.into()),
            false => Self::Nonsense,
        }
    }
}

impl From<&RedisError> for Fault {
    fn from(error: &RedisError) -> Self {
        use redis::ErrorKind;
        match error.kind() {
            ErrorKind::Io => Self::Broken(error.category().into()),
            ErrorKind::AuthenticationFailed => Self::Login,
            _ => error.code().map_or(Self::Nonsense, Self::of_server),
        }
    }
}
