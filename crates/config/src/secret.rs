//! Secrets are named in the configuration and never written there.
//!
//! In: `${env:NAME}`, `${file:PATH}` or `${vault:PATH#FIELD}`. Out: a [`Secret`]. Called by the `compile.rs` of each layer that
//! needs one. Nothing here, and no diagnostic made here, ever carries the secret or a text that may be
//! one. OWASP ASVS 13.3.1, 13.3.2.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use portcullis_domain::Secret;

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::diagnostics::Diagnostics;
use crate::environment::Environment;
use crate::place::Place;
#[cfg(unix)]
use crate::private_file::is_private;

/// Where a secret is kept: `${env:NAME}`, `${file:PATH}` or `${vault:PATH#FIELD}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SecretReference(Kept);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Kept {
    Variable(String),
    File(String),
    Vault { path: String, field: String },
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
        reason: io::ErrorKind,
    },
    /// What the path names is a directory, a pipe or a device.
    #[error("secret file `{}` is not a regular file", path.display())]
    FileIrregular {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Others have rights on the file, or the group more than reading it.
    #[error("secret file `{}` can be used by others than its owner and group (mode {mode:04o})", path.display())]
    FileExposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is larger than any key or password: 1 MiB.
    #[error("secret file `{}` is larger than {} KiB", path.display(), MOST_BYTES / 1024)]
    FileTooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The reference names a vault, and none is configured where it is read.
    #[error("`{reference}` needs a vault, and none is configured")]
    VaultUnset {
        /// Which one.
        reference: SecretReference,
    },
    /// The vault did not give the secret.
    #[error("`{reference}` is not to be had: {cause}")]
    VaultRefused {
        /// Which one.
        reference: SecretReference,
        /// What the vault, or the way to it, says.
        cause: String,
    },
    /// The variable or file holds nothing but a line break.
    #[error("secret `{reference}` is empty")]
    Empty {
        /// Which one.
        reference: SecretReference,
    },
}

/// Bytes in a secret file. Chains of certificates with their key stay far below.
const MOST_BYTES: u64 = 1024 * 1024;

/// Text that is no reference. Does not carry the text: it may be the secret itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a secret reference; write `${{env:NAME}}`, `${{file:PATH}}` or `${{vault:PATH#FIELD}}`")]
pub struct NotAReference;

impl SecretReference {
    /// Fetches the secret, without the line break that editors and `echo` put at its end.
    ///
    /// # Errors
    /// What is wrong with the variable or the file. A file that its group or others have any right on is
    /// refused, whatever it holds.
    pub fn resolve(&self, environment: &Environment) -> Result<Secret, SecretError> {
        let mut bytes = match &self.0 {
            Kept::Variable(name) => environment
                .variable(name)
                .ok_or_else(|| SecretError::VariableMissing { name: name.clone() })?,
            Kept::File(path) => read_guarded(&environment.path(path))?,
            Kept::Vault { path, field } => return self.kept_in_vault(path, field, environment),
        };
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
            if bytes.last() == Some(&b'\r') {
                bytes.pop();
            }
        }
        let is_empty = bytes.is_empty();
        // Made first, so that the bytes are wiped whatever happens next.
        let secret = Secret::new(bytes);
        if is_empty { Err(SecretError::Empty { reference: self.clone() }) } else { Ok(secret) }
    }

    /// The path and the field, if a vault keeps it.
    #[must_use]
    pub fn in_vault(&self) -> Option<(&str, &str)> {
        match &self.0 {
            Kept::Vault { path, field } => Some((path, field)),
            Kept::Variable(_) | Kept::File(_) => None,
        }
    }

    fn kept_in_vault(
        &self,
        path: &str,
        field: &str,
        environment: &Environment,
    ) -> Result<Secret, SecretError> {
        let vault = environment.vault().ok_or_else(|| SecretError::VaultUnset { reference: self.clone() })?;
        let secret = vault
            .field(path, field)
            .map_err(|cause| SecretError::VaultRefused { reference: self.clone(), cause })?;
        match secret.expose().is_empty() {
            true => Err(SecretError::Empty { reference: self.clone() }),
            false => Ok(secret),
        }
    }

    /// Fetches the secret; what is wrong becomes a diagnostic at `place`.
    pub fn resolve_at(
        &self,
        environment: &Environment,
        place: &Place,
        diagnostics: &mut Diagnostics,
    ) -> Option<Secret> {
        match self.resolve(environment) {
            Ok(secret) => Some(secret),
            Err(error) => {
                diagnostics.push(error.diagnostic().at(place.clone()));
                None
            }
        }
    }
}

impl SecretError {
    /// The error with its code and help; the caller knows the place.
    #[must_use]
    pub fn diagnostic(&self) -> Diagnostic {
        use codes::file as code;
        let of = |code| Diagnostic::error(code, self.to_string());
        match self {
            Self::VariableMissing { name } => of(code::SECRET_VARIABLE_MISSING)
                .help(format!("set `{name}` in the environment of the gateway's process")),
            Self::FileUnreadable { .. } | Self::FileIrregular { .. } => of(code::SECRET_FILE_UNREADABLE)
                .help(
                    "check the path, which is relative to the main configuration file, and the file's owner",
                ),
            Self::FileExposed { path, .. } => of(code::SECRET_FILE_EXPOSED)
                .help(format!("run `chmod 600 {}`, or 640 for a group", path.display())),
            Self::FileTooLarge { .. } => of(code::SECRET_TOO_LARGE).help("check the path"),
            Self::VaultUnset { .. } => of(code::SECRET_VAULT_UNSET).help("say where it is, under `vault:`"),
            Self::VaultRefused { .. } => of(code::SECRET_VAULT_REFUSED)
                .help("check the path and the field, and what the vault allows this gateway to read"),
            Self::Empty { .. } => of(code::SECRET_EMPTY).help("fill it, or remove the setting that names it"),
        }
    }
}

/// The mistake of writing a secret where its name belongs. The text at `place` is not shown.
pub(crate) fn literal(place: Place) -> Diagnostic {
    let place = place.key();
    Diagnostic::error(codes::file::SECRET_LITERAL, "secret is not given as a reference")
        .at(place)
        .label("this needs the name of a secret, not the secret")
        .help("write `${env:NAME}`, `${file:PATH}` or `${vault:PATH#FIELD}`, and replace the secret if one stood here: it may have been seen")
        .conceal()
}

/// The bytes of a file that only its owner may use.
fn read_guarded(path: &Path) -> Result<Vec<u8>, SecretError> {
    let unreadable =
        |error: io::Error| SecretError::FileUnreadable { path: path.to_owned(), reason: error.kind() };
    // Before opening: the open of a pipe would wait for its writer.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(SecretError::FileIrregular { path: path.to_owned() });
    }
    let file = File::open(path).map_err(unreadable)?;
    // Of the opened file, so that it cannot be another one than is read.
    let metadata = file.metadata().map_err(unreadable)?;
    refuse_exposed(path, &metadata)?;
    if metadata.len() > MOST_BYTES {
        return Err(SecretError::FileTooLarge { path: path.to_owned() });
    }
    // With its final size from the start: a buffer that grows leaves copies behind.
    let size = usize::try_from(metadata.len()).unwrap_or_default();
    let mut bytes = Vec::with_capacity(size.saturating_add(1));
    file.take(MOST_BYTES).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

#[cfg(unix)]
fn refuse_exposed(path: &Path, metadata: &std::fs::Metadata) -> Result<(), SecretError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o7777;
    if is_private(mode) { Ok(()) } else { Err(SecretError::FileExposed { path: path.to_owned(), mode }) }
}

/// Where there are no modes, access lists decide, which cannot be judged from here.
#[cfg(not(unix))]
fn refuse_exposed(_: &Path, _: &std::fs::Metadata) -> Result<(), SecretError> {
    Ok(())
}

impl FromStr for SecretReference {
    type Err = NotAReference;

    fn from_str(text: &str) -> Result<Self, NotAReference> {
        let inside = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).ok_or(NotAReference)?;
        match inside.split_once(':') {
            Some(("env", name)) if is_variable_name(name) => Ok(Self(Kept::Variable(name.to_owned()))),
            Some(("file", path)) if is_path(path) => Ok(Self(Kept::File(path.to_owned()))),
            Some(("vault", rest)) => match rest.split_once('#') {
                Some((path, field)) if is_vault_path(path) && is_vault_name(field) => {
                    Ok(Self(Kept::Vault { path: path.to_owned(), field: field.to_owned() }))
                }
                Some(_) | None => Err(NotAReference),
            },
            _ => Err(NotAReference),
        }
    }
}

fn is_variable_name(name: &str) -> bool {
    let starts_well = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    starts_well && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn is_path(path: &str) -> bool {
    !path.is_empty() && !path.contains(['}', '\n', '\0'])
}

/// Segments of plain names: such a path means the same to every server between us and the vault.
fn is_vault_path(path: &str) -> bool {
    path.split('/').all(is_vault_name)
}

fn is_vault_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !name.is_empty() && name.bytes().all(is_plain) && name.bytes().any(|byte| byte != b'.')
}

impl fmt::Display for SecretReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kept::Variable(name) => write!(f, "${{env:{name}}}"),
            Kept::File(path) => write!(f, "${{file:{path}}}"),
            Kept::Vault { path, field } => write!(f, "${{vault:{path}#{field}}}"),
        }
    }
}

impl<'de> serde::Deserialize<'de> for SecretReference {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = SecretReference;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a secret reference")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<SecretReference, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
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
            "pattern": r"^\$\{(env:[A-Za-z_][A-Za-z0-9_]*|file:[^}\x00\n]+|vault:[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*#[A-Za-z0-9_.-]+)\}$",
            "examples": ["${env:CLIENT_SECRET}", "${file:/run/secrets/client}", "${vault:shop/oauth#client_secret}"],
            // Tells the diagnostics, and editors, that what stands here is not to be shown.
            "writeOnly": true,
        })
    }
}
