//! What becomes of a request that somebody has changed.

use serde_json::Value;

use super::file::{File, Sent};

/// The body with its lowest bits flipped, at some places; a byte more, where it has none.
pub fn bodies(body: &[u8]) -> Vec<Vec<u8>> {
    let Some(last) = body.len().checked_sub(1) else { return vec![b"x".to_vec()] };
    [0, last / 2, last].into_iter().map(|at| flipped(body, at)).collect()
}

/// The request with one bit of its signature flipped, or of what stands beside it: each byte in turn.
pub fn signatures(file: &File, sent: &Sent) -> Vec<Sent> {
    let mut all = Vec::new();
    for (at, (name, value)) in sent.headers.iter().enumerate() {
        if file.needed(sent).contains(&name.as_str()) {
            for byte in 0..value.len() {
                let mut changed = sent.clone();
                changed.headers[at].1 = flipped(value, byte);
                all.push(changed);
            }
        }
    }
    let in_body: &[&str] = match file.scheme.as_str() {
        "adyen" if !sent.has("hmacsignature") => {
            &["/notificationItems/0/NotificationRequestItem/additionalData/hmacSignature"]
        }
        "mailgun" => &["/signature/signature", "/signature/token", "/signature/timestamp"],
        _ => &[],
    };
    for pointer in in_body {
        let body: Value = serde_json::from_slice(&sent.body).unwrap();
        let text = body.pointer(pointer).unwrap().as_str().unwrap().as_bytes();
        for byte in 0..text.len() {
            let mut body = body.clone();
            *body.pointer_mut(pointer).unwrap() = String::from_utf8(flipped(text, byte)).unwrap().into();
            all.push(Sent { body: body.to_string().into_bytes(), ..sent.clone() });
        }
    }
    if let Some(query) = sent.url.find("key=").filter(|_| file.scheme == "api-key") {
        for byte in query..sent.url.len() {
            let url = String::from_utf8(flipped(sent.url.as_bytes(), byte)).unwrap();
            all.push(Sent { url, ..sent.clone() });
        }
    }
    all
}

fn flipped(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1;
    bytes
}
