//! Documents that others wrote.
