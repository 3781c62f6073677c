// https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures: each notification item carries the
// HMAC-SHA256 of eight of its fields, in base64, under a key that is written in hex.

import { createHmac } from "node:crypto";
import { createRequire } from "node:module";

import { BEYOND_ASCII, URL_OF, cases, must, one, published, sdk } from "../vector.mjs";

const { hmacValidator: HmacValidator } = createRequire(import.meta.url)("@adyen/api-library");

const DOCS = "https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures";
const KEY = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056";
const OTHER = "00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF";
const validator = new HmacValidator();

const ITEM = {
  amount: { currency: "EUR", value: 1130 },
  eventCode: "AUTHORISATION",
  eventDate: "2026-01-02T03:04:05+00:00",
  merchantAccountCode: "TestMerchant",
  merchantReference: "TestPayment-1407325143704",
  paymentMethod: "visa",
  pspReference: "7914073381342284",
  success: "true",
};

function signed(item, key = KEY) {
  return { ...item, additionalData: { ...item.additionalData, hmacSignature: validator.calculateHmac(item, key) } };
}

function request(items) {
  const body = { live: "false", notificationItems: items.map((item) => ({ NotificationRequestItem: item })) };
  return { url: URL_OF("adyen"), headers: [["content-type", "application/json"]], body: JSON.stringify(body) };
}

/** `body` is an item's text. */
export const sign = ({ body, secret }) => request([signed(JSON.parse(body), secret)]);
export const event = (id) => JSON.stringify({ ...ITEM, pspReference: id });

const accepts = (items) =>
  items.every((item) => item.additionalData?.hmacSignature && validator.validateHMAC(item, KEY));

/** Adyen's platforms, and its management: the body as a whole, with the HMAC in a header. */
function signBody({ body, secret }) {
  const headers = [
    ["content-type", "application/json"],
    ["hmacsignature", createHmac("sha256", Buffer.from(secret, "hex")).update(body).digest("base64")],
    ["protocol", "HmacSHA256"],
  ];
  return { url: URL_OF("adyen"), headers, body };
}

const platform = () =>
  cases({
    sign: signBody,
    accepts: ({ request, secret }) => validator.validateHMACSignature(secret, request.headers[1][1], request.body),
    secret: KEY,
    other: OTHER,
    asked: false,
    bodies: {
      "an event": JSON.stringify({ type: "balancePlatform.transfer.updated", data: { id: "1W1UG35U8A9J5ZLG" } }),
      "text beyond ASCII": BEYOND_ASCII,
      "an empty object": "{}",
    },
  });

export default async function () {
  const other = {
    ...ITEM,
    pspReference: "7914073381342285",
    eventCode: "REFUND",
    originalReference: ITEM.pspReference,
  };
  const good = {
    "an item": [signed(ITEM)],
    "an item of another": [signed(other)],
    "two items": [signed(ITEM), signed(other)],
    "text beyond ASCII": [signed({ ...ITEM, merchantReference: "Zoë – 日本語" })],
    "a colon and a backslash in a field": [signed({ ...ITEM, merchantReference: "a:b\\c" })],
    "an empty reference and no amount": [
      signed({ ...ITEM, merchantReference: "", amount: { currency: "EUR", value: 0 } }),
    ],
  };
  const bad = {
    "signed with another secret": [[signed(ITEM, OTHER)], "mismatch"],
    "a good item, and one with another secret": [[signed(ITEM), signed(other, OTHER)], "mismatch"],
    "an amount that was changed": [[{ ...signed(ITEM), amount: { currency: "EUR", value: 1 } }], "mismatch"],
    "no signature": [[{ ...ITEM, additionalData: {} }], "malformed-body"],
    "a good item, and one that is not signed": [[signed(ITEM), ITEM], "malformed-body"],
  };
  const all = [];
  for (const [name, items] of Object.entries(good)) {
    must(accepts(items), name);
    all.push(one(name, request(items), "accepted"));
  }
  for (const [name, [items, expect]] of Object.entries(bad)) {
    must(!accepts(items), name);
    all.push(one(name, request(items), expect));
  }
  all.push(one("no items", request([]), "malformed-body"));
  const fromDocs = signed(ITEM);
  must(
    fromDocs.additionalData.hmacSignature === "coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0=",
    "the published signature",
  );
  all.push(published("the published one", request([fromDocs]), { from: DOCS }));
  const common = {
    scheme: "adyen",
    verify: { scheme: "adyen", secret: "env:ADYEN_HMAC_KEY" },
    secrets: { ADYEN_HMAC_KEY: KEY },
  };
  return {
    "adyen-platform": {
      ...common,
      from: `node:crypto by ${DOCS}, and ${sdk("@adyen/api-library")}, hmacValidator.validateHMACSignature, says the same of each case`,
      cases: await platform(),
    },
    adyen: {
      ...common,
      from: `${sdk("@adyen/api-library")}, hmacValidator.calculateHmac; ${DOCS}`,
      cases: all,
    },
  };
}
