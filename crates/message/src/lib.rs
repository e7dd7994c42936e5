//! One strict reading of a request, shared by all who judge it.
