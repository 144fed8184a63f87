//! Rules one after the other on a thread of their own. One that panics, or is not done in time, is
//! off until the next start; the thread of a late one is left to itself and another begun.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::config::RuleTerms;
use crate::finding::{Limits, Rule, Scene};
use crate::track::findings::{Look, RuleState, Standing};

/// A rule that takes longer is off.
const PATIENCE: Duration = Duration::from_secs(5);

type Wanted = BTreeMap<&'static str, RuleTerms>;
type Said = Result<Vec<Look>, String>;

/// A rule that is to look.
struct Job {
    rule: &'static Rule,
    scene: Arc<Scene>,
    limits: Limits,
    reply: oneshot::Sender<Said>,
}

/// The rules and the thread on which they look.
pub(super) struct Bench {
    rules: &'static [&'static Rule],
    patience: Duration,
    jobs: Option<SyncSender<Job>>,
    off: BTreeMap<&'static str, (RuleState, String)>,
}

impl Bench {
    pub(super) fn new(rules: &'static [&'static Rule]) -> Self {
        Self { rules, patience: PATIENCE, jobs: None, off: BTreeMap::new() }
    }

    /// Has every rule look that is wanted and not off.
    pub(super) async fn look(&mut self, scene: &Arc<Scene>, wanted: &Wanted) -> Vec<Look> {
        let mut looks = Vec::new();
        for &rule in self.rules {
            let Some(terms) = wanted.get(rule.about.id).filter(|terms| terms.enabled) else {
                continue;
            };
            if !self.off.contains_key(rule.about.id) {
                looks.extend(self.ask(rule, scene, &terms.limits).await);
            }
        }
        looks
    }

    /// How each rule is doing.
    pub(super) fn standing(&self, wanted: &Wanted) -> Vec<Standing> {
        let state = |id| match self.off.get(id) {
            Some((state, why)) => (*state, Some(why.clone())),
            None if wanted.get(id).is_some_and(|terms| terms.enabled) => (RuleState::On, None),
            None => (RuleState::Disabled, None),
        };
        self.rules
            .iter()
            .map(|rule| {
                let (state, detail) = state(rule.about.id);
                Standing { id: rule.about.id, state, detail }
            })
            .collect()
    }

    async fn ask(&mut self, rule: &'static Rule, scene: &Arc<Scene>, limits: &Limits) -> Vec<Look> {
        let (reply, answer) = oneshot::channel();
        let job = Job { rule, scene: Arc::clone(scene), limits: limits.clone(), reply };
        if let Err(error) = self.give(job) {
            tracing::error!("no rule can look: cannot start their thread: {error}");
            return Vec::new();
        }
        let (state, why) = match tokio::time::timeout(self.patience, answer).await {
            Ok(Ok(Ok(looks))) => return looks,
            Ok(Ok(Err(said))) => (RuleState::Failed, format!("it has failed: {said}")),
            Ok(Err(_)) => (RuleState::Failed, "its thread has ended".to_owned()),
            Err(_) => (RuleState::Slow, format!("it took longer than {:?}", self.patience)),
        };
        // Whatever the thread is at, the next rule has another.
        self.jobs = None;
        tracing::error!(rule = rule.about.id, "this rule is off until the next start: {why}");
        self.off.insert(rule.about.id, (state, why));
        Vec::new()
    }

    /// Gives it to the thread, which is begun if there is none.
    fn give(&mut self, job: Job) -> std::io::Result<()> {
        let jobs = match self.jobs.take() {
            Some(jobs) => jobs,
            None => begin()?,
        };
        // The thread takes one at a time and has answered the last.
        let _has_ended = jobs.try_send(job);
        self.jobs = Some(jobs);
        Ok(())
    }
}

fn begin() -> std::io::Result<SyncSender<Job>> {
    let (jobs, queue) = sync_channel::<Job>(1);
    std::thread::Builder::new().name("findings".to_owned()).spawn(move || {
        while let Ok(Job { rule, scene, limits, reply }) = queue.recv() {
            let _nobody_waits_any_more = reply.send(rule.look(&scene, &limits));
        }
    })?;
    Ok(jobs)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::finding::{Around, Judge, OfServer, Past};
    use crate::sample::Moment;
    use crate::state::Snapshot;
    use crate::track::findings::{About, Candidate, Need, Severity};

    const fn about(id: &'static str) -> About {
        let (title, explanation) = ("", "");
        let (severity, needs) = (Severity::Info, &[Need::Samples]);
        About { id, title, severity, needs, explanation, remedy: &[] }
    }

    fn panics(_: &Around<'_>) -> Vec<OfServer> {
        panic!("of a rule, as the test wants it")
    }

    fn hangs(_: &Around<'_>) -> Vec<OfServer> {
        std::thread::park();
        Vec::new()
    }

    fn says(_: &Around<'_>) -> Vec<OfServer> {
        let candidate = Candidate {
            datname: "".into(),
            subject: "it".into(),
            module: "other".into(),
            severity: Severity::Info,
            summary: String::new(),
            evidence: Vec::new(),
            sql: Vec::new(),
            cost_seconds_per_day: None,
        };
        vec![("".into(), candidate)]
    }

    static PANICS: Rule = Rule { about: about("panics"), judge: Judge::Around(panics) };
    static HANGS: Rule = Rule { about: about("hangs"), judge: Judge::Around(hangs) };
    static UNWANTED: Rule = Rule { about: about("unwanted"), judge: Judge::Around(says) };
    static SAYS: Rule = Rule { about: about("says"), judge: Judge::Around(says) };

    static RULES: [&Rule; 4] = [&PANICS, &HANGS, &UNWANTED, &SAYS];

    fn scene() -> Arc<Scene> {
        let at = |seconds| Moment {
            wall: SystemTime::UNIX_EPOCH,
            elapsed: Duration::from_secs(seconds),
        };
        let mut past = Past::default();
        past.remember(at(0), &Snapshot::default(), Duration::from_secs(60));
        Arc::new(Scene::new(at(60), &Snapshot::default(), &past, Duration::from_secs(60)))
    }

    #[tokio::test]
    async fn a_rule_that_panics_or_hangs_is_off_and_says_so_and_the_others_go_on() {
        let wanted: Wanted = ["panics", "hangs", "says"]
            .map(|id| (id, RuleTerms { enabled: true, limits: Limits::default() }))
            .into();
        let mut bench = Bench::new(&RULES);
        bench.patience = Duration::from_secs(3);
        for _ in 0..2 {
            let looks = bench.look(&scene(), &wanted).await;
            let ids: Vec<&str> = looks.iter().map(|look| look.about.id).collect();
            assert_eq!((ids, looks[0].found.len()), (vec!["says"], 1));
        }
        let standing = bench.standing(&wanted);
        let states: Vec<RuleState> = standing.iter().map(|rule| rule.state).collect();
        assert_eq!(
            states,
            [RuleState::Failed, RuleState::Slow, RuleState::Disabled, RuleState::On]
        );
        assert!(standing[0].detail.as_deref().unwrap().contains("as the test wants it"));
    }
}
