"""Starts runs at the service and asserts what Tryton holds then. Arguments: Tryton's URL, the service's addresses.json."""

import base64
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from service import Service, call, within  # noqa: E402

ERP, ADDRESSES = sys.argv[1:]
BASIC = "Basic " + base64.b64encode(b"admin:password-of-admin").decode()


def erp(method, *params):
    answer = call(ERP, {"id": 1, "method": method, "params": list(params)}, {"authorization": BASIC})
    assert "error" not in answer, answer
    return answer["result"]


within(60, "Tryton does not answer", lambda: erp("model.res.user.get_preferences", True, {}))
service = Service(ADDRESSES)


def run(order):
    return service.run("order", order)


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
