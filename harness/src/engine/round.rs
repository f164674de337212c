//! One round on one target: the timeline of a subject and its peer, stage after stage, and what is observed at each.

use std::sync::Arc;

use futures_util::future::join_all;
use levelfield_kit::{
    Behavior, Ctx,
    journey::{self, Env},
    subject::Subject,
};
use levelfield_reports::{EventKind, event::Stage};

use super::{
    lane::Lanes,
    observe::{Course, Observer, interrupted, kept},
};

/// Stages of the timeline, in order.
const TIMELINE: [Stage; 6] =
    [Stage::Delivered, Stage::Hardened, Stage::Sealed, Stage::Rebooted, Stage::Restarted, Stage::Terminated];

/// One round of the timeline.
pub(super) struct Round {
    pub(super) env: Env,
    pub(super) observer: Observer,
    pub(super) lanes: Lanes,
    pub(super) number: u32,
    /// Behaviours of the timeline that still lack a verdict in this round.
    pub(super) courses: Vec<Course>,
}

impl Round {
    /// Walks the timeline. Whatever becomes of it, every behaviour has a judgement afterwards, and the nodes are gone or in the
    /// ledger.
    pub(super) async fn run(mut self, keep: impl Fn(&Subject) -> bool) {
        if self.courses.is_empty() {
            return;
        }
        let wants_peer = self.courses.iter().any(|c| c.behavior().demand.peer);
        let _nodes = self.lanes.resources(1 + u32::from(wants_peer), 0).await;
        let subject = Arc::new(Subject::new("subject", self.number));
        let peer = wants_peer.then(|| Arc::new(Subject::new("peer", self.number)));
        let stages = self.needed_stages();
        let mut courses = std::mem::take(&mut self.courses);
        let mut cut_off = interrupted();
        for stage in stages {
            if self.observer.interrupt.asked() {
                break;
            }
            if stage == Stage::Terminated && keep(&subject) {
                cut_off = kept();
                break;
            }
            // A node may take minutes to come. What is half made when the wish to stop arrives is in the ledger.
            tokio::select! {
                biased;
                () = self.observer.interrupt.wished() => break,
                () = self.enter(stage, &subject, peer.as_deref()) => {}
            }
            courses = self.observe_all(courses, stage, &subject, peer.as_ref()).await;
        }
        // Courses whose stages were not reached.
        for mut course in courses {
            let stage = course.behavior().stages.first().copied().unwrap_or(Stage::Delivered);
            let ctx = self.ctx(course.behavior(), stage, &subject, peer.as_ref());
            self.observer.give_up(&mut course, stage, cut_off.clone(), &ctx);
        }
        for gone in [Some(&subject), peer.as_ref()].into_iter().flatten() {
            if !keep(gone) {
                journey::discard(&self.env, gone).await;
            }
        }
    }

    /// The stages at which something is read, and those that they cannot be reached without.
    fn needed_stages(&self) -> Vec<Stage> {
        let read = |stage: &Stage| self.courses.iter().any(|c| c.behavior().stages.contains(stage));
        TIMELINE
            .into_iter()
            .filter(|stage| match stage {
                // A subject must be there before anything can be done to it, and root before the node key goes.
                Stage::Delivered => true,
                Stage::Hardened => read(&Stage::Hardened) || read(&Stage::Sealed),
                other => read(other),
            })
            .collect()
    }

    /// Makes the transition into a stage.
    async fn enter(&self, stage: Stage, subject: &Subject, peer: Option<&Subject>) {
        self.env.target.events().emit(EventKind::StageEntered {
            target: self.env.target.name.clone(),
            round: self.number,
            stage,
        });
        match stage {
            Stage::Delivered => {
                let second = async {
                    if let Some(peer) = peer {
                        journey::deliver(&self.env, peer).await;
                    }
                };
                tokio::join!(journey::deliver(&self.env, subject), second);
            }
            Stage::Hardened => journey::harden(&self.env, subject).await,
            Stage::Sealed => journey::seal(&self.env, subject).await,
            Stage::Rebooted => journey::reboot(&self.env, subject).await,
            Stage::Restarted => journey::restart(&self.env, subject).await,
            Stage::Terminated => journey::terminate(&self.env, subject).await,
            Stage::Catalog | Stage::Own | Stage::After => {}
        }
    }

    /// Observes everything that is read at a stage: side by side, but for what must have the subject to itself, which comes last.
    /// Returns the courses that are not over.
    async fn observe_all(
        &self,
        courses: Vec<Course>,
        stage: Stage,
        subject: &Arc<Subject>,
        peer: Option<&Arc<Subject>>,
    ) -> Vec<Course> {
        let (now, mut later): (Vec<_>, Vec<_>) = courses.into_iter().partition(|c| c.is_at(stage));
        let (alone, together): (Vec<_>, Vec<_>) = now.into_iter().partition(|c| c.behavior().demand.exclusive);
        let mut done: Vec<Course> =
            join_all(together.into_iter().map(|course| self.observe_one(course, stage, subject, peer))).await;
        for course in alone {
            done.push(self.observe_one(course, stage, subject, peer).await);
        }
        later.extend(done.into_iter().filter(|c| c.behavior().stages.last() != Some(&stage)));
        later
    }

    async fn observe_one(
        &self,
        mut course: Course,
        stage: Stage,
        subject: &Arc<Subject>,
        peer: Option<&Arc<Subject>>,
    ) -> Course {
        let _lane = self.lanes.observation().await;
        let behavior = course.behavior().clone();
        self.observer.observe(&mut course, stage, || self.ctx(&behavior, stage, subject, peer)).await;
        course
    }

    fn ctx(&self, behavior: &Behavior, stage: Stage, subject: &Arc<Subject>, peer: Option<&Arc<Subject>>) -> Ctx {
        Ctx::new(self.env.clone(), behavior.id, stage, self.number).on(Arc::clone(subject), peer.cloned())
    }
}
