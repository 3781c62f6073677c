// https://www.twilio.com/docs/usage/security#validating-requests: `X-Twilio-Signature`, an HMAC-SHA1 in base64 of the URL and
// then, for a form, each parameter's name and value in the order of the names. Any other body is covered by `bodySHA256` of the
// query.

import { createRequire } from "node:module";

import { SECONDS, URL_OF, cases, must, one, published, sdk } from "../vector.mjs";

const twilio = createRequire(import.meta.url)("twilio");

const DOCS = "https://www.twilio.com/docs/usage/security#validating-requests";
const TOKEN = "12345";
const OTHER = "54321";
const ID = "d5d3f4e2-0b8a-4d4c-9a39-f2a9f0a0f1aa";

const headersOf = (type, signature, id) => [
  ["content-type", type],
  ["i-twilio-idempotency-token", id],
  ["x-twilio-signature", signature],
];

/** A form: `body` is its text. */
export function signForm({ body, secret = TOKEN, id = ID, url = URL_OF("twilio") }) {
  const signature = twilio.getExpectedTwilioSignature(secret, url, paramsOf(body));
  return { url, headers: headersOf("application/x-www-form-urlencoded", signature, id), body };
}

function paramsOf(body) {
  const params = {};
  for (const [name, value] of new URLSearchParams(body)) {
    params[name] = name in params ? [params[name], value].flat() : value;
  }
  return params;
}

/** Anything else: `body` is text or bytes. */
export function signBody({ body, secret = TOKEN, id = ID, to = URL_OF("twilio") }) {
  const url = `${to}?bodySHA256=${twilio.getExpectedBodyHash(body)}`;
  return { url, headers: headersOf("application/json", twilio.getExpectedTwilioSignature(secret, url, {}), id), body };
}

const acceptsForm = ({ request: { url, headers, body }, secret }) =>
  twilio.validateRequest(secret, headers[2][1], url, paramsOf(body));
const acceptsBody = ({ request: { url, headers, body }, secret }) =>
  twilio.validateRequestWithBody(secret, headers[2][1], url, body);

const scheme = (cases, from = DOCS) => ({
  scheme: "twilio",
  verify: { scheme: "twilio", secret: "env:TWILIO_AUTH_TOKEN" },
  secrets: { TWILIO_AUTH_TOKEN: TOKEN },
  from: `${sdk("twilio")}, getExpectedTwilioSignature; ${from}`,
  cases,
});

const PUBLISHED = "CallSid=CA1234567890ABCDE&Caller=%2B12349013030&Digits=1234&From=%2B12349013030&To=%2B18005551212";

async function forms() {
  const all = await cases({
    sign: signForm,
    accepts: acceptsForm,
    secret: TOKEN,
    other: OTHER,
    bytes: false,
    id: () => ID,
    bodies: {
      "a message": "MessageSid=SM1&From=%2B14158675309&To=%2B18005551212&Body=one+parcel%2C+please",
      "text beyond ASCII": "Body=Zo%C3%AB+%E2%80%93+%E6%97%A5%E6%9C%AC%E8%AA%9E+%F0%9F%9A%9A&MessageSid=SM2",
      "no parameters": "",
      "a value that is empty, and one with signs": "Body=&MessageSid=SM3&Note=%26%3D%2B%25%0A",
      "a parameter that is there twice": "MessageSid=SM4&MediaUrl=b&MediaUrl=a&MediaUrl=b",
      "names in the order of their bytes": "b=2&B=1&a=4&A=3&_=5",
    },
  });
  const query = signForm({ body: "Digits=1", url: `${URL_OF("twilio")}?foo=1&bar=%20two` });
  must(acceptsForm({ request: query, secret: TOKEN }), "query");
  all.push(one("a query in the URL", query, "accepted", { id: ID }));
  const made = signForm({ body: PUBLISHED, url: "https://mycompany.com/myapp.php?foo=1&bar=2" });
  must(made.headers[2][1] === "0/KCTR6DLpKmkAf8muzZqo1nDgQ=", "the published signature");
  all.push(
    published("the published one", made, {
      id: ID,
      from: "https://github.com/twilio/twilio-python/blob/main/tests/unit/test_request_validator.py",
    }),
  );
  return all;
}

async function bodies() {
  const all = await cases({
    sign: signBody,
    accepts: acceptsBody,
    secret: TOKEN,
    other: OTHER,
    id: () => ID,
    bodies: {
      "an event": JSON.stringify({ type: "com.twilio.messaging.message.sent", data: { sid: "SM5" } }),
      "text beyond ASCII": '{"name":"Zoë","note":"日本語"}',
      "an empty object": "{}",
    },
  });
  const tampered = { ...signBody({ body: "{}" }), body: "{ }" };
  must(!acceptsBody({ request: tampered, secret: TOKEN, seconds: SECONDS }), "tampered");
  all.push(one("a body that is not that of bodySHA256", tampered, "mismatch"));
  return all;
}

export default async function () {
  return {
    twilio: scheme(await forms()),
    "twilio-body": scheme(await bodies(), "https://www.twilio.com/docs/usage/webhooks/webhooks-security#json-body"),
  };
}
