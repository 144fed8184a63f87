//! Settings, and limits of roles.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::text::Rows;
use super::{Kind, Metric, Signal};
use crate::sample::settings::RoleLimit;
use crate::state::ServerSnapshot;

pub(super) const SIGNAL: Signal =
    Signal { metrics: METRICS, unchanged: |a, b| Arc::ptr_eq(&a.settings, &b.settings) };

const METRICS: &[Metric] = &[
    Metric {
        name: "erpscope_setting_info",
        help: "Settings that decide how well an ERP runs, as sessions have them that say nothing of it; without those that the agent's role has of its own.",
        kind: Kind::Info,
        labels: &["name", "setting", "unit", "source"],
        rows: |server, out| {
            for setting in &server.settings.sample.settings {
                if let Some(value) = &setting.value {
                    out.row(&[&setting.name, value, &setting.unit, &setting.source], 1_u64);
                }
            }
        },
    },
    Metric {
        name: "erpscope_setting",
        help: "Value of a setting in bytes, seconds or as it is; a switch is 1 or 0.",
        kind: Kind::Gauge,
        labels: &["name", "unit"],
        rows: |server, out| {
            for setting in &server.settings.sample.settings {
                if let Some(number) = setting.number() {
                    out.row(&[&setting.name, setting.base_unit()], number);
                }
            }
        },
    },
    Metric {
        name: "erpscope_settings_pending_restart",
        help: "Settings that wait for a restart with another value, of those that are looked at.",
        kind: Kind::Gauge,
        labels: &[],
        rows: |server, out| {
            if server.settings.at.is_some() {
                let pending = server.settings.sample.settings.iter();
                let pending = pending.filter(|setting| setting.pending_restart).count();
                out.row(&[], u64::try_from(pending).unwrap_or(u64::MAX));
            }
        },
    },
    Metric {
        name: "erpscope_setting_overrides",
        help: "How often a setting differs for a role or a database.",
        kind: Kind::Gauge,
        labels: &["name"],
        rows: |server, out| {
            let mut counted: BTreeMap<&str, u64> = BTreeMap::new();
            for own in &server.settings.sample.overrides {
                *counted.entry(&own.name).or_default() += 1;
            }
            for (name, count) in counted {
                out.row(&[name], count);
            }
        },
    },
    Metric {
        name: "erpscope_role_connections",
        help: "Sessions of a role that has a limit of connections of its own; the fullest ones.",
        kind: Kind::Gauge,
        labels: &["usename"],
        rows: |server, out| each_role(server, out, |role| role.connections),
    },
    Metric {
        name: "erpscope_role_connections_max",
        help: "Sessions that a role may have, where it has a limit of its own.",
        kind: Kind::Gauge,
        labels: &["usename"],
        rows: |server, out| each_role(server, out, |role| role.limit),
    },
];

/// Roles that are told; the fullest come first.
const ROLES: usize = 50;

fn each_role(server: &ServerSnapshot, out: &mut Rows, value: fn(&RoleLimit) -> u32) {
    for role in server.settings.sample.roles.iter().take(ROLES) {
        out.row(&[&role.usename], value(role));
    }
}
