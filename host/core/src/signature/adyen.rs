//! Adyen's standard webhooks: each notification of the body has a signature of some of its fields
//! (<https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures>).

use serde::Deserialize;
use subtle::Choice;

use super::config::Algorithm;
use super::key::Key;
use super::recipe::{Method, Written};
use super::{Encoding, Refusal};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    notification_items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(rename = "NotificationRequestItem")]
    request: Notification,
}

/// What is signed of a notification. A name that is there twice is an error of the derived reader.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Notification {
    psp_reference: Option<String>,
    original_reference: Option<String>,
    merchant_account_code: Option<String>,
    merchant_reference: Option<String>,
    amount: Option<Amount>,
    event_code: Option<String>,
    success: Option<String>,
    additional_data: Option<AdditionalData>,
}

#[derive(Deserialize)]
struct Amount {
    value: Option<i64>,
    currency: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AdditionalData {
    hmac_signature: Option<String>,
}

/// Checks the signature of each notification.
pub(super) fn verify(keys: &[Key], body: &[u8]) -> Result<(), Refusal> {
    let body: Body = serde_json::from_slice(body).map_err(|_| Refusal::MalformedBody)?;
    if body.notification_items.is_empty() {
        return Err(Refusal::MalformedBody);
    }
    let mut is_genuine = Choice::from(1);
    for item in &body.notification_items {
        let signature = item.request.signature().ok_or(Refusal::MalformedBody)?;
        let signed = item.request.signed();
        let parts = [signed.as_bytes().into()];
        let method = Method::Hmac(Algorithm::Sha256);
        let made = keys.iter().map(|key| key.has_made(method, &parts, std::slice::from_ref(&signature)));
        is_genuine &= made.fold(Choice::from(0), |any, has_made| any | has_made);
    }
    if bool::from(is_genuine) { Ok(()) } else { Err(Refusal::Mismatch) }
}

impl Notification {
    fn signature(&self) -> Option<Vec<u8>> {
        let written = self.additional_data.as_ref()?.hmac_signature.as_ref()?;
        Written::In(Encoding::Base64).read(written.as_bytes())
    }

    /// Nothing stands for what is not there, and nothing is escaped.
    fn signed(&self) -> String {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let amount = self.amount.as_ref();
        [
            text(&self.psp_reference),
            text(&self.original_reference),
            text(&self.merchant_account_code),
            text(&self.merchant_reference),
            amount.and_then(|amount| amount.value).map(|value| value.to_string()).unwrap_or_default(),
            amount.and_then(|amount| amount.currency.clone()).unwrap_or_default(),
            text(&self.event_code),
            text(&self.success),
        ]
        .join(":")
    }
}
