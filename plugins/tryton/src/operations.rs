//! What a step can do.

use serde_json::{Map, Value, json};
use stepmill_sdk::{Document, Failure};

use crate::config::{By, Config, FindProduct, Line, NewSale, Sale, Stock};
use crate::rpc::Server;

/// Fields of a sale that the output has.
const SALE: [&str; 5] = ["number", "reference", "state", "total_amount", "party"];

/// One operation.
#[derive(Debug)]
pub(crate) enum Operation {
    FindParty(Value),
    FindProduct(FindProduct),
    Stock(Stock),
    CreateSale(NewSale),
    ConfirmSale(Value),
}

impl Operation {
    /// The one that the config asks for.
    pub(crate) fn of(config: Config) -> Result<Self, Failure> {
        let Config { find_party, find_product, stock, create_sale, confirm_sale, .. } = config;
        let party = find_party.map(|by| party_domain(&by).map(Self::FindParty)).transpose()?;
        let sale = create_sale.map(checked).transpose()?.map(Self::CreateSale);
        let confirm = confirm_sale.map(|sale| sale_domain(&sale).map(Self::ConfirmSale)).transpose()?;
        let given = [party, find_product.map(Self::FindProduct), stock.map(Self::Stock), sale, confirm];
        let mut given = given.into_iter().flatten();
        match (given.next(), given.next()) {
            (Some(one), None) => Ok(one),
            _ => {
                let all = "`find_party`, `find_product`, `stock`, `create_sale` and `confirm_sale`";
                Err(Failure::reject("config", format!("give one of {all}")))
            }
        }
    }

    pub(crate) fn run(&self, server: &Server<'_>) -> Result<Document, Failure> {
        let output = match self {
            Self::FindParty(domain) => party(server, domain)?,
            Self::FindProduct(FindProduct { code }) => {
                let server = server.for_company()?;
                let fields = ["code", "rec_name", "default_uom.symbol", "list_price"];
                let domain = json!([["code", "=", code.to_string()]]);
                let found = server.find("product.product", domain, &fields, Map::new())?;
                found.map_or(Value::Null, |product| {
                    json!({
                        "id": of(&product, "id"), "code": of(&product, "code"), "name": of(&product, "rec_name"),
                        "unit": product.pointer("/default_uom./symbol"), "price": amount(&of(&product, "list_price")),
                    })
                })
            }
            Self::Stock(wanted) => stock(&server.for_company()?, wanted)?,
            Self::CreateSale(sale) => create(&server.for_company()?, sale)?,
            Self::ConfirmSale(domain) => confirm(&server.for_company()?, domain)?,
        };
        Document::json(&output)
    }
}

fn party_domain(by: &By) -> Result<Value, Failure> {
    match (&by.code, &by.name, &by.identifier) {
        (Some(code), None, None) => Ok(json!([["code", "=", code.to_string()]])),
        (None, Some(name), None) => Ok(json!([["name", "=", name]])),
        (None, None, Some(identifier)) => Ok(json!([["identifiers.code", "=", identifier]])),
        _ => Err(Failure::reject("config", "`find_party` wants one of `code`, `name` and `identifier`")),
    }
}

fn sale_domain(sale: &Sale) -> Result<Value, Failure> {
    match (&sale.reference, sale.id) {
        (Some(reference), None) => Ok(json!([["reference", "=", reference.to_string()]])),
        (None, Some(id)) => Ok(json!([["id", "=", id]])),
        _ => Err(Failure::reject("config", "`confirm_sale` wants one of `reference` and `id`")),
    }
}

fn checked(sale: NewSale) -> Result<NewSale, Failure> {
    if sale.lines.is_empty() {
        return Err(Failure::reject("config", "`create_sale` has no `lines`"));
    }
    let is_amount = |text: &str| {
        let digits = text.strip_prefix('-').unwrap_or(text);
        digits.starts_with(|c: char| c.is_ascii_digit())
            && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
            && digits.matches('.').count() <= 1
    };
    match sale.lines.iter().enumerate().find(|(_, line)| !is_amount(&line.price.to_string())) {
        Some((at, line)) => {
            let message = format!(
                "`lines[{at}].price` is {:?}: give an amount such as \"19.90\"",
                line.price.to_string()
            );
            Err(Failure::reject("config", message))
        }
        None => Ok(sale),
    }
}

fn party(server: &Server<'_>, domain: &Value) -> Result<Value, Failure> {
    let found = server.find("party.party", domain.clone(), &["code", "name", "addresses"], Map::new())?;
    Ok(found.map_or(Value::Null, |party| {
        let address = party.pointer("/addresses/0").cloned().unwrap_or_default();
        json!({ "id": of(&party, "id"), "code": of(&party, "code"), "name": of(&party, "name"), "address": address })
    }))
}

fn stock(server: &Server<'_>, Stock { product, warehouse }: &Stock) -> Result<Value, Failure> {
    let place = server.get("stock.location", warehouse_domain(warehouse), &["code"])?;
    let context = Map::from_iter([("locations".to_owned(), json!([of(&place, "id")]))]);
    let domain = json!([["code", "=", product.to_string()]]);
    let found = server.find(
        "product.product",
        domain.clone(),
        &["code", "quantity", "forecast_quantity"],
        context,
    )?;
    let found = found.ok_or_else(|| {
        Failure::reject("tryton-not-found", format!("there is no product.product with {domain}"))
    })?;
    Ok(json!({
        "product": of(&found, "code"), "quantity": of(&found, "quantity"), "forecast": of(&found, "forecast_quantity"),
    }))
}

fn warehouse_domain(code: &str) -> Value {
    json!([["code", "=", code], ["type", "=", "warehouse"]])
}

fn create(server: &Server<'_>, sale: &NewSale) -> Result<Value, Failure> {
    let party = server.get("party.party", json!([["code", "=", sale.party.to_string()]]), &["addresses"])?;
    let reference = sale.reference.to_string();
    let same = json!([["reference", "=", reference], ["party", "=", of(&party, "id")]]);
    if let Some(there) = server.find("sale.sale", same, &SALE, Map::new())? {
        return Ok(told(&there, false));
    }
    let address = party.pointer("/addresses/0").cloned().unwrap_or_default();
    if address.is_null() {
        let message = format!("the party {} has no address, which a sale needs", sale.party);
        return Err(Failure::reject("tryton-no-address", message));
    }
    let lines = sale.lines.iter().map(|line| create_line(server, line)).collect::<Result<Vec<_>, _>>()?;
    let mut values = json!({
        "party": of(&party, "id"), "reference": reference, "invoice_address": address, "shipment_address": address,
        "lines": [["create", lines]],
    });
    let mut put = |name: &str, value: Value| values.as_object_mut()?.insert(name.to_owned(), value);
    if let Some(description) = &sale.description {
        put("description", json!(description));
    }
    if let Some(warehouse) = &sale.warehouse {
        let warehouse = server.get("stock.location", warehouse_domain(warehouse), &["code"])?;
        put("warehouse", of(&warehouse, "id"));
    }
    let made = server.call("model.sale.sale.create", vec![json!([values])], Map::new())?;
    let id = made.get(0).cloned().unwrap_or_default();
    let made = server.get("sale.sale", json!([["id", "=", id]]), &SALE)?;
    Ok(told(&made, true))
}

fn create_line(server: &Server<'_>, line: &Line) -> Result<Value, Failure> {
    let domain = json!([["code", "=", line.product.to_string()]]);
    let product = server.get("product.product", domain, &["sale_uom"])?;
    let mut values = json!({
        "product": of(&product, "id"), "quantity": line.quantity, "unit": of(&product, "sale_uom"),
        "unit_price": { "__class__": "Decimal", "decimal": line.price.to_string() },
    });
    if let (Some(description), Some(values)) = (&line.description, values.as_object_mut()) {
        values.insert("description".to_owned(), json!(description));
    }
    Ok(values)
}

/// From a draft to a quotation to a confirmed sale; what is further on stays as it is.
fn confirm(server: &Server<'_>, domain: &Value) -> Result<Value, Failure> {
    let mut sale = server.get("sale.sale", domain.clone(), &SALE)?;
    for (state, step) in [("draft", "quote"), ("quotation", "confirm")] {
        if of(&sale, "state") == state {
            let ids = json!([of(&sale, "id")]);
            server.call(&format!("model.sale.sale.{step}"), vec![ids], Map::new())?;
            sale = server.get("sale.sale", json!([["id", "=", of(&sale, "id")]]), &SALE)?;
        }
    }
    if of(&sale, "state") == "cancelled" {
        let message = format!("the sale {} is cancelled", of(&sale, "reference"));
        return Err(Failure::reject("tryton-cancelled", message));
    }
    Ok(told(&sale, false))
}

fn told(sale: &Value, created: bool) -> Value {
    json!({
        "id": of(sale, "id"), "number": of(sale, "number"), "reference": of(sale, "reference"), "state": of(sale, "state"),
        "total": amount(&of(sale, "total_amount")), "created": created,
    })
}

/// A field of a record; null if it is not there.
fn of(record: &Value, field: &str) -> Value {
    record.get(field).cloned().unwrap_or_default()
}

/// `{"__class__": "Decimal", "decimal": "19.90"}` as text.
fn amount(value: &Value) -> Value {
    value.get("decimal").cloned().unwrap_or_default()
}
