// https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message-verify-message-signature.html: an RSA signature in the body of
// some of its fields, each as name and value in lines, under the certificate at `SigningCertURL`. Anybody with an account can have
// a topic: which one it is has to be said. The library of AWS only verifies.

import { sign as rsa } from "node:crypto";
import { createRequire } from "node:module";
import https from "node:https";
import { Readable } from "node:stream";

import { NOW, URL_OF, must, one, pem, sdk } from "../vector.mjs";

const Validator = createRequire(import.meta.url)("sns-validator");

const DOCS = "https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message-verify-message-signature.html";
const TOPIC = "arn:aws:sns:eu-central-1:123456789012:orders";
const HOST = "https://sns.eu-central-1.amazonaws.com";
const CERTIFICATE = `${HOST}/SimpleNotificationService-9c6465fa7f48f5cacd23014631ec1136.pem`;
const ID = "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324";
const TOKEN =
  "2336412f37fb687f5d51e6e241d09c805a5a57b30d712f794cc5f6a988666d92768dd60a747ba6f3beb71854e285d6ad02428b09ceece29417f1f02d609c582afbacc99c583a916b9981dd2728f4ae6fdb82efd087cc3b7849e05798d2d2785c03b0879594eeac82c01f235d0e717736";

const SIGNED = {
  Notification: ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"],
  SubscriptionConfirmation: ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"],
};

export function sign({ key = "rsa", version = "2", ...fields }) {
  const message = {
    Type: "Notification",
    MessageId: ID,
    TopicArn: TOPIC,
    Message: '{"order":"O-1"}',
    Timestamp: NOW.replace("Z", ".000Z"),
    SignatureVersion: version,
    SigningCertURL: CERTIFICATE,
    ...fields,
  };
  const lines = SIGNED[message.Type].filter((name) => name in message).map((name) => `${name}\n${message[name]}\n`);
  const signature = rsa(version === "1" ? "sha1" : "sha256", Buffer.from(lines.join("")), pem(key));
  return { ...message, Signature: signature.toString("base64") };
}

export function request(message) {
  const headers = [
    ["content-type", "text/plain; charset=UTF-8"],
    ["x-amz-sns-message-id", message.MessageId],
    ["x-amz-sns-message-type", message.Type],
    ["x-amz-sns-topic-arn", message.TopicArn],
  ];
  return { url: URL_OF("aws-sns"), headers, body: JSON.stringify(message, null, 2) };
}

/** The message with which a topic asks whether the URL wants it. */
export const subscription = (fields = {}) =>
  sign({
    Type: "SubscriptionConfirmation",
    Token: TOKEN,
    Message: `You have chosen to subscribe to the topic ${TOPIC}.\nTo confirm the subscription, visit the SubscribeURL included in this message.`,
    SubscribeURL: `${HOST}/?Action=ConfirmSubscription&TopicArn=${TOPIC}&Token=${TOKEN}`,
    ...fields,
  });

/** What the validator says, which fetches the certificate: here from us. */
function accepts(message) {
  const { get } = https;
  https.get = (url, answered) => {
    answered(
      Object.assign(Readable.from([Buffer.from(url === CERTIFICATE ? pem("sns.crt") : "")]), { statusCode: 200 }),
    );
    return { on: () => {} };
  };
  return new Promise((resolve) => {
    new Validator().validate(message, (error) => {
      https.get = get;
      resolve(!error);
    });
  });
}

const at = (url) => ({ SigningCertURL: url });

function handshakes() {
  const confirm = subscription();
  const cases = [
    one("a subscription", request(confirm), { status: 200, headers: {}, body: "", fetch: confirm.SubscribeURL }),
    one("signed with another key", request(subscription({ key: "another-rsa" })), "refused"),
    one("of another topic", request(subscription({ TopicArn: `${TOPIC}-of-another` })), "refused"),
    one("an event", request(sign({})), "none"),
  ];
  const elsewhere = {
    "another host": "https://example.com/?Action=ConfirmSubscription",
    "a host that begins alike": "https://sns.eu-central-1.amazonaws.com.example.com/?Action=ConfirmSubscription",
    HTTP: confirm.SubscribeURL.replace("https:", "http:"),
    "another action": `${HOST}/?Action=Publish&TopicArn=${TOPIC}`,
    "another topic": `${HOST}/?Action=ConfirmSubscription&TopicArn=${TOPIC}-of-another&Token=${TOKEN}`,
  };
  for (const [name, SubscribeURL] of Object.entries(elsewhere)) {
    cases.push(one(`confirmed by ${name}`, request(subscription({ SubscribeURL })), "refused"));
  }
  return cases;
}

const DOCS_OF_SUBSCRIPTION = "https://docs.aws.amazon.com/sns/latest/dg/SendMessageToHttp.confirm.html";

export default async function () {
  const good = {
    "a notification, version 2": sign({}),
    "a notification, version 1": sign({ version: "1" }),
    "a subject": sign({ Subject: "an order" }),
    "text beyond ASCII": sign({ Message: 'Zoë – 日本語 🚚 "quoted"\nand a line', Subject: "Größe" }),
    "an empty message": sign({ Message: "" }),
    "a subscription": subscription(),
  };
  const bad = {
    "signed with another key": [sign({ key: "another-rsa" }), "mismatch"],
    "another message": [{ ...sign({}), Message: "{}" }, "mismatch"],
    "a subject that was added": [{ ...sign({}), Subject: "an order" }, "mismatch"],
    "a certificate at another host": [sign(at("https://sns.example.com/cert.pem")), "refused"],
    "a certificate at a host that begins alike": [
      sign(at("https://sns.eu-central-1.amazonaws.com.example.com/cert.pem")),
      "refused",
    ],
    "a certificate at a bucket": [sign(at("https://sns-certificates.s3.amazonaws.com/cert.pem")), "refused"],
    "a certificate by HTTP": [sign(at(CERTIFICATE.replace("https:", "http:"))), "refused"],
    "a certificate at another port": [sign(at(CERTIFICATE.replace(".com/", ".com:8443/"))), "refused"],
    "a user in the certificate's URL": [
      sign(at(CERTIFICATE.replace("https://", "https://sns.example.com@"))),
      "refused",
    ],
    "a certificate that is no .pem": [sign(at(`${HOST}/?Action=Publish`)), "refused"],
    "a version that is not known": [{ ...sign({}), SignatureVersion: "3" }, "refused"],
  };
  const all = [];
  for (const [name, message] of Object.entries(good)) {
    must(await accepts(message), name);
    all.push(one(name, request(message), "accepted", { id: ID }));
  }
  for (const [name, [message, expect]] of Object.entries(bad)) {
    // It looks at the host alone, not at a user before it.
    must(name.startsWith("a user") || !(await accepts(message)), name);
    all.push(one(name, request(message), expect));
  }
  all.push(one("another topic", request(sign({ TopicArn: `${TOPIC}-of-another` })), "refused"));
  all.push(one("no JSON", { ...request(sign({})), body: "an order" }, "refused"));
  const verify = { scheme: "aws-sns", topic: TOPIC };
  const keys = { [CERTIFICATE]: pem("sns.crt") };
  return {
    "handshakes/aws-sns": {
      handshake: { kind: "aws-sns" },
      verify,
      secrets: {},
      keys,
      from: DOCS_OF_SUBSCRIPTION,
      cases: handshakes(),
    },
    "aws-sns": {
      scheme: "aws-sns",
      verify,
      secrets: {},
      keys,
      from: `node:crypto by ${DOCS}, and ${sdk("sns-validator")}, validate, says the same of each case but of the topic; a certificate of our own`,
      cases: all,
    },
  };
}
