//! What those count that see calls, beside the state: read by the agent twice a second.

pub mod broker;
pub mod otlp;
pub mod probe;
pub mod proxy;

use std::sync::Arc;

/// The meters of all of them. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Meters {
    /// Of brokers of messages.
    pub broker: Arc<broker::Meter>,
    /// Of the receiver of spans.
    pub otlp: Arc<otlp::Meter>,
    /// Of probes.
    pub probe: Arc<probe::Meter>,
    /// Of the proxy.
    pub proxy: Arc<proxy::Meter>,
}

/// What they said at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tallies {
    /// Calls that the queue into the state had no room for.
    pub lost_calls: u64,
    /// Of brokers of messages.
    pub broker: broker::Tally,
    /// Of the receiver of spans.
    pub otlp: otlp::Tally,
    /// Of probes.
    pub probe: probe::Tally,
    /// Of the proxy.
    pub proxy: proxy::Tally,
}

impl Meters {
    /// What they say now; the queue has its own count.
    #[must_use]
    pub fn read(&self) -> Tallies {
        Tallies {
            lost_calls: 0,
            broker: self.broker.read(),
            otlp: self.otlp.read(),
            probe: self.probe.read(),
            proxy: self.proxy.read(),
        }
    }
}
