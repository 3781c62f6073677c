"""What the assertions about each application have in common: requests, waiting, and runs of the service."""

import json
import sys
import time
import urllib.error
import urllib.request


def call(url, body=None, headers=None, method=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json", **(headers or {})}
    request = urllib.request.Request(url, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=20) as response:
        text = response.read()
        return json.loads(text) if text else {}


def within(seconds, what, attempt):
    end = time.monotonic() + seconds
    while True:
        try:
            found = attempt()
            if found is not None:
                return found
            reason = "nothing yet"
        except (OSError, urllib.error.URLError, ValueError) as error:
            reason = error
        if time.monotonic() > end:
            sys.exit(f"{what}: {reason}")
        time.sleep(0.1)


class Service:
    """The service whose addresses.json is at `addresses`, once it answers."""

    def __init__(self, addresses):
        self.admin = within(60, "the service is not there", lambda: json.load(open(addresses))["admin"])
        within(60, "the service does not answer", lambda: call(f"{self.admin}/api/status"))

    def run(self, workflow, body):
        """Starts a run and answers how it is shown when it has ended."""
        started = call(f"{self.admin}/api/workflows/{workflow}/runs", body)

        def ended():
            shown = call(f"{self.admin}/api/runs/{started['run']}")
            phase = shown["state"]["phase"]
            return shown if phase == "succeeded" or "dead" in phase else None

        return within(60, "the run does not end", ended)
