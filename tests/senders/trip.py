"""Round trips: what the providers' SDKs sign, sent to the service, and what becomes of it.

    trip.py project FOLDER    writes a project with a workflow for each sender, and its secrets in `environment`
    trip.py send FOLDER       sends to the service of this project, and asserts what it answers and holds

Expects the vectors in `vectors` beside this file, and tests/apps in the path."""

import http.client
import json
import shlex
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from sends import sends
from service import Service, call, within

HERE = Path(__file__).parent
ACTION, FOLDER = sys.argv[1], Path(sys.argv[2])
PUBLIC_URL = "https://hooks.example.com"


def vectors(name):
    return json.loads((HERE / "vectors" / f"{name}.json").read_text())


def secret_of(name):
    [secret] = vectors(name)["secrets"].values()
    return secret


def senders(mark):
    node = subprocess.run(["node", HERE / "sends.mjs", mark], check=True, capture_output=True)
    for sender in [*json.loads(node.stdout), *sends(mark, secret_of)]:
        file = vectors(sender["vectors"]) if "vectors" in sender else {"verify": sender["verify"], "secrets": {}}
        sender |= {"verify": file["verify"], "secrets": file["secrets"]}
        yield sender


def write_project():
    server = {"ingress": "127.0.0.1:0", "admin": "127.0.0.1:0", "data": "data"}
    (FOLDER / "workflows").mkdir(parents=True)
    environment = {}
    for sender in senders("none"):
        webhook = {"path": f"/{sender['name']}", "verify": sender["verify"], **sender["webhook"]}
        # With an expression, so that the service does not spend minutes on preparing as many steps as there are senders.
        keep = {"id": "keep", "use": "map", "with": {"jq": "${{ '.' }}"}}
        workflow = {"name": sender["name"], "on": {"webhook": webhook}, "steps": [keep]}
        (FOLDER / "workflows" / f"{sender['name']}.yaml").write_text(json.dumps(workflow))
        environment |= sender["secrets"]
    service = {"server": server, "ingress": {"public_url": PUBLIC_URL}}
    (FOLDER / "stepmill.yaml").write_text(json.dumps(service))
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in environment.items()]
    (FOLDER / "environment").write_text("".join(lines))


class Ingress:
    """The service's front door, behind what serves the public URL."""

    def __init__(self, addresses):
        self.address = urlsplit(json.loads(addresses.read_text())["ingress"]).netloc

    def post(self, sender, request):
        query = urlsplit(request["url"]).query
        connection = http.client.HTTPConnection(self.address, timeout=20)
        connection.putrequest("POST", f"/{sender['name']}" + (f"?{query}" if query else ""))
        body = request["body"].encode()
        for name, value in [*request["headers"], ("content-length", f"{len(body)}")]:
            connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        answer = response.status, json.loads(response.read())
        connection.close()
        return answer


def trip(ingress, sender):
    """Sends what `sender` has. Answers run → the payload and the headers that it is to have."""
    runs = {}
    for message in sender["messages"]:
        good = message["good"]
        for wrong in ("tampered", "foreign"):
            if wrong in message:
                status, answer = ingress.post(sender, message[wrong])
                assert (status, answer["error"]["code"]) == (401, "signature-refused"), (wrong, status, answer)
        payloads = message["payloads"]
        attributes = message.get("attributes", [{}])
        began = accepted(ingress.post(sender, good), sender, duplicates=False)
        assert len(began) == len(payloads), (began, payloads)
        assert runs.keys().isdisjoint(began), "a new event has an old run"
        runs |= zip(began, zip(payloads, attributes, strict=True), strict=True)
        again = accepted(ingress.post(sender, good), sender, duplicates=True)
        assert again == began, (again, began)
    return runs


def accepted(answered, sender, *, duplicates):
    """The runs of an answer, which are all new or all duplicates."""
    status, answer = answered
    if sender["webhook"].get("body", {}).get("split"):
        runs = answer.get("runs", [])
        expected = {"runs": runs, "duplicates": len(runs) if duplicates else 0}
    else:
        runs = [answer.get("run")]
        expected = {"run": runs[0]} | ({"duplicate": True} if duplicates else {})
    assert (status, answer) == (202, expected), (status, answer)
    return runs


def holds(service, sender, runs):
    """Asserts that the service has these runs, that they come to their end, and that nothing else is there."""

    def ended():
        found = call(f"{service.admin}/api/runs?workflow={sender['name']}&limit=100")["runs"]
        return found if all(run["phase"] == "succeeded" for run in found) else None

    found = within(60, f"the runs of {sender['name']} do not succeed", ended)
    assert {run["run"] for run in found} == runs.keys(), (found, runs)
    for run, (payload, headers) in runs.items():
        [event] = [
            entry["what"]["accepted"]["event"]
            for entry in call(f"{service.admin}/api/runs/{run}")["entries"]
            if "accepted" in entry["what"]
        ]
        assert json.loads(event["document"]["body"]["text"]) == payload, event
        assert headers.items() <= event["headers"].items(), event


def send():
    addresses = FOLDER / "data" / "addresses.json"
    service = Service(addresses)
    ingress = Ingress(addresses)
    total = 0
    for sender in senders("trip"):
        try:
            runs = trip(ingress, sender)
            holds(service, sender, runs)
        except AssertionError as error:
            sys.exit(f"{sender['name']}, by {sender['sdk']}: {error}")
        print(f"{sender['name']}: {len(runs)} events by {sender['sdk']}")
        total += len(runs)
    found = call(f"{service.admin}/api/runs?limit=1000")["runs"]
    assert len(found) == total, f"{len(found)} runs of {total} events"
    print(f"{total} events, and as many runs")


{"project": write_project, "send": send}[ACTION]()
