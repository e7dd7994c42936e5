//! Rules from the outside: what is compiled from texts, and what it says of requests.

mod api;
mod explain;
mod oracle;
