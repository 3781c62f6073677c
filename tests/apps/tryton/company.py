"""Fills a new Tryton database in the current folder: a company with accounts, a product of which there are 7, a customer."""

from decimal import Decimal

from proteus import Model, config

config.set_trytond("sqlite:///erp", user="admin", config_file="trytond.conf")

# What Tryton's own tests make their companies with.
from trytond.modules.account.tests.tools import create_chart, get_accounts  # noqa: E402
from trytond.modules.company.tests.tools import create_company, get_company  # noqa: E402

create_company()
company = get_company()
create_chart(company)
accounts = get_accounts(company)

[unit] = Model.get("product.uom").find([("name", "=", "Unit")])
category = Model.get("product.category")(name="Goods", accounting=True)
category.account_expense = accounts["expense"]
category.account_revenue = accounts["revenue"]
category.save()
template = Model.get("product.template")(name="Widget", default_uom=unit, type="goods", salable=True)
template.list_price = Decimal("19.90")
template.account_category = category
template.save()
[product] = template.products
product.suffix_code = "X-1"
product.save()

customer = Model.get("party.party")(name="Ada")
customer.code = "C-7"
customer.save()
Model.get("party.party")(name="Ada").save()

Location = Model.get("stock.location")
[supplier] = Location.find([("code", "=", "SUP")])
[storage] = Location.find([("code", "=", "STO")])
move = Model.get("stock.move")(product=product, quantity=7, from_location=supplier, to_location=storage)
move.unit_price = Decimal("5")
move.currency = company.currency
move.save()
move.click("do")
