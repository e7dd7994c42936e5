//! Certificates and keys that a listener must not be started with.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use portcullis_config::Diagnostics;
use portcullis_domain::Timestamp;
use portcullis_tls::config::{CertificateConfig, ServerTlsConfig};
use portcullis_tls::{PublicRoots, ServerTls};
use rcgen::ExtendedKeyUsagePurpose;

use crate::listener::compile;
use crate::mint::{Authority, DAY, Scene, minted_by_openssl, valid};

/// Compiles a listener with one certificate and returns the codes of what is wrong.
#[track_caller]
fn mistakes(scene: &Scene, certificate: CertificateConfig) -> Vec<&'static str> {
    let config = ServerTlsConfig { certificates: vec![certificate], ..ServerTlsConfig::default() };
    match compile(scene, &config) {
        Ok(_) => Vec::new(),
        Err(found) => found.errors().map(|mistake| mistake.code().0).collect(),
    }
}

const SAN: [&str; 2] = ["-addext", "subjectAltName=DNS:shop.test"];

// proves: TLS-04
#[test]
fn weak_certificates_are_refused_with_a_reason() {
    let scene = Scene::new();
    // OpenSSL writes the moment of minting, which is later than the clock that stands.
    scene.clock.advance(DAY / 24);
    let short = minted_by_openssl(&scene, "short", &[&SAN[..], &["-newkey", "rsa:1024"]].concat());
    assert_eq!(mistakes(&scene, short), ["C0135"]);
    let sha1 = minted_by_openssl(&scene, "sha1", &[&SAN[..], &["-newkey", "rsa:2048", "-sha1"]].concat());
    assert_eq!(mistakes(&scene, sha1), ["C0137"]);
    let md5 = minted_by_openssl(&scene, "md5", &[&SAN[..], &["-newkey", "rsa:2048", "-md5"]].concat());
    assert_eq!(mistakes(&scene, md5), ["C0137"]);
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"];
    let curve = minted_by_openssl(&scene, "curve", &[&SAN[..], &curve].concat());
    assert_eq!(mistakes(&scene, curve), ["C0136"]);
    let nameless = minted_by_openssl(&scene, "nameless", &["-newkey", "rsa:2048"]);
    assert_eq!(mistakes(&scene, nameless), ["C0140"]);
    let all = minted_by_openssl(&scene, "all", &["-newkey", "rsa:1024", "-sha1"]);
    assert_eq!(mistakes(&scene, all), ["C0135", "C0137", "C0140"]);

    let good = minted_by_openssl(&scene, "good", &[&SAN[..], &["-newkey", "rsa:2048"]].concat());
    assert_eq!(mistakes(&scene, good), [""; 0]);
}

// proves: TLS-04
#[test]
fn certificates_outside_their_validity_are_refused() {
    let scene = Scene::new();
    let authority = Authority::new("authority");
    let now = scene.clock.now().wall;
    let before = Timestamp::from_seconds(now.as_seconds() - 10 * DAY.as_secs());
    let expired = authority.leaf(&["shop.test"], |parameters| valid(parameters, before, 5 * DAY));
    assert_eq!(mistakes(&scene, scene.certificate("expired", &expired)), ["C0138"]);
    let early = authority.leaf(&["shop.test"], |parameters| valid(parameters, now.plus(DAY), DAY));
    assert_eq!(mistakes(&scene, scene.certificate("early", &early)), ["C0139"]);
}

// proves: TLS-04
#[test]
fn a_key_of_another_certificate_is_refused() {
    let scene = Scene::new();
    let authority = Authority::new("authority");
    let one = scene.certificate("one", &authority.server(&["shop.test"]));
    let two = scene.certificate("two", &authority.server(&["shop.test"]));
    assert_eq!(mistakes(&scene, CertificateConfig { chain: one.chain, key: two.key }), ["C0134"]);
}

#[test]
fn chains_that_clients_would_refuse_are_refused() {
    let scene = Scene::new();
    let authority = Authority::new("authority");
    let client_only = authority.leaf(&["shop.test"], |parameters| {
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    assert_eq!(mistakes(&scene, scene.certificate("client", &client_only)), ["C0141"]);
    let mut broken = authority.server(&["shop.test"]);
    broken.chain.push(Authority::new("another").certificate);
    assert_eq!(mistakes(&scene, scene.certificate("broken", &broken)), ["C0142"]);
    let mut with_root = authority.server(&["shop.test"]);
    with_root.chain.push(authority.certificate.clone());
    assert_eq!(mistakes(&scene, scene.certificate("root", &with_root)), [""; 0]);
}

// proves: KEY-10
#[test]
fn a_key_that_everybody_can_read_is_refused() {
    let scene = Scene::new();
    let certificate = scene.certificate("shop", &Authority::new("authority").server(&["shop.test"]));
    for (mode, fit) in [
        (0o644, false),
        (0o604, false),
        (0o601, false),
        (0o660, false),
        (0o640, true),
        (0o440, true),
        (0o600, true),
        (0o400, true),
    ] {
        fs::set_permissions(scene.path("shop.key"), fs::Permissions::from_mode(mode)).unwrap();
        let expected: &[&str] = if fit { &[] } else { &["C0133"] };
        assert_eq!(mistakes(&scene, certificate.clone()), expected, "{mode:o}");
    }
}

#[test]
fn files_that_are_missing_or_nonsense_are_all_named_at_once() {
    let scene = Scene::new();
    let good = scene.certificate("good", &Authority::new("authority").server(&["shop.test"]));
    fs::create_dir(scene.path("directory")).unwrap();
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let pair = |chain: &str, key: &str| CertificateConfig { chain: chain.to_owned(), key: key.to_owned() };
    let config = ServerTlsConfig {
        certificates: vec![
            pair("absent.pem", "absent.key"),
            pair("directory", &good.key),
            pair(&scene.write("empty.pem", ""), &scene.write("encrypted.key", encrypted)),
            pair(&scene.write("huge.pem", vec![b'-'; 2 * 1024 * 1024]), &good.chain),
            good.clone(),
        ],
        ..ServerTlsConfig::default()
    };
    let found = compile(&scene, &config).unwrap_err();
    let codes: Vec<&str> = found.errors().map(|mistake| mistake.code().0).collect();
    assert_eq!(codes, ["C0130", "C0130", "C0130", "C0131", "C0132", "C0130", "C0132"]);
}

// proves: TLS-04
#[test]
fn a_public_host_without_a_public_chain_is_warned_of() {
    let mut scene = Scene::new();
    let (ours, public) = (Authority::new("ours"), Authority::new("public"));
    scene.surroundings.roots = PublicRoots::fixed(public.roots());
    let warnings = |leaf, scene: &Scene| {
        let config = ServerTlsConfig {
            certificates: vec![scene.certificate("shop", &leaf)],
            ..ServerTlsConfig::default()
        };
        let mut diagnostics = Diagnostics::new();
        let compiled = ServerTls::compile(&config, &Scene::place(), &scene.surroundings, &mut diagnostics);
        assert!(compiled.is_some());
        diagnostics.iter().map(|warning| warning.code().0).collect::<Vec<_>>()
    };
    assert_eq!(warnings(ours.server(&["api.shop.io"]), &scene), ["C0143"]);
    assert_eq!(warnings(ours.server(&["*.shop.io"]), &scene), ["C0143"]);
    assert_eq!(warnings(public.server(&["*.shop.io"]), &scene), [""; 0]);
    assert_eq!(warnings(ours.server(&["shop.test", "db.internal"]), &scene), [""; 0]);
    // Without its intermediate a public certificate is as good as private.
    let mut incomplete = public.intermediate("below").server(&["api.shop.io"]);
    assert_eq!(warnings(public.intermediate("below").server(&["api.shop.io"]), &scene), [""; 0]);
    incomplete.chain.truncate(1);
    assert_eq!(warnings(incomplete, &scene), ["C0143"]);
}

// proves-part: TLS-18 (reloading on change and sending the alerts are the gateway's)
#[test]
fn a_certificate_that_ends_soon_is_warned_of_at_load() {
    let scene = Scene::new();
    let now = scene.clock.now().wall;
    let leaf =
        Authority::new("authority").leaf(&["shop.test"], |parameters| valid(parameters, now, 20 * DAY));
    let config = ServerTlsConfig {
        certificates: vec![scene.certificate("shop", &leaf)],
        ..ServerTlsConfig::default()
    };
    let tls = compile(&scene, &config).unwrap();
    let warnings = tls.reload().unwrap();
    assert_eq!(warnings.iter().map(|warning| warning.code().0).collect::<Vec<_>>(), ["C0144"]);
}
