//! The root secret that is made when none is configured: a file beside the database, for its owner only.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use aws_lc_rs::rand;
use portcullis_config::{Environment, SecretReference};
use portcullis_domain::Secret;
use zeroize::Zeroizing;

/// Makes a folder that only its owner may enter; one that is there is left as it is.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Makes an empty file that only its owner may read, if it is not there; refuses one that others may read.
pub(crate) fn make_private(file: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => refuse_shared(file),
        Err(error) => Err(error),
    }
}

/// What we make ourselves is handed to nobody, not even to the group (decision 0011).
fn refuse_shared(file: &Path) -> io::Result<()> {
    let mode = fs::metadata(file)?.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let path = file.display();
    Err(io::Error::other(format!(
        "`{path}` can be used by others than its owner (mode {mode:04o}); run `chmod 600 {path}`"
    )))
}

/// Reads the secret of `file`, or makes it: 256 random bits.
pub(crate) fn read_or_make(file: &Path) -> io::Result<Secret> {
    let text = file.to_string_lossy();
    let reference: SecretReference =
        format!("${{file:{text}}}").parse().map_err(|_| io::Error::other("the path cannot be used"))?;
    // Others may make it at the same moment: whoever links first wins, and both read the same.
    for _ in 0..2 {
        match reference.resolve(&Environment::process()) {
            Ok(secret) => return refuse_shared(file).map(|()| secret),
            Err(error) if file.exists() => return Err(io::Error::other(error.to_string())),
            Err(_) => make(file)?,
        }
    }
    Err(io::Error::other(format!("`{text}` cannot be made")))
}

fn make(file: &Path) -> io::Result<()> {
    let mut random = Zeroizing::new([0u8; 32]);
    rand::fill(&mut *random).map_err(|_| io::Error::other("no randomness"))?;
    let mut suffix = [0u8; 8];
    rand::fill(&mut suffix).map_err(|_| io::Error::other("no randomness"))?;
    let draft = file.with_extension(format!("{}.draft", hex::encode(suffix)));
    let mut written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    written.write_all(Zeroizing::new(hex::encode(*random)).as_bytes())?;
    written.sync_all()?;
    // A link, unlike a rename, never replaces a secret that is there.
    let linked = fs::hard_link(&draft, file);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
