use proptest::prelude::*;
use stepmill_core::grant::{Allow, Grant};
use url::Url;

use super::{Asker, Bases, Decision, Denial, Prefix, Target, decide};

fn systems() -> Bases {
    [("crm", "https://crm.test/"), ("erp", "https://erp.test/api/")]
        .into_iter()
        .map(|(name, url)| {
            (name.to_owned(), Prefix::try_new(&Url::parse(url).expect("a URL")).expect("a prefix"))
        })
        .collect()
}

fn grant(system: Option<&str>, allow: &[(&str, &[&str], bool)]) -> Grant {
    let allow = allow
        .iter()
        .map(|(url, methods, private)| Allow {
            url: (*url).into(),
            methods: methods.iter().map(|method| (*method).to_owned()).collect(),
            private: *private,
        })
        .collect();
    Grant { system: system.map(Into::into), allow, ..Grant::default() }
}

fn ask(grant: &Grant, method: &str, url: &str) -> Result<Decision, Denial> {
    decide(grant, &systems(), method, &Target::Url(url.into()), Asker::Guest)
}

fn stanza(result: Result<Decision, Denial>) -> String {
    result.expect_err("a denial").stanza().expect("a stanza")
}

#[test]
fn the_default_grant_allows_nothing() {
    let none = Grant::default();
    assert!(matches!(ask(&none, "GET", "https://erp.test/api/x"), Err(Denial::Target { .. })));
    let path = decide(&none, &systems(), "GET", &Target::Path("/x".into()), Asker::Guest);
    assert!(matches!(path, Err(Denial::NoSystem { .. })));
}

#[test]
fn a_url_within_the_steps_system_counts_as_the_system() {
    let erp = grant(Some("erp"), &[]);
    let system =
        |url: &str| matches!(ask(&erp, "POST", url), Ok(Decision::System { name, .. }) if name == "erp");
    assert!(system("https://erp.test/api/orders?x=1"));
    assert!(system("HTTPS://ERP.test:443/api/orders"));
    for outside in [
        "https://erp.test/",
        "https://erp.test/apix",
        "https://erp.test/api/../admin",
        "http://erp.test/api/",
        "https://erp.test:444/api/",
        "https://crm.test/",
        "https://erp.test.evil.test/api/",
        "https://erp.test/api/%2e%2e/admin",
        "https://erp.test./api/",
    ] {
        assert!(matches!(ask(&erp, "GET", outside), Err(Denial::Target { .. })), "{outside}");
    }
    for invalid in [
        "https://erp.test@evil.test/api/",
        "https://evil.test\\@erp.test/api/",
        "https://u:p@erp.test/api/",
        "https://erp.test/api/..%2fadmin",
        "https://erp.test/api/#x",
        "https://erp.test/\tapi/",
        "file:///etc/passwd",
        "/api/",
        "//erp.test/api/",
        "ftp://erp.test/api/",
        "https://",
        "",
    ] {
        assert!(matches!(ask(&erp, "GET", invalid), Err(Denial::Invalid(_))), "{invalid}");
    }
}

#[test]
fn a_rule_allows_its_methods_below_its_url() {
    let rules =
        grant(None, &[("https://a.test/v1/", &["GET"], false), ("https://a.test/v1/hooks", &[], true)]);
    assert!(matches!(
        ask(&rules, "GET", "https://a.test/v1/x"),
        Ok(Decision::Allowed { private: false, any_method: false, .. })
    ));
    assert!(matches!(
        ask(&rules, "POST", "https://a.test/v1/hooks/7"),
        Ok(Decision::Allowed { private: true, any_method: true, .. })
    ));
    assert!(matches!(ask(&rules, "POST", "https://a.test/v1/x"), Err(Denial::Method { .. })));
    assert!(matches!(ask(&rules, "GET", "https://a.test/v2/"), Err(Denial::Target { .. })));
}

#[test]
fn a_private_address_is_denied_in_every_notation() {
    for host in [
        "127.0.0.1",
        "2130706433",
        "0x7f.1",
        "0x7f000001",
        "017700000001",
        "127.1",
        "127.0.0.1.",
        "0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "１２７.0.0.1",
        "127。0。0。1",
        "%31%32%37.0.0.1",
    ] {
        let url = format!("http://{host}/");
        let denied = ask(&grant(None, &[(&url, &[], false)]), "GET", &url);
        assert!(matches!(denied, Err(Denial::Private { .. })), "{host}: {denied:?}");
        assert!(ask(&grant(None, &[(&url, &[], true)]), "GET", &url).is_ok(), "{host}");
    }
}

#[test]
fn a_denial_names_the_config_that_would_allow_it() {
    let get = |grant: &Grant, url: &str| stanza(ask(grant, "GET", url));
    let none = Grant::default();
    assert_eq!(
        get(&none, "https://api.example.com/v1/x?secret=1"),
        r#"allow: [{ url: "https://api.example.com/", methods: [GET] }]"#
    );
    assert_eq!(
        get(&none, "http://[::1]:8080/"),
        r#"allow: [{ url: "http://[::1]:8080/", methods: [GET], private: true }]"#
    );
    assert_eq!(get(&none, "https://erp.test/api/x"), "system: erp");
    assert_eq!(
        stanza(decide(&none, &systems(), "GET", &Target::Path("/".into()), Asker::Guest)),
        "system: crm"
    );
    let rules = grant(None, &[("https://a.test/v1", &["POST"], false), ("http://10.0.0.1/", &[], false)]);
    assert_eq!(
        get(&rules, "https://a.test/v1/x"),
        r#"allow: [{ url: "https://a.test/v1", methods: [POST, GET] }]"#
    );
    assert_eq!(
        get(&rules, "http://10.0.0.1/x"),
        r#"allow: [{ url: "http://10.0.0.1/", methods: [GET], private: true }]"#
    );
    assert_eq!(
        stanza(ask(&none, "X|Y", "https://a.test/")),
        r#"allow: [{ url: "https://a.test/", methods: ["X|Y"] }]"#
    );
}

#[test]
fn a_stranger_cannot_redirect_into_the_system() {
    let follow = |grant: &Grant, asker| {
        decide(grant, &systems(), "GET", &Target::Url("https://erp.test/api/x".into()), asker)
    };
    let erp = grant(Some("erp"), &[]);
    assert!(matches!(follow(&erp, Asker::System), Ok(Decision::System { .. })));
    assert_eq!(
        stanza(follow(&erp, Asker::Stranger)),
        r#"allow: [{ url: "https://erp.test/", methods: [GET] }]"#
    );
    let both = grant(Some("erp"), &[("https://erp.test/", &[], false)]);
    assert!(matches!(follow(&both, Asker::Stranger), Ok(Decision::Allowed { .. })), "without credentials");
}

proptest! {
    #[test]
    fn a_suggested_stanza_allows_what_was_denied(
        host in "[a-z]{1,8}\\.test|10\\.0\\.0\\.[0-9]",
        port in proptest::option::of(1u16..),
        path in "[a-z/]{0,10}",
        method in "[A-Z]{3,7}",
    ) {
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let url = format!("http://{host}{port}/{path}");
        let Err(Denial::Target { site, private, .. }) = ask(&Grant::default(), &method, &url) else {
            return Err(TestCaseError::fail("not denied"));
        };
        let allowed = grant(None, &[(&site, &[&method], private)]);
        prop_assert!(ask(&allowed, &method, &url).is_ok());
    }

    #[test]
    fn credentials_go_to_the_steps_system_only(url in "(https?://)?[a-z.@:\\\\/%#?0-9]{0,10}(erp\\.test)?[a-z.@:/\\\\%?0-9]{0,12}(/api/)?[a-z./%]{0,8}") {
        if let Ok(Decision::System { url, .. }) = ask(&grant(Some("erp"), &[]), "GET", &url) {
            prop_assert_eq!(url.origin().ascii_serialization(), "https://erp.test");
            prop_assert!(url.path().starts_with("/api/"));
        }
    }
}
