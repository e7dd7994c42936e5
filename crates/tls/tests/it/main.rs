//! Handshakes over real sockets: our listener against rustls and OpenSSL clients, our client against
//! rustls and OpenSSL servers, ACME against Pebble.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod acme;
mod client_certificates;
mod foreign;
mod hello;
mod listener;
mod mint;
mod pebble;
mod protocol_floor;
mod reload;
mod secrets;
mod server_names;
mod sessions;
mod unfit;
mod upstream;
