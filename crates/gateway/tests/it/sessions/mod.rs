//! Browsers that log in and keep nothing but a cookie (OIDC-08 to OIDC-16, GW-22).

mod browser;
mod calls;
mod ends;
mod kinds;
mod logins;
mod provider;
