//! What is wrong in the demo on purpose. docs/demo.md says of each how it shows and what mends it; the
//! stage (sql/planted.sql, sql/mended.sql) and the workers ask which of them are there.

use std::str::FromStr;

/// One thing that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// No index for the open stock moves.
    OpenMoves,
    /// No index on the order of an order's lines.
    OrderLines,
    /// Search by a part of the name.
    NameSearch,
    /// Search by an expression.
    EmailSearch,
    /// The newest orders are sorted out of all.
    NewestOrders,
    /// No index for a party's open items.
    OpenInvoices,
    /// No index for a product's suppliers.
    SupplierPrices,
    /// The job queue is polled without an index.
    JobPoll,
    /// One row gives gapless numbers to every order.
    HotNumber,
    /// Every reservation changes the product's stock row.
    HotStock,
    /// An import waits for the outside with rows locked.
    IdleImport,
    /// An order is paid in its open transaction.
    PaidInside,
    /// The payment provider is away or slow at times.
    ProviderAway,
    /// The warehouse writes what the ERP keeps.
    ForeignWrite,
    /// The month-end report sorts on the primary more than memory holds.
    MonthEnd,
    /// A user changes hundreds of rows in one transaction.
    BulkReprice,
    /// Parties were entered twice.
    DuplicateParties,
    /// The same index twice.
    SameIndex,
    /// An index that nothing uses.
    UnusedIndex,
    /// What is left of a unique index that could not be built.
    InvalidIndex,
    /// Rows are deleted that others may point to, without an index to find those.
    DeletedParents,
    /// Jobs that nobody ends, and jobs that are tried again for ever.
    StuckJobs,
    /// The numbers of a key are nearly used up.
    KeyRunsOut,
    /// A table has grown since it was analyzed, and nobody analyzes it.
    StaleStatistics,
    /// Most of a table is dead rows, and nobody vacuums it.
    BloatedTable,
    /// A customization does row by row, in a trigger, what each order waits for.
    CustomTrigger,
    /// An interface keeps the order's number as text, and joins it with one.
    DifferentTypes,
}

/// All of them, with their ids.
const ALL: [(Fault, &str); 27] = [
    (Fault::OpenMoves, "open-moves"),
    (Fault::OrderLines, "order-lines"),
    (Fault::NameSearch, "name-search"),
    (Fault::EmailSearch, "email-search"),
    (Fault::NewestOrders, "newest-orders"),
    (Fault::OpenInvoices, "open-invoices"),
    (Fault::SupplierPrices, "supplier-prices"),
    (Fault::JobPoll, "job-poll"),
    (Fault::HotNumber, "hot-number"),
    (Fault::HotStock, "hot-stock"),
    (Fault::IdleImport, "idle-import"),
    (Fault::PaidInside, "paid-inside"),
    (Fault::ProviderAway, "provider-away"),
    (Fault::ForeignWrite, "foreign-write"),
    (Fault::MonthEnd, "month-end"),
    (Fault::BulkReprice, "bulk-reprice"),
    (Fault::DuplicateParties, "duplicate-parties"),
    (Fault::SameIndex, "same-index"),
    (Fault::UnusedIndex, "unused-index"),
    (Fault::InvalidIndex, "invalid-index"),
    (Fault::DeletedParents, "deleted-parents"),
    (Fault::StuckJobs, "stuck-jobs"),
    (Fault::KeyRunsOut, "key-runs-out"),
    (Fault::StaleStatistics, "stale-statistics"),
    (Fault::BloatedTable, "bloated-table"),
    (Fault::CustomTrigger, "custom-trigger"),
    (Fault::DifferentTypes, "different-types"),
];

impl Fault {
    /// Every fault, as docs/demo.md lists them.
    pub fn all() -> impl Iterator<Item = Self> {
        ALL.into_iter().map(|(fault, _)| fault)
    }

    /// Its id in docs/demo.md.
    #[must_use]
    pub fn id(self) -> &'static str {
        ALL.iter().find(|(fault, _)| *fault == self).map_or("", |(_, id)| id)
    }
}

/// No fault has this id.
#[derive(Debug, thiserror::Error)]
#[error("no fault of the demo has this id; there are: {}", ALL.map(|(_, id)| id).join(", "))]
pub struct UnknownFault;

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(id: &str) -> Result<Self, UnknownFault> {
        ALL.iter().find(|(_, own)| *own == id).map(|(fault, _)| *fault).ok_or(UnknownFault)
    }
}

/// Which faults are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faults(u32);

impl Default for Faults {
    /// Every one.
    fn default() -> Self {
        Fault::all().fold(Self::none(), Self::with)
    }
}

impl Faults {
    /// A healthy ERP.
    #[must_use]
    pub const fn none() -> Self {
        Self(0)
    }

    /// And this one.
    #[must_use]
    pub const fn with(self, fault: Fault) -> Self {
        Self(self.0 | 1 << fault as u32)
    }

    /// But not this one.
    #[must_use]
    pub const fn without(self, fault: Fault) -> Self {
        Self(self.0 & !(1 << fault as u32))
    }

    /// Whether it is there.
    #[must_use]
    pub const fn has(self, fault: Fault) -> bool {
        self.0 & (1 << fault as u32) != 0
    }

    /// Those parts of an SQL text that are for faults which are there (`planted`), or are not. A part
    /// begins at a line `-- id: what it does`.
    pub(super) fn parts(self, sql: &str, planted: bool) -> Vec<String> {
        let mut parts: Vec<(Fault, String)> = Vec::new();
        for line in sql.lines() {
            let id = line.strip_prefix("-- ").and_then(|rest| rest.split(':').next());
            if let Some(fault) = id.and_then(|id| id.parse().ok()) {
                parts.push((fault, String::new()));
            } else if let Some((_, part)) = parts.last_mut() {
                part.push_str(line);
                part.push('\n');
            }
        }
        let wanted = parts.into_iter().filter(|(fault, _)| self.has(*fault) == planted);
        wanted.map(|(_, part)| part).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_an_id_of_its_own_and_a_row_in_the_documentation() {
        let documented: Vec<&str> = include_str!("../../docs/demo.md")
            .lines()
            .skip_while(|line| !line.starts_with("| id |"))
            .skip(2)
            .take_while(|line| line.starts_with('|'))
            .filter_map(|line| line.strip_prefix("| ")?.split(" |").next())
            .collect();
        assert_eq!(documented, Fault::all().map(Fault::id).collect::<Vec<_>>());
        for fault in Fault::all() {
            assert_eq!(fault.id().parse::<Fault>().unwrap(), fault);
        }
        assert!("no-such".parse::<Fault>().is_err());
    }

    #[test]
    fn a_fault_can_be_left_out_alone() {
        let faults = Faults::default().without(Fault::HotStock);
        let left_out: Vec<Fault> = Fault::all().filter(|fault| !faults.has(*fault)).collect();
        assert_eq!(left_out, [Fault::HotStock]);
        assert_eq!(faults.with(Fault::HotStock), Faults::default());
        assert!(Fault::all().all(|fault| !Faults::none().has(fault)));
    }

    #[test]
    fn parts_of_sql_are_for_their_faults() {
        let sql = "-- What.\n-- hot-stock: a\nselect 1;\n-- job-poll: b\nselect 2;\n";
        let faults = Faults::default().without(Fault::JobPoll);
        assert_eq!(faults.parts(sql, true), ["select 1;\n"]);
        assert_eq!(faults.parts(sql, false), ["select 2;\n"]);
    }
}
