//! Certificates, protocol floor, client certificates, ACME, reload.
