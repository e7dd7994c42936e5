//! Who we are at an issuer, by a secret or by a key.

use portcullis_config::codes::identity as codes;
use portcullis_config::{Diagnostic, Diagnostics, Environment, Place, SecretReference};

use crate::client_authentication::{ClientAuthentication, ClientKey};

/// What is written of it.
pub(super) struct Shown<'c> {
    pub(super) client: &'c str,
    pub(super) secret: Option<&'c SecretReference>,
    pub(super) key: Option<&'c SecretReference>,
    pub(super) key_id: Option<&'c str>,
}

/// Reads the secret or the key; exactly one of them must be there.
pub(super) fn client_authentication(
    shown: &Shown<'_>,
    place: &Place,
    environment: &Environment,
    diagnostics: &mut Diagnostics,
) -> Option<ClientAuthentication> {
    match (shown.secret, shown.key) {
        (Some(secret), None) => {
            let secret = secret.resolve_at(environment, &place.child("secret"), diagnostics)?;
            Some(ClientAuthentication::by_secret(shown.client, secret))
        }
        (None, Some(key)) => {
            let pem = key.resolve_at(environment, &place.child("key"), diagnostics)?;
            let key = ClientKey::read(&pem, shown.key_id);
            if key.is_none() {
                diagnostics.push(
                    Diagnostic::error(codes::SESSION_CLIENT, "the key is no private key that can sign")
                        .at(place.child("key"))
                        .help("write PKCS #8 in PEM: `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`"),
                );
            }
            Some(ClientAuthentication::by_key(shown.client, key?))
        }
        (Some(_), Some(_)) | (None, None) => {
            diagnostics.push(
                Diagnostic::error(
                    codes::SESSION_CLIENT,
                    "the issuer needs either `secret` or `key` to know us",
                )
                .at(place.key())
                .label("with neither, whoever has a token or a code could pass for the gateway"),
            );
            None
        }
    }
}
