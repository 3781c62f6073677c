//! The plugin through its own door, with a server from a script. tests/apps/tryton has the real one.

use serde_json::{Value, json};
use stepmill_sdk::testing::{self, FakeHttp, MemoryStorage};
use stepmill_sdk::{Document, Failure};

use super::Tryton;

fn run(config: Value, http: &FakeHttp) -> Result<Value, Failure> {
    let mut config = config;
    config["company"] = json!(1);
    let output: Document =
        testing::connect::<Tryton>(&config.to_string(), "null", http, &MemoryStorage::new())?;
    Ok(serde_json::from_str(output.text()?)?)
}

/// Results, one call after the other.
fn server(results: &[Value]) -> FakeHttp {
    results.iter().fold(FakeHttp::new(), |http, result| {
        http.reply_json("POST", "/", 200, &json!({"id": 1, "result": result}))
    })
}

fn calls(http: &FakeHttp) -> Vec<(String, Value)> {
    let call = |request: &stepmill_sdk::http::Request| {
        let body: Value = serde_json::from_slice(request.body.as_deref().unwrap()).unwrap();
        (body["method"].as_str().unwrap().to_owned(), body["params"].clone())
    };
    http.requests().iter().map(call).collect()
}

fn new_sale() -> Value {
    json!({"create_sale": {"reference": "SO-1", "party": 7, "lines": [{"product": "X-1", "quantity": 2, "price": "19.90"}]}})
}

fn sale(state: &str) -> Value {
    let total = json!({"__class__": "Decimal", "decimal": "39.80"});
    json!([{"id": 5, "number": "12", "reference": "SO-1", "state": state, "total_amount": total, "party": 2}])
}

#[test]
fn a_party_is_found_or_not() {
    let http = server(&[json!([{"id": 2, "code": "7", "name": "Ada", "addresses": [3, 4]}])]);
    let party = run(json!({"find_party": {"identifier": "DE1"}}), &http).unwrap();
    assert_eq!(party, json!({"id": 2, "code": "7", "name": "Ada", "address": 3}));
    let params = json!([[["identifiers.code", "=", "DE1"]], 0, 2, [["id", "ASC"]], ["code", "name", "addresses"], {"company": 1}]);
    assert_eq!(calls(&http), [("model.party.party.search_read".into(), params)]);
    assert_eq!(run(json!({"find_party": {"code": "8"}}), &server(&[json!([])])).unwrap(), json!(null));
    let two = server(&[json!([{"id": 1}, {"id": 2}])]);
    assert_eq!(
        run(json!({"find_party": {"name": "Ada"}}), &two).unwrap_err().code(),
        Some("tryton-ambiguous")
    );
}

#[test]
fn stock_is_that_of_the_warehouse() {
    let http =
        server(&[json!([{"id": 9}]), json!([{"code": "X-1", "quantity": 7.0, "forecast_quantity": 5.0}])]);
    let stock = run(json!({"stock": {"product": "X-1", "warehouse": "WH"}}), &http).unwrap();
    assert_eq!(stock, json!({"product": "X-1", "quantity": 7, "forecast": 5}));
    assert_eq!(calls(&http)[1].1[5], json!({"company": 1, "locations": [9]}));
    let missing =
        run(json!({"stock": {"product": "X-1", "warehouse": "W"}}), &server(&[json!([])])).unwrap_err();
    assert_eq!(missing.code(), Some("tryton-not-found"));
}

#[test]
fn a_sale_is_created_once() {
    let party = json!([{"id": 2, "addresses": [3]}]);
    let http =
        server(&[party.clone(), json!([]), json!([{"id": 4, "sale_uom": 1}]), json!([5]), sale("draft")]);
    let made = run(new_sale(), &http).unwrap();
    let wanted = json!({"id": 5, "number": "12", "reference": "SO-1", "state": "draft", "total": "39.80", "created": true});
    assert_eq!(made, wanted);
    let (method, params) = &calls(&http)[3];
    assert_eq!(method, "model.sale.sale.create");
    let price = json!({"__class__": "Decimal", "decimal": "19.90"});
    let line = json!({"product": 4, "quantity": 2, "unit": 1, "unit_price": price});
    assert_eq!(
        params[0],
        json!([{
            "party": 2, "reference": "SO-1", "invoice_address": 3, "shipment_address": 3, "lines": [["create", [line]]],
        }])
    );

    let there = server(&[party, sale("quotation")]);
    let found = run(new_sale(), &there).unwrap();
    assert_eq!((&found["id"], &found["created"]), (&json!(5), &json!(false)));
    assert_eq!(there.requests().len(), 2);
}

#[test]
fn a_sale_is_confirmed_from_where_it_stands() {
    let http = server(&[sale("draft"), json!(null), sale("quotation"), json!(null), sale("processing")]);
    let done = run(json!({"confirm_sale": {"reference": "SO-1"}}), &http).unwrap();
    assert_eq!(done["state"], json!("processing"));
    let methods: Vec<String> = calls(&http).into_iter().map(|(method, _)| method).collect();
    assert_eq!(
        (methods[1].as_str(), methods[3].as_str()),
        ("model.sale.sale.quote", "model.sale.sale.confirm")
    );
    let again = server(&[sale("processing")]);
    run(json!({"confirm_sale": {"id": 5}}), &again).unwrap();
    assert_eq!(again.requests().len(), 1);
    let cancelled = run(json!({"confirm_sale": {"id": 5}}), &server(&[sale("cancelled")])).unwrap_err();
    assert_eq!(cancelled.code(), Some("tryton-cancelled"));
}

#[test]
fn the_users_company_is_asked_for_unless_it_is_given() {
    let http = server(&[json!({"company": 3}), json!([])]);
    let config = r#"{"find_product": {"code": "X"}}"#;
    testing::connect::<Tryton>(config, "null", &http, &MemoryStorage::new()).unwrap();
    assert_eq!(calls(&http)[1].1[5], json!({"company": 3}));
}

#[test]
fn errors_have_their_names() {
    let outcome = |error: Value| {
        let http = FakeHttp::new().reply_json("POST", "/", 200, &json!({"id": 1, "error": error}));
        run(json!({"find_party": {"code": "7"}}), &http).unwrap_err()
    };
    let user = outcome(json!(["UserError", ["enter an address", "", null]]));
    let text = "model.party.party.search_read: UserError: enter an address";
    assert_eq!(user, Failure::reject("tryton-usererror", text));
    assert!(outcome(json!(["ConcurrencyException", ["changed"]])).is_retry());
    assert_eq!(outcome(json!(["'nope'", ""])).code(), Some("tryton"));
    let http = |status: u16| FakeHttp::new().reply("POST", "/", status, "");
    assert_eq!(run(json!({"find_party": {"code": "7"}}), &http(401)).unwrap_err().code(), Some("http-401"));
    assert!(run(json!({"find_party": {"code": "7"}}), &http(503)).unwrap_err().is_retry());
}

#[test]
fn config_that_cannot_work_is_refused() {
    for config in [
        json!({}),
        json!({"find_party": {}}),
        json!({"find_party": {"code": "1", "name": "Ada"}}),
        json!({"find_party": {"code": "1"}, "find_product": {"code": "1"}}),
        json!({"confirm_sale": {}}),
        json!({"create_sale": {"reference": "1", "party": "1", "lines": []}}),
        json!({"create_sale": {"reference": "1", "party": "1", "lines": [{"product": "X", "quantity": 1, "price": "1,5"}]}}),
    ] {
        assert_eq!(run(config.clone(), &FakeHttp::new()).unwrap_err().code(), Some("config"), "{config}");
    }
}
