"""The documentation is at DOCS: an ECDSA signature on P-256, in base64, of the timestamp and then the body. The SDK only
verifies."""

import base64
import json

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sendgrid.helpers.eventwebhook import EventWebhook
from vector import BEYOND_ASCII, cases, compact, encoded, one, pem, request, scheme, sdk

DOCS = "https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features"
SIGNATURE, TIMESTAMP = "x-twilio-email-event-webhook-signature", "x-twilio-email-event-webhook-timestamp"
DETERMINISTIC = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)  # RFC 6979

PUBLISHED = "https://github.com/sendgrid/sendgrid-python/blob/main/test/unit/test_eventwebhook.py"
PUBLISHED_KEY = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g=="
PUBLISHED_SIGNATURE = "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM="
PUBLISHED_EVENT = {
    "email": "hello@world.com",
    "event": "dropped",
    "reason": "Bounced Address",
    "sg_event_id": "ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",
    "sg_message_id": "LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",
    "smtp-id": "<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>",
    "timestamp": 1600112492,
}


def private(name):
    return serialization.load_pem_private_key(pem(name), None)


def public(name):
    key = private(name).public_key()
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def request_of(body, signature, seconds):
    return request("sendgrid", [(SIGNATURE, signature), (TIMESTAMP, f"{seconds}")], body)


def sign(body, key, seconds):
    signature = private(key).sign(encoded(f"{seconds}") + encoded(body), DETERMINISTIC)
    return request_of(body, base64.b64encode(signature).decode(), seconds)


def accepts_by(key):
    webhook = EventWebhook(key)

    def accepts(made, _secret):
        headers = dict(made["headers"])
        return webhook.verify_signature(made["body"], headers[SIGNATURE], headers[TIMESTAMP])

    return accepts


def vectors():
    event = compact(
        [{"email": "ada@example.com", "event": "delivered", "sg_event_id": "ZGVsaXZlcmVkLTA", "timestamp": 1767323045}]
    )
    made = cases(
        sign,
        {"events": event, "text beyond ASCII": BEYOND_ASCII, "an empty list": "[]"},
        "p256",
        "another-p256",
        accepts=accepts_by(public("p256")),
        timed=True,
        times_asked=False,
    )
    verify = {"scheme": "sendgrid", "public_key": "env:SENDGRID_PUBLIC_KEY"}
    own = scheme(
        verify,
        {"SENDGRID_PUBLIC_KEY": public("p256")},
        f"cryptography by {DOCS}, and {sdk('sendgrid')}, EventWebhook.verify_signature, says the same of each case but of its time",
        made,
    )
    # The line end is signed as well.
    body = json.dumps([PUBLISHED_EVENT], separators=(",", ":")) + "\r\n"
    from_sdk = request_of(body, PUBLISHED_SIGNATURE, 1600112502)
    assert accepts_by(PUBLISHED_KEY)(from_sdk, None)
    case = one("the published one", from_sdk, now="2020-09-14T19:41:42Z")
    return {
        "sendgrid": own,
        "sendgrid-published": scheme(verify, {"SENDGRID_PUBLIC_KEY": PUBLISHED_KEY}, PUBLISHED, [case]),
    }
