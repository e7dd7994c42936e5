//! Issuers, tokens and authorization rules (C0200 to C0299).

codes! {}
