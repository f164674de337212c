//! Suite `scale`: what holds for one node holds for many, together and one after the other.
//!
//! What not a single node manages is no matter of numbers: it belongs to the behaviour that owns that step, and is that one's
//! to fail. What some manage and others do not is what this suite is for.

use levelfield_kit::{Behavior, Demand, settings::Settings};
use serde_json::Value;

mod churn;
mod parallel;
mod walk;

/// The behaviours of this suite.
pub fn behaviors() -> Vec<Behavior> {
    vec![
        Behavior::new(parallel::ID, parallel::observe, parallel::judge).owning(parallel::AT_ONE_TIME, 0),
        Behavior::new(churn::ID, churn::observe, churn::judge).owning(1, 0),
    ]
}

/// What `behavior` takes beside the subject, with these parameters, on a target of these settings.
pub fn demand(behavior: &Behavior, expect: &Value, settings: &Settings) -> Demand {
    let mut demand = behavior.demand;
    if behavior.id == parallel::ID
        && let Some(nodes) = parallel::nodes_at_one_time(expect, settings)
    {
        demand.nodes = nodes;
    }
    demand
}
