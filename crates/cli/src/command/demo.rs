//! `portcullis demo`: what the demo needs and nobody should use for anything else.
//!
//! The development issuer is a key in a folder: the first token makes it and writes the JWK Set beside it,
//! from where the demo's `portcullis.yaml` reads it. Its tokens are access tokens as RFC 9068 has them.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_domain::Clock;
use serde_json::json;

use super::say;
use crate::WELL;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Print an access token of the development issuer.
    Token(Token),
}

#[derive(clap::Args)]
struct Token {
    /// Folder of the issuer's key and JWK Set; made if it is not there.
    #[arg(long)]
    state: PathBuf,
    /// The issuer (`iss`).
    #[arg(long)]
    issuer: String,
    /// For whom the token is (`aud`).
    #[arg(long)]
    audience: String,
    /// Who calls (`sub`).
    #[arg(long)]
    subject: String,
    /// What is delegated, separated by spaces (`scope`).
    #[arg(long, default_value = "")]
    scope: String,
    /// Through which client (`client_id`).
    #[arg(long, default_value = "demo")]
    client: String,
    /// Seconds from now to the end (`exp`).
    #[arg(long, default_value_t = 3600)]
    life: u64,
    /// Make a token that ended an hour ago.
    #[arg(long)]
    expired: bool,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let Command::Token(token) = &arguments.command;
    fs::create_dir_all(&token.state).with_context(|| format!("cannot make `{}`", token.state.display()))?;
    let key = key(&token.state)?;
    say(&format!("{}\n", mint(token, &key)?));
    Ok(WELL)
}

/// Reads the issuer's key, or makes one and publishes it.
fn key(state: &Path) -> anyhow::Result<EcdsaKeyPair> {
    let file = state.join("issuer.p8");
    let read = |bytes: &[u8]| {
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, bytes)
            .map_err(|_| anyhow!("`{}` is no key of the development issuer; remove it", file.display()))
    };
    if let Ok(bytes) = fs::read(&file) {
        return read(&bytes);
    }
    let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
        .map_err(|_| anyhow!("cannot make a key"))?;
    let key = read(made.as_ref())?;
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file)?.write_all(made.as_ref())?;
    // An uncompressed point: 4, x, y (SEC 1 §2.3.3).
    let point = key.public_key().as_ref();
    let half = |range: std::ops::Range<usize>| point.get(range).map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
    let set = json!({"keys": [{
        "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "demo", "x": half(1..33), "y": half(33..65),
    }]});
    fs::write(state.join("jwks.json"), set.to_string())?;
    Ok(key)
}

fn mint(token: &Token, key: &EcdsaKeyPair) -> anyhow::Result<String> {
    let now = Clock::machine().now().wall.as_seconds();
    let (issued, ends) = if token.expired { (now - 7200, now - 3600) } else { (now, now + token.life) };
    let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": "demo"});
    let mut id = [0u8; 16];
    aws_lc_rs::rand::fill(&mut id).map_err(|_| anyhow!("no randomness"))?;
    let claims = json!({
        "iss": token.issuer, "sub": token.subject, "aud": token.audience, "client_id": token.client,
        "scope": token.scope, "iat": issued, "exp": ends, "jti": URL_SAFE_NO_PAD.encode(id),
    });
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let signature = key.sign(&SystemRandom::new(), signed.as_bytes()).map_err(|_| anyhow!("cannot sign"))?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}
