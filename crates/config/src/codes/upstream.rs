//! APIs, routes and upstreams (C0400 to C0499).

codes! {}
