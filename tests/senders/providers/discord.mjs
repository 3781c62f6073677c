// https://discord.com/developers/docs/interactions/overview#setting-up-an-endpoint-validating-security-request-headers: an
// Ed25519 signature in hex of the timestamp and then the body. The SDK only verifies.

import { createPrivateKey, createPublicKey, sign as ed25519 } from "node:crypto";

import { verifyKey, verifyKeyMiddleware } from "discord-interactions";

import { json } from "../handshake.mjs";
import { BEYOND_ASCII, SECONDS, URL_OF, cases, must, one, sdk } from "../vector.mjs";

const DOCS =
  "https://discord.com/developers/docs/interactions/overview#setting-up-an-endpoint-validating-security-request-headers";
// RFC 8032, section 7.1, test 2.
const SEED = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
const OTHER = "07".repeat(32);

const keyOf = (seed) =>
  createPrivateKey({
    key: Buffer.from(`302e020100300506032b657004220420${seed}`, "hex"),
    format: "der",
    type: "pkcs8",
  });
const publicOf = (seed) =>
  createPublicKey(keyOf(seed)).export({ format: "der", type: "spki" }).subarray(-32).toString("hex");

export function sign({ body, secret = SEED, seconds }) {
  const signed = Buffer.concat([Buffer.from(`${seconds}`), Buffer.from(body)]);
  return {
    url: URL_OF("discord"),
    headers: [
      ["content-type", "application/json"],
      ["x-signature-ed25519", ed25519(null, signed, keyOf(secret)).toString("hex")],
      ["x-signature-timestamp", `${seconds}`],
    ],
    body,
  };
}

const ID = "786008729715212338";
export const event = (id) => JSON.stringify({ id, type: 2, token: "a token", data: { name: "parcel" } });
const EVENT = event(ID);

const PING =
  "https://discord.com/developers/docs/interactions/overview#setting-up-an-endpoint-acknowledging-ping-requests";

/** What the SDK's own endpoint answers; "none" if it hands the request on. */
function answered({ body, headers }) {
  const named = Object.fromEntries(headers);
  const request = { header: (name) => named[name.toLowerCase()], body };
  return new Promise((resolve) => {
    const response = {
      statusCode: 200,
      setHeader() {},
      end(text) {
        resolve(this.statusCode === 200 ? json(JSON.parse(text)) : "refused");
      },
    };
    verifyKeyMiddleware(publicOf(SEED))(request, response, () => resolve("none"));
  });
}

async function handshakes() {
  const ping = JSON.stringify({ application_id: "775799577604522054", id: "1", token: "t", type: 1, version: 1 });
  const good = sign({ body: ping, seconds: SECONDS });
  const all = {
    "a ping": [good, json({ type: 1 })],
    "not signed": [{ ...good, headers: good.headers.slice(0, 1) }, "refused"],
    "signed with another key": [sign({ body: ping, seconds: SECONDS, secret: OTHER }), "refused"],
    "a ping that was changed": [{ ...good, body: ping.replace('"id":"1"', '"id":"2"') }, "refused"],
    "a type that is text": [sign({ body: '{"type":"1"}', seconds: SECONDS }), "none"],
    "a command": [sign({ body: event(ID), seconds: SECONDS }), "none"],
  };
  const made = [];
  for (const [name, [request, expect]] of Object.entries(all)) {
    const says = await answered(request);
    must(JSON.stringify(says) === JSON.stringify(expect), `the SDK says ${JSON.stringify(says)} to "${name}"`);
    made.push(one(name, request, expect));
  }
  return made;
}

export default async function () {
  const verify = { scheme: "discord", public_key: "env:DISCORD_PUBLIC_KEY" };
  const secrets = { DISCORD_PUBLIC_KEY: publicOf(SEED) };
  return {
    "handshakes/discord": {
      handshake: { kind: "discord" },
      verify,
      secrets,
      from: `${PING}, and ${sdk("discord-interactions")}, verifyKeyMiddleware, says the same of each case`,
      cases: await handshakes(),
    },
    discord: {
      scheme: "discord",
      verify,
      secrets,
      from: `node:crypto by ${DOCS}, and ${sdk("discord-interactions")}, verifyKey, says the same of each case but of its time`,
      cases: await cases({
        sign,
        secret: SEED,
        other: OTHER,
        timed: true,
        timesAsked: false,
        id: ({ body }) => (body === EVENT ? ID : undefined),
        accepts: ({ request: { headers, body } }) => verifyKey(body, headers[1][1], headers[2][1], publicOf(SEED)),
        bodies: { "a command": EVENT, "text beyond ASCII": BEYOND_ASCII, "an empty object": "{}" },
      }),
    },
  };
}
