//! Who is calling: tokens and the keys that prove them.
