"""https://developer.paypal.com/api/rest/webhooks/rest/#link-selfverification: an RSA signature of the transmission's id and
time, the webhook's id and the body's CRC-32, under a certificate at an address of PayPal."""

import base64
import json
import zlib

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from vector import BEYOND_ASCII, SECONDS, cases, compact, encoded, iso, one, pem, request, scheme

DOCS = "https://developer.paypal.com/api/rest/webhooks/rest/#link-selfverification"
WEBHOOK_ID = "4JH86294D6297924G"
CERTIFICATE = "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-ab66f33d"
TRANSMISSION = "69cd13f0-d67a-11e5-baa3-778b53f4ae55"


def sign(body, key, seconds, webhook=WEBHOOK_ID, certificate=CERTIFICATE, algorithm="SHA256withRSA"):
    time = iso(seconds)
    message = f"{TRANSMISSION}|{time}|{webhook}|{zlib.crc32(encoded(body))}"
    private = serialization.load_pem_private_key(pem(key), None)
    signature = private.sign(message.encode(), padding.PKCS1v15(), hashes.SHA256())
    headers = [
        ("paypal-auth-algo", algorithm),
        ("paypal-cert-url", certificate),
        ("paypal-transmission-id", TRANSMISSION),
        ("paypal-transmission-sig", base64.b64encode(signature).decode()),
        ("paypal-transmission-time", time),
    ]
    return request("paypal", headers, body)


def vectors():
    event = compact({"id": "WH-9UG43882HX7271132-6E0871324L7949614", "event_type": "PAYMENT.SALE.COMPLETED"})

    def event_id(made):
        return json.loads(event)["id"] if made["body"] == event else None

    bodies = {"an event": event, "text beyond ASCII": BEYOND_ASCII, "an empty object": "{}"}
    made = cases(sign, bodies, "rsa", "another-rsa", id=event_id)

    def add(name, expect, **more):
        made.append(one(name, sign(event, "rsa", SECONDS, **more), expect))

    add("of another webhook", "mismatch", webhook="9XL90610J3647323C")
    places = {
        "another host": "https://example.com/v1/notifications/certs/CERT-1",
        "a host that begins alike": "https://api.paypal.com.example.com/v1/notifications/certs/CERT-1",
        "a host that ends alike": "https://notpaypal.com/v1/notifications/certs/CERT-1",
        "a host by HTTP": CERTIFICATE.replace("https:", "http:"),
        "another path": "https://api.paypal.com/redirect?to=https://example.com/",
        "a path that climbs": "https://api.paypal.com/v1/notifications/certs/../../../redirect",
        "a user in it": "https://api.paypal.com@example.com/v1/notifications/certs/CERT-1",
        "another port": CERTIFICATE.replace(".com/", ".com:8443/"),
    }
    for name, certificate in places.items():
        add(f"a certificate at {name}", "refused", certificate=certificate)
    add("an algorithm that is not known", "refused", algorithm="SHA1withRSA")
    return {
        "paypal": scheme(
            {"scheme": "paypal", "webhook_id": WEBHOOK_ID},
            {},
            f"cryptography by {DOCS}; a certificate of our own",
            made,
            keys={CERTIFICATE: pem("paypal.crt").decode()},
        )
    }
