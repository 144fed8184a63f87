//! The statement that looks at a queue.

use super::MOST;
use crate::erp::{Queue, Zone};
use crate::pg::quoted;

/// The query for one queue. `is_naive`: whether a column holds times without a zone.
pub(super) fn statement(queue: &Queue, schema: &str, is_naive: impl Fn(&str) -> bool) -> String {
    let column = |name: &str| format!("q.{}", quoted(name));
    let time = |name: &str| match queue.zone {
        Zone::Utc if is_naive(name) => format!("({} at time zone 'UTC')", column(name)),
        _ => format!("{}::timestamptz", column(name)),
    };
    let or_null =
        |name: &Option<String>, null: &str| name.as_deref().map_or_else(|| null.to_owned(), time);
    let is_in = |words: &[String]| match &queue.state {
        Some(state) if !words.is_empty() => {
            let words: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
            format!("{} in ({})", column(state), words.join(", "))
        }
        _ => "false".to_owned(),
    };
    let null = |name: &Option<String>, is: &str| {
        name.as_deref()
            .map_or_else(|| "true".to_owned(), |name| format!("{} is {is}", column(name)))
    };
    let (mut waiting, mut running) = if queue.state.is_some() {
        (is_in(&queue.waiting), is_in(&queue.running))
    } else {
        let waiting =
            format!("{} and {}", null(&queue.started, "null"), null(&queue.finished, "null"));
        let running = match &queue.started {
            Some(_) => {
                format!(
                    "{} and {}",
                    null(&queue.started, "not null"),
                    null(&queue.finished, "null")
                )
            }
            None => "false".to_owned(),
        };
        (waiting, running)
    };
    let mut failed = is_in(&queue.failed);
    if let (Some(lost), Some(started)) = (queue.lost_after, &queue.started) {
        let limit = format!("now() - interval '{} seconds'", lost.as_secs());
        failed = format!("{running} and {} <= {limit}", time(started));
        running = format!("{running} and {} > {limit}", time(started));
    }
    if let Some(due) = &queue.due {
        waiting = format!("{waiting} and ({} is null or {} <= now())", column(due), time(due));
    }
    let only: Vec<String> =
        queue.only.iter().map(|(name, word)| format!("{} = '{word}'", column(name))).collect();
    if !only.is_empty() {
        let only = only.join(" and ");
        for rows in [&mut waiting, &mut running, &mut failed] {
            *rows = format!("{rows} and {only}");
        }
    }
    let since: Vec<String> =
        [&queue.since, &queue.due].into_iter().flatten().map(|c| time(c)).collect();
    let tries = queue.retries.as_deref();
    let tries =
        tries.map_or_else(|| "null::int8".to_owned(), |name| format!("{}::int8", column(name)));
    include_str!("../queues.sql")
        .lines()
        .filter(|line| !line.starts_with("--"))
        .collect::<Vec<_>>()
        .join("\n")
        .replace("{since}", &format!("greatest({})", since.join(", ")))
        .replace("{tries}", &tries)
        .replace("{started}", &or_null(&queue.started, "null::timestamptz"))
        .replace("{waiting}", &waiting)
        .replace("{running}", &running)
        .replace("{failed}", &failed)
        .replace("{table}", &format!("{}.{}", quoted(schema), quoted(&queue.table)))
        .replace("{most}", &MOST.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::queues::tests::queue;

    #[test]
    fn a_queue_with_words_for_its_states_is_asked_by_them() {
        let queue = queue(
            "state = 'state'\nwaiting = ['new', 'Not Sent']\nsince = 'made'\ndue = 'eta'\nretries = 'n'\n",
        );
        let sql = statement(&queue, "s\"s", |name| name == "made");
        for part in [
            "from \"s\"\"s\".\"a b\" q where q.\"state\" in ('new', 'Not Sent') and \
             (q.\"eta\" is null or q.\"eta\"::timestamptz <= now()) limit 10000",
            "greatest((q.\"made\" at time zone 'UTC'), q.\"eta\"::timestamptz) as since",
            "q.\"n\"::int8 as tries",
            "null::timestamptz as started",
            "q where false limit",
        ] {
            assert!(sql.contains(part), "{part}\nnot in\n{sql}");
        }
        assert!(!sql.contains(['{', '}']), "{sql}");
    }

    #[test]
    fn rows_that_do_not_count_are_in_no_state() {
        let words = "state = 's'\nwaiting = ['new']\nfailed = ['bad']\nsince = 'a'\n";
        let sql = statement(
            &queue(&format!("{words}only = {{ docstatus = '1', on = 'Y' }}\n")),
            "s",
            |_| false,
        );
        for part in [
            "where q.\"s\" in ('new') and q.\"docstatus\" = '1' and q.\"on\" = 'Y' limit",
            "where false and q.\"docstatus\" = '1' and q.\"on\" = 'Y' limit",
            "where q.\"s\" in ('bad') and q.\"docstatus\" = '1' and q.\"on\" = 'Y' limit",
        ] {
            assert!(sql.contains(part), "{part}\nnot in\n{sql}");
        }
    }

    #[test]
    fn a_queue_without_words_waits_until_its_work_has_begun() {
        let queue = queue("since = 'a'\nstarted = 'b'\nfinished = 'c'\nzone = 'local'\n");
        let sql = statement(&queue, "s", |_| true);
        for part in [
            "where q.\"b\" is null and q.\"c\" is null limit",
            "where q.\"b\" is not null and q.\"c\" is null limit",
            "greatest(q.\"a\"::timestamptz) as since",
        ] {
            assert!(sql.contains(part), "{part}\nnot in\n{sql}");
        }
    }

    #[test]
    fn a_row_that_began_long_ago_and_never_ended_has_failed_if_the_profile_says_so() {
        let times = "since = 'a'\nstarted = 'b'\nfinished = 'c'\nlost_after = '6h'\n";
        let sql = statement(&queue(times), "s", |_| true);
        for sign in ["<=", ">"] {
            let part = format!(
                "where q.\"b\" is not null and q.\"c\" is null and (q.\"b\" at time zone 'UTC') {sign} \
                 now() - interval '21600 seconds' limit"
            );
            assert!(sql.contains(&part), "{part}\nnot in\n{sql}");
        }
    }
}
