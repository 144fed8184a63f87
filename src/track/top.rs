//! Choosing what is shown singly.

/// How many criteria a statement is ranked by: time, calls, I/O, temporary files, WAL.
pub(super) const CRITERIA: usize = 5;

/// Recent weight by each criterion.
pub(super) type Score = [f64; CRITERIA];

/// Something already shown keeps its place against anything less than this much heavier.
const KEEP: f64 = 1.25;

/// Picks at most `limit` of `items`: the heaviest by each criterion in turn, so that every
/// criterion has its share, and none who weighs nothing. Returns their positions.
pub(super) fn pick(items: &[(Score, bool)], limit: usize) -> Vec<usize> {
    if limit == 0 {
        return Vec::new();
    }
    let rankings: Vec<Vec<usize>> =
        (0..CRITERIA).map(|criterion| ranking(items, criterion, limit)).collect();
    let mut taken = vec![false; items.len()];
    let mut picked = Vec::with_capacity(limit);
    for place in 0..limit {
        for ranking in &rankings {
            let Some(&item) = ranking.get(place) else {
                continue;
            };
            if let Some(free) = taken.get_mut(item).filter(|taken| !**taken) {
                *free = true;
                picked.push(item);
                if picked.len() == limit {
                    return picked;
                }
            }
        }
    }
    picked
}

/// The `limit` heaviest by one criterion, heaviest first.
fn ranking(items: &[(Score, bool)], criterion: usize, limit: usize) -> Vec<usize> {
    let mut weights: Vec<(f64, usize)> = items
        .iter()
        .enumerate()
        .filter_map(|(item, (score, shown))| {
            let weight = score.get(criterion).copied()?;
            (weight > 0.0).then_some((weight * if *shown { KEEP } else { 1.0 }, item))
        })
        .collect();
    if weights.len() > limit {
        weights.select_nth_unstable_by(limit, |a, b| b.0.total_cmp(&a.0));
        weights.truncate(limit);
    }
    weights.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    weights.into_iter().map(|(_, item)| item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_criterion_has_its_share() {
        let mut items: Vec<(Score, bool)> =
            (0..50).map(|i| ([100.0 + f64::from(i), 0.0, 0.0, 0.0, 0.0], false)).collect();
        items.push(([0.1, 0.0, 0.0, 5.0, 0.0], false));
        let picked = pick(&items, 10);
        assert_eq!(picked.len(), 10);
        assert!(picked.contains(&50), "the only one with temporary files");
        assert!(picked.contains(&49), "the heaviest by time");
    }

    #[test]
    fn who_weighs_nothing_is_not_shown() {
        assert!(pick(&[([0.0; CRITERIA], true)], 10).is_empty());
        assert!(pick(&[([1.0; CRITERIA], false)], 0).is_empty());
    }

    #[test]
    fn a_small_lead_does_not_displace_who_is_shown() {
        let one = |weight, shown| ([weight, 0.0, 0.0, 0.0, 0.0], shown);
        assert_eq!(pick(&[one(1.0, true), one(1.2, false)], 1), [0]);
        assert_eq!(pick(&[one(1.0, true), one(1.3, false)], 1), [1]);
    }
}
