//! What is remembered: events, redaction, hash chain, sinks, metrics.
