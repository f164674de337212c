//! Budgets: how much of a target may be in use at one time.

use std::sync::Arc;

use levelfield_kit::settings::Budget;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The budgets of one target. Whoever wants nodes takes all that it needs at once, so that two can't wait for each other.
#[derive(Clone)]
pub(super) struct Lanes {
    nodes: Arc<Semaphore>,
    addresses: Arc<Semaphore>,
    observations: Arc<Semaphore>,
    most_nodes: u32,
    most_addresses: u32,
}

/// What was taken; given back when dropped.
#[derive(Debug)]
pub(super) struct Taken {
    _permits: Vec<OwnedSemaphorePermit>,
}

impl Lanes {
    pub(super) fn new(budget: &Budget) -> Self {
        let lane = |n: u32| Arc::new(Semaphore::new(usize::try_from(n.max(1)).unwrap_or(1)));
        Self {
            nodes: lane(budget.nodes),
            addresses: lane(budget.addresses),
            observations: lane(budget.parallel),
            most_nodes: budget.nodes.max(1),
            most_addresses: budget.addresses.max(1),
        }
    }

    /// Takes nodes and addresses, as soon as both are free. The plan has made sure that the whole is not more than the budget.
    pub(super) async fn resources(&self, nodes: u32, addresses: u32) -> Taken {
        let mut permits = Vec::new();
        // Always in this order, so that no two can hold one kind each and wait for the other.
        for (lane, n) in
            [(&self.nodes, nodes.min(self.most_nodes)), (&self.addresses, addresses.min(self.most_addresses))]
        {
            if n > 0
                && let Ok(permit) = Arc::clone(lane).acquire_many_owned(n).await
            {
                permits.push(permit);
            }
        }
        Taken { _permits: permits }
    }

    /// Takes the right to observe one behaviour.
    pub(super) async fn observation(&self) -> Taken {
        Taken { _permits: Arc::clone(&self.observations).acquire_owned().await.into_iter().collect() }
    }
}
