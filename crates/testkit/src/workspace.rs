//! A directory for one test: configuration, documents, certificates, secrets.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A temporary directory that is removed with the value.
#[derive(Debug)]
pub struct Workspace {
    directory: TempDir,
}

impl Default for Workspace {
    fn default() -> Self {
        Self::new()
    }
}

impl Workspace {
    /// An empty directory.
    #[must_use]
    pub fn new() -> Self {
        Self { directory: TempDir::with_prefix("portcullis-").expect("a temporary directory") }
    }

    /// Where it is.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.directory.path()
    }

    /// The path of `name` within it.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    /// Writes a file that everybody may read; parent directories are made.
    ///
    /// The file appears whole or not at all, as an editor or a deployment tool would put it there, so
    /// that a watcher never sees half of it.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        self.write(name, content.as_ref(), 0o644)
    }

    /// Writes a file that only its owner may read.
    pub fn secret(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        self.write(name, content.as_ref(), 0o600)
    }

    /// The content of a file.
    #[must_use]
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("a file of this test")
    }

    /// Removes a file.
    pub fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).expect("a file of this test");
    }

    fn write(&self, name: &str, content: &[u8], mode: u32) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a file has a directory")).expect("a directory");
        let draft = path.with_extension("draft");
        fs::write(&draft, content).expect("room for a small file");
        fs::set_permissions(&draft, fs::Permissions::from_mode(mode)).expect("our own file");
        fs::rename(&draft, &path).expect("a move within one directory");
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_written_replaced_and_gone_with_the_workspace() {
        let workspace = Workspace::new();
        workspace.file("deep/portcullis.yaml", "a: 1");
        workspace.file("deep/portcullis.yaml", "a: 2");
        assert_eq!(workspace.read("deep/portcullis.yaml"), "a: 2");
        let root = workspace.root().to_owned();
        drop(workspace);
        assert!(!root.exists());
    }

    #[test]
    fn a_secret_is_readable_by_its_owner_only() {
        let workspace = Workspace::new();
        let path = workspace.secret("key.pem", "k");
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
