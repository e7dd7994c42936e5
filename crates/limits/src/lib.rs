//! How often, how many at once, how many failures.
