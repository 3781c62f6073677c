"""Starts runs at the service and asserts what Directus holds then. Arguments: Directus' URL, the service's addresses.json."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from service import Service, call, within  # noqa: E402

CRM, ADDRESSES = sys.argv[1:]
TOKEN = {"authorization": "Bearer static-token-of-admin"}

# The static token, by which the service proves itself, is set by a person who logs in.
person = {"email": "admin@example.com", "password": "password-of-admin"}
login = within(120, "Directus does not answer", lambda: call(f"{CRM}/auth/login", person))["data"]
bearer = {"authorization": f"Bearer {login['access_token']}"}
call(f"{CRM}/users/me?fields=id", {"token": "static-token-of-admin"}, bearer, "PATCH")
service = Service(ADDRESSES)

number_of = {"field": "id", "type": "integer", "schema": {"is_primary_key": True, "has_auto_increment": True}}
text = {"type": "string", "schema": {}}
unique = {"field": "external_id", "type": "string", "schema": {"is_unique": True}}
number = {"type": "integer", "schema": {}}
for collection, fields in {
    "companies": [{"field": "name", **text}],
    "contacts": [{"field": "name", **text}, {"field": "company", **number}],
    "notes": [{"field": "text", **text}, {"field": "contact", **number}],
}.items():
    fields = [number_of, unique, *fields]
    call(f"{CRM}/collections", {"collection": collection, "schema": {}, "meta": {}, "fields": fields}, TOKEN)


def items(collection):
    return call(f"{CRM}/items/{collection}?sort=id", headers=TOKEN)["data"]


def run(body):
    return service.run("customer", body)


customer = {"id": "C-7", "name": "Ada", "company": {"id": "F-1", "name": "Engines"}, "note": "called"}
first = run(customer)
assert first["state"]["phase"] == "succeeded", json.dumps(first, indent=1)
[company], [contact], [note] = items("companies"), items("contacts"), items("notes")
assert (company["name"], company["external_id"]) == ("Engines", "F-1"), company
assert (contact["name"], contact["external_id"], contact["company"]) == ("Ada", "C-7", company["id"]), contact
assert (note["text"], note["contact"]) == ("called", contact["id"]), note

# The same customer again is changed, and a run of its own adds a note of its own.
second = run({**customer, "name": "Ada L."})
assert second["state"]["phase"] == "succeeded", json.dumps(second, indent=1)
[contact] = items("contacts")
assert contact["name"] == "Ada L.", contact
assert len(items("companies")) == 1 and len(items("notes")) == 2

print("directus holds what was asked for")
