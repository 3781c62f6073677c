use proptest::prelude::*;

use super::*;

const LIMITS: Limits = Limits { bytes: 4 << 10, count: 16 };

/// What goes on of bytes that come in these pieces, how many heads are among it, and the fault.
fn pieces<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> (Vec<u8>, u32, Option<Fault>) {
    let mut scanner = Scanner::new(LIMITS);
    let (mut passed, mut heads, mut held) = (Vec::new(), 0, Vec::new());
    for piece in pieces {
        held.extend_from_slice(piece);
        let fed = scanner.feed(&held);
        passed.extend(held.drain(..fed.passed));
        heads += fed.heads;
        if fed.fault.is_some() {
            return (passed, heads, fed.fault);
        }
    }
    (passed, heads, None)
}

fn whole(text: &str) -> (String, u32, Option<&'static str>) {
    let (passed, heads, fault) = pieces([text.as_bytes()]);
    (String::from_utf8(passed).unwrap(), heads, fault.map(Fault::code))
}

#[test]
fn requests_that_everybody_reads_alike_go_on_with_their_bodies() {
    for text in [
        "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        "POST /a HTTP/1.1\r\nHost: a:80\r\nTransfer-Encoding: Chunked\r\n\r\n5;a=\"b\"\r\nhello\r\n0\r\nX-T: 1\r\n\r\n",
        "GET /a?b=%2f&c|d HTTP/1.0\r\n\r\n",
        "GET http://a/b HTTP/1.1\r\nhost:A\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nhost: [::1]:8080\r\n\r\n",
        "\r\nGET / HTTP/1.1\r\nHost: a\r\nx: \t y é\t\r\nempty:\r\n\r\n",
    ] {
        assert_eq!(whole(text), (text.to_owned(), 1, None), "{text}");
        let three = text.repeat(3);
        assert_eq!(whole(&three), (three.clone(), 3, None), "{text}");
    }
}

#[test]
fn what_two_programs_may_read_in_two_ways_does_not_go_on() {
    let host = "POST / HTTP/1.1\r\nHost: a\r\n";
    let chunked = format!("{host}Transfer-Encoding: chunked\r\n\r\n");
    let long = "x".repeat(9 << 10);
    let heads = [
        ("ambiguous-length", format!("{host}Content-Length: 5\r\nContent-Length: 5\r\n\r\n")),
        ("ambiguous-length", format!("{host}Content-Length: 5\r\nContent-Length: 6\r\n\r\n")),
        ("ambiguous-length", format!("{host}Content-Length: 5, 5\r\n\r\n")),
        ("ambiguous-length", format!("{host}Content-Length: +5\r\n\r\n")),
        ("ambiguous-length", format!("{host}Content-Length: 5 5\r\n\r\n")),
        ("ambiguous-length", format!("{host}Content-Length: 0x5\r\n\r\n")),
        ("ambiguous-length", format!("{host}Content-Length:\r\n\r\n")),
        ("ambiguous-length", format!("{host}Content-Length: 99999999999999999999\r\n\r\n")),
        ("ambiguous-length", format!("{host}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n")),
        ("ambiguous-length", format!("{host}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n")),
        (
            "ambiguous-length",
            format!("{host}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ),
        ("ambiguous-length", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n".into()),
        ("unsupported-transfer-coding", format!("{host}Transfer-Encoding: gzip, chunked\r\n\r\n")),
        ("unsupported-transfer-coding", format!("{host}Transfer-Encoding: identity\r\n\r\n")),
        ("unsupported-transfer-coding", format!("{host}Transfer-Encoding: xchunked\r\n\r\n")),
        ("unsupported-transfer-coding", format!("{host}Transfer-Encoding:\r\n\r\n")),
        ("malformed-request", format!("{host}Transfer-Encoding : chunked\r\n\r\n")),
        ("malformed-request", format!("{host}Transfer-Encoding: \x0bchunked\r\n\r\n")),
        ("malformed-request", format!("{host}X: a\r\n b\r\n\r\n")),
        ("malformed-request", format!("{host}X: a\n\r\n")),
        ("malformed-request", format!("{host}X: a\rContent-Length: 5\r\n\r\n")),
        ("malformed-request", format!("{host}X: a\0b\r\n\r\n")),
        ("malformed-request", format!("{host}X\r\n\r\n")),
        ("malformed-request", format!("{host}: x\r\n\r\n")),
        ("malformed-request", "GET / HTTP/1.1\nHost: a\n\n".into()),
        ("malformed-request", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n".into()),
        ("malformed-request", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n".into()),
        ("malformed-request", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n".into()),
        ("malformed-request", "GET /\r\nHost: a\r\n\r\n".into()),
        ("malformed-request", "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n".into()),
        ("malformed-request", "GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n".into()),
        ("malformed-request", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n".into()),
        ("malformed-request", "GET a HTTP/1.1\r\nHost: a\r\n\r\n".into()),
        ("malformed-request", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n".into()),
        ("malformed-request", "G(T / HTTP/1.1\r\nHost: a\r\n\r\n".into()),
        ("malformed-request", "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n".into()),
        ("malformed-request", "\x16\x03\x01\x02\0".into()),
        ("unsupported-version", "GET / HTTP/1.2\r\nHost: a\r\n\r\n".into()),
        ("unsupported-version", "GET / HTTP/2.0\r\nHost: a\r\n\r\n".into()),
        ("ambiguous-host", "GET / HTTP/1.1\r\n\r\n".into()),
        ("ambiguous-host", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n".into()),
        ("ambiguous-host", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n".into()),
        ("ambiguous-host", "GET / HTTP/1.1\r\nHost:\r\n\r\n".into()),
        ("ambiguous-host", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n".into()),
        ("ambiguous-host", "GET http://a@b/ HTTP/1.1\r\nHost: b\r\n\r\n".into()),
        ("headers-too-large", format!("{host}X: {}\r\n\r\n", &long[..4 << 10])),
        ("headers-too-large", format!("{host}X: {}", &long[..4 << 10])),
        ("headers-too-large", format!("{host}{}\r\n", "X: 1\r\n".repeat(16))),
        ("target-too-long", format!("GET /{long}")),
    ];
    for (code, head) in &heads {
        assert_eq!(whole(head), (String::new(), 0, Some(*code)), "{head}");
        // What was asked before is answered.
        let before = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        assert_eq!(whole(&format!("{before}{head}")), (before.to_owned(), 1, Some(*code)), "{head}");
    }
    // One empty line is overlooked, and no more.
    let blank = "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(whole(blank), ("\r\n".to_owned(), 0, Some("malformed-request")));
    for body in [
        "5\nhello\r\n0\r\n\r\n",
        "5;a\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "\r\n",
        ";a\r\n",
        "5\r\nhelloX\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "1000000000000000\r\n",
        "0\r\n X: 1\r\n\r\n",
        "0\r\nX: 1\n\r\n",
        "0\r\n\rX",
    ] {
        let (passed, heads, code) = whole(&format!("{chunked}{body}"));
        assert_eq!((heads, code), (1, Some("malformed-request")), "{body:?}");
        assert!(passed.starts_with(&chunked), "{body:?}");
    }
    let trailers = format!("{chunked}0\r\n{}", "X: 1\r\n".repeat(1_000));
    assert_eq!(whole(&trailers).2, Some("headers-too-large"));
}

proptest! {
    /// However requests are cut into pieces, the same of them goes on.
    #[test]
    fn the_pieces_make_no_difference(
        parts in prop::collection::vec(prop::sample::select(vec![
            "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", "\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "5\r\nhello\r\n", "0\r\n", "\r\n", "X: y\r\n", "\n", "\r", "z",
        ]), 0..8),
        cuts in prop::collection::vec(1_usize..40, 0..40),
    ) {
        let text = parts.concat();
        let mut rest = text.as_bytes();
        let mut cut = Vec::new();
        for at in cuts {
            let (piece, after) = rest.split_at(at.min(rest.len()));
            cut.push(piece);
            rest = after;
        }
        cut.push(rest);
        prop_assert_eq!(pieces(cut), pieces([text.as_bytes()]));
    }

    /// Nothing panics, nothing that has passed is taken back, and a fault ends it.
    #[test]
    fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let (passed, _, _) = pieces(bytes.chunks(7));
        prop_assert!(bytes.starts_with(&passed));
    }
}
