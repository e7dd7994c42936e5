//! Listeners and TLS (C0100 to C0199).

codes! {}
