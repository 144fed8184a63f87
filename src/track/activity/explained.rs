//! What a server's sessions have to say of a call.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::Activity;
use crate::integration::Direction;
use crate::track::calls::explain::{Placed, Question};
use crate::track::footprints::{Step, Stretch, Ties};
use crate::track::lock_tree;
use crate::track::lock_waits::Finished;
use crate::track::reports::{Evidence, LockWait, SlowTransaction};

impl Activity {
    /// What this server had to do with a call; `None` if nothing is known of it.
    #[must_use]
    pub fn explain(&self, question: &Question) -> Option<Evidence> {
        let now = self.now?;
        let place = |elapsed: Duration| {
            let at = now.at + elapsed.saturating_sub(self.sampled);
            at - self.sampled.saturating_sub(elapsed)
        };
        let stretch = |from, to| Stretch { start: place(from), end: place(to) };
        let placed = Placed {
            question,
            call: stretch(question.from, question.to),
            rivals: question.rivals.iter().map(|(from, to)| stretch(*from, *to)).collect(),
        };
        let (waits, transactions) = match question.direction {
            Direction::Inbound => {
                (self.open_waits(question, now.at), self.open_steps(question, now.at))
            }
            Direction::Outbound => (Vec::new(), Vec::new()),
        };
        placed.explain(&self.footprints.trail, &waits, &transactions)
    }

    /// Waits that go on and can belong to a call, as steps.
    fn open_waits(&self, question: &Question, at: SystemTime) -> Vec<Step<LockWait>> {
        let open = self.locks.open().iter();
        open.filter_map(|(pid, wait)| {
            let ties = Ties::of(wait.origin.as_deref()).filter(|ties| can_be(ties, question))?;
            let finished = Finished { wait: wait.clone(), pid: *pid, end: at };
            let object = lock_tree::object(wait, &self.relations);
            let told = Arc::new(LockWait::of(&finished, object, Duration::ZERO));
            Some(ties.step(Stretch { start: wait.start, end: at }, *pid, &told))
        })
        .collect()
    }

    /// Transactions that go on and can belong to a call, as steps.
    fn open_steps(&self, question: &Question, at: SystemTime) -> Vec<Step<SlowTransaction>> {
        let open = self.transactions.open().iter();
        open.filter_map(|(pid, transaction)| {
            let ties = Ties::of_transaction(transaction).filter(|ties| can_be(ties, question))?;
            let told = Arc::new(SlowTransaction::of(*pid, transaction, at));
            Some(ties.step(Stretch { start: transaction.start, end: at }, *pid, &told))
        })
        .collect()
    }
}

fn can_be(ties: &Ties, question: &Question) -> bool {
    ties.can_be_of(&question.integration, question.trace)
}
