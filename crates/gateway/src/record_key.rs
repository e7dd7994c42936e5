//! The key that signs where the record stands.
//!
//! In: the state directory. Out: a signer, the same after every start. Its public half lies beside it in
//! `record.pub`, for `portcullis audit verify --key`: take a copy of it to where records are verified, or whoever
//! changes the record changes the key as well.

use std::io;
use std::path::Path;
use std::sync::Arc;

use portcullis_audit::chain::Signer;
use portcullis_domain::Secret;
use portcullis_tls::StateDirectory;

const KEY: &str = "record.key";
const PUBLIC: &str = "record.pub";

/// The key that was kept, or a new one. Without one the record goes on unsigned, which is said.
pub(crate) fn signer(state: &Path) -> Option<Arc<Signer>> {
    match load_or_make(&StateDirectory::new(state)) {
        Ok(signer) => Some(Arc::new(signer)),
        Err(error) => {
            tracing::error!(%error, "the heads of the audit record are not signed");
            None
        }
    }
}

fn load_or_make(state: &StateDirectory) -> io::Result<Signer> {
    let unfit = |error| io::Error::new(io::ErrorKind::InvalidData, error);
    let kept = state.read(KEY)?.map(Secret::new);
    let (secret, is_new) = match kept {
        Some(secret) => (secret, false),
        None => (Signer::make().map_err(unfit)?, true),
    };
    let signer = Signer::new(&secret).map_err(unfit)?;
    let pem = signer.public().pem();
    if is_new {
        state.write(KEY, secret.expose())?;
    }
    if state.read(PUBLIC)?.as_deref() != Some(pem.as_bytes()) {
        state.write(PUBLIC, pem.as_bytes())?;
    }
    Ok(signer)
}

#[cfg(test)]
mod tests {
    use portcullis_testkit::Workspace;

    use super::*;

    #[test]
    fn the_key_stays_the_same_and_its_public_half_lies_beside_it() {
        let folder = Workspace::new();
        let first = signer(folder.root()).unwrap();
        assert_eq!(signer(folder.root()).unwrap().public(), first.public());
        assert_eq!(std::fs::read_to_string(folder.path(PUBLIC)).unwrap(), first.public().pem());
        folder.secret(KEY, "no key");
        assert!(signer(folder.root()).is_none(), "a broken key is not replaced in silence");
    }
}
