//! The policy enforcement point: compiles the policy and walks requests through the layers.
