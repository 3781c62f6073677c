//! The head of an HTTP/1 request, read more strictly than RFC 9112 demands: whatever another program in front of this one
//! may have read in another way is refused, so that the two cannot disagree on where a request ends or on whose it is
//! (request smuggling, RFC 9112 section 11.2).

use crate::listener::fault::Fault;

/// Longest target of a request: RFC 9110, section 4.1, wants 8000 at least.
pub(super) const TARGET_BYTES: usize = 8 << 10;

/// How long the body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// As many bytes.
    Length(u64),
    /// As its chunks say.
    Chunked,
}

/// Reads a whole head, up to and with its empty line. Each line ends with CR and LF.
pub(super) fn read(head: &[u8], most: usize, bytes: usize) -> Result<Framing, Fault> {
    let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let (target, is_latest) = first_line(lines.next().unwrap_or_default())?;
    let (mut host, mut length, mut is_chunked) = (None, None, false);
    for (at, line) in lines.take_while(|line| !line.is_empty()).enumerate() {
        if at >= most {
            return Err(Fault::Headers { count: most, bytes });
        }
        let (name, value) = field(line)?;
        if name.eq_ignore_ascii_case(b"host") {
            if host.replace(value).is_some() {
                return Err(Fault::Host("there are several host headers"));
            }
        } else if name.eq_ignore_ascii_case(b"content-length") {
            if length.replace(number(value)?).is_some() {
                return Err(Fault::Length("there are several content-length headers"));
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if std::mem::replace(&mut is_chunked, true) {
                return Err(Fault::Length("there are several transfer-encoding headers"));
            }
            if !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Fault::Coding);
            }
        }
    }
    check_host(target, host, is_latest)?;
    match (length, is_chunked) {
        (Some(_), true) => Err(Fault::Length("there are both content-length and transfer-encoding")),
        // RFC 9112, section 6.1: who speaks HTTP/1.0 in between may have overlooked it.
        (None, true) if !is_latest => Err(Fault::Length("HTTP/1.0 has no transfer-encoding")),
        (None, true) => Ok(Framing::Chunked),
        (length, false) => Ok(Framing::Length(length.unwrap_or(0))),
    }
}

/// The target, and whether it is HTTP/1.1.
fn first_line(line: &[u8]) -> Result<(&[u8], bool), Fault> {
    let mut parts = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Fault::Malformed(
            "the first line is not method, target and version with a space between",
        ));
    };
    if !is_token(method) {
        return Err(Fault::Malformed("the method is no token"));
    }
    if method == b"CONNECT" {
        return Err(Fault::Malformed("this is no proxy"));
    }
    let is_latest = match version {
        b"HTTP/1.1" => true,
        b"HTTP/1.0" => false,
        _ if version.starts_with(b"HTTP/") => return Err(Fault::Version),
        _ => return Err(Fault::Malformed("the first line does not end with a version of HTTP")),
    };
    if target.len() > TARGET_BYTES {
        return Err(Fault::Target(TARGET_BYTES));
    }
    let is_right = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+,;=%|{}".contains(byte);
    if !target.iter().all(is_right) {
        return Err(Fault::Malformed("the target has characters that are to be percent-encoded"));
    }
    Ok((target, is_latest))
}

/// A header's name and value.
fn field(line: &[u8]) -> Result<(&[u8], &[u8]), Fault> {
    if line.starts_with(b" ") || line.starts_with(b"\t") {
        return Err(Fault::Malformed("a header goes on in a second line"));
    }
    let colon = line.iter().position(|byte| *byte == b':');
    let Some((name, value)) = colon.and_then(|at| line.split_at_checked(at)) else {
        return Err(Fault::Malformed("a header has no colon"));
    };
    // Whitespace before the colon is no part of a token either.
    if !is_token(name) {
        return Err(Fault::Malformed("the name of a header is no token"));
    }
    let value = value.strip_prefix(b":").unwrap_or(value);
    if value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
        return Err(Fault::Malformed("a header has a control character in it"));
    }
    Ok((name, value.trim_ascii()))
}

/// Digits and nothing else, as RFC 9110 has it in section 8.6: no sign, no list, no blank.
fn number(value: &[u8]) -> Result<u64, Fault> {
    let digits =
        std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    digits.and_then(|text| text.parse().ok()).ok_or(Fault::Length("content-length is no number"))
}

/// RFC 9112, section 3.2: one host, and of a target that names one too, the same.
fn check_host(target: &[u8], host: Option<&[u8]>, is_latest: bool) -> Result<(), Fault> {
    let is_right = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+;=:[]%".contains(byte);
    match host {
        None if is_latest => return Err(Fault::Host("there is no host header")),
        Some(host) if host.is_empty() || !host.iter().all(is_right) => {
            return Err(Fault::Host("the host header is no host"));
        }
        None | Some(_) => {}
    }
    if target.starts_with(b"/") || target == b"*" {
        return Ok(());
    }
    let split = target.split_at_checked(7).filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"http://"));
    let split = split.or_else(|| {
        target.split_at_checked(8).filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"https://"))
    });
    let Some((_, rest)) = split else {
        return Err(Fault::Malformed("the target is neither a path nor a URL of http"));
    };
    let authority = rest.split(|byte| matches!(byte, b'/' | b'?')).next().unwrap_or_default();
    match host {
        Some(host) if !host.eq_ignore_ascii_case(authority) => {
            Err(Fault::Host("the host of the target is not that of the host header"))
        }
        Some(_) | None => Ok(()),
    }
}

/// RFC 9110, section 5.6.2.
fn is_token(text: &[u8]) -> bool {
    !text.is_empty()
        && text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}
