//! From what is written down to what Grafana 10 to 13 reads.

use serde_json::{Value, json};

use super::source::{Column, Dashboard, Kind, Panel};

/// What can be chosen from: name, title, and the metric whose label of that name has the choices.
pub const VARIABLES: [(&str, &str, &str); 6] = [
    ("server", "Server", "erpscope_up"),
    ("datname", "Database", "erpscope_database_connections{server=~\"$server\"}"),
    ("module", "Module", "erpscope_statement_seconds_total{server=~\"$server\"}"),
    ("application", "Application", "erpscope_sessions{server=~\"$server\"}"),
    ("integration", "Integration", "erpscope_integration_info"),
    ("queryid", "Statement", "erpscope_statement_info{server=~\"$server\"}"),
];

/// Of the grid.
const COLUMNS: u64 = 24;

/// The identity of a dashboard, from the name of its file without its number.
pub fn uid(name: &str) -> String {
    let name = name.trim_start_matches(|c: char| c.is_ascii_digit() || c == '-');
    format!("erpscope-{name}")
}

/// The dashboard `name`; `all` are the names and identities of all.
pub fn build(name: &str, dashboard: &Dashboard, all: &[(String, String)]) -> Value {
    let mut panels = Vec::new();
    let (mut y, mut id) = (0, 0);
    for row in &dashboard.row {
        if let Some(title) = &row.title {
            id += 1;
            panels.push(json!({
                "id": id, "type": "row", "title": title, "collapsed": false, "panels": [],
                "gridPos": { "x": 0, "y": y, "w": COLUMNS, "h": 1 },
            }));
            y += 1;
        }
        let mut x = 0;
        for panel in &row.panel {
            if x + panel.width > COLUMNS {
                (x, y) = (0, y + row.height);
            }
            id += 1;
            let place = json!({ "x": x, "y": y, "w": panel.width, "h": row.height });
            panels.push(drawn(panel, id, &place, dashboard));
            x += panel.width;
        }
        y += row.height;
    }
    let others = all.iter().filter(|(other, _)| other != name).map(|(other, uid)| {
        json!({
            "title": other.replacen('-', " ", 1), "type": "link", "icon": "dashboard",
            "url": format!("/d/{uid}"), "includeVars": true, "keepTime": true,
            "targetBlank": false, "asDropdown": false, "tags": [], "tooltip": "",
        })
    });
    json!({
        "uid": uid(name),
        "title": dashboard.title,
        "description": dashboard.question,
        "tags": ["erpscope"],
        "editable": false,
        "graphTooltip": 1,
        "schemaVersion": 38,
        "version": 1,
        "refresh": "30s",
        "timezone": "",
        "time": { "from": dashboard.from, "to": "now" },
        "timepicker": {},
        "fiscalYearStartMonth": 0,
        "annotations": { "list": [] },
        "links": others.collect::<Vec<_>>(),
        "templating": { "list": variables(dashboard) },
        "panels": panels,
    })
}

fn variables(dashboard: &Dashboard) -> Vec<Value> {
    let mut list = vec![json!({
        "name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus",
        "hide": 0, "includeAll": false, "multi": false, "options": [],
        "refresh": 1, "regex": "", "skipUrlSync": false,
    })];
    for name in &dashboard.variables {
        let known = VARIABLES.iter().find(|(known, ..)| known == name);
        let (_, label, metric) = known.unwrap_or_else(|| panic!("no variable is called {name}"));
        let query = format!("label_values({metric}, {name})");
        list.push(json!({
            "name": name, "label": label, "type": "query",
            "datasource": { "type": "prometheus", "uid": "${datasource}" },
            "query": { "qryType": 1, "query": query, "refId": format!("variable-{name}") },
            "current": { "selected": true, "text": ["All"], "value": ["$__all"] },
            "includeAll": true, "allValue": ".*", "multi": true, "hide": 0, "options": [],
            "refresh": 2, "regex": "", "skipUrlSync": false, "sort": 1,
        }));
    }
    list
}

fn drawn(panel: &Panel, id: u64, place: &Value, dashboard: &Dashboard) -> Value {
    let is_table = panel.kind == Kind::Table;
    // A label is a column of a table, nothing that can be drawn.
    let in_columns = is_table || panel.label.is_some();
    let is_instant = in_columns || panel.now || panel.kind == Kind::Bars;
    let targets = panel.query.iter().enumerate().map(|(at, query)| {
        json!({
            "refId": letter(at),
            "datasource": { "type": "prometheus", "uid": "${datasource}" },
            "editorMode": "code",
            "expr": query.expr.split_whitespace().collect::<Vec<_>>().join(" "),
            "legendFormat": if query.legend.is_empty() { "__auto" } else { &query.legend },
            "instant": is_instant,
            "range": !is_instant,
            "format": if in_columns { "table" } else { "time_series" },
        })
    });
    let links = panel.next.iter().map(|next| {
        json!({
            "title": format!("Go on: {}", next.replacen('-', " ", 1)),
            "type": "link", "icon": "", "tooltip": "", "tags": [],
            "url": address(next, dashboard, &[]),
            "includeVars": false, "keepTime": false, "targetBlank": false, "asDropdown": false,
        })
    });
    let mut value = json!({
        "id": id,
        "title": panel.title,
        "description": panel.question,
        "gridPos": place,
        "datasource": { "type": "prometheus", "uid": "${datasource}" },
        "targets": targets.collect::<Vec<_>>(),
        "links": links.collect::<Vec<_>>(),
        "transparent": false,
        "fieldConfig": { "defaults": defaults(panel), "overrides": overrides(panel, dashboard) },
    });
    let (kind, options) = options(panel);
    value["type"] = kind.into();
    value["options"] = options;
    if is_table {
        value["transformations"] = json!([
            { "id": "merge", "options": {} },
            { "id": "filterFieldsByName", "options": { "include": { "names": shown(panel) } } },
            { "id": "organize", "options": organised(panel) },
        ]);
    }
    value
}

fn letter(at: usize) -> String {
    char::from(b'A' + u8::try_from(at).unwrap()).to_string()
}

fn defaults(panel: &Panel) -> Value {
    let steps = panel.thresholds.iter().enumerate().map(|(at, (from, color))| {
        let from = if at == 0 { Value::Null } else { json!(from) };
        json!({ "value": from, "color": color })
    });
    let mut steps: Vec<Value> = steps.collect();
    let has_limits = steps.len() > 1;
    if steps.is_empty() {
        steps.push(json!({ "value": null, "color": "text" }));
    }
    let mapped = panel.words.iter().enumerate().map(|(index, (value, text, color))| {
        let result = json!({ "text": text, "color": color, "index": index });
        json!({ "type": "value", "options": { value.to_string(): result } })
    });
    let mut defaults = json!({
        "unit": panel.unit,
        "thresholds": { "mode": "absolute", "steps": steps },
        "mappings": mapped.collect::<Vec<_>>(),
        "color": { "mode": if panel.kind == Kind::Lines { "palette-classic" } else { "thresholds" } },
    });
    // A bar begins at nothing.
    let min = panel.min.or((panel.kind == Kind::Bars).then_some(0.0));
    for (name, value) in [("min", min), ("max", panel.max)] {
        if let Some(value) = value {
            defaults[name] = json!(value);
        }
    }
    if let Some(decimals) = panel.decimals {
        defaults["decimals"] = json!(decimals);
    }
    // A table would say it in every empty cell.
    if let Some(nothing) = panel.nothing.as_ref().filter(|_| panel.kind != Kind::Table) {
        defaults["noValue"] = json!(nothing);
    }
    if panel.kind == Kind::Table {
        defaults["unit"] = json!("string");
        // Grafana's own least width, 150, pushes the last columns of half a page out of sight.
        defaults["custom"] =
            json!({ "align": "auto", "minWidth": 70, "cellOptions": { "type": "auto" } });
    }
    if panel.kind == Kind::Lines {
        defaults["custom"] = json!({
            "drawStyle": "line", "lineInterpolation": "linear", "lineWidth": 1,
            "fillOpacity": if panel.stacked { 40 } else { 8 }, "showPoints": "auto", "pointSize": 4,
            "spanNulls": false, "axisPlacement": "auto", "axisSoftMin": 0,
            "stacking": { "mode": if panel.stacked { "normal" } else { "none" }, "group": "A" },
            "thresholdsStyle": { "mode": if has_limits { "dashed" } else { "off" } },
        });
    }
    defaults
}

fn overrides(panel: &Panel, dashboard: &Dashboard) -> Vec<Value> {
    panel.column.iter().filter_map(|column| of_column(column, panel, dashboard)).collect()
}

fn of_column(column: &Column, panel: &Panel, dashboard: &Dashboard) -> Option<Value> {
    let mut properties = Vec::new();
    if let Some(unit) = &column.unit {
        properties.push(json!({ "id": "unit", "value": unit }));
        if panel.order.as_deref() == Some(column.title.as_str()) {
            let bar = json!({ "type": "gauge", "mode": "basic", "valueDisplayMode": "text" });
            properties.push(json!({ "id": "custom.cellOptions", "value": bar }));
            properties.push(json!({ "id": "min", "value": 0 }));
            let color = json!({ "mode": "fixed", "fixedColor": "blue" });
            properties.push(json!({ "id": "color", "value": color }));
        }
    }
    if let Some(width) = column.width {
        properties.push(json!({ "id": "custom.width", "value": width }));
    }
    if let Some((next, variable)) = &column.opens {
        let chosen = format!("var-{variable}=${{__value.raw}}");
        let url = address(next, dashboard, &[chosen]);
        let title = format!("Go on: {}", next.replacen('-', " ", 1));
        properties.push(json!({ "id": "links", "value": [{ "title": title, "url": url }] }));
    }
    (!properties.is_empty()).then(|| {
        json!({ "matcher": { "id": "byName", "options": column.title }, "properties": properties })
    })
}

/// Another dashboard with what is chosen here.
fn address(next: &str, dashboard: &Dashboard, chosen: &[String]) -> String {
    let is_chosen = |name: &&String| !chosen.iter().any(|c| c.starts_with(&format!("var-{name}=")));
    let passed = dashboard.variables.iter().filter(is_chosen);
    let mut parts: Vec<String> =
        vec!["${__url_time_range}".to_owned(), "${datasource:queryparam}".to_owned()];
    parts.extend(passed.map(|name| format!("${{{name}:queryparam}}")));
    parts.extend(chosen.iter().cloned());
    format!("/d/{}?{}", uid(next), parts.join("&"))
}

/// What else Prometheus says, such as `instance`, is not shown.
fn shown(panel: &Panel) -> Vec<&str> {
    panel.column.iter().map(|column| column.name.as_str()).collect()
}

fn organised(panel: &Panel) -> Value {
    let mut names = serde_json::Map::new();
    let mut order = serde_json::Map::new();
    for (at, column) in panel.column.iter().enumerate() {
        names.insert(column.name.clone(), json!(column.title));
        order.insert(column.name.clone(), json!(at));
    }
    json!({ "excludeByName": {}, "renameByName": names, "indexByName": order })
}

fn options(panel: &Panel) -> (&'static str, Value) {
    let calc = if panel.mean { "mean" } else { "lastNotNull" };
    let last = json!({ "calcs": [calc], "fields": "", "values": false });
    match panel.kind {
        Kind::Stat => {
            let each = |label| json!({ "calcs": [calc], "fields": format!("/^{label}$/"), "values": true });
            (
                "stat",
                json!({
                    "reduceOptions": panel.label.as_ref().map_or(last, each),
                    "colorMode": "value",
                    "graphMode": if panel.now || panel.label.is_some() { "none" } else { "area" },
                    "justifyMode": "auto", "orientation": "auto",
                    "textMode": if panel.label.is_some() { "value" } else { "auto" },
                }),
            )
        }
        Kind::Bars => (
            "bargauge",
            json!({
                "reduceOptions": last, "orientation": "horizontal", "displayMode": "basic",
                "showUnfilled": true, "minVizWidth": 0, "minVizHeight": 10, "valueMode": "color",
            }),
        ),
        Kind::Lines => (
            "timeseries",
            json!({
                "legend": { "displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": [] },
                "tooltip": { "mode": "multi", "sort": "desc" },
            }),
        ),
        Kind::Table => {
            let order = panel.order.iter().map(|by| json!({ "displayName": by, "desc": true }));
            (
                "table",
                json!({
                    "showHeader": true, "cellHeight": "sm", "footer": { "show": false },
                    "sortBy": order.collect::<Vec<_>>(),
                }),
            )
        }
    }
}
