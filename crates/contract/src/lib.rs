//! What the API promises: operations, parameters, schemas, lifecycle.
