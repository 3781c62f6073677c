"""https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks: the body itself carries the
HMAC-SHA256, in hex, of its timestamp and token. It covers nothing else. The SDK only verifies."""

import json

from mailgun.security import SecurityGuard
from vector import SECONDS, cases, compact, mac_hex, one, request, scheme, sdk

DOCS = "https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks"
TOKEN = "a8ce0edb2dd8301dee6c2405235584e45aa91d1e9f979f3de0"
SECRET = "key-3ax6xnjp29jd6fds4gc373sgvjxteol0"
EVENT_ID = "G9Bn5sl1TC6nu79C8C0bwg"


def sign(body, secret, seconds):
    """`body` is the event's text."""
    timestamp = f"{seconds}"
    signature = {"token": TOKEN, "timestamp": timestamp, "signature": mac_hex(secret, timestamp, TOKEN)}
    return request("mailgun", [], compact({"signature": signature, "event-data": json.loads(body)}))


def accepts(made, secret):
    signature = json.loads(made["body"])["signature"]
    return SecurityGuard.verify_webhook(secret, **signature)


def event_id(made):
    return json.loads(made["body"])["event-data"].get("id")


def vectors():
    bodies = {
        "an event": compact({"event": "delivered", "id": EVENT_ID, "timestamp": SECONDS + 0.25}),
        "text beyond ASCII": compact({"event": "opened", "id": EVENT_ID, "name": "Zoë – 日本語 🚚"}),
        "an empty event": "{}",
    }
    made = cases(sign, bodies, SECRET, "key-another", accepts=accepts, raw=False, timed=True, id=event_id)
    wrong = {
        "no signature in the body": '{"event-data":{}}',
        "a signature that is text": '{"signature":"none","event-data":{}}',
        "no JSON": "an event",
    }
    made += [one(name, request("mailgun", [], body), "malformed-body") for name, body in wrong.items()]
    verify = {"scheme": "mailgun", "secret": "env:MAILGUN_SIGNING_KEY"}
    source = f"hmac of Python by {DOCS}, and {sdk('mailgun')}, SecurityGuard.verify_webhook, says the same of each case"
    return {"mailgun": scheme(verify, {"MAILGUN_SIGNING_KEY": SECRET}, source, made)}
