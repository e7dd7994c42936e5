//! Audit and administration (C0600 to C0699).

codes! {}
