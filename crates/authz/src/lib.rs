//! May they: scopes and roles; the only maker of a permit.
