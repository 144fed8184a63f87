//! The wait forest: under each root blocker, everyone who waits because of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// One session and those that wait for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its process; 0 stands for a prepared transaction.
    pub pid: i32,
    /// A root that waits itself: the wait goes round in a circle, and PostgreSQL will end one of
    /// them after `deadlock_timeout`.
    pub circle: bool,
    /// Who waits for it, ordered by pid.
    pub victims: Vec<Node>,
}

/// All trees, the one with most victims first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forest {
    /// The root blockers.
    pub roots: Vec<Node>,
}

impl Forest {
    /// Builds the forest from `(waiter, its blockers)`.
    ///
    /// A waiter can have several blockers; it stands under the one that is nearest to a root (of
    /// those the lowest pid), so that each waiter stands in the forest exactly once.
    #[must_use]
    pub fn grow(waits: &BTreeMap<i32, Vec<i32>>) -> Self {
        // Who waits for nobody else has just got its lock: the blockers of each are asked for one after the other.
        let waits: BTreeMap<i32, Vec<i32>> = waits
            .iter()
            .filter(|(waiter, blockers)| blockers.iter().any(|blocker| blocker != *waiter))
            .map(|(waiter, blockers)| (*waiter, blockers.clone()))
            .collect();
        let mut victims_of: BTreeMap<i32, BTreeSet<i32>> = BTreeMap::new();
        for (waiter, blockers) in &waits {
            for blocker in blockers.iter().filter(|blocker| *blocker != waiter) {
                victims_of.entry(*blocker).or_default().insert(*waiter);
            }
        }
        let mut parents: BTreeMap<i32, Option<i32>> = BTreeMap::new();
        let free: Vec<i32> =
            victims_of.keys().filter(|pid| !waits.contains_key(pid)).copied().collect();
        spread(&victims_of, &free, &mut parents);
        // Who is left waits in a circle, or behind one.
        while let Some(pid) = waits.keys().find(|pid| !parents.contains_key(pid)).copied() {
            let start = in_circle(pid, &waits);
            spread(&victims_of, &[start], &mut parents);
        }
        Self::planted(&parents, &waits)
    }

    /// Takes circles back but for those of `before`; returns those that were there. A look is not of one moment: when two
    /// take turns, it can see each wait for the other.
    pub fn confirm(&mut self, before: &BTreeSet<i32>) -> BTreeSet<i32> {
        let mut seen = BTreeSet::new();
        for root in self.roots.iter_mut().filter(|root| root.circle) {
            seen.insert(root.pid);
            root.circle = before.contains(&root.pid);
        }
        seen
    }

    fn planted(parents: &BTreeMap<i32, Option<i32>>, waits: &BTreeMap<i32, Vec<i32>>) -> Self {
        let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
        for (pid, parent) in parents {
            if let Some(parent) = parent {
                children.entry(*parent).or_default().push(*pid);
            }
        }
        let mut roots: Vec<Node> = parents
            .iter()
            .filter(|(pid, parent)| parent.is_none() && children.contains_key(pid))
            .map(|(pid, _)| Node::planted(*pid, waits.contains_key(pid), &children))
            .collect();
        roots.sort_by_key(|root| (std::cmp::Reverse(root.count()), root.pid));
        Self { roots }
    }

    /// The root above each waiter.
    #[must_use]
    pub fn root_of_each(&self) -> HashMap<i32, i32> {
        let mut roots = HashMap::new();
        for root in &self.roots {
            // In a circle, the root waits itself: for itself, as it were.
            if root.circle {
                roots.insert(root.pid, root.pid);
            }
            let mut below: Vec<&Node> = root.victims.iter().collect();
            while let Some(node) = below.pop() {
                roots.insert(node.pid, root.pid);
                below.extend(&node.victims);
            }
        }
        roots
    }

    /// Whether a root waits itself.
    #[must_use]
    pub fn is_circle(&self, root: i32) -> bool {
        self.roots.iter().any(|node| node.pid == root && node.circle)
    }

    /// Everyone who stands under a root.
    #[must_use]
    pub fn victims(&self) -> usize {
        self.roots.iter().map(Node::count).sum()
    }

    /// The longest way from a root to a victim; 0 without victims.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.roots.iter().map(Node::depth).max().unwrap_or(0)
    }
}

impl Node {
    fn planted(pid: i32, circle: bool, children: &BTreeMap<i32, Vec<i32>>) -> Self {
        let victims = children.get(&pid).map_or(&[][..], Vec::as_slice);
        let victims = victims.iter().map(|pid| Self::planted(*pid, false, children)).collect();
        Self { pid, circle, victims }
    }

    /// Everyone under it.
    #[must_use]
    pub fn count(&self) -> usize {
        self.victims.iter().map(|victim| 1 + victim.count()).sum()
    }

    fn depth(&self) -> usize {
        self.victims.iter().map(|victim| 1 + victim.depth()).max().unwrap_or(0)
    }
}

/// Layer by layer from `starts`: each waiter gets the first parent that reaches it.
fn spread(
    victims_of: &BTreeMap<i32, BTreeSet<i32>>,
    starts: &[i32],
    parents: &mut BTreeMap<i32, Option<i32>>,
) {
    let mut layer: Vec<i32> = starts.to_vec();
    for start in starts {
        parents.entry(*start).or_insert(None);
    }
    while !layer.is_empty() {
        let mut next = Vec::new();
        for blocker in layer {
            for victim in victims_of.get(&blocker).into_iter().flatten() {
                if !parents.contains_key(victim) {
                    parents.insert(*victim, Some(blocker));
                    next.push(*victim);
                }
            }
        }
        next.sort_unstable();
        layer = next;
    }
}

/// Follows the lowest blocker until a session comes again: that one is in the circle.
fn in_circle(pid: i32, waits: &BTreeMap<i32, Vec<i32>>) -> i32 {
    let mut seen = BTreeSet::new();
    let mut at = pid;
    while seen.insert(at) {
        match waits.get(&at).and_then(|blockers| blockers.iter().filter(|b| **b != at).min()) {
            Some(blocker) => at = *blocker,
            None => return at,
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn grow(waits: &[(i32, &[i32])]) -> Forest {
        Forest::grow(&waits.iter().map(|(pid, blockers)| (*pid, blockers.to_vec())).collect())
    }

    fn draw(node: &Node) -> String {
        let victims: Vec<String> = node.victims.iter().map(draw).collect();
        let circle = if node.circle { "!" } else { "" };
        format!("{}{circle}({})", node.pid, victims.join(" "))
    }

    fn drawn(waits: &[(i32, &[i32])]) -> Vec<String> {
        grow(waits).roots.iter().map(draw).collect()
    }

    #[test]
    fn the_root_is_who_waits_for_nobody() {
        assert_eq!(drawn(&[(2, &[1]), (3, &[2]), (4, &[1])]), ["1(2(3()) 4())"]);
        assert_eq!(grow(&[(2, &[1]), (3, &[2]), (4, &[1])]).depth(), 2);
        assert!(grow(&[]).roots.is_empty());
    }

    #[test]
    fn who_waits_for_several_stands_under_the_one_nearest_to_a_root() {
        assert_eq!(drawn(&[(2, &[1]), (3, &[1, 2]), (4, &[3, 2])]), ["1(2(4()) 3())"]);
    }

    #[test]
    fn the_tree_with_most_victims_comes_first_and_prepared_transactions_are_roots() {
        assert_eq!(drawn(&[(5, &[9]), (2, &[0]), (3, &[0])]), ["0(2() 3())", "9(5())"]);
    }

    #[test]
    fn a_circle_has_one_of_its_own_as_root_and_those_behind_it_follow() {
        assert_eq!(drawn(&[(1, &[2]), (2, &[1]), (3, &[2])]), ["1!(2(3()))"]);
        assert_eq!(drawn(&[(1, &[1])]), Vec::<String>::new());
    }

    #[test]
    fn a_waiter_whose_blocker_has_just_gone_has_no_tree() {
        assert_eq!(drawn(&[(1, &[])]), Vec::<String>::new());
    }

    #[test]
    fn who_has_just_got_its_lock_is_a_root_and_in_no_circle() {
        assert_eq!(drawn(&[(2, &[]), (3, &[2]), (4, &[3])]), ["2(3(4()))"]);
    }

    #[test]
    fn a_circle_is_one_when_two_looks_see_it() {
        let mut forest = grow(&[(1, &[2]), (2, &[1])]);
        let seen = forest.confirm(&BTreeSet::new());
        assert_eq!((seen.clone(), forest.is_circle(1)), (BTreeSet::from([1]), false));
        let mut again = grow(&[(1, &[2]), (2, &[1])]);
        again.confirm(&seen);
        assert!(again.is_circle(1));
    }

    #[test]
    fn a_thousand_victims_and_a_chain_of_twenty_are_no_trouble() {
        let many: BTreeMap<i32, Vec<i32>> = (2..=1_001).map(|pid| (pid, vec![1])).collect();
        assert_eq!((Forest::grow(&many).victims(), Forest::grow(&many).depth()), (1_000, 1));
        let chain: BTreeMap<i32, Vec<i32>> = (2..=21).map(|pid| (pid, vec![pid - 1])).collect();
        assert_eq!((Forest::grow(&chain).victims(), Forest::grow(&chain).depth()), (20, 20));
    }

    fn pids(node: &Node, all: &mut Vec<i32>) {
        all.push(node.pid);
        node.victims.iter().for_each(|victim| pids(victim, all));
    }

    proptest! {
        /// Nobody twice, no root that waits unless in a circle, and everyone who has a blocker.
        #[test]
        fn each_waiter_stands_in_the_forest_exactly_once(
            waits in prop::collection::btree_map(1..30_i32, prop::collection::vec(0..30_i32, 0..4), 0..30),
        ) {
            let forest = Forest::grow(&waits);
            let mut all = Vec::new();
            forest.roots.iter().for_each(|root| pids(root, &mut all));
            let unique: BTreeSet<i32> = all.iter().copied().collect();
            prop_assert_eq!(unique.len(), all.len());
            for (waiter, blockers) in &waits {
                let blocked = blockers.iter().any(|blocker| blocker != waiter);
                prop_assert!(!blocked || unique.contains(waiter), "{} is missing", waiter);
            }
            for root in &forest.roots {
                let blockers = waits.get(&root.pid).into_iter().flatten();
                prop_assert_eq!(root.circle, blockers.into_iter().any(|b| *b != root.pid));
            }
        }
    }
}
