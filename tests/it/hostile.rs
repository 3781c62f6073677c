//! Invariants 5, 6 and 8: whatever a guest does is one failed attempt with a named cause, and other
//! runs go on.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use stepmill_core::attempt::{Cause, Record};
use stepmill_core::run::{Phase, What};
use stepmill_test_support::guests;
use stepmill_test_support::host::Host;
use stepmill_test_support::project::Project;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Puts one event through a step of `guest` while an honest workflow beside it is served.
async fn attempt(guest: &str, step: &str, event: &Value) -> (Phase, Record) {
    let project = Project::new()
        .guests(&[guest, "echo"])
        .workflow("hostile", &format!("  - {{ id: it, use: {guest}, {step} retry: {{ attempts: 1 }} }}"))
        .workflow("honest", "  - { id: echo, use: echo }");
    let host = Host::in_memory(&project.write()).await;
    let run = host.accept("hostile", "1", event).await;
    for n in 0..20 {
        let (state, _) = host.finish("honest", &n.to_string(), &json!({ "n": n })).await;
        assert_eq!(state.phase, Phase::Succeeded);
    }
    let (state, entries) = host.admin.ended(run).await;
    host.stop().await;
    let record = entries
        .into_iter()
        .find_map(|entry| match entry.what {
            What::Died { record, .. } | What::StepSucceeded { record, .. } => Some(record),
            _ => entry.pure.into_iter().next(),
        })
        .unwrap();
    (state.phase, record)
}

async fn cause(guest: &str, step: &str) -> Cause {
    let (phase, record) = attempt(guest, step, &json!({})).await;
    let Phase::Dead { failure, .. } = phase else { panic!("{phase:?} {record:?}") };
    println!("{guest}: {} ({})", failure.cause.name(), failure.message);
    failure.cause
}

/// The output of a connector guest, from the exchange's point of view: what it answered.
async fn answer(guest: &str, step: &str) -> Value {
    let project = Project::new()
        .guests(&[guest])
        .workflow("hostile", &format!("  - {{ id: it, use: {guest}, {step} retry: {{ attempts: 1 }} }}"));
    let host = Host::in_memory(&project.write()).await;
    let (state, entries) = host.finish("hostile", "1", &json!({})).await;
    host.stop().await;
    entries
        .iter()
        .find_map(|entry| match &entry.what {
            What::StepSucceeded { output, .. } => Some(output.to_json().unwrap()),
            _ => None,
        })
        .unwrap_or_else(|| panic!("{state:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endless_loop_runs_into_its_cpu_deadline() {
    assert_eq!(cause("endless-loop", "limits: { cpu_ms: 200 },").await, Cause::CpuDeadline);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endless_recursion_is_a_stack_overflow() {
    assert_eq!(cause("endless-recursion", "").await, Cause::StackOverflow);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_memory_bomb_meets_its_limit() {
    let (phase, record) = attempt("memory-bomb", "", &json!({})).await;
    let Phase::Dead { failure, .. } = phase else { panic!("{phase:?}") };
    assert_eq!(failure.cause, Cause::MemoryLimit, "{failure:?}");
    assert!(record.memory_bytes <= 64 << 20, "{record:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_megabytes_of_output_are_refused() {
    let limits = "limits: { memory_bytes: 268435456, output_bytes: 16777216 },";
    assert_eq!(cause("big-output", limits).await, Cause::OutputLimit);
    assert_eq!(cause("big-output", "").await, Cause::MemoryLimit);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_is_a_trap_that_says_what_the_guest_said() {
    let (phase, _) = attempt("panic", "", &json!({})).await;
    let Phase::Dead { failure, .. } = phase else { panic!("{phase:?}") };
    assert_eq!(failure.cause, Cause::Trap);
    assert!(failure.message.contains("on purpose"), "{}", failure.message);
    assert!(matches!(cause("exit", "").await, Cause::Trap));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_of_log_lines_and_output_are_cut_at_their_limit() {
    for guest in ["log-flood", "stdout-flood"] {
        let (phase, record) = attempt(guest, "", &json!({})).await;
        assert_eq!(phase, Phase::Succeeded, "{record:?}");
        let kept: usize = record.logs.iter().map(|line| line.message.len()).sum();
        assert!((1_000..=(64 << 10) + 200).contains(&kept), "{guest} kept {kept}");
        assert!(record.logs.last().unwrap().message.contains("dropped"), "{:?}", record.logs.last());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storage_flood_is_refused_and_leaves_nothing_over_its_limit() {
    let answered = answer("storage-flood", "").await;
    assert!(answered["written"].as_u64().unwrap() <= 4_096, "{answered}");
    assert_eq!(answered["error"], "limit-reached", "{answered}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forbidden_host_is_a_denial_that_the_guest_can_read() {
    let honest = serve(|_| "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".into()).await;
    let with = format!("with: {{ url: \"http://{honest}/\" }},");
    assert_eq!(answer("fetch", &with).await["error"], "denied");
    assert_eq!(answer("wasi-http", &with).await["error"], "ErrorCode::HttpRequestDenied");
    // The grant that the log's stanza names makes it work, through both interfaces.
    let granted = format!("{with} allow: [{{ url: \"http://{honest}/\", private: true }}],");
    assert_eq!(answer("fetch", &granted).await["status"], 200);
    assert_eq!(answer("wasi-http", &granted).await["status"], 200);
    // What a guest stores in a request that it need not send has a length.
    let long = format!("with: {{ url: \"http://{}.example/\" }},", "a".repeat(2_000));
    let refused = answer("wasi-http", &long).await;
    assert_ne!(refused["error"], "ErrorCode::HttpRequestDenied", "{refused}");
    // Without `private` an address of this machine stays forbidden.
    let public = format!("{with} allow: [{{ url: \"http://{honest}/\" }}],");
    assert_eq!(answer("fetch", &public).await["error"], "denied");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_to_a_forbidden_host_is_denied_where_redirects_are_followed() {
    let hidden = serve(|_| "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret".into()).await;
    let lure = serve(move |_| {
        format!("HTTP/1.1 302 Found\r\nlocation: http://{hidden}/\r\ncontent-length: 0\r\n\r\n")
    })
    .await;
    let allow = format!(
        "with: {{ url: \"http://{lure}/\" }}, allow: [{{ url: \"http://{lure}/\", private: true }}],"
    );
    assert_eq!(answer("fetch", &allow).await["status"], 302, "not followed unless granted");
    assert_eq!(answer("fetch", &format!("{allow} redirects: 3,")).await["error"], "denied");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_server_costs_the_attempt_and_nobody_else() {
    let slow = serve(|_| String::new()).await;
    let step = format!(
        "with: {{ url: \"http://{slow}/\" }}, timeout: 300ms, allow: [{{ url: \"http://{slow}/\", private: true }}],"
    );
    let (phase, record) = attempt("fetch", &step, &json!({})).await;
    let named = match phase {
        Phase::Dead { failure, .. } => failure.cause == Cause::WallDeadline,
        _ => record.exchanges.iter().any(|exchange| exchange.result.is_err()),
    };
    assert!(named, "{record:?}");
    assert!(record.took_us < 5_000_000, "{record:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_huge_response_is_cut_off_while_it_is_read() {
    let huge =
        serve(|_| format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}", "x".repeat(32 << 20))).await;
    let step = format!(
        "with: {{ url: \"http://{huge}/\" }}, allow: [{{ url: \"http://{huge}/\", private: true }}],"
    );
    assert_eq!(answer("fetch", &step).await["error"], "response-too-large");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sleeping_connector_runs_into_its_wall_deadline() {
    assert_eq!(cause("slow", "with: { ms: 60000 }, timeout: 200ms,").await, Cause::WallDeadline);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_are_no_files_and_no_environment() {
    let (phase, record) = attempt("reads-file", "", &json!({})).await;
    assert_eq!(phase, Phase::Succeeded, "{record:?}");
    assert!(!record.logs.iter().any(|line| line.message.contains("root:")), "{record:?}");
}

#[test]
fn components_that_are_none_or_want_too_much_are_refused_at_load() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let echo = guests::bytes("echo");
        let mut random = vec![0_u8; 4096];
        let mut seed = 7_u32;
        random.fill_with(|| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            seed.to_be_bytes()[0]
        });
        let core_module = wat::parse_str("(module)").unwrap();
        let cases: [(&str, Vec<u8>, &str); 6] = [
            ("truncated", echo[..echo.len() / 2].to_vec(), "damaged"),
            ("random", random, "not WebAssembly"),
            ("empty", Vec::new(), "not WebAssembly"),
            ("core-module", core_module, "component"),
            ("sockets", guests::bytes("sockets"), "wasi:sockets"),
            ("bad-manifest", guests::bytes("bad-manifest"), "manifest"),
        ];
        for (name, bytes, expected) in cases {
            let project = Project::new().workflow("x", &format!("  - {{ id: it, use: {name} }}"));
            std::fs::write(project.folder().join("it.wasm"), bytes).unwrap();
            let project = project.plugin(name, Path::new("it.wasm"));
            let config = project.write();
            let read =
                stepmill_server::config::Project::read(&config).unwrap_or_else(|errors| panic!("{errors}"));
            let error = stepmill_server::Service::start(read).await.err().unwrap().to_string();
            println!("{name}: {error}");
            assert!(error.contains(expected) && error.contains(name), "{name}: {error}");
        }
    });
}

/// A server of one raw answer a connection; an empty one is never sent.
async fn serve(answer: impl Fn(usize) -> String + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let answer = std::sync::Arc::new(answer);
    tokio::spawn(async move {
        for number in 0.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            let answer = std::sync::Arc::clone(&answer);
            tokio::spawn(async move {
                let mut buffer = [0_u8; 4096];
                let _ = stream.read(&mut buffer).await;
                let text = answer(number);
                if text.is_empty() {
                    tokio::time::sleep(Duration::from_secs(30)).await;
                }
                let _ = stream.write_all(text.as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    addr
}
