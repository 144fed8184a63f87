//! What the ERP's sessions do all day. Each kind of worker has its own application_name, as ERPs
//! give one to each service.

mod accounting;
mod dice;
mod jobs;
mod offender;
mod purchase;
mod report;
mod sales;
mod search;
mod stock;
mod work;

use std::time::Duration;

use tokio_postgres::Error;

pub(super) use work::Work;

/// A kind of worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Sales,
    Purchase,
    Stock,
    Accounting,
    Search,
    Jobs,
    Pricing,
    Report,
    Import,
}

impl Kind {
    pub(super) const ALL: [Self; 9] = [
        Self::Sales,
        Self::Purchase,
        Self::Stock,
        Self::Accounting,
        Self::Search,
        Self::Jobs,
        Self::Pricing,
        Self::Report,
        Self::Import,
    ];

    /// application_name, sessions, and the mean pause between two turns.
    pub(super) const fn profile(self) -> (&'static str, u64, Duration) {
        let ms = Duration::from_millis;
        match self {
            Self::Sales => ("distro-sales", 3, ms(300)),
            Self::Purchase => ("distro-purchase", 1, ms(800)),
            Self::Stock => ("distro-stock", 3, ms(300)),
            Self::Accounting => ("distro-accounting", 1, ms(500)),
            Self::Search => ("distro-search", 2, ms(400)),
            Self::Jobs => ("distro-jobs", 2, ms(250)),
            Self::Pricing => ("distro-pricing", 1, ms(15_000)),
            Self::Report => ("bi-report", 1, ms(20_000)),
            Self::Import => ("partner-import", 1, ms(25_000)),
        }
    }

    /// One turn: usually one transaction.
    pub(super) async fn turn(self, work: &mut Work) -> Result<(), Error> {
        match self {
            Self::Sales => sales::order(work).await,
            Self::Purchase => purchase::order(work).await,
            Self::Stock => stock::move_goods(work).await,
            Self::Accounting => accounting::post_invoice(work).await,
            Self::Search => search::look_up(work).await,
            Self::Jobs => jobs::poll(work).await,
            Self::Pricing => sales::reprice(work).await,
            Self::Report => report::month_end(work).await,
            Self::Import => offender::import(work).await,
        }
    }
}
