//! Values of jq as JSON text.
//!
//! jaq's values are more than JSON: keys of any kind, bytes, infinities. Its own writer prints those in a way
//! that no other system reads, so that this one refuses them, or does as jq does.

use jaq_json::{Num, Val};
use stepmill_sdk::Failure;

/// How deep an output may be; as deep as `serde_json` reads.
const MAX_DEPTH: usize = 127;

/// Appends a value.
pub(crate) fn write(value: &Val, to: &mut String) -> Result<(), Failure> {
    write_at(value, to, 0)
}

fn write_at(value: &Val, to: &mut String, depth: usize) -> Result<(), Failure> {
    if depth > MAX_DEPTH {
        return Err(Failure::reject("jq-output", format!("the output is deeper than {MAX_DEPTH} levels")));
    }
    match value {
        Val::Null => to.push_str("null"),
        Val::Bool(value) => to.push_str(if *value { "true" } else { "false" }),
        Val::Num(number) => write_number(number, to),
        Val::TStr(text) => write_text(text, to),
        Val::BStr(bytes) => {
            return Err(Failure::reject(
                "jq-output",
                format!(
                    "the output has {} bytes that are not text (from `tobytes`?); JSON has no bytes",
                    bytes.len()
                ),
            ));
        }
        Val::Arr(items) => {
            to.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    to.push(',');
                }
                write_at(item, to, depth + 1)?;
            }
            to.push(']');
        }
        Val::Obj(members) => {
            to.push('{');
            for (index, (key, value)) in members.iter().enumerate() {
                if index > 0 {
                    to.push(',');
                }
                let Val::TStr(key) = key else {
                    return Err(Failure::reject(
                        "jq-output",
                        format!("the output has the key `{key}`, which is not a string; use `tostring`"),
                    ));
                };
                write_text(key, to);
                to.push(':');
                write_at(value, to, depth + 1)?;
            }
            to.push('}');
        }
    }
    Ok(())
}

/// As jq has it: not-a-number is `null`, the infinities are the largest numbers there are.
fn write_number(number: &Num, to: &mut String) {
    match number {
        Num::Int(_) | Num::BigInt(_) => to.push_str(&number.to_string()),
        Num::Float(value) => write_float(*value, to),
        // The digits of the input, if they are JSON.
        Num::Dec(digits) => match serde_json::from_str::<serde_json::Number>(digits) {
            Ok(_) => to.push_str(digits),
            Err(_) => write_float(digits.parse().unwrap_or(f64::NAN), to),
        },
    }
}

fn write_float(value: f64, to: &mut String) {
    if value.is_nan() {
        to.push_str("null");
    } else {
        to.push_str(&Num::Float(value.clamp(f64::MIN, f64::MAX)).to_string());
    }
}

/// Bytes that are not UTF-8, which jq can make by cutting strings, become U+FFFD.
fn write_text(text: &[u8], to: &mut String) {
    let text = String::from_utf8_lossy(text);
    to.push('"');
    let mut rest = text.as_ref();
    while let Some(at) = rest.find(|c: char| matches!(c, '"' | '\\' | '\0'..='\x1f')) {
        let (plain, from) = rest.split_at(at);
        to.push_str(plain);
        let mut characters = from.chars();
        match characters.next() {
            Some('"') => to.push_str("\\\""),
            Some('\\') => to.push_str("\\\\"),
            Some('\n') => to.push_str("\\n"),
            Some('\r') => to.push_str("\\r"),
            Some('\t') => to.push_str("\\t"),
            Some(control) => to.push_str(&format!("\\u{:04x}", u32::from(control))),
            None => {}
        }
        rest = characters.as_str();
    }
    to.push_str(rest);
    to.push('"');
}
