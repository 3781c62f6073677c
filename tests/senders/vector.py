"""The format of a file of vectors, for the providers whose SDK is Python's or that have none. As in vector.mjs."""

import base64
import hashlib
import hmac
import json
import re
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from unittest import mock

NOW = "2026-01-02T03:04:05Z"
SECONDS = int(datetime.fromisoformat(NOW).timestamp())
DAY = 24 * 3600

# Bytes that are no UTF-8: "Zoë" as Latin-1 has it.
LATIN1 = '{"name":"Zo\xeb"}'.encode("latin-1")
BEYOND_ASCII = '{"name":"Zoë Müller","note":"naïve – 日本語 🚚 \\u00e9"}'

KEYS = Path(__file__).parent / "providers" / "keys"


def url_of(provider):
    return f"https://hooks.example.com/{provider}"


def pem(name):
    """A key or a certificate of these vectors."""
    return (KEYS / f"{name}.pem").read_bytes()


def sdk(name):
    return f"{name} {version(name)} (PyPI)"


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def iso(seconds):
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def encoded(body):
    return body if isinstance(body, bytes) else body.encode()


def mac(secret, *parts, algorithm="sha256"):
    return hmac.new(encoded(secret), b"".join(map(encoded, parts)), algorithm)


def mac_hex(secret, *parts, **more):
    return mac(secret, *parts, **more).hexdigest()


def mac_base64(secret, *parts, **more):
    return base64.b64encode(mac(secret, *parts, **more).digest()).decode()


def sha256(body):
    return hashlib.sha256(encoded(body)).hexdigest()


def request(provider, headers, body, *, url=None, method="POST", content_type="application/json"):
    return {
        "method": method,
        "url": url or url_of(provider),
        "headers": [["content-type", content_type], *map(list, headers)],
        "body": body,
    }


def one(name, made, expect="accepted", **more):
    """A case; `more` are `id`, `now` and `from`."""
    body = made["body"]
    if isinstance(body, bytes):
        try:
            body = body.decode()
        except UnicodeDecodeError:
            body = {"base64": base64.b64encode(body).decode()}
    more = {key: value for key, value in more.items() if value is not None}
    return {"name": name, **more, "request": {**made, "body": body}, "expect": expect}


def asked(accepts, name, made, secret, expect):
    """Asks the provider's own verifier, while the clock stands at the time of the vectors."""
    with mock.patch("time.time", return_value=float(SECONDS)):
        says = accepts(made, secret)
    assert says == (expect == "accepted"), f'the SDK says {says} to "{name}", which is to be {expect}'


def cases(sign, bodies, secret, other, *, accepts=None, id=None, raw=True, timed=False, times_asked=True):
    """The cases of one scheme: `sign(body, secret, seconds)` makes a signed request, `accepts(request, secret)` is the
    provider's verifier, `id(request)` the id for deduplication; `times_asked` is whether the verifier looks at the time."""
    made = []

    def add(name, body, key=secret, seconds=SECONDS, expect="accepted", ask=True):
        signed = sign(body, key, seconds)
        # No SDK takes bytes that are no text.
        if accepts and ask and isinstance(body, str):
            asked(accepts, name, signed, secret, expect)
        made.append(one(name, signed, expect, id=id(signed) if id and expect == "accepted" else None))

    for name, body in bodies.items():
        add(name, body)
    if raw:
        add("bytes that are not UTF-8", LATIN1)
    first = next(iter(bodies.values()))
    add("signed with another secret", first, key=other, expect="mismatch")
    if timed:
        add("signed a day ago", first, seconds=SECONDS - DAY, expect="too-old", ask=times_asked)
        add("signed a day ahead", first, seconds=SECONDS + DAY, expect="too-new", ask=times_asked)
    return made


def scheme(verify, secrets, source, cases, keys=None):
    file = {"scheme": verify["scheme"], "verify": verify, "secrets": secrets, "keys": keys, "from": source, "now": NOW}
    return {key: value for key, value in {**file, "cases": cases}.items() if value is not None}


def write(folder, name, content):
    text = json.dumps(content, indent=2, ensure_ascii=False)
    string = r'"(?:[^"\\]|\\.)*"'
    text = re.sub(rf"\[\s+({string}),\s+({string})\s+\]", r"[\1, \2]", text)
    file = Path(folder) / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{text}\n")
