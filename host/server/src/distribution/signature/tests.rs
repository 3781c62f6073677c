#![allow(clippy::unwrap_used, reason = "a test may fail so")]

use super::*;
use crate::distribution::bundle;

/// Made by `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`; of no other use.
const PRIVATE: &str = include_str!("tests/key.pem");
/// `openssl pkey -pubout` of it.
const PUBLIC: &str = include_str!("tests/key.pub");
/// A public key of nobody here.
const OTHER: &str = include_str!("tests/other.pub");
/// `printf 'a component' | openssl dgst -sha256 -sign key.pem | base64 -w0`.
const BY_OPENSSL: &str = include_str!("tests/component.sig");

fn keys() -> (PrivateKey, PublicKey, PublicKey) {
    let public = |pem: &str| PublicKey::from_pem(pem.as_bytes()).unwrap();
    (PrivateKey::from_pem(PRIVATE.as_bytes()).unwrap(), public(PUBLIC), public(OTHER))
}

#[test]
fn a_blob_is_signed_as_openssl_and_cosign_sign_it() {
    let (private, public, other) = keys();
    let by_openssl = Proof::Blob { signature: BY_OPENSSL.into() };
    assert!(by_openssl.is_of(&public, b"a component"));
    assert!(!by_openssl.is_of(&public, b"another component"));
    assert!(!by_openssl.is_of(&other, b"a component"));
    assert_eq!(private.public(), public);
    let own = Proof::Blob { signature: private.sign(b"a component").unwrap() };
    assert!(own.is_of(&public, b"a component"));
    for nonsense in ["", "AAAA", "no base64!"] {
        assert!(!Proof::Blob { signature: nonsense.into() }.is_of(&public, b"a component"));
    }
}

#[test]
fn an_artefacts_signature_holds_for_its_component_alone() {
    let (private, public, other) = keys();
    let manifest = |component: &[u8]| {
        json!({ "layers": [{ "mediaType": WASM_LAYER, "digest": digest_of(component) }] }).to_string()
    };
    let proof = |manifest: &str, payload: &str| Proof::Artefact {
        manifest: manifest.into(),
        payload: payload.into(),
        signature: private.sign(payload.as_bytes()).unwrap(),
    };
    let (mine, foreign) = (manifest(b"mine"), manifest(b"foreign"));
    let text = payload("registry.example.com/acme/pricing", &digest_of(mine.as_bytes()));
    let good = proof(&mine, &text);
    assert!(good.is_of(&public, b"mine"));
    assert!(!good.is_of(&other, b"mine"));
    assert!(!good.is_of(&public, b"foreign"), "the manifest names another component");
    assert!(!proof(&foreign, &text).is_of(&public, b"foreign"), "the payload names another manifest");
    let typed = text.replace(PAYLOAD_TYPE, "something else that the key signs");
    assert!(!proof(&mine, &typed).is_of(&public, b"mine"));
    let Proof::Artefact { manifest, signature, .. } = good else { unreachable!("it was made above") };
    let altered = Proof::Artefact { manifest, payload: text.replace("acme", "evil"), signature };
    assert!(!altered.is_of(&public, b"mine"), "the payload is not the one that was signed");
}

#[test]
fn a_bundle_is_read_as_cosign_writes_it() {
    let (private, public, other) = keys();
    let mine = json!({ "layers": [{ "mediaType": WASM_LAYER, "digest": digest_of(b"mine") }] }).to_string();
    let statement = |kind: &str, manifest: &str| {
        json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{ "digest": { "sha256": bare(&digest_of(manifest.as_bytes())) }, "annotations": {} }],
            "predicateType": kind,
            "predicate": {},
        })
        .to_string()
    };
    let bundle = |statement: &str| {
        let signed = format!("DSSEv1 28 application/vnd.in-toto+json {} {statement}", statement.len());
        let signature = private.sign(signed.as_bytes()).unwrap();
        let envelope = json!({
            "payload": STANDARD.encode(statement), "payloadType": "application/vnd.in-toto+json",
            "signatures": [{ "sig": signature }],
        });
        json!({ "mediaType": bundle::BUNDLE, "verificationMaterial": {}, "dsseEnvelope": envelope })
            .to_string()
    };
    let proof = |text: &str| bundle::of_artefact(text.as_bytes(), &mine).remove(0);
    let good = proof(&bundle(&statement(STATEMENT_TYPE, &mine)));
    assert!(good.is_of(&public, b"mine"));
    assert!(!good.is_of(&other, b"mine") && !good.is_of(&public, b"foreign"));
    assert!(!proof(&bundle(&statement(STATEMENT_TYPE, "another"))).is_of(&public, b"mine"));
    assert!(!proof(&bundle(&statement("https://spdx.dev/Document", &mine))).is_of(&public, b"mine"));
    let blob = json!({ "messageSignature": { "signature": BY_OPENSSL } }).to_string();
    assert!(bundle::of_blob(blob.as_bytes()).unwrap().is_of(&public, b"a component"));
    assert!(bundle::of_artefact(blob.as_bytes(), &mine).is_empty());
    assert_eq!((bundle::of_blob(b"{}"), bundle::of_blob(b"no JSON")), (None, None));
}

#[test]
fn a_file_without_the_right_key_says_what_would_be_right() {
    let public = |pem: &str| PublicKey::from_pem(pem.as_bytes()).unwrap_err();
    assert_eq!(public("nothing"), InvalidKey::NoPublicKey);
    assert_eq!(public(PRIVATE), InvalidKey::Private);
    assert_eq!(public(include_str!("tests/ed25519.pub")), InvalidKey::OtherKind);
    let private = |pem: &str| PrivateKey::from_pem(pem.as_bytes()).unwrap_err();
    assert_eq!(private(PUBLIC), InvalidKey::NoPrivateKey);
    assert_eq!(private(include_str!("tests/ed25519.pem")), InvalidKey::OtherPrivateKind);
}
