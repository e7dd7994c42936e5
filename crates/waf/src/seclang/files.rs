//! Where rule files come from.

/// A folder of rule files, as far as the reader needs to know it. Paths are as they are written or found; the reader
/// resolves what a file names against the folder of that file.
pub trait Files {
    /// The text of a file.
    ///
    /// # Errors
    /// What the system says, for people.
    fn read(&self, path: &str) -> Result<String, String>;

    /// The files whose path matches `pattern`, in which `*` stands for anything but `/`, in the order of their names.
    ///
    /// # Errors
    /// What the system says, for people.
    fn matching(&self, pattern: &str) -> Result<Vec<String>, String>;
}

/// `name` as a file beside `beside`, unless it is absolute.
pub(super) fn resolved(name: &str, beside: &str) -> String {
    match beside.rsplit_once('/') {
        Some((folder, _)) if !name.starts_with('/') => format!("{folder}/{name}"),
        Some(_) | None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_beside_the_file_that_names_them() {
        assert_eq!(resolved("ssrf.data", "/etc/crs/rules/934.conf"), "/etc/crs/rules/ssrf.data");
        assert_eq!(resolved("/tmp/a.data", "/etc/crs/934.conf"), "/tmp/a.data");
        assert_eq!(resolved("a.data", "934.conf"), "a.data");
    }
}
