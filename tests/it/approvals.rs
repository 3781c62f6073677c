//! Links by which a person without an account decides: as they come in a message, and as browsers follow them.

use std::path::Path;
use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use stepmill_core::RunId;
use stepmill_core::run::{Phase, What};
use stepmill_core::signature::sign;
use stepmill_test_support::host::Host;
use stepmill_test_support::project::{Project, SECRET};
use stepmill_test_support::sender::client;
use stepmill_test_support::stub::Stub;

const APPROVALS: &str = "approvals: { url: \"https://flows.example.com\", secret: \"file:secret\" }";

/// A service whose chat is this stub.
fn project(chat: &Stub) -> Project {
    Project::new().system("chat", &chat.url()).extra(APPROVALS)
}

/// A step that tells the link of another.
fn tells(step: &str) -> String {
    format!(
        "  - {{ id: ask, use: rest, system: chat, input: {{ link: \"${{{{ links.{step} }}}}\" }}, \
         with: {{ method: POST, path: /messages }} }}\n"
    )
}

/// The link in the latest message.
async fn told(chat: &Stub, host: &Host) -> String {
    loop {
        if let Some(seen) = chat.seen().last() {
            let body = &seen.body;
            let (_, link) = body.split_once("https://flows.example.com").unwrap_or_else(|| panic!("{body}"));
            let path = link.split(['"', ' ']).next().unwrap();
            return format!("{}{path}", host.ingress);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

struct Answer {
    status: StatusCode,
    location: Option<String>,
    page: String,
}

/// Sends a request, and looks whether what comes is neither kept nor handed on nor framed.
async fn answer(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let header = |name: &str| {
        response.headers().get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap().to_owned()
    };
    assert_eq!(
        (header("cache-control"), header("referrer-policy")),
        ("no-store".into(), "no-referrer".into())
    );
    let policy = header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; ") && policy.contains("frame-ancestors 'none'"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe") && !policy.contains("script-src"), "{policy}");
    let location = response.headers().get("location").map(|at| at.to_str().unwrap().to_owned());
    Answer { status: response.status(), location, page: response.text().await.unwrap() }
}

async fn get(link: &str) -> Answer {
    answer(client().get(link)).await
}

/// Presses a button.
async fn press(link: &str, form: &str) -> Answer {
    let form_type = "application/x-www-form-urlencoded";
    answer(client().post(link).header("content-type", form_type).body(form.to_owned())).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_of_the_example_is_decided_by_the_link_in_the_chat() {
    let (chat, payments) = (Stub::start().await, Stub::start().await);
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/approval/workflows/refund.yaml");
    let workflow = std::fs::read_to_string(example).unwrap().replace("env:SHOP_SECRET", "\"file:secret\"");
    let project = project(&chat).system("payments", &payments.url()).file("workflows/refund.yaml", &workflow);
    let host = Host::in_memory(&project.write()).await;
    let body = json!({ "order": "<b>7</b>", "amount": 150.5 }).to_string();
    let sent = client()
        .post(format!("{}/shop/refunds", host.ingress))
        .header("x-shopify-webhook-id", "1")
        .header("x-shopify-hmac-sha256", sign::shopify(SECRET.as_bytes(), body.as_bytes()))
        .body(body);
    let answer: Value = serde_json::from_str(&sent.send().await.unwrap().text().await.unwrap()).unwrap();
    let run: RunId = answer["run"].as_str().unwrap().parse().unwrap();
    let (before, _) = host.admin.until(run, |state| matches!(state.phase, Phase::Waiting { .. })).await;
    let link = told(&chat, &host).await;
    let shown = host.admin.get(&format!("/api/runs/{run}")).await;
    assert!(shown["links"]["boss"].as_str().unwrap().ends_with(link.strip_prefix(&host.ingress).unwrap()));

    // Looking decides nothing, however often.
    for _ in 0..2 {
        let seen = get(&link).await;
        assert_eq!(seen.status, 200);
        let asked = ["Refund 150.5 for order &lt;b&gt;7&lt;/b&gt;?", "Approve</button>", "Decline</button>"];
        let facts = ["<dd>refund</dd>", "<dd>boss</dd>", &format!("<dd>{run}</dd>")];
        assert!(asked.iter().chain(&facts).all(|text| seen.page.contains(text)), "{}", seen.page);
        assert!(!seen.page.contains("<b>"), "{}", seen.page);
    }
    assert_eq!(client().request(Method::HEAD, &link).send().await.unwrap().status(), 200);
    assert_eq!(press(&link, "name=Jo").await.status, 400);
    assert_eq!(host.admin.read(run).await.0.seq, before.seq);

    let pressed = press(&link, "decision=approve&name=Jo+%3Ci%3E&comment=fine").await;
    assert_eq!(pressed.status, 303);
    let back = reqwest::Url::parse(&link).unwrap().join(&pressed.location.unwrap()).unwrap();
    assert_eq!(back.as_str(), link);
    let seen = get(&link).await;
    assert_eq!(seen.status, 200);
    assert!(seen.page.contains("Approved") && seen.page.contains("By Jo &lt;i&gt; (link)."), "{}", seen.page);
    assert!(seen.page.contains("Refund 150.5") && !seen.page.contains("<form"), "{}", seen.page);
    let (state, entries) = host.admin.ended(run).await;
    assert_eq!(state.phase, Phase::Succeeded);
    let decided = entries.iter().find_map(|entry| match &entry.what {
        What::Decided { decision, .. } => {
            Some((decision.approved, &*decision.by, decision.comment.as_deref()))
        }
        _ => None,
    });
    assert_eq!(decided, Some((true, "Jo <i> (link)", Some("fine"))));
    assert_eq!(payments.seen().len(), 1);

    // Who comes second reads what the first has decided.
    let late = press(&link, "decision=decline&name=Al").await;
    assert_eq!(late.status, 409);
    assert!(late.page.contains("Approved") && late.page.contains("By Jo"), "{}", late.page);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_no_good_link_learns_nothing() {
    let chat = Stub::start().await;
    let steps =
        format!("{}  - {{ id: boss, approve: {{}} }}\n  - {{ id: second, approve: {{}} }}", tells("boss"));
    let host = Host::in_memory(&project(&chat).workflow("pay", &steps).write()).await;
    let run = host.accept("pay", "1", &json!({})).await;
    let (before, _) = host.admin.until(run, |state| matches!(state.phase, Phase::Waiting { .. })).await;
    let link = told(&chat, &host).await;
    let nobody = RunId::new(1, [1; 10]).to_string();
    let mut pages = Vec::new();
    for bad in [
        link.replace("signature=", "signature=A"),
        link.replace("signature=", "signed="),
        link.replace("/boss?", "/second?"),
        link.replace(&run.to_string(), &nobody),
        link.replace(&run.to_string(), "run_1"),
    ] {
        for seen in [get(&bad).await, press(&bad, "decision=approve").await] {
            assert_eq!(seen.status, 403, "{bad}");
            pages.push(seen.page);
        }
    }
    pages.dedup();
    assert_eq!(pages.len(), 1, "{pages:#?}");
    assert_eq!(host.admin.read(run).await.0.seq, before.seq);
    // The secret is not in what is shown.
    let shown = host.admin.text(&format!("/api/runs/{run}")).await;
    assert!(!shown.contains(SECRET));
    host.stop().await;

    // A service without links has no such pages.
    let plain = Project::new().guests(&["echo"]).workflow("plain", "  - { id: echo, use: echo }");
    let host = Host::in_memory(&plain.write()).await;
    let answer =
        client().get(format!("{}/approvals/{nobody}/boss?signature=A", host.ingress)).send().await.unwrap();
    assert_eq!(answer.status(), 404);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_says_when_it_is_too_early_too_late_or_was_declined() {
    let chat = Stub::start().await;
    let early = format!("{}  - {{ id: nap, sleep: 1h }}\n  - {{ id: boss, approve: {{}} }}", tells("boss"));
    let late = format!("{}  - {{ id: boss, approve: {{}}, timeout: 50ms }}", tells("boss"));
    let open = format!("{}  - {{ id: boss, approve: {{}} }}", tells("boss"));
    let project = project(&chat).workflow("early", &early).workflow("late", &late).workflow("open", &open);
    let host = Host::in_memory(&project.write()).await;

    let run = host.accept("early", "1", &json!({})).await;
    host.admin.until(run, |state| matches!(state.phase, Phase::Waiting { .. })).await;
    let link = told(&chat, &host).await;
    let seen = get(&link).await;
    assert_eq!((seen.status.as_u16(), seen.page.contains("Not asked yet")), (404, true));
    assert_eq!(press(&link, "decision=approve").await.status, 404);
    host.admin.post(&format!("/api/runs/{run}/cancel"), &json!({})).await;
    assert_eq!(get(&link).await.status, 410);

    let (state, _) = host.finish("late", "1", &json!({})).await;
    assert!(state.phase.is_dead());
    let link = told(&chat, &host).await;
    assert_eq!(get(&link).await.status, 410);
    assert_eq!(press(&link, "decision=approve").await.status, 410);

    // Nobody gave a name. The run has died of it, and the page still says why.
    let run = host.accept("open", "1", &json!({})).await;
    host.admin.until(run, |state| matches!(state.phase, Phase::Waiting { .. })).await;
    let link = told(&chat, &host).await;
    assert_eq!(press(&link, "decision=decline").await.status, 303);
    assert!(host.admin.ended(run).await.0.phase.is_dead());
    let seen = get(&link).await;
    assert!(seen.page.contains("Declined") && seen.page.contains("By somebody (link)."), "{}", seen.page);
    // A person has it asked anew: the same link is good again.
    host.admin.post(&format!("/api/runs/{run}/redrive"), &json!({})).await;
    host.admin.until(run, |state| matches!(state.phase, Phase::Waiting { .. })).await;
    let page = get(&link).await.page;
    let (_, rest) = page.split_once("name=\"asked\" value=\"").unwrap();
    let (asked, _) = rest.split_once('"').unwrap();
    // A page from before it was asked anew decides nothing.
    let stale = press(&link, "decision=approve&asked=1").await;
    assert_eq!(stale.status, 409);
    assert!(asked != "1" && stale.page.contains("<form"), "{}", stale.page);
    assert!(matches!(host.admin.read(run).await.0.phase, Phase::Waiting { .. }));
    assert_eq!(press(&link, &format!("decision=approve&asked={asked}")).await.status, 303);
    assert_eq!(host.admin.ended(run).await.0.phase, Phase::Succeeded);
    host.stop().await;
}
