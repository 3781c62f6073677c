use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, prop_assert_ne, proptest};

use super::scanner::Scanner;
use super::{NORMAL_BYTES, normal};

/// Kinds of data, of which it makes no difference which of a kind it is.
const KINDS: [&str; 22] = [
    // Numbers.
    "[0-9]{1,30}",
    r"-?[0-9]{1,3}(,[0-9]{3}){0,3}(\.[0-9]{1,4})?",
    r"[0-9]\.[0-9]{1,3}e-?[0-9]{1,2}",
    "0x[0-9a-f]{1,16}",
    r"[0-9]{1,3}(\.[0-9]{1,3}){3}:[0-9]{1,5}",
    // Ids.
    "SKU[0-9]{1,9}",
    "ERP-[0-9]{1,9}",
    "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    "[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12}",
    "[0-9a-f]{8,64}",
    "[a-f]{0,5}[0-9]{1,5}",
    "run_[0-9a-f]{32}",
    "[0-7][0-9A-HJKMNP-TV-Z]{25}",
    // What people write.
    r#""([^"\\]|\\["\\n]){0,30}""#,
    "'[a-z .,0-9]{0,30}'",
    "\u{201c}[^\u{201c}\u{201d}\\\\]{0,30}\u{201d}",
    r"[a-z0-9]{1,9}([.+_-][a-z0-9]{1,9}){0,2}@[a-z0-9]{1,9}(\.[a-z]{2,9}){1,2}",
    r"https://u:[a-z]{1,9}@erp\.test/orders/[a-z]{0,5}[0-9]{1,9}[a-z]{0,5}/lines(\?[a-z]{1,9}=[a-z0-9]{1,9})?",
    // Times.
    r"20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|\+0[0-9]:00)",
    r"[0-9]{4}/[01][0-9]/[0-3][0-9] [0-2][0-9]:[0-5][0-9]:[0-5][0-9]",
    "(Mon|Tue|Sat|Sun), [0-3][0-9] (Jan|Feb|May|Sept) 20[0-9]{2} [0-2][0-9]:[0-5][0-9]:[0-5][0-9] GMT",
    "(Monday|Friday), (March|May) [1-3]?[0-9], 20[0-9]{2} at [0-9]{1,2}:[0-5][0-9] (AM|PM)",
];

fn data() -> impl Strategy<Value = (String, String)> {
    (0..KINDS.len()).prop_flat_map(|kind| (KINDS[kind], KINDS[kind]))
}

proptest! {
    #[test]
    fn any_text_has_a_short_normal_form(
        text in any::<String>(), messy in "[a'\"\\\\@#.:/{},0-9 \u{201c}\u{201d}-]{0,200}",
    ) {
        for text in [text, messy] {
            let normal = normal(&text);
            prop_assert!(normal.len() <= NORMAL_BYTES);
            prop_assert_eq!(normal.trim(), &normal);
            prop_assert!(!normal.contains("  ") && !normal.contains('\n'));
        }
    }

    #[test]
    fn which_data_it_is_makes_no_difference(
        (one, other) in data(), before in "[g-z]{3,9}", after in "[g-z]{3,9}",
    ) {
        for (left, right) in [(" ", " "), (": ", ", "), ("(", ") "), ("=", "; "), (" `", "` "), (" ", ". ")] {
            let message = |data: &str| normal(&format!("{before}{left}{data}{right}{after}"));
            prop_assert_eq!(message(&one), message(&other));
        }
    }

    #[test]
    fn other_words_are_another_message(
        words in proptest::collection::vec("[a-z]{1,7}", 1..8), other in "[A-Z][a-z]{0,6}\u{e4}",
        at in any::<usize>(),
    ) {
        let mut changed = words.clone();
        let at = at % words.len();
        changed[at] = other;
        prop_assert_ne!(normal(&words.join(" ")), normal(&changed.join(" ")));
        prop_assert_eq!(normal(&words.join(" ")), words.join(" "));
    }

    #[test]
    fn a_longer_id_pushes_no_word_over_the_end(number in "[0-9]{1,900}", words in "[a-z ]{0,2000}") {
        prop_assert_eq!(normal(&format!("{number} {words}")), normal(&format!("1 {words}")));
    }
}

#[test]
fn messages_as_they_come_keep_what_tells_them_apart() {
    let table = [
        (
            r#"the system answered 422: {"error": "unknown sku \"A-1\"", "line2": 7, "at": ["x"]}"#,
            r##"the system answered #: {"error": "", "line#": #, "at": [""]}"##,
        ),
        ("failed to evaluate `when`: no such key: total", "failed to evaluate `when`: no such key: total"),
        ("missing field `sku` at line 1 column 17", "missing field `sku` at line # column #"),
        (
            "can't find customers' order 'x' or \u{2018}it\u{2019}s\u{2019}",
            "can't find customers' order \"\" or \"\"",
        ),
        ("failed to connect to 10.0.0.1:8080 after 30s", "failed to connect to # after #"),
        (
            "the guest ran longer than its limit `cpu_ms` of 2000 ms",
            "the guest ran longer than its limit `cpu_ms` of # ms",
        ),
        ("  a\t\u{0}b\n\nc  ", "a b c"),
        (
            "GET https://erp.test:8080/orders/A17/lines/?x=1#f: gone",
            "GET https://erp.test:#/orders/#/lines/: gone",
        ),
        ("see <https://erp.test/docs>.", "see <https://erp.test/docs>."),
        ("ask jane.doe+x@erp.test, not @jane", "ask @, not @jane"),
        ("customer cus_NffrFeUfNV2Hib of order_id 17_18", "customer cus_# of order_id #"),
        ("index 7 is -3 of [1, -2] in 1/2", "index # is # of [#, #] in #"),
        ("at core::panicking::panic_fmt::h0a1b2c3d4e5f6a7b", "at core::panicking::panic_fmt::#"),
        ("May I march in March 2026, or may 3 of us decide", "May I march in # #, or may # of us decide"),
        ("an \"unclosed text", "an \"unclosed text"),
        ("Größe ½ ist ungültig", "Größe # ist ungültig"),
        ("", ""),
    ];
    for (message, expected) in table {
        assert_eq!(normal(message), expected, "{message}");
    }
}

/// 64 KiB each: what is not linear takes minutes.
#[test]
fn no_text_takes_longer_than_its_length() {
    for hostile in [
        "'a ",
        "a'",
        "\"\\",
        "\\\"",
        "{\"\\\"",
        "\u{201c}",
        "a@",
        "a.",
        "@.",
        "-",
        "a://",
        "/1",
        "Mon,",
        "Mon ",
        "deadbeef-",
    ] {
        let text = hostile.repeat((1 << 16) / hostile.len());
        assert!(Scanner::new(&text).run().len() <= 2 * text.len(), "{hostile}");
    }
}
