//! OCI registries, by the convention of the component ecosystem: what `wkg` pushes is pulled, and the other way round
//! (<https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/>).
//!
//! An artefact is a manifest, a config that says what the component imports and exports, and one layer: the
//! component. Signatures stand where cosign puts them: in an artefact of its own under the tag `sha256-DIGEST.sig`, with a
//! layer for each, or in bundles that refer to the artefact. The former is what is written: all that know cosign read it.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::StreamExt as _;
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::{OciDistributionError, OciErrorCode};
use oci_client::manifest::{ImageIndexEntry, OciDescriptor, OciImageIndex, OciImageManifest, OciManifest};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference, RegistryOperation};
use serde_json::json;
use stepmill_sandbox::{Loaded, MAX_COMPONENT_BYTES};
use tokio::sync::OnceCell;

use super::bundle::{self, BUNDLE, MAX_BUNDLE};
use super::contact::{Authorities, Contact};
use super::error::FetchError;
use super::fetch::{self, CONNECT, Fetched, Manifest, READ};
use super::signature::{PrivateKey, Proof, payload};
use super::{WASM_LAYER, digest_of};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const WASM_CONFIG: &str = "application/vnd.wasm.config.v0+json";
/// When the config says that it was made: never, so that one component is one artefact whoever pushes it when.
const CREATED: &str = "1970-01-01T00:00:00Z";
const SIGNATURE_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const SIGNATURE_LAYER: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
/// Bytes of a payload; one has about two hundred.
const MAX_PAYLOAD: usize = 64 << 10;
/// Signatures that are looked at.
const MAX_SIGNATURES: usize = 16;

/// Bytes of a manifest, or of a list of those that refer to one: what registries must take
/// (<https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-manifests>).
const MAX_MANIFEST: usize = 4 << 20;

/// A repository of a registry.
pub struct Registry {
    client: Client,
    /// What manifests are read with: the library reads them whole, however large they are.
    http: reqwest::Client,
    auth: RegistryAuth,
    /// What manifests are asked for with, once the registry was asked.
    token: OnceCell<Option<String>>,
    reference: Reference,
    scheme: &'static str,
}

impl Registry {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// There is no TLS on this machine.
    pub fn try_new(reference: &Reference, plain_http: bool, contact: &Contact) -> Result<Self, FetchError> {
        // An error says that there is a provider already, which does as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config = ClientConfig {
            protocol: if plain_http { ClientProtocol::Http } else { ClientProtocol::Https },
            connect_timeout: Some(CONNECT),
            read_timeout: Some(READ),
            user_agent: concat!("stepmill/", env!("CARGO_PKG_VERSION")),
            // A plugin is the same on every machine: there is nothing to choose in an index.
            platform_resolver: None,
            tls_certs_only: contact.authorities.iter().flat_map(Authorities::to_registry).collect(),
            ..ClientConfig::default()
        };
        let client = Client::try_from(config).map_err(|error| classify(reference, error))?;
        let http = fetch::client(plain_http, contact)
            .map_err(|error| FetchError::Failed { at: reference.whole(), source: error.into() })?;
        let auth = contact.credentials.to_registry();
        let scheme = if plain_http { "http" } else { "https" };
        Ok(Self { client, http, auth, token: OnceCell::new(), reference: reference.clone(), scheme })
    }

    /// The component of the artefact that the reference names, or of the one with this manifest.
    pub(super) async fn pull(&self, pinned: Option<&str>) -> Result<Fetched, FetchError> {
        let reference = match pinned {
            Some(digest) => self.reference.clone_with_digest(digest.to_owned()),
            None => self.reference.clone(),
        };
        let manifest = self.manifest(&reference).await?;
        let none = |reason: String| FetchError::NoComponent { at: reference.whole(), reason };
        let parsed = parse(&reference, &manifest)?;
        let layer = match parsed.layers.as_slice() {
            [layer] if layer.media_type == WASM_LAYER => layer,
            [layer] => return Err(none(format!("its layer is {}, not {WASM_LAYER}", layer.media_type))),
            layers => {
                return Err(none(format!("it has {} layers; a plugin is one of {WASM_LAYER}", layers.len())));
            }
        };
        let bytes = self.blob(&reference, layer, MAX_COMPONENT_BYTES).await?;
        Ok(Fetched { bytes, manifest: Some(manifest) })
    }

    /// The signatures of an artefact.
    pub(super) async fn proofs(&self, manifest: &Manifest) -> Result<Vec<Proof>, FetchError> {
        let mut proofs = self.bundled(manifest).await?;
        let reference = self.signatures(&manifest.digest);
        let layers = self.signature_layers(&reference).await?.unwrap_or_default();
        for layer in layers.iter().take(MAX_SIGNATURES) {
            let Some(signature) = layer.annotations.as_ref().and_then(|notes| notes.get(SIGNATURE)) else {
                continue;
            };
            let payload = self.blob(&reference, layer, MAX_PAYLOAD).await?;
            proofs.push(Proof::Artefact {
                manifest: manifest.text.clone(),
                payload: String::from_utf8_lossy(&payload).into_owned(),
                signature: signature.clone(),
            });
        }
        Ok(proofs)
    }

    /// The signatures in bundles that refer to an artefact.
    async fn bundled(&self, manifest: &Manifest) -> Result<Vec<Proof>, FetchError> {
        let index = self.referrers(&manifest.digest).await?;
        let is_bundle = |entry: &&ImageIndexEntry| entry.artifact_type.as_deref() == Some(BUNDLE);
        let mut proofs = Vec::new();
        for entry in index.iter().filter(is_bundle).take(MAX_SIGNATURES) {
            let referrer = self.reference.clone_with_digest(entry.digest.clone());
            let bundle = parse(&referrer, &self.manifest(&referrer).await?)?;
            for layer in bundle.layers.iter().filter(|layer| layer.media_type == BUNDLE) {
                let bytes = self.blob(&referrer, layer, MAX_BUNDLE).await?;
                proofs.extend(bundle::of_artefact(&bytes, &manifest.text));
            }
        }
        Ok(proofs)
    }

    /// Puts a component under the reference's tag. Answers the manifest.
    pub(crate) async fn push(&self, component: &[u8], loaded: &Loaded) -> Result<Manifest, FetchError> {
        let layer = descriptor(WASM_LAYER, component);
        let config = json!({
            "created": CREATED,
            "author": null,
            "architecture": "wasm",
            "os": "wasip2",
            "layerDigests": [layer.digest],
            "component": { "exports": loaded.exports, "imports": loaded.imports, "target": null },
        })
        .to_string();
        let notes = BTreeMap::from([
            ("org.opencontainers.image.title".to_owned(), loaded.manifest.name.clone()),
            ("org.opencontainers.image.version".to_owned(), loaded.manifest.version.clone()),
            ("org.opencontainers.image.description".to_owned(), loaded.manifest.summary.clone()),
        ]);
        self.may_write().await?;
        self.send(&layer, component.to_vec()).await?;
        let described = descriptor(WASM_CONFIG, config.as_bytes());
        self.send(&described, config.into_bytes()).await?;
        let manifest = OciImageManifest {
            media_type: Some(MANIFEST.into()),
            config: described,
            layers: vec![layer],
            annotations: Some(notes),
            ..OciImageManifest::default()
        };
        self.send_manifest(&self.reference, &manifest).await
    }

    /// Signs an artefact that was pushed, beside the signatures that it has; whoever has signed it already need not again.
    pub(crate) async fn sign(
        &self,
        component: &[u8],
        manifest: &Manifest,
        key: &PrivateKey,
    ) -> Result<(), FetchError> {
        self.may_write().await?;
        let public = key.public();
        if self.proofs(manifest).await?.iter().any(|proof| proof.is_of(&public, component)) {
            return Ok(());
        }
        let repository = format!("{}/{}", self.reference.registry(), self.reference.repository());
        let payload = payload(&repository, &manifest.digest);
        let signature = key.sign(payload.as_bytes()).ok_or(FetchError::Random)?;
        let mut layer = descriptor(SIGNATURE_LAYER, payload.as_bytes());
        layer.annotations = Some(BTreeMap::from([(SIGNATURE.to_owned(), signature)]));
        let reference = self.signatures(&manifest.digest);
        let mut layers = self.signature_layers(&reference).await?.unwrap_or_default();
        self.send(&layer, payload.into_bytes()).await?;
        layers.push(layer);
        let digests: Vec<&str> = layers.iter().map(|layer| layer.digest.as_str()).collect();
        // Registries and tools take it for an image, and want the config of one.
        let config = json!({
            "architecture": "", "created": CREATED, "os": "", "config": {},
            "rootfs": { "type": "layers", "diff_ids": digests },
        })
        .to_string();
        let described = descriptor(SIGNATURE_CONFIG, config.as_bytes());
        self.send(&described, config.into_bytes()).await?;
        let manifest = OciImageManifest {
            media_type: Some(MANIFEST.into()),
            config: described,
            layers,
            ..OciImageManifest::default()
        };
        self.send_manifest(&reference, &manifest).await.map(drop)
    }

    /// Where cosign keeps an artefact's signatures.
    fn signatures(&self, digest: &str) -> Reference {
        let tag = format!("{}.sig", digest.replace(':', "-"));
        Reference::with_tag(self.reference.registry().into(), self.reference.repository().into(), tag)
    }

    async fn signature_layers(
        &self,
        reference: &Reference,
    ) -> Result<Option<Vec<OciDescriptor>>, FetchError> {
        match self.manifest(reference).await {
            Ok(manifest) => Ok(Some(parse(reference, &manifest)?.layers)),
            Err(FetchError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What refers to an artefact: as the registry lists it, or as clients keep the list where it does not
    /// (<https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers>).
    async fn referrers(&self, digest: &str) -> Result<Vec<ImageIndexEntry>, FetchError> {
        let at = self.reference.clone_with_digest(digest.to_owned());
        let query =
            url::form_urlencoded::Serializer::new(String::new()).append_pair("artifactType", BUNDLE).finish();
        let listed = match self.read(&at, &format!("referrers/{digest}?{query}"), INDEX).await {
            Err(FetchError::NotFound { .. }) => {
                self.read(&at, &format!("manifests/{}", digest.replace(':', "-")), INDEX).await
            }
            listed => listed,
        };
        let bytes = match listed {
            Err(FetchError::NotFound { .. }) => return Ok(Vec::new()),
            listed => listed?,
        };
        let index = serde_json::from_slice::<OciImageIndex>(&bytes);
        Ok(index.map_err(|error| FetchError::Failed { at: at.whole(), source: error.into() })?.manifests)
    }

    async fn manifest(&self, reference: &Reference) -> Result<Manifest, FetchError> {
        let name = reference.digest().or(reference.tag()).unwrap_or("latest");
        let bytes = self.read(reference, &format!("manifests/{name}"), MANIFEST).await?;
        let digest = digest_of(&bytes);
        if let Some(wanted) = reference.digest().filter(|wanted| *wanted != digest) {
            let reason = format!("the registry answers with the manifest {digest} in place of {wanted}");
            return Err(FetchError::NoComponent { at: reference.whole(), reason });
        }
        Ok(Manifest { digest, text: String::from_utf8_lossy(&bytes).into_owned() })
    }

    /// Reads something of the repository that is no blob.
    async fn read(&self, of: &Reference, path: &str, media_type: &str) -> Result<Vec<u8>, FetchError> {
        let token = self.token.get_or_try_init(|| async {
            let asked = self.client.auth(&self.reference, &self.auth, RegistryOperation::Pull).await;
            asked.map_err(|error| classify(of, error))
        });
        let (registry, repository) = (of.resolve_registry(), of.repository());
        let url = format!("{}://{registry}/v2/{repository}/{path}", self.scheme);
        let request = self.http.get(url).header(http::header::ACCEPT, media_type);
        let request = match (token.await?, &self.auth) {
            (Some(token), _) => request.bearer_auth(token),
            (None, RegistryAuth::Basic(user, password)) => request.basic_auth(user, Some(password)),
            (None, RegistryAuth::Anonymous | RegistryAuth::Bearer(_)) => request,
        };
        fetch::read(of.whole(), request, MAX_MANIFEST).await
    }

    async fn blob(
        &self,
        reference: &Reference,
        layer: &OciDescriptor,
        limit: usize,
    ) -> Result<Vec<u8>, FetchError> {
        let too_large = || FetchError::TooLarge { at: reference.whole(), limit };
        let failed = |error| classify(reference, error);
        let mut bytes = Vec::new();
        let mut blob = self.client.pull_blob_stream(reference, layer).await.map_err(failed)?;
        while let Some(piece) = blob.stream.next().await {
            let piece = piece.map_err(|error| failed(error.into()))?;
            if bytes.len() + piece.len() > limit {
                return Err(too_large());
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }

    /// Asks for a token to write with, where the registry gives out such.
    async fn may_write(&self) -> Result<(), FetchError> {
        self.client
            .auth(&self.reference, &self.auth, RegistryOperation::Push)
            .await
            .map(drop)
            .map_err(|error| classify(&self.reference, error))
    }

    /// Sends a blob that is not there yet.
    async fn send(&self, described: &OciDescriptor, bytes: Vec<u8>) -> Result<(), FetchError> {
        let failed = |error| classify(&self.reference, error);
        if self.client.blob_exists(&self.reference, &described.digest).await.map_err(failed)? {
            return Ok(());
        }
        self.client.push_blob(&self.reference, bytes, &described.digest).await.map(drop).map_err(failed)
    }

    async fn send_manifest(
        &self,
        reference: &Reference,
        manifest: &OciImageManifest,
    ) -> Result<Manifest, FetchError> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| FetchError::Failed {
            at: reference.whole(),
            source,
        };
        let text = serde_json::to_string(manifest).map_err(|error| failed(error.into()))?;
        let media_type = http::HeaderValue::from_static(MANIFEST);
        self.client
            .push_manifest_raw(reference, Bytes::from(text.clone()), media_type)
            .await
            .map_err(|error| classify(reference, error))?;
        Ok(Manifest { digest: digest_of(text.as_bytes()), text })
    }
}

fn descriptor(media_type: &str, bytes: &[u8]) -> OciDescriptor {
    OciDescriptor {
        media_type: media_type.into(),
        digest: digest_of(bytes),
        size: i64::try_from(bytes.len()).unwrap_or(i64::MAX),
        ..OciDescriptor::default()
    }
}

fn parse(reference: &Reference, manifest: &Manifest) -> Result<OciImageManifest, FetchError> {
    let none = |reason: String| FetchError::NoComponent { at: reference.whole(), reason };
    match serde_json::from_str(&manifest.text) {
        Ok(OciManifest::Image(image)) => Ok(image),
        Ok(OciManifest::ImageIndex(_)) => Err(none("it is an index of artefacts".into())),
        Err(error) => Err(none(format!("its manifest cannot be read: {error}"))),
    }
}

/// The library's errors as ours. Those that are neither of nothing nor of credentials are told as they are.
fn classify(reference: &Reference, error: OciDistributionError) -> FetchError {
    let at = reference.whole();
    let is_status = |wanted: &[u16]| status(&error).is_some_and(|status| wanted.contains(&status));
    let is_code = |wanted: &[OciErrorCode]| {
        let OciDistributionError::RegistryError { envelope, .. } = &error else { return false };
        envelope.errors.iter().any(|error| wanted.contains(&error.code))
    };
    if matches!(error, OciDistributionError::ImageManifestNotFoundError(_))
        || is_status(&[404])
        || is_code(&[OciErrorCode::ManifestUnknown, OciErrorCode::NameUnknown, OciErrorCode::NotFound])
    {
        return FetchError::NotFound { at };
    }
    if matches!(
        error,
        OciDistributionError::UnauthorizedError { .. } | OciDistributionError::AuthenticationFailure(_)
    ) || is_status(&[401, 403])
        || is_code(&[OciErrorCode::Unauthorized, OciErrorCode::Denied])
    {
        return FetchError::Unauthorized { at };
    }
    FetchError::Failed { at, source: error.into() }
}

/// The HTTP status behind an error, where that is all the library tells.
fn status(error: &OciDistributionError) -> Option<u16> {
    if let OciDistributionError::ServerError { code, .. } = error {
        return Some(*code);
    }
    let OciDistributionError::RequestError(error) = error else { return None };
    error.status().map(|status| status.as_u16())
}
