//! Walk tests: a policy, a raw request, then what the client got, what the record says, and whether the
//! upstream saw it.
//!
//! One binary, the gateway in this process, on ephemeral ports. The two assertions that every refusal
//! implies (the upstream saw nothing; exactly one audit event with reason, route and correlation id) are
//! built into [`walk::Outcome::refused`].
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests: a broken expectation ends the test that made it"
)]

mod walk;

mod alerts;
mod api_keys;
mod authorization;
mod bodies;
mod caching;
mod canary;
mod certificates_and_passwords;
mod confidential;
mod cors;
mod decisions;
mod detection;
mod documentation;
mod errors;
mod exposed;
mod fail_closed;
mod fetch;
mod flows;
mod grants;
mod graphql_rights;
mod grpc;
mod guides;
mod hand_over;
mod headers;
mod hop_by_hop;
mod http2;
mod http_framing;
mod http_routing;
mod identity;
mod identity_provider;
mod introspection;
mod journal;
mod lifecycle;
mod limits;
mod metrics;
mod objects;
mod operators;
mod own_answers;
mod paths;
mod possession;
mod record;
mod reload;
mod resource;
mod responses;
mod revocation;
mod sessions;
mod shared_limits;
mod sinks;
mod slow;
mod step_up;
mod third_party;
mod tls_events;
mod traces;
mod traffic;
mod upstream_faults;
mod values;
mod vault;
mod vectors_http1;
mod versions;
mod websocket;
