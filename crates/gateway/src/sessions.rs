//! Where the browsers of one API log in and out.
//!
//! In: a path within the API. Out: which place of the login it is. Found by [`crate::admit`] before the
//! contract is asked, since no contract declares these; answered by [`crate::stages::session`].

use std::sync::Arc;

use http::Method;
use portcullis_authn::session::RelyingParty;

/// The login of one API.
pub(crate) struct ApiSessions {
    pub(crate) party: Arc<RelyingParty>,
    /// Without a final slash; empty for the root.
    pub(crate) mount: String,
}

/// One place of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Sends the user to the provider.
    Login,
    /// Where the provider sends them back to.
    Callback,
    /// Ends the session.
    Logout,
    /// Says who is signed in.
    Session,
    /// Where the provider says that a session is over.
    BackChannelLogout,
}

impl ApiSessions {
    /// Which place this path is, if any.
    pub(crate) fn place(&self, path: &str) -> Option<Place> {
        match path.strip_prefix(self.party.path())?.strip_prefix('/')? {
            "login" => Some(Place::Login),
            "callback" => Some(Place::Callback),
            "logout" => Some(Place::Logout),
            "session" => Some(Place::Session),
            "backchannel-logout" => Some(Place::BackChannelLogout),
            _ => None,
        }
    }
}

impl Place {
    /// The one method that it has.
    pub(crate) const fn method(self) -> Method {
        match self {
            Self::Login | Self::Callback | Self::Session => Method::GET,
            Self::Logout | Self::BackChannelLogout => Method::POST,
        }
    }

    /// The name under which the record knows its answers.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Callback => "login_callback",
            Self::Logout => "logout",
            Self::Session => "session",
            Self::BackChannelLogout => "backchannel_logout",
        }
    }
}
