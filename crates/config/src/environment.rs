//! The one door to environment variables and to files that settings name.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use portcullis_domain::Secret;

/// Where `${env:NAME}`, `${vault:PATH#FIELD}` and relative paths are looked up. Cheap to clone.
#[derive(Clone)]
pub struct Environment {
    variables: Variables,
    base: PathBuf,
    vault: Option<Arc<dyn Vault>>,
}

/// What was read from a vault. Asks nobody: whoever owns the connection reads ahead.
pub trait Vault: Send + Sync {
    /// One field of the secret at `path`.
    ///
    /// # Errors
    /// Why it is not there, in words for the operator that hold no secret.
    fn field(&self, path: &str, field: &str) -> Result<Secret, String>;
}

#[derive(Clone)]
enum Variables {
    Process,
    Fixed(Arc<BTreeMap<String, String>>),
}

impl Environment {
    /// The variables of this process, and paths relative to the working directory.
    #[must_use]
    pub fn process() -> Self {
        Self { variables: Variables::Process, base: PathBuf::new(), vault: None }
    }

    /// These variables and no others; for tests.
    #[must_use]
    pub fn fixed<N: Into<String>, V: Into<String>>(variables: impl IntoIterator<Item = (N, V)>) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { variables: Variables::Fixed(Arc::new(variables)), base: PathBuf::new(), vault: None }
    }

    /// The same, with relative paths meant from `base`: the directory of the configuration file.
    #[must_use]
    pub fn with_base(mut self, base: impl Into<PathBuf>) -> Self {
        self.base = base.into();
        self
    }

    /// The same, with secrets of `vault`.
    #[must_use]
    pub fn with_vault(mut self, vault: Arc<dyn Vault>) -> Self {
        self.vault = Some(vault);
        self
    }

    pub(crate) fn vault(&self) -> Option<&dyn Vault> {
        self.vault.as_deref()
    }

    /// `path`, seen from the base directory if it is relative.
    #[must_use]
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.base.join(path)
    }

    /// The bytes of a variable.
    pub(crate) fn variable(&self, name: &str) -> Option<Vec<u8>> {
        match &self.variables {
            Variables::Process => std::env::var_os(name).map(std::ffi::OsString::into_encoded_bytes),
            Variables::Fixed(variables) => variables.get(name).map(|value| value.clone().into_bytes()),
        }
    }
}

/// Shows no variable: their values may be secrets.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variables = match self.variables {
            Variables::Process => "process",
            Variables::Fixed(_) => "fixed",
        };
        f.debug_struct("Environment").field("variables", &variables).field("base", &self.base).finish()
    }
}
