// https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation, version 3:
// `X-HubSpot-Signature-v3`, an HMAC-SHA256 in base64 of method, URL, body and the milliseconds of `X-HubSpot-Request-Timestamp`.
// In the URL a few signs stand as themselves that a sender escapes.

import { createHmac } from "node:crypto";
import { createRequire } from "node:module";

import { BEYOND_ASCII, SECONDS, URL_OF, cases, must, one, sdk } from "../vector.mjs";

const { Signature } = createRequire(import.meta.url)("@hubspot/api-client");

const DOCS = "https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation";
const SECRET = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy";

/** `signed` is the URL as it is signed. */
export function sign({ body, secret = SECRET, seconds, method = "POST", url = URL_OF("hubspot"), signed = url }) {
  const timestamp = seconds * 1000;
  const options = { url: signed, requestBody: body, clientSecret: secret, timestamp };
  const signature = Buffer.isBuffer(body)
    ? createHmac("sha256", secret)
        .update(method + signed)
        .update(body)
        .update(`${timestamp}`)
        .digest("base64")
    : Signature.getSignature(method, "v3", options);
  return {
    method,
    url,
    headers: [
      ["content-type", "application/json"],
      ["x-hubspot-request-timestamp", `${timestamp}`],
      ["x-hubspot-signature-v3", signature],
    ],
    body,
  };
}

function accepts({ request: { method, url, headers, body }, secret }) {
  const options = { method, url, signatureVersion: "v3", requestBody: body, clientSecret: secret };
  try {
    return Signature.isValid({ ...options, timestamp: Number(headers[1][1]), signature: headers[2][1] });
  } catch (error) {
    must(error.message.startsWith("Timestamp is invalid"), error);
    return false;
  }
}

export const event = (id) =>
  JSON.stringify([{ eventId: id, subscriptionType: "contact.creation", objectId: 123, occurredAt: 1767323045000 }]);

export default async function () {
  const all = await cases({
    sign,
    accepts,
    secret: SECRET,
    other: "zzzzzzzz-zzzz-zzzz-zzzz-zzzzzzzzzzzz",
    timed: true,
    asked: false,
    bodies: {
      events: event(1),
      "text beyond ASCII": BEYOND_ASCII,
      "an empty list": "[]",
    },
  });
  const query = URL_OF("hubspot?");
  const urls = {
    "signs of the URL that are signed as themselves": [
      `${query}to=a%3Ab%2Fc%3Fd%40e%21f%24g%27h%28i%29j%2Ak%2Cl%3Bm`,
      `${query}to=a:b/c?d@e!f$g'h(i)j*k,l;m`,
    ],
    "others stay escaped": [`${query}to=%C3%A9%20%26%3D%25%2B`, `${query}to=%C3%A9%20%26%3D%25%2B`],
  };
  for (const [name, [url, signed]] of Object.entries(urls)) {
    all.push(one(name, sign({ body: "[]", seconds: SECONDS, url, signed }), "accepted"));
  }
  return {
    hubspot: {
      scheme: "hubspot",
      verify: { scheme: "hubspot", secret: "env:HUBSPOT_CLIENT_SECRET" },
      secrets: { HUBSPOT_CLIENT_SECRET: SECRET },
      from: `${sdk("@hubspot/api-client")}, Signature.getSignature; ${DOCS}`,
      cases: all,
    },
  };
}
