"""Starts runs at the service and asserts what Tryton holds then. Arguments: Tryton's URL, the service's addresses.json."""

import base64
import json
import sys
import time
import urllib.error
import urllib.request

ERP, ADDRESSES = sys.argv[1:]
BASIC = "Basic " + base64.b64encode(b"admin:password-of-admin").decode()


def call(url, body=None, headers=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json", **(headers or {})})
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


def erp(method, *params):
    answer = call(ERP, {"id": 1, "method": method, "params": list(params)}, {"authorization": BASIC})
    assert "error" not in answer, answer
    return answer["result"]


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


within(60, "Tryton does not answer", lambda: erp("model.res.user.get_preferences", True, {}))
admin = within(60, "the service is not there", lambda: json.load(open(ADDRESSES))["admin"])
within(60, "the service does not answer", lambda: call(f"{admin}/api/status"))


def run(order):
    started = call(f"{admin}/api/workflows/order/runs", order)

    def ended():
        shown = call(f"{admin}/api/runs/{started['run']}")
        phase = shown["state"]["phase"]
        return shown if phase == "succeeded" or "dead" in phase else None

    return within(60, "the run does not end", ended)


def sales(reference):
    fields = ["state", "reference", "total_amount", "party.name", "lines"]
    return erp("model.sale.sale.search_read", [["reference", "=", reference]], 0, 9, [["id", "ASC"]], fields, {"company": 1})


order = {"id": "SO-1", "customer": "C-7", "sku": "X-1", "quantity": 2, "price": "19.90"}
first = run(order)
assert first["state"]["phase"] == "succeeded", json.dumps(first, indent=1)
[sale] = sales("SO-1")
assert sale["state"] in ("confirmed", "processing"), sale
assert sale["total_amount"]["decimal"] == "39.80", sale
assert sale["party."]["name"] == "Ada" and len(sale["lines"]) == 1, sale

# The same order again makes no second sale.
run(order)
assert len(sales("SO-1")) == 1

# What was sold is out of the forecast.
[product] = erp(
    "model.product.product.search_read", [["code", "=", "X-1"]], 0, 2, None, ["quantity", "forecast_quantity"],
    {"locations": [5], "company": 1},
)
assert (product["quantity"], product["forecast_quantity"]) == (7.0, 5.0), product

# A customer who is not there is nothing to try again.
unknown = run({**order, "id": "SO-2", "customer": "C-8"})
assert "dead" in unknown["state"]["phase"], json.dumps(unknown, indent=1)
assert "tryton-not-found" in json.dumps(unknown), json.dumps(unknown, indent=1)
assert sales("SO-2") == []
print("tryton holds what was asked for")
