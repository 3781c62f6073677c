// https://docs.slack.dev/authentication/verifying-requests-from-slack: `X-Slack-Signature: v0=HEX`, an HMAC-SHA256 of
// `v0:SECONDS:BODY`. The SDK only verifies.

import { createHmac } from "node:crypto";
import { createRequire } from "node:module";

import { OVER_LONG, text } from "../handshake.mjs";
import { BEYOND_ASCII, SECONDS, URL_OF, at, cases, must, one, published, sdk } from "../vector.mjs";

const { AwsLambdaReceiver, isValidSlackRequest } = createRequire(import.meta.url)("@slack/bolt");

const DOCS = "https://docs.slack.dev/authentication/verifying-requests-from-slack";
const SECRET = "8f742231b10e8888abcd99yyyzzz85a5";

export function sign({ body, secret = SECRET, seconds, type = "application/json" }) {
  const hex = createHmac("sha256", secret).update(`v0:${seconds}:`).update(body).digest("hex");
  return {
    url: URL_OF("slack"),
    headers: [
      ["content-type", type],
      ["x-slack-request-timestamp", `${seconds}`],
      ["x-slack-signature", `v0=${hex}`],
    ],
    body,
  };
}

const accepts = ({ request: { body, headers }, secret, seconds }) =>
  isValidSlackRequest({
    signingSecret: secret,
    body,
    headers: { ...Object.fromEntries(headers), "x-slack-request-timestamp": Number(headers[1][1]) },
    nowMilliseconds: seconds * 1000,
  });

export const event = (id) =>
  JSON.stringify({
    type: "event_callback",
    team_id: "T1DC2JH3J",
    event_id: id,
    event: { type: "app_mention", text: "a parcel, please", channel: "C061EG9T2" },
  });
const EVENT = event("Ev08MFMKH6");

const COMMAND =
  "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V" +
  "&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=" +
  "&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN" +
  "&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";

const CHALLENGE = "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P";

/** What the SDK's own endpoint answers: its status, and the challenge. */
async function answered({ body, headers }) {
  const logger = { debug() {}, error() {}, info() {}, warn() {}, setLevel() {}, setName() {} };
  const handler = await new AwsLambdaReceiver({ signingSecret: SECRET, logger }).start();
  const { statusCode, body: answer } = await at(SECONDS, () => handler({ body, headers: Object.fromEntries(headers) }));
  return [statusCode, answer && JSON.parse(answer).challenge];
}

async function handshakes() {
  const asked = (challenge, more = {}) =>
    sign({
      body: JSON.stringify({ token: "Jhj5dZrVaK7ZwHHjRyZWjbDl", challenge, type: "url_verification" }),
      seconds: SECONDS,
      ...more,
    });
  const good = asked(CHALLENGE);
  const unsigned = { ...good, headers: good.headers.filter(([name]) => !name.startsWith("x-slack-")) };
  const wrong = {
    "not signed": unsigned,
    "signed with another secret": asked(CHALLENGE, { secret: "another" }),
    "signed a day ago": asked(CHALLENGE, { seconds: SECONDS - 24 * 3600 }),
  };
  const [status, challenge] = await answered(good);
  must(status === 200 && challenge === CHALLENGE, `the SDK answers ${status} to a challenge`);
  for (const [name, request] of Object.entries(wrong)) {
    const [status] = await answered(request);
    must(status === 401, `the SDK answers ${status} to "${name}"`);
  }
  // The SDK echoes whatever it is given.
  const unfit = {
    "a challenge that is a page": asked("<script>alert(1)</script>"),
    "a challenge that is over-long": asked(OVER_LONG),
    "a challenge that is no text": asked({ a: 1 }),
    "no challenge": asked(undefined),
  };
  const refused = Object.entries({ ...wrong, ...unfit }).map(([name, request]) => one(name, request, "refused"));
  const other = sign({ body: event("Ev08MFMKH7"), seconds: SECONDS });
  return [one("a challenge", good, text(CHALLENGE)), ...refused, one("an event", other, "none")];
}

export default async function () {
  const all = await cases({
    sign,
    accepts,
    secret: SECRET,
    other: "another0another0another0another0",
    timed: true,
    asked: false,
    id: ({ body }) => (body === EVENT ? "Ev08MFMKH6" : undefined),
    bodies: { "an event": EVENT, "text beyond ASCII": BEYOND_ASCII, "an empty object": "{}", "an empty body": "" },
  });
  const seconds = 1531420618;
  const command = sign({ body: COMMAND, seconds, type: "application/x-www-form-urlencoded" });
  must(
    command.headers[2][1] === "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
    "the published signature",
  );
  all.push(published("the published one: a slash command", command, { seconds, from: DOCS }));
  const verify = { scheme: "slack", secret: "env:SLACK_SIGNING_SECRET" };
  const secrets = { SLACK_SIGNING_SECRET: SECRET };
  return {
    "handshakes/slack": {
      handshake: { kind: "slack" },
      verify,
      secrets,
      from:
        "https://docs.slack.dev/reference/events/url_verification, and " +
        `${sdk("@slack/bolt")}, AwsLambdaReceiver, says the same of a challenge and of signatures, but as JSON`,
      cases: await handshakes(),
    },
    slack: {
      scheme: "slack",
      verify,
      secrets,
      from: `node:crypto by ${DOCS}, and ${sdk("@slack/bolt")}, isValidSlackRequest, says the same of each case`,
      cases: all,
    },
  };
}
