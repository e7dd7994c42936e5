//! Bounds on what is read from a file.

/// How much of a file is read before it is refused. A contract may come from another team or a vendor,
/// so a file is a stranger's bytes: without bounds, nested aliases turn a kilobyte into gigabytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes in the file. 16 MiB.
    pub bytes: usize,
    /// How deep objects and arrays may nest. 128.
    pub depth: usize,
    /// Values in the document after aliases are expanded. Two million.
    pub nodes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 16 * 1024 * 1024, depth: 128, nodes: 2_000_000 }
    }
}
