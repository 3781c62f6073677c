// https://developers.zoom.us/docs/api/webhooks/#verify-webhook-events: `x-zm-signature: v0=HEX`, an HMAC-SHA256 of
// `v0:SECONDS:BODY`. Zoom's library only verifies, and looks at no time.

import { createHmac } from "node:crypto";

import { AwsLambdaReceiver } from "@zoom/rivet/commerce";

import { OVER_LONG, json } from "../handshake.mjs";
import { SECONDS, URL_OF, cases, must, one, sdk } from "../vector.mjs";

const DOCS = "https://developers.zoom.us/docs/api/webhooks/#verify-webhook-events";
const VALIDATION = "https://developers.zoom.us/docs/api/webhooks/#validate-your-webhook-endpoint";
const SECRET = "B3xQzT5uR8eWkV1nY6pLmA";

const hex = (secret, ...parts) =>
  parts.reduce((mac, part) => mac.update(part), createHmac("sha256", secret)).digest("hex");

export function sign({ body, secret = SECRET, seconds }) {
  return {
    url: URL_OF("zoom"),
    headers: [
      ["content-type", "application/json"],
      ["x-zm-request-timestamp", `${seconds}`],
      ["x-zm-signature", `v0=${hex(secret, `v0:${seconds}:`, body)}`],
    ],
    body,
  };
}

export const event = (id) =>
  JSON.stringify({
    event: "meeting.started",
    event_ts: SECONDS * 1000,
    payload: { account_id: "abc", object: { uuid: id } },
  });

/** What the SDK's own endpoint answers: an answer, "refused", or "none" if it hands an event on. */
async function answered({ headers, body }) {
  const { debug } = console;
  console.debug = () => {};
  const handler = new AwsLambdaReceiver({ webhooksSecretToken: SECRET }).start();
  const { statusCode, body: answer } = await handler({ headers: Object.fromEntries(headers), body }, {});
  console.debug = debug;
  if (statusCode !== 200) return "refused";
  return "plainToken" in JSON.parse(answer) ? json(JSON.parse(answer)) : "none";
}

async function handshakes() {
  const token = "qgg8vlvZRS6UYooatFL8Aw";
  const asked = (plainToken, more = {}) => {
    const question = { payload: { plainToken }, event_ts: SECONDS * 1000, event: "endpoint.url_validation" };
    return sign({ body: JSON.stringify(question), seconds: SECONDS, ...more });
  };
  const good = asked(token);
  const unsigned = { ...good, headers: good.headers.slice(0, 1) };
  const all = {
    "a token": [good, json({ encryptedToken: hex(SECRET, token), plainToken: token })],
    "not signed": [unsigned, "refused"],
    "signed with another secret": [asked(token, { secret: "another" }), "refused"],
    "an event": [sign({ body: event("1"), seconds: SECONDS }), "none"],
  };
  const made = [];
  for (const [name, [request, expect]] of Object.entries(all)) {
    const says = await answered(request);
    must(JSON.stringify(says) === JSON.stringify(expect), `the SDK says ${JSON.stringify(says)} to "${name}"`);
    made.push(one(name, request, expect));
  }
  // The SDK answers whatever it is given. What these would be answered with is the signature of an event.
  const unfit = {
    "signed a day ago": asked(token, { seconds: SECONDS - 24 * 3600 }),
    "a token that is an event": asked(`v0:${SECONDS}:{"event":"meeting.started"}`),
    "a token with a colon": asked("v0:1:a"),
    "a token that is over-long": asked(OVER_LONG),
    "an empty token": asked(""),
    "no token": asked(undefined),
  };
  return [...made, ...Object.entries(unfit).map(([name, request]) => one(name, request, "refused"))];
}

export default async function () {
  const verify = { scheme: "zoom", secret: "env:ZOOM_SECRET_TOKEN" };
  const secrets = { ZOOM_SECRET_TOKEN: SECRET };
  const library = sdk("@zoom/rivet");
  return {
    "handshakes/zoom": {
      handshake: { kind: "zoom" },
      verify,
      secrets,
      from: `${VALIDATION}, and ${library}, AwsLambdaReceiver, says the same of a token and of signatures`,
      cases: await handshakes(),
    },
    zoom: {
      scheme: "zoom",
      verify,
      secrets,
      from: `node:crypto by ${DOCS}, and ${library}, AwsLambdaReceiver, says the same of each case but of its time`,
      cases: await cases({
        sign,
        accepts: async ({ request }) => (await answered(request)) !== "refused",
        secret: SECRET,
        other: "another0another0another",
        timed: true,
        asked: false,
        timesAsked: false,
        bodies: {
          "an event": event("1"),
          "text beyond ASCII": '{"event":"meeting.ended","payload":{"topic":"Zoë – 日本語 🚚"}}',
        },
      }),
    },
  };
}
