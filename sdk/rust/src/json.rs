//! JSON as documents carry it: compact, and with numbers in the one form that the SDKs of all languages write.
//!
//! The form is that of ECMAScript's `Number::toString`, which is RFC 8785's (JSON Canonicalization Scheme, section
//! 3.2.2.3): `19.0` is written `19`, `1e16` is `10000000000000000`, and `1e-7` stays. So a step answers the same bytes
//! whatever it is written in. Integers are written as they are, also those beyond 2^53.

use std::io::{Result, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// The JSON text of a value, as bytes.
pub(crate) fn to_vec(value: &(impl Serialize + ?Sized)) -> serde_json::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(128);
    value.serialize(&mut Serializer::with_formatter(&mut bytes, OneForm))?;
    Ok(bytes)
}

/// The JSON text of a value.
pub(crate) fn to_string(value: &(impl Serialize + ?Sized)) -> serde_json::Result<String> {
    let bytes = to_vec(value)?;
    String::from_utf8(bytes).map_err(serde::ser::Error::custom)
}

struct OneForm;

impl Formatter for OneForm {
    fn write_f32<W: ?Sized + Write>(&mut self, writer: &mut W, value: f32) -> Result<()> {
        writer.write_all(ryu_js::Buffer::new().format_finite(value).as_bytes())
    }

    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> Result<()> {
        writer.write_all(ryu_js::Buffer::new().format_finite(value).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::to_string;

    #[test]
    fn numbers_have_the_form_of_ecmascript() {
        let numbers = [19.0, 0.1, 1e16, 1e21, 1e-6, 1.5e-7, -0.0, 123_456_789.012, f64::MAX, 5e-324];
        assert_eq!(
            to_string(&numbers).unwrap(),
            "[19,0.1,10000000000000000,1e+21,0.000001,1.5e-7,0,123456789.012,1.7976931348623157e+308,5e-324]"
        );
        assert_eq!(to_string(&0.1_f32).unwrap(), "0.1");
    }

    #[test]
    fn all_else_is_as_it_was() {
        let text = r#"{"z":[9007199254740993,-1,true,null],"a":"é\"\n\u0001\\/"}"#;
        assert_eq!(to_string(&serde_json::from_str::<Value>(text).unwrap()).unwrap(), json_of(text));
        assert_eq!(to_string(&json!({})).unwrap(), "{}");
    }

    fn json_of(text: &str) -> String {
        serde_json::to_string(&serde_json::from_str::<Value>(text).unwrap()).unwrap()
    }
}
