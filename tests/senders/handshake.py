"""The format of a file of handshakes: what a provider asks before it sends events, and what it must be answered."""

from vector import NOW, one

UNVERIFIED = {"scheme": "none"}
# The longest token that any of the providers documents has less than a tenth of it.
OVER_LONG = "a" * 4096
JSON = {"content-type": "application/json"}


def text(body, **headers):
    """An answer that echoes what the caller has chosen: no browser may take it for a page."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return {
        "status": 200,
        "headers": {"content-type": "text/plain", "x-content-type-options": "nosniff"} | headers,
        "body": body,
    }


def json_answer(body):
    return {"status": 200, "headers": JSON, "body": body}


def ask(url, *, method="GET", headers=(), body=""):
    return {"method": method, "url": url, "headers": [list(header) for header in headers], "body": body}


def handshake(config, source, cases, *, verify=UNVERIFIED, secrets=None, keys=None):
    """`cases` is name → (request, answer): one of the answers above, "refused", or "none" for what is no handshake."""
    file = {"handshake": config, "verify": verify, "secrets": secrets or {}}
    if keys:
        file["keys"] = keys
    made = [one(name, request, answer) for name, (request, answer) in cases.items()]
    return {**file, "from": source, "now": NOW, "cases": made}
