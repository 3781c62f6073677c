//! A server of plugins on loopback: files by their paths, and as much of an OCI registry as plugins are pushed to
//! and pulled from. It is a double of those in `tests/registry`, which are real.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use stepmill_server::distribution::digest_of;
use tokio::net::TcpListener;

/// A running server.
pub struct Registry {
    /// Where it listens.
    pub addr: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    /// Files, blobs and manifests, by their paths.
    content: HashMap<String, Bytes>,
    /// What is being sent.
    uploads: HashMap<String, Vec<u8>>,
    requests: usize,
    password: Option<String>,
}

impl Registry {
    /// Starts one on a free port of loopback.
    pub async fn start() -> Self {
        let shared = Arc::<Mutex<Shared>>::default();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let router = router.layer(axum::extract::DefaultBodyLimit::disable());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { addr, shared }
    }

    /// Has a file at this path, and answers its URL.
    pub fn put(&self, path: &str, content: impl Into<Bytes>) -> String {
        self.shared.lock().unwrap().content.insert(path.to_owned(), content.into());
        format!("http://{}{path}", self.addr)
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
