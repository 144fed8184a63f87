//! Metrics of the agent's own process, from the prometheus crate's registry.

use std::sync::LazyLock;

use prometheus::Registry;
use prometheus::proto::{MetricFamily, MetricType};

use super::Kind;
use super::text::{Format, Value, escape, header};

pub(super) const BUILD_INFO: (&str, &str) = ("erpscope_build_info", "Version of the agent.");

static REGISTRY: LazyLock<Registry> = LazyLock::new(|| {
    let registry = Registry::new();
    #[cfg(target_os = "linux")]
    {
        use prometheus::process_collector::ProcessCollector;
        // Only a collector of the same name could refuse it, and the registry is new.
        let _registered = registry.register(Box::new(ProcessCollector::for_self()));
    }
    registry
});

/// Name, type and help of every metric here, for the documentation.
pub(super) fn families() -> Vec<(String, Kind, String)> {
    let (name, help) = BUILD_INFO;
    let mut all = vec![(name.to_owned(), Kind::Info, help.to_owned())];
    all.extend(
        REGISTRY.gather().iter().map(|f| (f.name().to_owned(), kind(f), f.help().to_owned())),
    );
    all
}

/// All of them.
pub(super) fn text(format: Format) -> String {
    let (name, help) = BUILD_INFO;
    let mut out = header(format, name, help, Kind::Info);
    out.extend([name, "{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1\n"]);
    for family in REGISTRY.gather() {
        let kind = kind(&family);
        let mut help = String::new();
        escape(&mut help, family.help());
        out.push_str(&header(format, family.name(), &help, kind));
        for metric in family.get_metric() {
            out.extend([family.name(), " "]);
            let value = match kind {
                Kind::Counter => metric.get_counter().get_value(),
                _ => metric.get_gauge().get_value(),
            };
            value.write(&mut out);
            out.push('\n');
        }
    }
    out
}

fn kind(family: &MetricFamily) -> Kind {
    if family.get_field_type() == MetricType::COUNTER { Kind::Counter } else { Kind::Gauge }
}
