//! `[[integration]]`: the external systems around the ERP.

use std::sync::Arc;

use super::reader::{Faults, Table};
use crate::erp::Pattern;
use crate::integration::{Direction, Integration, Integrations, Kind, Mode, Objective, Rules};

/// Reads one.
pub(super) fn read(table: &mut Table, faults: &mut Faults) -> Option<Integration> {
    let name = table.text("name", faults);
    let kind = table.text("kind", faults);
    let direction = table.text("direction", faults);
    let mode = table.text("mode", faults);
    let rules = Rules {
        application_names: patterns(table, "application_names", faults),
        roles: patterns(table, "roles", faults),
        clients: clients(table, faults),
        comments: pairs(table, "comments", faults),
        spans: pairs(table, "spans", faults),
    };
    let objective = Objective {
        latency: table.duration("latency", faults),
        success: table.share("success", faults),
        silent_after: table.duration("silent_after", faults),
    };
    let (kind, direction) = (kind?, direction?);
    Some(Integration {
        name: name?.into(),
        kind: Kind(Kind::ALL.iter().find(|known| **known == kind)?),
        direction: if direction == "inbound" { Direction::Inbound } else { Direction::Outbound },
        mode: if mode? == "batch" { Mode::Batch } else { Mode::Realtime },
        owns: patterns(table, "owns", faults),
        objective,
        rules,
    })
}

/// Rules that nothing is left for are faults; those that share something with an earlier one, of
/// which the first has it, are worth a word.
pub(super) fn check(
    integrations: &Integrations,
    tables: &[Table],
    faults: &mut Faults,
    warnings: &mut Faults,
) {
    let all: Vec<_> = integrations.iter().collect();
    for oddity in integrations.oddities() {
        let (Some(first), Some(table)) = (all.get(oddity.first), tables.get(oddity.second)) else {
            continue;
        };
        let place = table.given(oddity.key).map_or(&table.place, |given| &given.place).clone();
        let name = &first.name;
        if oddity.unreachable {
            let problem = format!(
                "nothing is left for this rule: {name:?} stands before it and takes all of it; \
                 put the more particular one first"
            );
            faults.add(place, table.key(oddity.key), problem);
        } else {
            let problem = format!("some of what fits this fits {name:?} before it, which has it");
            warnings.add(place, table.key(oddity.key), problem);
        }
    }
}

/// The one that the key `integration` of another table names.
pub(super) fn declared(
    table: &Table,
    integrations: &Integrations,
    faults: &mut Faults,
) -> Option<Arc<Integration>> {
    let name = table.text("integration", faults)?;
    let found = integrations.get(&name).cloned();
    if found.is_none() {
        let known: Vec<&str> = integrations.iter().map(|i| &*i.name).collect();
        let problem =
            format!("no [[integration]] is called {name:?}; there are: {}", known.join(", "));
        let place = table.given("integration").map_or(&table.place, |given| &given.place);
        faults.add(place, table.key("integration"), problem);
    }
    found
}

fn patterns(table: &Table, key: &'static str, faults: &mut Faults) -> Vec<Pattern> {
    table.list(key, faults).iter().map(|(text, _)| Pattern::new(text)).collect()
}

/// Members such as `route=/orders*`.
fn pairs(table: &Table, key: &'static str, faults: &mut Faults) -> Vec<(String, Pattern)> {
    let mut pairs = Vec::new();
    for (text, place) in table.list(key, faults) {
        match text.split_once('=').map(|(name, value)| (name.trim(), value.trim())) {
            Some((name, value)) if !name.is_empty() && !value.is_empty() => {
                pairs.push((name.to_owned(), Pattern::new(value)));
            }
            _ => faults.add(
                place,
                table.key(key),
                format!(
                    "{text:?} is not a name, `=` and a pattern, such as \"peer.service=shop*\""
                ),
            ),
        }
    }
    pairs
}

fn clients(table: &Table, faults: &mut Faults) -> Vec<ipnet::IpNet> {
    let mut nets = Vec::new();
    for (text, place) in table.list("clients", faults) {
        let address = || text.parse::<std::net::IpAddr>().map(ipnet::IpNet::from);
        match text.parse().or_else(|_| address()) {
            Ok(net) => nets.push(net),
            Err(_) => faults.add(
                place,
                table.key("clients"),
                format!("{text:?} is no address and no network such as 10.1.0.0/16"),
            ),
        }
    }
    nets
}
