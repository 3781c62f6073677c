//! A server of plugins on loopback: files by their paths, and as much of an OCI registry as plugins are pushed to
//! and pulled from. It is a double of those in `tests/registry`, which are real.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::serve::Listener;
use base64::Engine as _;
use futures::stream;
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use stepmill_server::distribution::digest_of;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A running server.
pub struct Registry {
    /// Where it listens.
    pub addr: SocketAddr,
    /// The certificate of its authority (PEM), if it speaks TLS.
    pub ca: Option<String>,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    /// Files, blobs and manifests, by their paths.
    content: HashMap<String, Bytes>,
    /// What is being sent.
    uploads: HashMap<String, Vec<u8>>,
    /// Paths at which the answer has no end.
    endless: HashSet<String>,
    requests: usize,
    password: Option<String>,
}

impl Registry {
    /// Starts one on a free port of loopback.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (shared, router) = routed();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { addr, ca: None, shared }
    }

    /// The same with TLS, under a certificate that no machine trusts.
    pub async fn start_with_tls() -> Self {
        let own = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der()).into();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key)
            .unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = tcp.local_addr().unwrap();
        let (shared, router) = routed();
        let listener = Tls { tcp, acceptor: Arc::new(config).into() };
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { addr, ca: Some(own.cert.pem()), shared }
    }

    /// Answers at this path as before.
    pub fn end(&self, path: &str) {
        self.shared.lock().unwrap().endless.remove(path);
    }

    /// Answers at this path without an end.
    pub fn never_end(&self, path: &str) {
        self.shared.lock().unwrap().endless.insert(path.to_owned());
    }

    /// Has a file at this path, and answers its URL.
    pub fn put(&self, path: &str, content: impl Into<Bytes>) -> String {
        self.shared.lock().unwrap().content.insert(path.to_owned(), content.into());
        let scheme = if self.ca.is_some() { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.addr)
    }

    /// A reference to a repository of it.
    pub fn reference(&self, name: &str) -> String {
        format!("{}/{name}", self.addr)
    }

    /// Answers only those who give this password, whatever their name.
    pub fn protect(&self, password: &str) {
        self.shared.lock().unwrap().password = Some(password.to_owned());
    }

    /// How many requests it was sent so far.
    pub fn requests(&self) -> usize {
        self.shared.lock().unwrap().requests
    }
}

fn routed() -> (Arc<Mutex<Shared>>, Router) {
    let shared = Arc::<Mutex<Shared>>::default();
    let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
    (shared, router.layer(axum::extract::DefaultBodyLimit::disable()))
}

/// Takes connections that speak TLS, and lets go of the others.
struct Tls {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for Tls {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let (stream, from) = self.tcp.accept().await.unwrap();
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, from);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

async fn answer(
    State(shared): State<Arc<Mutex<Shared>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut shared = shared.lock().unwrap();
    shared.requests += 1;
    if shared.password.as_ref().is_some_and(|password| given(&headers).as_ref() != Some(password)) {
        let challenge = [("www-authenticate", "Basic realm=\"tests\"")];
        let error = r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#;
        return (StatusCode::UNAUTHORIZED, challenge, error).into_response();
    }
    let path = uri.path();
    if path == "/v2/" {
        return StatusCode::OK.into_response();
    }
    let location = |status: StatusCode, location: String, received: usize| {
        let range = format!("0-{}", received.saturating_sub(1));
        (status, [("location", location), ("range", range)]).into_response()
    };
    if let Some((repository, upload)) = path.split_once("/blobs/uploads/") {
        let name = if upload.is_empty() { shared.requests.to_string() } else { upload.to_owned() };
        let received = shared.uploads.entry(name.clone()).or_default();
        received.extend_from_slice(&body);
        let length = received.len();
        if method != Method::PUT {
            return location(StatusCode::ACCEPTED, format!("{repository}/blobs/uploads/{name}"), length);
        }
        let blob = shared.uploads.remove(&name).unwrap();
        let path = format!("{repository}/blobs/{}", digest_of(&blob));
        shared.content.insert(path.clone(), blob.into());
        return location(StatusCode::CREATED, path, length);
    }
    if method == Method::PUT {
        let (repository, _) = path.split_once("/manifests/").unwrap();
        let by_digest = format!("{repository}/manifests/{}", digest_of(&body));
        shared.content.insert(by_digest.clone(), body.clone());
        shared.content.insert(path.to_owned(), body);
        return location(StatusCode::CREATED, by_digest, 0);
    }
    if shared.endless.contains(path) {
        let pieces = stream::repeat_with(|| Ok::<_, Infallible>(Bytes::from_static(&[b' '; 64 << 10])));
        return Body::from_stream(pieces).into_response();
    }
    match shared.content.get(path) {
        Some(content) => (StatusCode::OK, content.clone()).into_response(),
        None => {
            let error = r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#;
            (StatusCode::NOT_FOUND, error).into_response()
        }
    }
}

/// The password that a request gives.
fn given(headers: &HeaderMap) -> Option<String> {
    let basic = headers.get("authorization")?.to_str().ok()?.strip_prefix("Basic ")?;
    let pair = base64::engine::general_purpose::STANDARD.decode(basic).ok()?;
    Some(String::from_utf8(pair).ok()?.split_once(':')?.1.to_owned())
}
