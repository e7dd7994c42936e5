//! OpenAPI documents (C0300 to C0399).

codes! {}
