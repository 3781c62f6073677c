"""Handshakes that nothing signs: what is asked is a token, a question by OPTIONS, or a header."""

from handshake import OVER_LONG, ask, handshake, json_answer, text
from vector import compact, mac_base64, request, url_of


def meta():
    docs = "https://developers.facebook.com/docs/graph-api/webhooks/getting-started#verification-requests"

    def get(challenge="1158201444", token="meatyhamhock", mode="subscribe"):
        return ask(f"{url_of('meta')}?hub.mode={mode}&hub.challenge={challenge}&hub.verify_token={token}")

    cases = {
        "a question": (get(), text("1158201444")),
        "another token": (get(token="another"), "refused"),
        "an empty token": (get(token=""), "refused"),
        "no token": (ask(f"{url_of('meta')}?hub.mode=subscribe&hub.challenge=1158201444"), "refused"),
        "two tokens": (
            ask(
                f"{url_of('meta')}?hub.mode=subscribe&hub.challenge=1&hub.verify_token=another&hub.verify_token=meatyhamhock"
            ),
            "refused",
        ),
        "another mode": (get(mode="unsubscribe"), "refused"),
        "a challenge that is a page": (get(challenge="%3Cscript%3Ealert(1)%3C%2Fscript%3E"), "refused"),
        "a challenge with a line end": (get(challenge="1158%0D%0Aset-cookie:a=b"), "refused"),
        "a challenge that is over-long": (get(challenge=OVER_LONG), "refused"),
        "no challenge": (ask(f"{url_of('meta')}?hub.mode=subscribe&hub.verify_token=meatyhamhock"), "refused"),
    }
    config = {"kind": "meta", "verify_token": "env:META_VERIFY_TOKEN"}
    return handshake(config, docs, cases, secrets={"META_VERIFY_TOKEN": "meatyhamhock"})


def websub():
    docs = "https://www.w3.org/TR/websub/#hub-verifies-intent"
    topic = "https://example.com/feed"

    def get(
        challenge="d41d8cd98f00b204e980",
        mode="subscribe",
        topic="https%3A%2F%2Fexample.com%2Ffeed",
        lease="&hub.lease_seconds=864000",
    ):
        return ask(f"{url_of('websub')}?hub.mode={mode}&hub.topic={topic}&hub.challenge={challenge}{lease}")

    cases = {
        "a subscription": (get(), text("d41d8cd98f00b204e980")),
        "another topic": (get(topic="https%3A%2F%2Fexample.com%2Fother"), "refused"),
        "an end of it that nobody asked for": (get(mode="unsubscribe", lease=""), "refused"),
        "no topic": (ask(f"{url_of('websub')}?hub.mode=subscribe&hub.challenge=a"), "refused"),
        "a challenge that is a page": (get(challenge="%3Cb%3E"), "refused"),
        "a challenge that is over-long": (get(challenge=OVER_LONG), "refused"),
    }
    return handshake({"kind": "websub", "topic": topic}, docs, cases)


def cloudevents():
    docs = "https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md#4-abuse-protection"
    origin = ("webhook-request-origin", "eventemitter.example.com")
    rate = ("webhook-request-rate", "120")

    def options(*headers):
        return ask(url_of("cloudevents"), method="OPTIONS", headers=headers)

    def allowed(**headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return {"status": 200, "headers": {"allow": "POST", "webhook-allowed-origin": origin[1]} | headers, "body": ""}

    cases = {
        "a question": (options(origin), allowed()),
        "a rate that is asked for": (options(origin, rate), allowed(webhook_allowed_rate="120")),
        "a rate above ours": (options(origin, ("webhook-request-rate", "100000")), allowed(webhook_allowed_rate="600")),
        "another origin": (options(("webhook-request-origin", "eventemitter.example.org"), rate), "refused"),
        "an origin that ends alike": (options(("webhook-request-origin", "not-eventemitter.example.com")), "refused"),
        "two origins": (options(("webhook-request-origin", "eventemitter.example.org"), origin), "refused"),
        "no origin": (options(rate), "none"),
        "a rate that is no number": (options(origin, ("webhook-request-rate", "many")), "refused"),
        # It is only asked to: nobody may be called because somebody says so.
        "a callback": (
            options(origin, ("webhook-request-callback", "https://eventemitter.example.com/confirm?id=12345")),
            allowed(),
        ),
    }
    config = {"kind": "cloudevents", "origins": ["eventemitter.example.com"], "rate": 600}
    return handshake(config, docs, cases)


def microsoft_graph():
    docs = "https://learn.microsoft.com/en-us/graph/change-notifications-delivery-webhooks#notificationurl-validation"
    plain = [("content-type", "text/plain; charset=utf-8")]
    words = "Validation: Testing client application reachability for subscription Request-Id: "
    token = f"{words}522a8e7e-096a-494c-aaf1-ac0dcfca45b7"
    escaped = token.replace(":", "%3A").replace(" ", "+")

    def post(token, name="validationToken"):
        return ask(f"{url_of('graph')}?{name}={token}", method="POST", headers=plain)

    event = request("graph", [], compact({"value": [{"subscriptionId": "7f105c7d", "changeType": "created"}]}))
    cases = {
        "a token": (post(escaped), text(token)),
        "an opaque token": (post("MTIzNDU2.Nzg5-abc_def~"), text("MTIzNDU2.Nzg5-abc_def~")),
        "a token that is a page": (post("%3Cscript%3Ealert(1)%3C%2Fscript%3E"), "refused"),
        "a token with a line end": (post("a%0D%0Aset-cookie%3A+a%3Db"), "refused"),
        "a token beyond ASCII": (post("%C3%A9"), "refused"),
        "a token that is no UTF-8": (post("%FF"), "refused"),
        "a token that is over-long": (post(OVER_LONG), "refused"),
        "an empty token": (post(""), "refused"),
        "two tokens": (
            ask(f"{url_of('graph')}?validationToken=a&validationToken=b", method="POST", headers=plain),
            "refused",
        ),
        "an event": (event, "none"),
    }
    return handshake({"kind": "microsoft-graph"}, docs, cases)


def azure_event_grid():
    docs = (
        "https://learn.microsoft.com/en-us/azure/event-grid/end-point-validation-event-grid-events-schema and "
        "https://learn.microsoft.com/en-us/azure/event-grid/end-point-validation-cloud-events-schema"
    )
    code = "512d38b6-c7b8-40c8-89fe-f46f9e9622b6"
    topic = "/subscriptions/xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"

    def events(*many, kind="SubscriptionValidation"):
        return request("event-grid", [("aeg-event-type", kind)], compact(many))

    def validation(code=code):
        return {
            "id": "2d1781af-3a4c-4d7c-bd0c-e34b19da4e66",
            "topic": topic,
            "subject": "",
            "data": {
                "validationCode": code,
                "validationUrl": "https://rp-eastus2.eventgrid.azure.net:553/eventsubscriptions/estest/validate?id=512d38b6",
            },
            "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
            "eventTime": "2026-01-02T03:04:05.4541811Z",
            "metadataVersion": "1",
            "dataVersion": "1",
        }

    def options(origin):
        headers = [("webhook-request-origin", origin)]
        return ask(url_of("event-grid"), method="OPTIONS", headers=headers)

    def allowed(origin):
        return {"status": 200, "headers": {"allow": "POST", "webhook-allowed-origin": origin}, "body": ""}

    order = {
        "id": "1",
        "topic": topic,
        "subject": "orders/1",
        "data": {},
        "eventType": "Shop.Order",
        "dataVersion": "1",
    }
    cases = {
        "a validation": (events(validation()), json_answer({"validationResponse": code})),
        "CloudEvents by OPTIONS": (options("eventgrid.azure.net"), allowed("eventgrid.azure.net")),
        "another origin": (options("eventgrid.example.net"), "refused"),
        "a code that is a page": (events(validation("<script>alert(1)</script>")), "refused"),
        "a code that is over-long": (events(validation(OVER_LONG)), "refused"),
        "a code that is no text": (events(validation({"a": 1})), "refused"),
        "an event beside it": (events(validation(), order), "refused"),
        "an event": (events(order, kind="Notification"), "none"),
        # An event that says of itself that it is one, where the header does not.
        "a validation as a notification": (events(validation(), kind="Notification"), "none"),
    }
    return handshake({"kind": "azure-event-grid"}, docs, cases)


def dropbox():
    docs = "https://www.dropbox.com/developers/reference/webhooks#documentation"

    def get(query):
        return ask(url_of("dropbox") + query)

    cases = {
        "a challenge": (get("?challenge=Xc7uZ-_9kQ3sA1"), text("Xc7uZ-_9kQ3sA1")),
        "a challenge that is a page": (get("?challenge=%3Cscript%3Ealert(1)%3C/script%3E"), "refused"),
        "a challenge that is over-long": (get(f"?challenge={OVER_LONG}"), "refused"),
        "an empty challenge": (get("?challenge="), "refused"),
        "two challenges": (get("?challenge=a&challenge=b"), "refused"),
        "no challenge": (get(""), "none"),
    }
    return handshake({"kind": "dropbox"}, docs, cases)


def okta():
    docs = "https://developer.okta.com/docs/concepts/event-hooks/#one-time-verification-request"
    key = ("authorization", "a key of ours")

    def get(challenge, *headers):
        return ask(url_of("okta"), headers=[("x-okta-verification-challenge", challenge), *headers])

    cases = {
        "a challenge": (
            get("my_verification_challenge", key),
            json_answer({"verification": "my_verification_challenge"}),
        ),
        "without the key": (get("my_verification_challenge"), "refused"),
        "with another key": (get("my_verification_challenge", ("authorization", "another")), "refused"),
        "a challenge that is a page": (get("<script>alert(1)</script>", key), "refused"),
        "a challenge that is over-long": (get(OVER_LONG, key), "refused"),
        "an empty challenge": (get("", key), "refused"),
        "no challenge": (ask(url_of("okta"), headers=[key]), "none"),
    }
    verify = {"scheme": "api-key", "header": "authorization", "secret": "env:OKTA_KEY"}
    return handshake({"kind": "okta"}, docs, cases, verify=verify, secrets={"OKTA_KEY": "a key of ours"})


def asana():
    docs = "https://developers.asana.com/docs/webhooks-guide#the-webhook-handshake"
    secret = "b537207f20cbfa02357cf448134da559e8bd39d61597dcd5631b8012eae53e81"

    def post(*headers, body=""):
        return request("asana", headers, body)

    def echoed(value):
        return {"status": 200, "headers": {"x-hook-secret": value}, "body": ""}

    cases = {
        "a secret": (post(("x-hook-secret", secret)), echoed(secret)),
        "a secret with other signs": (post(("x-hook-secret", "a\tb")), "refused"),
        "a secret that is over-long": (post(("x-hook-secret", OVER_LONG)), "refused"),
        "an empty secret": (post(("x-hook-secret", "")), "refused"),
        "two secrets": (post(("x-hook-secret", secret), ("x-hook-secret", "another")), "refused"),
        "an event": (post(("x-hook-signature", "1a2b"), body=compact({"events": []})), "none"),
    }
    return handshake({"kind": "asana"}, docs, cases)


def x():
    docs = "https://docs.x.com/x-api/webhooks/quickstart#2-the-crc-check"
    secret = "z6gMUGkAhGTbmkMtQjVBqqSbnAq2UWkGRGJqKFVT0XqDxXUSNh"
    answer = f"sha256={mac_base64(secret, 'MTc2NzMyMzA0NQ==')}"

    def get(query):
        return ask(url_of("x") + query)

    cases = {
        "a token": (get("?crc_token=MTc2NzMyMzA0NQ%3D%3D"), json_answer({"response_token": answer})),
        "a token and a nonce": (
            get("?crc_token=MTc2NzMyMzA0NQ%3D%3D&nonce=MTIz"),
            json_answer({"response_token": answer}),
        ),
        # What it would be answered with is the signature of an event.
        "a token that is an event": (get("?crc_token=%7B%22for_user_id%22%3A%221%22%7D"), "refused"),
        "a token that is a list": (get("?crc_token=%5B%5D"), "refused"),
        "a token with a space": (get("?crc_token=a%20b"), "refused"),
        "a token that is over-long": (get(f"?crc_token={OVER_LONG}"), "refused"),
        "an empty token": (get("?crc_token="), "refused"),
        "two tokens": (get("?crc_token=a&crc_token=b"), "refused"),
        "no token": (get(""), "none"),
    }
    verify = {"scheme": "x", "secret": "env:X_CONSUMER_SECRET"}
    return handshake({"kind": "x"}, docs, cases, verify=verify, secrets={"X_CONSUMER_SECRET": secret})


def vectors():
    made = {
        "meta": meta(),
        "websub": websub(),
        "cloudevents": cloudevents(),
        "microsoft-graph": microsoft_graph(),
        "azure-event-grid": azure_event_grid(),
        "dropbox": dropbox(),
        "okta": okta(),
        "asana": asana(),
        "x": x(),
    }
    return {f"handshakes/{name}": file for name, file in made.items()}
