//! Reads of single nodes, taken together: a hundred nodes that are waited for side by side are read with a few calls, not with
//! hundreds, because targets count calls and throttle.
//!
//! Who wants to read takes a turn. Turns begin a little apart, and whatever is wanted by then goes out as one call. A read that
//! nobody else stands beside is never held up.

use std::{
    collections::BTreeSet,
    future::Future,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use levelfield_provider::{FailureClass, Node, ProviderError};
use tokio::{
    sync::{Mutex as Turns, oneshot},
    time::{Instant, sleep_until, timeout},
};

use super::Result;

/// How far apart two turns begin, in seconds on the target's clock: less than anything measured by reads can tell.
pub(super) const APART_S: f64 = 0.2;
/// How long a turn is waited for, in wall time. A call that hangs must not keep others from theirs.
const PATIENCE: Duration = Duration::from_secs(1);

/// The reads of one target.
#[derive(Default)]
pub(super) struct Reads {
    wanted: Mutex<Vec<Wanted>>,
    /// When the newest turn began; held while it lasts.
    turn: Turns<Option<Instant>>,
}

struct Wanted {
    id: String,
    answer: oneshot::Sender<Result<Node>>,
}

impl Reads {
    /// The node `id`, read together with others: `read` asks for at most `most` nodes with one call.
    pub(super) async fn node<F, Fut>(&self, id: &str, most: usize, apart: Duration, read: F) -> Result<Node>
    where
        F: Fn(Vec<String>) -> Fut,
        Fut: Future<Output = Result<Vec<Node>>>,
    {
        let mut answer = self.want(id);
        loop {
            let turn = tokio::select! {
                biased;
                answered = &mut answer => {
                    if let Ok(outcome) = answered {
                        return outcome;
                    }
                    // Whoever read for all was given up in the middle of it.
                    answer = self.want(id);
                    continue;
                }
                turn = timeout(PATIENCE, self.turn.lock()) => turn.ok(),
            };
            let turn = match turn {
                Some(mut turn) => {
                    if let Some(last) = *turn {
                        sleep_until(last + apart).await;
                    }
                    *turn = Some(Instant::now());
                    Some(turn)
                }
                None => None,
            };
            let wanted = self.next(most);
            if wanted.is_empty() {
                // All of it is on its way, this one too.
                drop(turn);
                if let Ok(outcome) = (&mut answer).await {
                    return outcome;
                }
                answer = self.want(id);
                continue;
            }
            let ids: BTreeSet<String> = wanted.iter().map(|w| w.id.clone()).collect();
            let outcome = read(ids.into_iter().collect()).await;
            for Wanted { id, answer } in wanted {
                // Whoever no longer listens was given up.
                let _ = answer.send(of(&id, &outcome));
            }
        }
    }

    fn want(&self, id: &str) -> oneshot::Receiver<Result<Node>> {
        let (answer, receiver) = oneshot::channel();
        let wanted = Wanted { id: id.to_owned(), answer };
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).push(wanted);
        receiver
    }

    /// What is wanted and on its way with nobody yet, the oldest first.
    fn next(&self, most: usize) -> Vec<Wanted> {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        wanted.retain(|w| !w.answer.is_closed());
        let count = most.min(wanted.len());
        wanted.drain(..count).collect()
    }
}

/// What an answer about many says of the one called `id`.
fn of(id: &str, outcome: &Result<Vec<Node>>) -> Result<Node> {
    let nodes = outcome.as_ref().map_err(Clone::clone)?;
    nodes.iter().find(|node| node.id == id).cloned().ok_or_else(|| {
        let message = format!("the target lists no node {id}");
        ProviderError::new(format!("read node {id}"), FailureClass::NotFound, message).culprit(id)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::future::join_all;
    use levelfield_provider::{NodeState, Tags};

    use super::*;

    const APART: Duration = Duration::from_millis(200);

    fn node(id: &str) -> Node {
        Node {
            id: id.to_owned(),
            name: id.to_owned(),
            state: NodeState::Running,
            state_reason: None,
            flavor: None,
            image: None,
            zone: None,
            addresses: vec![],
            tags: Tags::new(),
        }
    }

    /// Reads `ids` side by side from a target that lists those that begin with `i`, and the calls that it saw.
    async fn read(reads: &Reads, ids: &[&str], most: usize, calls: &Mutex<Vec<Vec<String>>>) -> Vec<Result<Node>> {
        let one = |id: &str| {
            let id = id.to_owned();
            async move {
                let ask = |ids: Vec<String>| async move {
                    calls.lock().unwrap().push(ids.clone());
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    Ok(ids.iter().filter(|id| id.starts_with('i')).map(|id| node(id)).collect())
                };
                reads.node(&id, most, APART, ask).await
            }
        };
        join_all(ids.iter().map(|id| one(id))).await
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_wanted_together_is_asked_for_together() {
        let (reads, calls) = (Reads::default(), Mutex::default());
        let answers = read(&reads, &["i-1", "i-2", "i-2", "gone", "i-3"], 100, &calls).await;
        let ids: Vec<_> = answers.iter().map(|a| a.as_ref().map(|n| n.id.as_str()).map_err(|e| e.class)).collect();
        assert_eq!(ids, [Ok("i-1"), Ok("i-2"), Ok("i-2"), Err(FailureClass::NotFound), Ok("i-3")]);
        // The first is alone when it comes.
        assert_eq!(*calls.lock().unwrap(), [vec!["i-1"], vec!["gone", "i-2", "i-3"]]);
    }

    #[tokio::test(start_paused = true)]
    async fn no_call_asks_for_more_than_the_target_takes() {
        let (reads, calls) = (Reads::default(), Mutex::default());
        let answers = read(&reads, &["i-1", "i-2", "i-3", "i-4", "i-5"], 2, &calls).await;
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        assert_eq!(calls.lock().unwrap().iter().map(Vec::len).collect::<Vec<_>>(), [1, 2, 2]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_alone_is_not_held_up_and_turns_are_apart() {
        let (reads, calls) = (Reads::default(), Mutex::default());
        let start = Instant::now();
        read(&reads, &["i-1"], 100, &calls).await;
        assert_eq!(start.elapsed(), Duration::from_millis(50));
        read(&reads, &["i-1"], 100, &calls).await;
        assert_eq!(start.elapsed(), Duration::from_millis(250));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_everybodys() {
        let reads = Reads::default();
        let refuse = |_| async { Err(ProviderError::new("read nodes", FailureClass::Throttled, "slow down")) };
        let both = join_all([reads.node("a", 9, APART, refuse), reads.node("b", 9, APART, refuse)]).await;
        assert!(both.iter().all(|r| r.as_ref().is_err_and(|e| e.class == FailureClass::Throttled)), "{both:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_that_hangs_or_is_given_up_holds_up_nobody() {
        let reads = Arc::new(Reads::default());
        let hanging = tokio::spawn({
            let reads = Arc::clone(&reads);
            async move {
                let never = |_| std::future::pending::<Result<Vec<Node>>>();
                tokio::select! { _ = reads.node("i-1", 1, APART, never) => {}, () = tokio::time::sleep(Duration::from_mins(5)) => {} }
            }
        });
        tokio::task::yield_now().await;
        let calls = Mutex::default();
        let start = Instant::now();
        assert!(read(&reads, &["i-2"], 1, &calls).await[0].is_ok());
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
        hanging.await.unwrap();
        assert!(read(&reads, &["i-1"], 1, &calls).await[0].is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_a_given_up_read_was_for_are_read_again() {
        let (reads, calls, given_up) = (Reads::default(), Mutex::default(), Mutex::default());
        let hangs = |ids: Vec<String>| {
            *given_up.lock().unwrap() = ids;
            std::future::pending::<Result<Vec<Node>>>()
        };
        // While the first is on its way two more come. The elder of them reads for both, and is given up in the middle of it.
        let first = read(&reads, &["i-0"], 9, &calls);
        let elder = timeout(Duration::from_millis(300), reads.node("i-1", 9, APART, hangs));
        let younger = read(&reads, &["i-2"], 9, &calls);
        let (_, elder, younger) = tokio::join!(first, elder, younger);
        assert!(elder.is_err());
        assert_eq!(*given_up.lock().unwrap(), ["i-1", "i-2"]);
        assert!(younger[0].is_ok());
        assert_eq!(*calls.lock().unwrap(), [["i-0"], ["i-2"]]);
    }
}
