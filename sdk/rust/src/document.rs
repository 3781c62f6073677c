//! Documents: what flows from step to step.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Body, Document, Failure, json};

/// Media type of JSON.
///
/// ```
/// use stepmill_sdk::{Document, JSON};
/// assert_eq!(Document::from_json("1").media_type, JSON);
/// ```
pub const JSON: &str = "application/json";

impl Document {
    /// JSON, already serialized.
    ///
    /// ```
    /// use stepmill_sdk::Document;
    /// assert_eq!(Document::from_json(r#"{"a":1}"#).media_type, "application/json");
    /// ```
    pub fn from_json(text: impl Into<String>) -> Self {
        Self { media_type: JSON.to_owned(), body: Body::Text(text.into()) }
    }

    /// A value as JSON: compact, and with numbers as the SDKs of all languages write them, which is how ECMAScript and
    /// RFC 8785 do: `19.0` becomes `19`.
    ///
    /// ```
    /// use stepmill_sdk::Document;
    /// assert_eq!(Document::json(&[1.5, 2.0]).unwrap().text().unwrap(), "[1.5,2]");
    /// ```
    pub fn json(value: &impl Serialize) -> Result<Self, Failure> {
        match json::to_string(value) {
            Ok(text) => Ok(Self::from_json(text)),
            Err(error) => Err(Failure::reject("output", format!("the output is not JSON: {error}"))),
        }
    }

    /// The body as text: as it is, or bytes that are UTF-8.
    ///
    /// ```
    /// use stepmill_sdk::{Body, Document};
    /// let document = Document { media_type: "text/csv".into(), body: Body::Binary(b"a;b".to_vec()) };
    /// assert_eq!(document.text().unwrap(), "a;b");
    /// ```
    pub fn text(&self) -> Result<&str, Failure> {
        match &self.body {
            Body::Text(text) => Ok(text),
            Body::Binary(bytes) => std::str::from_utf8(bytes)
                .map_err(|error| Failure::reject("input", format!("the document is not UTF-8: {error}"))),
        }
    }

    /// The body's bytes.
    ///
    /// ```
    /// use stepmill_sdk::Document;
    /// assert_eq!(Document::from_json("1").bytes(), b"1");
    /// ```
    pub fn bytes(&self) -> &[u8] {
        match &self.body {
            Body::Text(text) => text.as_bytes(),
            Body::Binary(bytes) => bytes,
        }
    }

    /// The body's bytes, without a copy.
    ///
    /// ```
    /// use stepmill_sdk::Document;
    /// assert_eq!(Document::from_json("1").into_bytes(), b"1");
    /// ```
    pub fn into_bytes(self) -> Vec<u8> {
        match self.body {
            Body::Text(text) => text.into_bytes(),
            Body::Binary(bytes) => bytes,
        }
    }

    /// Reads the body as JSON. What does not parse is a rejection with code `input` that names the
    /// path, line and column.
    ///
    /// ```
    /// use stepmill_sdk::{Document, Failure};
    /// let numbers: Vec<u8> = Document::from_json("[1,2]").parse().unwrap();
    /// assert_eq!(numbers, [1, 2]);
    /// let failure = Document::from_json(r#"[1,"x"]"#).parse::<Vec<u8>>().unwrap_err();
    /// assert!(failure.message().starts_with("the input at `[1]`: invalid type"));
    /// ```
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        from_slice(self.bytes(), "input")
    }
}

/// What a plugin can take as input: every deserializable type with a JSON Schema, and [`Document`].
///
/// ```
/// use stepmill_sdk::{Document, FromDocument};
/// assert_eq!(u8::from_document(Document::from_json("7")).unwrap(), 7);
/// assert!(u8::schema().is_some() && serde_json::Value::schema().is_none());
/// ```
pub trait FromDocument: Sized {
    /// JSON Schema of the documents that are taken, or none where there is nothing to say.
    fn schema() -> Option<Schema>;
    /// Reads the document.
    fn from_document(document: Document) -> Result<Self, Failure>;
}

impl FromDocument for Document {
    fn schema() -> Option<Schema> {
        None
    }

    fn from_document(document: Document) -> Result<Self, Failure> {
        Ok(document)
    }
}

impl<T: DeserializeOwned + JsonSchema> FromDocument for T {
    fn schema() -> Option<Schema> {
        meaningful(
            SchemaSettings::draft2020_12().for_deserialize().into_generator().into_root_schema_for::<T>(),
        )
    }

    fn from_document(document: Document) -> Result<Self, Failure> {
        document.parse()
    }
}

/// What a plugin can answer: every serializable type with a JSON Schema, and [`Document`].
///
/// ```
/// use stepmill_sdk::IntoDocument;
/// assert_eq!("a".to_owned().into_document().unwrap().text().unwrap(), "\"a\"");
/// ```
pub trait IntoDocument {
    /// JSON Schema of the documents that are answered, or none where there is nothing to say.
    fn schema() -> Option<Schema>;
    /// Writes the document.
    fn into_document(self) -> Result<Document, Failure>;
}

impl IntoDocument for Document {
    fn schema() -> Option<Schema> {
        None
    }

    fn into_document(self) -> Result<Document, Failure> {
        Ok(self)
    }
}

impl<T: Serialize + JsonSchema> IntoDocument for T {
    fn schema() -> Option<Schema> {
        meaningful(
            SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>(),
        )
    }

    fn into_document(self) -> Result<Document, Failure> {
        Document::json(&self)
    }
}

/// A schema that allows everything, such as that of `serde_json::Value`, says nothing.
fn meaningful(schema: Schema) -> Option<Schema> {
    let silent = match schema.as_object() {
        Some(object) => object.keys().all(|key| matches!(key.as_str(), "$schema" | "title" | "description")),
        None => schema.as_bool() == Some(true),
    };
    (!silent).then_some(schema)
}

/// Reads JSON. The path of an error is found by a second pass, so that success pays nothing for it.
pub(crate) fn from_slice<T: DeserializeOwned>(json: &[u8], what: &'static str) -> Result<T, Failure> {
    match serde_json::from_slice(json) {
        Ok(value) => Ok(value),
        Err(error) => Err(Failure::reject(what, explain::<T>(json, what, &error))),
    }
}

fn explain<T: DeserializeOwned>(json: &[u8], what: &str, error: &serde_json::Error) -> String {
    let mut reader = serde_json::Deserializer::from_slice(json);
    match serde_path_to_error::deserialize::<_, T>(&mut reader) {
        Err(found) if found.path().iter().len() > 0 => {
            format!("the {what} at `{}`: {}", found.path(), found.inner())
        }
        Err(_) | Ok(_) => format!("the {what}: {error}"),
    }
}
