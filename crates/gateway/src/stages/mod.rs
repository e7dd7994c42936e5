//! The stages, one file each: how a layer's verb is applied to a request.

pub(crate) mod ask;
pub(crate) mod authorize;
pub(crate) mod cross_site;
pub(crate) mod elevate;
pub(crate) mod exchange;
pub(crate) mod flow;
pub(crate) mod graphql;
pub(crate) mod guessing;
pub(crate) mod identify;
pub(crate) mod key;
pub(crate) mod limit;
pub(crate) mod objects;
pub(crate) mod password;
pub(crate) mod route;
pub(crate) mod session;
pub(crate) mod standing;
pub(crate) mod upgrade;
pub(crate) mod validate;
