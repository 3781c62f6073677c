//! The kinds of plugin: three of steps, and one that says whom a webhook believes.
//!
//! A plugin is a value: its config made ready. `prepare` makes it, where a parsed config is turned into
//! whatever `run` needs, and `run` uses it for one document.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::verify::{Keys, Request, Unverified, Verified};
use crate::{ConnectorContext, Context, Failure, FromDocument, IntoDocument, Violation};

/// A pure function from a document to a document; see the [crate's example](crate).
///
/// The host may call it again at any time with the same arguments and relies on the same answer. It
/// can reach nothing but [`log`](crate::log).
///
/// Export it by [`export_transform!`](crate::export_transform).
///
/// # Making the config ready
///
/// Every attempt runs in a fresh instance, so that what `run` computes from the config alone it would
/// compute for every document. [`prepare`](Self::prepare) is the place for that: the host calls it once
/// for a config without expressions, and begins every attempt with the memory that it left.
///
/// ```
/// use std::collections::BTreeMap;
///
/// use schemars::JsonSchema;
/// use serde::Deserialize;
/// use stepmill_sdk::{Context, Failure, Transform, testing};
///
/// #[derive(Deserialize, JsonSchema)]
/// struct Config {
///     /// Lines of `from=to`.
///     table: String,
/// }
///
/// struct Translate {
///     table: BTreeMap<String, String>,
/// }
///
/// impl Transform for Translate {
///     const NAME: &'static str = "translate";
///     const SUMMARY: &'static str = "Translates codes by a table.";
///     type Config = Config;
///     type Input = String;
///     type Output = String;
///
///     fn prepare(config: Config) -> Result<Self, Failure> {
///         let pair = |line: &str| {
///             let (from, to) = line.split_once('=')?;
///             Some((from.to_owned(), to.to_owned()))
///         };
///         match config.table.lines().map(pair).collect() {
///             Some(table) => Ok(Self { table }),
///             None => Err(Failure::reject("table", "each line of the table must be `from=to`")),
///         }
///     }
///
///     fn run(&self, code: String, _: &Context) -> Result<String, Failure> {
///         match self.table.get(&code) {
///             Some(translated) => Ok(translated.clone()),
///             None => Err(Failure::reject("unknown-code", code)),
///         }
///     }
/// }
///
/// stepmill_sdk::export_transform!(Translate);
///
/// # fn main() {
/// let out = testing::transform::<Translate>(r#"{"table": "DE=Germany"}"#, r#""DE""#);
/// assert_eq!(out.unwrap().text().unwrap(), r#""Germany""#);
/// // `stepmill check` finds it, before there is a document.
/// let refused = testing::transform::<Translate>(r#"{"table": "DE"}"#, r#""DE""#).unwrap_err();
/// assert_eq!(refused.code(), Some("table"));
/// # }
/// ```
pub trait Transform: Sized + 'static {
    /// Name in workflows (`use:`): lower-case letters, digits and `-`, at most 64 characters.
    const NAME: &'static str;
    /// What the step does, in one sentence.
    const SUMMARY: &'static str;
    /// Semantic version; by default the version of the crate that exports the plugin.
    const VERSION: Option<&'static str> = None;
    /// The step's `with:`. Its JSON Schema is what the host checks workflows against.
    type Config: DeserializeOwned + JsonSchema;
    /// What the step is fed: a type of serde and schemars, `serde_json::Value`, or
    /// [`Document`](crate::Document) for the input as it came.
    type Input: FromDocument;
    /// What the step answers; as [`Input`](Self::Input).
    type Output: IntoDocument;

    /// Makes the config ready: compiles, parses, builds tables, and refuses what cannot work.
    ///
    /// A failure is an error of the workflow, shown by `stepmill check` and at the start of the service,
    /// if the config has no expressions; then a [`Failure::retry`] is a rejection too, as there is no
    /// attempt to repeat. If it has some, this is called in every attempt, and its failure is the
    /// attempt's.
    ///
    /// What it leaves in memory is what attempts begin with, so it must not draw random numbers, read
    /// clocks, log, print or keep anything open: the host then does without, and says so in a warning.
    /// Hash maps are fine; their seeds follow from the config.
    fn prepare(config: Self::Config) -> Result<Self, Failure>;

    /// Answers the output for the input.
    fn run(&self, input: Self::Input, ctx: &Context) -> Result<Self::Output, Failure>;
}

/// A pure check of a document, which passes on unchanged if nothing is wrong with it.
///
/// ```
/// use stepmill_sdk::{Context, Failure, NoConfig, Validate, Violation, testing};
///
/// struct NotEmpty;
///
/// impl Validate for NotEmpty {
///     const NAME: &'static str = "not-empty";
///     const SUMMARY: &'static str = "Checks that an order has lines.";
///     type Config = NoConfig;
///     type Input = serde_json::Value;
///
///     fn prepare(_: NoConfig) -> Result<Self, Failure> {
///         Ok(Self)
///     }
///
///     fn run(&self, input: serde_json::Value, _: &Context) -> Result<Vec<Violation>, Failure> {
///         let empty = input["lines"].as_array().is_none_or(Vec::is_empty);
///         Ok(empty.then(|| Violation::at(["lines"], "not-empty", "an order needs a line")).into_iter().collect())
///     }
/// }
///
/// stepmill_sdk::export_validate!(NotEmpty);
///
/// # fn main() {
/// let violations = testing::validate::<NotEmpty>("{}", r#"{"lines": []}"#).unwrap();
/// assert_eq!(violations[0].pointer, "/lines");
/// # }
/// ```
pub trait Validate: Sized + 'static {
    /// As [`Transform::NAME`].
    const NAME: &'static str;
    /// As [`Transform::SUMMARY`].
    const SUMMARY: &'static str;
    /// As [`Transform::VERSION`].
    const VERSION: Option<&'static str> = None;
    /// As [`Transform::Config`].
    type Config: DeserializeOwned + JsonSchema;
    /// As [`Transform::Input`]. What does not parse as it is a rejection, not a violation: leave to
    /// `serde_json::Value` what the plugin wants to report on by itself.
    type Input: FromDocument;

    /// As [`Transform::prepare`].
    fn prepare(config: Self::Config) -> Result<Self, Failure>;

    /// Lists what is wrong with the input; an empty list means that it is valid.
    fn run(&self, input: Self::Input, ctx: &Context) -> Result<Vec<Violation>, Failure>;
}

/// A step that talks to other systems, through [`ConnectorContext::http`], and remembers things between
/// runs, in [`ConnectorContext::storage`].
///
/// Connectors are at-least-once: after a crash the same attempt is made again, with the same idempotency
/// key. What is written to storage commits with the attempt's success and not otherwise.
///
/// ```
/// use serde_json::{Value, json};
/// use stepmill_sdk::testing::{FakeHttp, MemoryStorage};
/// use stepmill_sdk::{Connector, ConnectorContext, Failure, NoConfig, testing};
///
/// struct PlaceOrder;
///
/// impl Connector for PlaceOrder {
///     const NAME: &'static str = "place-order";
///     const SUMMARY: &'static str = "Creates the order at the step's system.";
///     type Config = NoConfig;
///     type Input = Value;
///     type Output = Value;
///
///     fn prepare(_: NoConfig) -> Result<Self, Failure> {
///         Ok(Self)
///     }
///
///     fn run(&self, order: Value, ctx: &ConnectorContext) -> Result<Value, Failure> {
///         let response = ctx
///             .http()
///             .post("/orders")
///             .header("Idempotency-Key", ctx.idempotency_key())
///             .json(&order)
///             .send()?
///             .error_for_status()?;
///         ctx.storage().add("orders", 1)?;
///         Ok(response.json()?)
///     }
/// }
///
/// stepmill_sdk::export_connector!(PlaceOrder);
///
/// # fn main() {
/// let http = FakeHttp::new().reply_json("POST", "/orders", 201, &json!({"number": 7}));
/// let storage = MemoryStorage::new();
/// let out = testing::connect::<PlaceOrder>("{}", r#"{"sku": "A"}"#, &http, &storage).unwrap();
/// assert_eq!(out.text().unwrap(), r#"{"number":7}"#);
/// assert_eq!(http.requests()[0].body.as_deref(), Some(br#"{"sku":"A"}"#.as_slice()));
/// # }
/// ```
pub trait Connector: Sized + 'static {
    /// As [`Transform::NAME`].
    const NAME: &'static str;
    /// As [`Transform::SUMMARY`].
    const SUMMARY: &'static str;
    /// As [`Transform::VERSION`].
    const VERSION: Option<&'static str> = None;
    /// As [`Transform::Config`].
    type Config: DeserializeOwned + JsonSchema;
    /// As [`Transform::Input`].
    type Input: FromDocument;
    /// As [`Transform::Output`].
    type Output: IntoDocument;

    /// As [`Transform::prepare`]. It can reach neither HTTP nor storage.
    fn prepare(config: Self::Config) -> Result<Self, Failure>;

    /// Does the step's work once.
    fn run(&self, input: Self::Input, ctx: &ConnectorContext) -> Result<Self::Output, Failure>;
}

/// A scheme by which a webhook's sender proves itself, where Stepmill has none for it. Pure, and no step: a webhook names it
/// under `verify`.
///
/// The keys are the webhook's config's. They stay with the host: a plugin finds out what is signed and where the signature
/// stands, and asks whether it fits.
///
/// ```
/// use std::time::Duration;
///
/// use schemars::JsonSchema;
/// use serde::Deserialize;
/// use stepmill_sdk::testing::{self, FakeKeys};
/// use stepmill_sdk::verify::{Keys, Method, Reason, Refusal, Request, Unverified, Verified};
/// use stepmill_sdk::{Failure, Verify};
///
/// #[derive(Deserialize, JsonSchema)]
/// #[serde(deny_unknown_fields)]
/// struct Config {
///     /// How far the signed time may be from now, in seconds.
///     #[serde(default = "five_minutes")]
///     tolerance: u64,
/// }
///
/// fn five_minutes() -> u64 {
///     300
/// }
///
/// struct Courier {
///     tolerance: Duration,
/// }
///
/// impl Verify for Courier {
///     const NAME: &'static str = "courier";
///     const SUMMARY: &'static str = "Verifies what the courier sends.";
///     const KEYS: &'static [(&'static str, &'static str)] = &[("signing", "The signing secret of the courier's settings.")];
///     type Config = Config;
///
///     fn prepare(config: Config) -> Result<Self, Failure> {
///         Ok(Self { tolerance: Duration::from_secs(config.tolerance) })
///     }
///
///     fn run(&self, request: &Request, keys: &Keys) -> Result<Verified, Unverified> {
///         let (id, time) = (request.header("x-courier-id")?, request.header("x-courier-time")?);
///         let malformed = |_| Refusal::new(Reason::MalformedHeader, "the time is no number of seconds");
///         let at_s: u64 = time.parse().map_err(malformed)?;
///         request.is_within(at_s.saturating_mul(1_000), self.tolerance)?;
///         let signature = hex::decode(request.header("x-courier-signature")?)
///             .map_err(|_| Refusal::new(Reason::MalformedHeader, "the signature is not hexadecimal"))?;
///         let signed = [format!("{id}.{time}.").as_bytes(), &request.body].concat();
///         if keys.is_signed("signing", Method::HmacSha256, &signed, &[signature])? {
///             Ok(Verified::known_by(id))
///         } else {
///             Err(Refusal::new(Reason::Mismatch, "the signature does not fit").into())
///         }
///     }
/// }
///
/// stepmill_sdk::export_verify!(Courier);
///
/// # fn main() {
/// let headers = [("x-courier-id", "e1"), ("x-courier-time", "1700000000"), ("x-courier-signature", "abcd")];
/// let request = testing::request(&headers, "{}");
/// let keys = FakeKeys::new().signature("signing", Method::HmacSha256, "e1.1700000000.{}", [0xab, 0xcd]);
/// assert_eq!(testing::verify::<Courier>("{}", &request, &keys), Ok(Verified::known_by("e1")));
/// let forged = Request { body: b"[]".to_vec(), ..request };
/// let refused = testing::verify::<Courier>("{}", &forged, &keys);
/// assert!(matches!(refused, Err(Unverified::Refused(refusal)) if refusal.reason == Reason::Mismatch));
/// # }
/// ```
pub trait Verify: Sized + 'static {
    /// Name in webhooks (`verify: { scheme: plugin, use: … }`), as [`Transform::NAME`].
    const NAME: &'static str;
    /// Whom it verifies, in one sentence.
    const SUMMARY: &'static str;
    /// As [`Transform::VERSION`].
    const VERSION: Option<&'static str> = None;
    /// The names of the keys that it asks for, with what each is. The webhook's config must have these and no others; if there
    /// are none here it may have any.
    const KEYS: &'static [(&'static str, &'static str)];
    /// The plugin's config (`with:` of the webhook's `verify`), as [`Transform::Config`].
    type Config: DeserializeOwned + JsonSchema;

    /// As [`Transform::prepare`]. It can ask no keys.
    fn prepare(config: Self::Config) -> Result<Self, Failure>;

    /// Says whether the request is its sender's. Everything in it is the caller's word: what it is known by must be
    /// signed.
    fn run(&self, request: &Request, keys: &Keys) -> Result<Verified, Unverified>;
}

/// The config of a plugin that has none: an empty mapping, and any key in it is an error.
///
/// ```
/// use stepmill_sdk::NoConfig;
/// assert!(serde_json::from_str::<NoConfig>("{}").is_ok());
/// assert!(serde_json::from_str::<NoConfig>(r#"{"typo": 1}"#).is_err());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(description = "This plugin has no settings.", extend("properties" = {}))]
pub struct NoConfig {}
