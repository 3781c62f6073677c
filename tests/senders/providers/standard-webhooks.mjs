// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md: an HMAC-SHA256 (`v1`) or an
// Ed25519 signature (`v1a`) of `ID.SECONDS.BODY`, in base64. Svix is the same under `svix-` names.

import { createHmac, createPrivateKey, createPublicKey, sign as asymmetric } from "node:crypto";

import { Webhook as Standard } from "standardwebhooks";
import { Webhook as Svix } from "svix";

import { BEYOND_ASCII, SECONDS, URL_OF, at, cases, must, one, published, sdk } from "../vector.mjs";

const SPEC = "https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md";
const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
export const OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const ID = "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W";

const EVENT = JSON.stringify({
  type: "invoice.paid",
  timestamp: "2026-01-02T03:04:05Z",
  data: { id: "in_1", total: 1200 },
});
const BODIES = { "an event": EVENT, "text beyond ASCII": BEYOND_ASCII, "an empty object": "{}", "an empty body": "" };

const request = (names, body, { id = ID, seconds = SECONDS, signature }) => ({
  url: URL_OF(names),
  headers: [
    ["content-type", "application/json"],
    [`${names}-id`, id],
    [`${names}-timestamp`, `${seconds}`],
    [`${names}-signature`, signature],
  ],
  body,
});

/** The SDKs read a body that is no UTF-8 as text, and sign that: for bytes it is done by the rule. */
function signature(Webhook, { body, secret = SECRET, seconds, id = ID }) {
  if (!Buffer.isBuffer(body)) return new Webhook(secret).sign(id, new Date(seconds * 1000), body);
  const key = Buffer.from(secret.slice("whsec_".length), "base64");
  return `v1,${createHmac("sha256", key).update(`${id}.${seconds}.`).update(body).digest("base64")}`;
}

export const signStandard = (of) => request("webhook", of.body, { ...of, signature: signature(Standard, of) });
export const signSvix = (of) => request("svix", of.body, { ...of, signature: signature(Svix, of) });

function acceptsBy(Webhook) {
  return ({ request: { body, headers }, secret }) => {
    try {
      if (body === "") return true; // Svix parses what it has verified.
      new Webhook(secret).verify(body, Object.fromEntries(headers));
      return true;
    } catch (error) {
      must(error.name === "Error" || /Verification/.test(error.constructor.name), error);
      return false;
    }
  };
}

async function symmetric(Webhook, names, sign) {
  const accepts = acceptsBy(Webhook);
  const all = await cases({
    sign,
    accepts,
    secret: SECRET,
    other: OTHER,
    timed: true,
    asked: false,
    id: () => ID,
    bodies: BODIES,
  });
  const [own, others] = [SECRET, OTHER].map((secret) => signature(Webhook, { body: EVENT, secret, seconds: SECONDS }));
  const several = { "another's before it": `${others} ${own}`, "another's after it": `${own} ${others}` };
  for (const [name, value] of Object.entries(several)) {
    all.push(one(name, request(names, EVENT, { signature: value }), "accepted", { id: ID }));
  }
  const unknown = `v9,${own.slice("v1,".length)}`;
  all.push(one("a version that is not known", request(names, EVENT, { signature: unknown }), "malformed-header"));
  return all;
}

// RFC 8032, section 7.1, test 1.
const SEED = Buffer.from("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "hex");
const OTHER_SEED = Buffer.alloc(32, 7);
const keyOf = (seed) =>
  createPrivateKey({
    key: Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]),
    format: "der",
    type: "pkcs8",
  });
const publicOf = (seed) => createPublicKey(keyOf(seed)).export({ format: "der", type: "spki" }).subarray(-32);

function ed25519() {
  const sign = ({ body, secret, seconds }) => {
    const signed = Buffer.concat([Buffer.from(`${ID}.${seconds}.`), Buffer.from(body)]);
    return request("webhook", body, {
      seconds,
      signature: `v1a,${asymmetric(null, signed, keyOf(secret)).toString("base64")}`,
    });
  };
  return cases({ sign, secret: SEED, other: OTHER_SEED, timed: true, id: () => ID, bodies: BODIES });
}

export default async function () {
  const standard = await symmetric(Standard, "webhook", signStandard);
  const svix = await symmetric(Svix, "svix", signSvix);
  const asStandard = signStandard({ body: EVENT, seconds: SECONDS });
  must(
    await at(SECONDS, () => acceptsBy(Svix)({ request: asStandard, secret: SECRET })),
    "the names of Standard Webhooks",
  );
  svix.push(one("by the names of Standard Webhooks", asStandard, "accepted", { id: ID }));
  const spec = { body: '{"test": 2432232314}', id: "msg_p5jXN8AQM9LWM0D4loKWxJek", seconds: 1614265330 };
  const fromSpec = signStandard(spec);
  must(fromSpec.headers[3][1] === "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", "the published signature");
  standard.push(
    published("the published one", fromSpec, {
      seconds: spec.seconds,
      id: spec.id,
      from: "https://github.com/standard-webhooks/standard-webhooks/blob/main/libraries/javascript/src/index.test.ts",
    }),
  );
  const scheme = (name, verify, secret, from, cases) => ({
    scheme: name,
    verify: { scheme: name, ...verify },
    secrets: { [Object.values(verify)[0].slice("env:".length)]: secret },
    from,
    cases,
  });
  const key = `whpk_${publicOf(SEED).toString("base64")}`;
  return {
    "standard-webhooks": scheme(
      "standard-webhooks",
      { secret: "env:STANDARD_SECRET" },
      SECRET,
      `${sdk("standardwebhooks")}, Webhook.sign; ${SPEC}`,
      standard,
    ),
    svix: scheme(
      "svix",
      { secret: "env:SVIX_SECRET" },
      SECRET,
      `${sdk("svix")}, Webhook.sign; https://docs.svix.com/receiving/verifying-payloads/how-manual`,
      svix,
    ),
    "standard-webhooks-ed25519": scheme(
      "standard-webhooks",
      { public_key: "env:STANDARD_PUBLIC_KEY" },
      key,
      `node:crypto by ${SPEC}; the key is that of RFC 8032, section 7.1, test 1`,
      await ed25519(),
    ),
  };
}
