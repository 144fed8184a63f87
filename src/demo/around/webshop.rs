//! The webshop: pushes orders through the proxy, and tells of each by a span.

use std::time::{Duration, SystemTime};

use reqwest::Client;
use serde_json::{Value, json};

/// Shoppers.
const SHOPPERS: u64 = 3;
/// Between two orders of one.
const PAUSE: Duration = Duration::from_millis(900);

pub(super) async fn push(erp: String, otlp: String, seed: u64) {
    let mut shoppers = tokio::task::JoinSet::new();
    for shopper in 0..SHOPPERS {
        let dice = fastrand::Rng::with_seed(seed.wrapping_add(shopper));
        shoppers.spawn(shop(erp.clone(), otlp.clone(), dice));
    }
    while shoppers.join_next().await.is_some() {}
}

async fn shop(erp: String, otlp: String, mut dice: fastrand::Rng) {
    let http = Client::new();
    loop {
        tokio::time::sleep(PAUSE.mul_f64(0.5 + dice.f64())).await;
        let (trace, span) = (dice.u128(1..), dice.u64(1..));
        let number = dice.u32(1_000..9_000);
        let began = SystemTime::now();
        let order = http.post(format!("{erp}/api/orders/{number}"));
        let order = order.header("traceparent", format!("00-{trace:032x}-{span:016x}-01"));
        let status = match order.json(&json!({ "lines": 1 })).send().await {
            Ok(answer) => answer.status().as_u16(),
            Err(_) => 0,
        };
        let told = told(trace, span, began, status);
        let _nobody_listens = http.post(format!("{otlp}/v1/traces")).json(&told).send().await;
    }
}

/// OTLP as JSON.
fn told(trace: u128, span: u64, began: SystemTime, status: u16) -> Value {
    let nanos = |moment: SystemTime| {
        let since = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        since.as_nanos().to_string()
    };
    let text = |key: &str, value: &str| json!({ "key": key, "value": { "stringValue": value } });
    json!({ "resourceSpans": [{
        "resource": { "attributes": [text("service.name", "webshop")] },
        "scopeSpans": [{ "spans": [{
            "traceId": format!("{trace:032x}"), "spanId": format!("{span:016x}"), "kind": 3, "name": "POST",
            "startTimeUnixNano": nanos(began), "endTimeUnixNano": nanos(SystemTime::now()),
            "attributes": [
                text("http.request.method", "POST"),
                text("url.template", "/api/orders/{number}"),
                text("http.response.status_code", &status.to_string()),
            ],
        }] }],
    }] })
}
