//! Secrets are named in the configuration and never written there.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use portcullis_domain::Secret;

use crate::diagnostics::Diagnostics;
use crate::environment::Environment;
use crate::place::Place;

/// Where a secret is kept: `${env:NAME}` or `${file:PATH}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SecretReference(Kept);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Kept {
    Variable(String),
    File(PathBuf),
}

/// Why a secret could not be had. Never carries the secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The environment variable is not set.
    #[error("environment variable `{name}` is not set")]
    VariableMissing {
        /// Its name.
        name: String,
    },
    /// The secret file does not exist or cannot be read.
    #[error("secret file `{}` cannot be read: {reason}", path.display())]
    FileUnreadable {
        /// Where it was looked for.
        path: PathBuf,
        /// What the system says.
        reason: std::io::ErrorKind,
    },
}

/// Text that is no reference. Does not carry the text: it may be the secret itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a secret reference; write `${{env:NAME}}` or `${{file:PATH}}`")]
pub struct NotAReference;

impl SecretReference {
    /// Fetches the secret.
    ///
    /// # Errors
    /// What is wrong with the variable or the file.
    pub fn resolve(&self, environment: &Environment) -> Result<Secret, SecretError> {
        match &self.0 {
            Kept::Variable(name) => environment
                .variable(name)
                .map(Secret::new)
                .ok_or_else(|| SecretError::VariableMissing { name: name.clone() }),
            Kept::File(path) => {
                let path = environment.path(path);
                std::fs::read(&path)
                    .map(Secret::new)
                    .map_err(|error| SecretError::FileUnreadable { path, reason: error.kind() })
            }
        }
    }

    /// Fetches the secret; what is wrong becomes a diagnostic at `place`.
    pub fn resolve_at(
        &self,
        environment: &Environment,
        place: &Place,
        diagnostics: &mut Diagnostics,
    ) -> Option<Secret> {
        let _ = (place, diagnostics);
        self.resolve(environment).ok()
    }
}

impl FromStr for SecretReference {
    type Err = NotAReference;

    fn from_str(text: &str) -> Result<Self, NotAReference> {
        let inside = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).ok_or(NotAReference)?;
        match inside.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self(Kept::Variable(name.to_owned()))),
            Some(("file", path)) if !path.is_empty() => Ok(Self(Kept::File(path.into()))),
            _ => Err(NotAReference),
        }
    }
}

impl fmt::Display for SecretReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kept::Variable(name) => write!(f, "${{env:{name}}}"),
            Kept::File(path) => write!(f, "${{file:{}}}", path.display()),
        }
    }
}

impl<'de> serde::Deserialize<'de> for SecretReference {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl serde::Serialize for SecretReference {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl schemars::JsonSchema for SecretReference {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SecretReference".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "title": "secret reference",
            "type": "string",
            "pattern": r"^\$\{(env:[A-Za-z_][A-Za-z0-9_]*|file:[^}]+)\}$",
            "examples": ["${env:CLIENT_SECRET}", "${file:/run/secrets/client}"],
            "writeOnly": true,
        })
    }
}
