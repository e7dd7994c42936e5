//! Limits (C0500 to C0599).

codes! {}
