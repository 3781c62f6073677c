//! TLS of the listeners: who is greeted, with which certificate, and what becomes of connections when it is replaced.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use stepmill_test_support::host::{Host, PATIENCE};
use stepmill_test_support::process::Process;
use stepmill_test_support::project::Project;
use stepmill_test_support::raw::{Raw, post};
use stepmill_test_support::sender::client;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate and its key, as PEM.
fn certificate(by: &Authority, name: &str, hosts: &[&str]) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params =
        CertificateParams::new(hosts.iter().map(|host| (*host).to_owned()).collect::<Vec<_>>()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    (params.signed_by(&key, by).unwrap().pem(), key.serialize_pem())
}

/// Puts a certificate and its key into a project's files.
fn install(folder: &Path, (certificate, key): &(String, String)) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::write(folder.join("key.pem"), key).unwrap();
    fs::set_permissions(folder.join("key.pem"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(folder.join("chain.pem"), certificate).unwrap();
}

const TLS: &str = "certificate: chain.pem, key: \"file:key.pem\"";

fn project(tls: &str) -> Project {
    Project::new()
        .guests(&["echo"])
        .server(&format!("tls: {{ {tls} }}"))
        .workflow("orders", "  - { id: echo, use: echo }")
}

/// A client that trusts an authority and shows a certificate of its own.
fn config(trusted: &Authority, shown: Option<&(String, String)>, alpn: &[&str]) -> ClientConfig {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut roots = RootCertStore::empty();
    roots.add(trusted.der().clone()).unwrap();
    let builder = ClientConfig::builder().with_root_certificates(roots);
    let mut config = match shown {
        Some((certificate, key)) => {
            let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
            builder
                .with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap())
                .unwrap()
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config
}

async fn connect(host: &Host, name: &str, config: ClientConfig) -> std::io::Result<TlsStream<TcpStream>> {
    let address = host.ingress.strip_prefix("https://").unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// Sends an event by a connection that stays; the answer's status, or what it failed with.
async fn event(stream: &mut TlsStream<TcpStream>, id: &str) -> std::io::Result<String> {
    stream.write_all(post("/orders", id, "", "{}").as_bytes()).await?;
    let mut read = vec![0; 4 << 10];
    let got = tokio::time::timeout(PATIENCE, stream.read(&mut read)).await.expect("an answer")?;
    Ok(String::from_utf8_lossy(&read[..got]).lines().next().unwrap_or_default().to_owned())
}

/// The certificate that a listener shows.
async fn shown(host: &Host, name: &str, trusted: &Authority) -> Vec<u8> {
    let stream = connect(host, name, config(trusted, None, &[])).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

fn der((certificate, _): &(String, String)) -> Vec<u8> {
    CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap().to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_are_replaced_under_connections_that_stay_and_bad_ones_are_not_taken() {
    let ca = authority("authority");
    let certificates = [(); 3].map(|()| certificate(&ca, "hooks", &["hooks.test"]));
    let project = project(TLS);
    install(project.folder(), &certificates[0]);
    let host = Host::in_memory(&project.write()).await;
    assert_eq!(shown(&host, "hooks.test", &ca).await, der(&certificates[0]));
    let mut stays = connect(&host, "hooks.test", config(&ca, None, &[])).await.unwrap();
    assert_eq!(event(&mut stays, "before").await.unwrap(), "HTTP/1.1 202 Accepted");

    install(project.folder(), &certificates[1]);
    let (status, changes) = host.admin.post("/api/reload", &Value::Null).await;
    assert_eq!(status, 200, "{changes}");
    assert_eq!(shown(&host, "hooks.test", &ca).await, der(&certificates[1]));
    assert_eq!(event(&mut stays, "after").await.unwrap(), "HTTP/1.1 202 Accepted");

    // A key that is another's.
    install(project.folder(), &(certificates[2].0.clone(), certificates[0].1.clone()));
    let (status, answer) = host.admin.post("/api/reload", &Value::Null).await;
    assert_eq!((status, &answer["error"]["code"]), (422, &json!("invalid-config")), "{answer}");
    assert!(answer.to_string().contains("is not that of the certificate chain.pem"), "{answer}");
    assert_eq!(shown(&host, "hooks.test", &ca).await, der(&certificates[1]));

    // It is looked for without being asked.
    install(project.folder(), &certificates[2]);
    let deadline = Instant::now() + PATIENCE;
    while shown(&host, "hooks.test", &ca).await != der(&certificates[2]) {
        assert!(Instant::now() < deadline, "the new certificate is not taken");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(event(&mut stays, "last").await.unwrap(), "HTTP/1.1 202 Accepted");
    drop(stays);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_without_the_certificate_that_is_asked_for_do_not_come_in() {
    let (ca, clients, strangers) = (authority("authority"), authority("clients"), authority("strangers"));
    let good = certificate(&clients, "shop", &["shop.test"]);
    let bad = certificate(&strangers, "shop", &["shop.test"]);
    for (auth, without) in [("required", false), ("optional", true)] {
        let project = project(&format!("{TLS}, client_ca: clients.pem, client_auth: {auth}"))
            .file("clients.pem", &clients.pem());
        install(project.folder(), &certificate(&ca, "hooks", &["hooks.test"]));
        let host = Host::in_memory(&project.write()).await;
        for (shown, is_taken) in [(None, without), (Some(&bad), false), (Some(&good), true)] {
            // In TLS 1.3 the client hears of it only after its own half of the handshake.
            let answered = match connect(&host, "hooks.test", config(&ca, shown, &[])).await {
                Ok(mut stream) => event(&mut stream, "1").await.unwrap_or_default(),
                Err(_) => String::new(),
            };
            assert_eq!(answered == "HTTP/1.1 202 Accepted", is_taken, "{auth}: {answered}");
        }
        host.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_2_is_agreed_on_and_old_versions_of_tls_are_not() {
    let ca = authority("authority");
    let project = project(TLS);
    install(project.folder(), &certificate(&ca, "hooks", &["127.0.0.1"]));
    let host = Host::in_memory(&project.write()).await;
    for (alpn, version) in
        [(&["h2", "http/1.1"][..], reqwest::Version::HTTP_2), (&["http/1.1"], reqwest::Version::HTTP_11)]
    {
        let client = reqwest::Client::builder().no_proxy().tls_backend_preconfigured(config(&ca, None, alpn));
        let client = if alpn.len() == 1 { client.http1_only() } else { client }.build().unwrap();
        let response = client.post(format!("{}/orders", host.ingress)).body("{}").send().await.unwrap();
        assert_eq!((response.version(), response.status().as_u16()), (version, 401));
    }
    // The greeting of a client that knows TLS 1.1 and no more (RFC 4346), and a fatal alert: protocol_version, or
    // handshake_failure as none of its cipher suites is one of ours.
    let body = [&[3, 2][..], &[7; 32], &[0, 0, 2, 0, 0x2f, 1, 0]].concat();
    let length = u8::try_from(body.len()).unwrap();
    let hello = [&[22, 3, 1, 0, length + 4, 1, 0, 0, length][..], &body].concat();
    let mut raw = Raw::connect(&host.ingress).await;
    raw.send(hello).await;
    let answer = raw.rest().await;
    assert!(matches!(answer.as_slice(), [21, _, _, _, _, 2, 40 | 70]), "{answer:?}");
    // Nor does who speaks in the clear.
    let mut raw = Raw::connect(&host.ingress).await;
    raw.send(post("/orders", "1", "", "{}")).await;
    assert!(!raw.text().await.contains("HTTP"));
    assert_eq!(host.admin.get("/api/runs").await["runs"], json!([]));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_name_is_shown_its_own_certificate_and_others_the_first() {
    let ca = authority("authority");
    let project = Project::new().server(
        "tls: { certificates: [{ certificate: a/chain.pem, key: \"file:a/key.pem\" }, { certificate: b/chain.pem, key: \"file:b/key.pem\" }] }",
    );
    let pairs = [certificate(&ca, "a", &["a.test"]), certificate(&ca, "b", &["*.b.test"])];
    for (folder, pair) in ["a", "b"].iter().zip(&pairs) {
        fs::create_dir(project.folder().join(folder)).unwrap();
        install(&project.folder().join(folder), pair);
    }
    let host = Host::in_memory(&project.write()).await;
    assert_eq!(shown(&host, "a.test", &ca).await, der(&pairs[0]));
    assert_eq!(shown(&host, "x.b.test", &ca).await, der(&pairs[1]));
    // The client refuses it, as it has another name: it was the first.
    let error = connect(&host, "c.test", config(&ca, None, &[])).await.unwrap_err().to_string();
    assert!(error.contains("a.test"), "{error}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_believes_the_certificate_of_its_project_and_no_other() {
    let ca = authority("authority");
    let project = Project::new().server("admin_tls: { certificate: chain.pem, key: \"file:key.pem\" }");
    install(project.folder(), &certificate(&ca, "admin", &["admin.test"]));
    let config = project.write();
    let binary = PathBuf::from(env!("CARGO_BIN_EXE_stepmill"));
    let process = Process::start(&binary, &config).await;
    assert!(process.addresses.admin.starts_with("https://"));
    let list = || Command::new(&binary).args(["runs", "list", "--config"]).arg(&config).output().unwrap();
    let listed = list();
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    // Another certificate of the same name, which the service has not taken yet.
    fs::write(project.folder().join("chain.pem"), certificate(&ca, "admin", &["admin.test"]).0).unwrap();
    assert_eq!(list().status.code(), Some(5));
    // In the clear there is nothing.
    let clear = process.addresses.admin.replace("https://", "http://");
    assert!(client().get(format!("{clear}/health/live")).send().await.is_err());
    process.kill();
}

#[test]
fn what_is_wrong_with_certificates_is_found_before_a_start() {
    let ca = authority("authority");
    let (good, other) =
        (certificate(&ca, "hooks", &["hooks.test"]), certificate(&ca, "other", &["hooks.test"]));
    let mut params = CertificateParams::new(vec!["hooks.test".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "old");
    (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(2001, 1, 1));
    let key = KeyPair::generate().unwrap();
    let ended = (params.signed_by(&key, &ca).unwrap().pem(), key.serialize_pem());
    let check = |tls: &str, pair: &(String, String)| {
        let project = Project::new().server(tls);
        install(project.folder(), pair);
        let output = Command::new(env!("CARGO_BIN_EXE_stepmill"))
            .args(["check", "--offline", "--json", "--config"])
            .arg(project.write())
            .output()
            .unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let found = report["diagnostics"]
            .as_array()
            .unwrap()
            .iter()
            .find(|found| !found["key"].as_str().unwrap().starts_with("workflows"));
        let found = found.cloned().unwrap_or_default();
        let text = |key: &str| {
            found[key].as_str().unwrap_or_default().replace(&project.folder().display().to_string(), "FOLDER")
        };
        format!("{} {}: {}", text("severity"), text("key"), text("message"))
    };
    let tls = format!("tls: {{ {TLS} }}");
    assert_eq!(check(&tls, &good), " : ");
    for (tls, pair, message) in [
        (
            &*tls,
            &(good.0.clone(), other.1),
            "error server.tls.key: the key file:key.pem is not that of the certificate chain.pem",
        ),
        (
            &tls,
            &ended,
            "warning server.tls.certificate: the certificate of CN=old in chain.pem has ended: Jan  1 00:00:00 2001 +00:00",
        ),
        (
            &tls,
            &("nothing".into(), good.1.clone()),
            "error server.tls.certificate: FOLDER/chain.pem holds no certificate in PEM",
        ),
        (
            &tls,
            &(good.0.clone(), "nothing".into()),
            "error server.tls.key: file:key.pem is no private key in PEM",
        ),
        (
            "tls: { certificate: no.pem, key: \"file:key.pem\" }",
            &good,
            "error server.tls.certificate: the certificate FOLDER/no.pem cannot be read: No such file or directory (os error 2)",
        ),
        ("tls: { certificate: chain.pem }", &good, "error server.tls: a certificate and its key go together"),
        (
            "tls: { certificate: chain.pem, key: \"file:key.pem\", client_auth: required }",
            &good,
            "error server.tls.client_auth: no certificate of a client could be good",
        ),
        (
            "admin_tls: { certificate: chain.pem, key: \"file:key.pem\", client_ca: chain.pem }",
            &good,
            "error server.admin_tls: callers of the admin API are known by its token, not by certificates",
        ),
        (
            "proxy_protocol: true",
            &good,
            "error server.proxy_protocol: nobody could connect: no proxy is trusted",
        ),
        (
            "trusted_proxies: [10.0.0.1/8]",
            &good,
            "error server.trusted_proxies[0]: \"10.0.0.1/8\" is an address with the length of a network: write 10.0.0.0/8 for the network, or 10.0.0.1 for the address",
        ),
        ("connections: { idle: 2h }", &good, "error server.connections.idle: idle is 2h: give 100ms to 1h"),
    ] {
        assert_eq!(check(tls, pair), message);
    }
}
