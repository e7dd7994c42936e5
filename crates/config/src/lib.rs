//! How a file becomes values, and how a mistake is shown.
