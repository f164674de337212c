//! The plan: what will be run where, what it takes, and whether it fits — before anything is created.

use std::collections::BTreeMap;

use levelfield_kit::{Behavior, settings::Settings};
use levelfield_provider::{Capability, Declaration, Provider, Quota};
use levelfield_reports::event::{Stage, TargetManifest};
use levelfield_suites::{
    Standard,
    guideline::{Filter, Partition, Status},
    registry,
};

/// What is asked of a run.
#[derive(Clone, Debug)]
pub struct Selection {
    /// The profile.
    pub profile: String,
    /// What of it.
    pub filter: Filter,
    /// Which part of that, of a partitioned run.
    pub partition: Option<Partition>,
    /// Rounds.
    pub rounds: u32,
}

/// The plan for one target.
#[derive(Clone, Debug)]
pub struct TargetPlan {
    /// What is selected, and what of the profile is left out.
    pub manifest: TargetManifest,
    /// What it takes.
    pub cost: Cost,
}

/// What a run takes from one target.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cost {
    /// Nodes created in all.
    pub nodes: u32,
    /// Nodes that exist at one time, at most.
    pub nodes_at_once: u32,
    /// Floating addresses that behaviours ask for at one time, at most.
    pub addresses_at_once: u32,
    /// Floating addresses that exist at one time, at most, should nodes turn out to come without public ones.
    pub addresses_if_needed: u32,
    /// About how many minutes it takes here.
    pub minutes: f64,
}

/// A run that does not fit a target.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DoesNotFit {
    /// Nothing is selected on any target.
    #[error("nothing is selected: profile {profile}, filter {filter}; `levelfield list` shows what there is")]
    Nothing {
        /// The profile.
        profile: String,
        /// The filter.
        filter: String,
    },
    /// One behaviour alone needs more than the budget.
    #[error(
        "target `{target}`: {behavior} needs {needs} {what} at one time, and the budget allows {allowed}; raise `budget.{key}` or leave it out with --filter 'not id({behavior})'"
    )]
    Budget {
        /// The target.
        target: String,
        /// The behaviour.
        behavior: String,
        /// How many it needs.
        needs: u32,
        /// Of what.
        what: &'static str,
        /// How many are allowed.
        allowed: u32,
        /// The key of the configuration.
        key: &'static str,
    },
    /// The account has too little left.
    #[error(
        "target `{target}`: the run needs {needs} {what} at one time, and the account has {free} left; free some, or lower `budget.{key}`"
    )]
    Quota {
        /// The target.
        target: String,
        /// How many it needs.
        needs: u32,
        /// Of what.
        what: &'static str,
        /// How many are left.
        free: u32,
        /// The key of the configuration that would lower the need.
        key: &'static str,
    },
}

/// Plans one target. Costs no call.
///
/// # Errors
/// When a behaviour alone needs more than the budget.
pub fn plan(
    standard: &Standard,
    selection: &Selection,
    target: &str,
    declaration: &Declaration,
    settings: &Settings,
) -> Result<TargetPlan, DoesNotFit> {
    let mut selected = Vec::new();
    let mut left_out = BTreeMap::new();
    let profile = standard.guideline().profile(&selection.profile).ok().map(|(_, filter)| filter);
    for entry in standard.guideline().behaviors.iter().filter(|b| profile.is_none_or(|p| p.selects(b))) {
        if entry.status == Status::Removed {
            continue;
        }
        if !selection.filter.selects(entry) {
            left_out.insert(entry.id.clone(), "not selected by this run's filter".to_owned());
        } else if selection.partition.as_ref().is_some_and(|p| !p.holds(&entry.id)) {
            // The other parts of the run have it: this one says nothing of it.
        } else if let Some(why) = registry::left_out(&entry.id, settings) {
            left_out.insert(entry.id.clone(), why);
        } else {
            selected.push(entry.id.clone());
        }
    }
    let manifest = TargetManifest {
        target: target.to_owned(),
        provider: declaration.provider.clone(),
        pace: declaration.pace,
        selected,
        left_out,
    };
    let cost = cost(standard, selection, &manifest, declaration, settings)?;
    Ok(TargetPlan { manifest, cost })
}

/// Seconds on the target's clock that each part of a timeline usually takes, from what clouds are seen to do.
fn usual_seconds(stage: Stage) -> f64 {
    match stage {
        Stage::Catalog | Stage::After => 10.0,
        Stage::Own => 0.0,
        Stage::Delivered => 90.0,
        Stage::Hardened | Stage::Sealed => 15.0,
        Stage::Rebooted | Stage::Restarted | Stage::Terminated => 60.0,
    }
}

fn cost(
    standard: &Standard,
    selection: &Selection,
    manifest: &TargetManifest,
    declaration: &Declaration,
    settings: &Settings,
) -> Result<Cost, DoesNotFit> {
    let behaviors: Vec<&Behavior> = manifest
        .selected
        .iter()
        .filter_map(|id| standard.behavior(id))
        .filter(|b| standard.lacks(b.id, declaration).is_none())
        .collect();
    let demand = |b: &&Behavior| standard.demand(b.id, settings);
    let budget = &settings.budget;
    for behavior in &behaviors {
        let needs = demand(behavior);
        let subject = u32::from(behavior.needs_subject()) + u32::from(needs.peer);
        let checks = [
            (needs.nodes + subject, "nodes", budget.nodes, "nodes"),
            (needs.addresses, "floating addresses", budget.addresses, "addresses"),
        ];
        for (needs, what, allowed, key) in checks {
            if needs > allowed && declaration.has(Capability::Nodes) {
                let (target, behavior) = (manifest.target.clone(), behavior.id.to_owned());
                return Err(DoesNotFit::Budget { target, behavior, needs, what, allowed, key });
            }
        }
    }
    let subject = behaviors.iter().any(|b| b.needs_subject());
    let peer = behaviors.iter().any(|b| b.demand.peer);
    let timeline = u32::from(subject) + u32::from(peer);
    let own: Vec<u32> = behaviors.iter().map(|b| demand(b).nodes).collect();
    let a_round = timeline + own.iter().sum::<u32>();
    let mut stages: Vec<Stage> = behaviors.iter().flat_map(|b| b.stages.iter().copied()).collect();
    stages.sort_unstable();
    stages.dedup();
    let one_round: f64 = stages.iter().map(|s| usual_seconds(*s)).sum::<f64>()
        + own.iter().map(|n| f64::from(*n) * usual_seconds(Stage::Delivered)).sum::<f64>()
            / f64::from(budget.nodes.max(1));
    let side_by_side = (budget.nodes / timeline.max(1)).clamp(1, selection.rounds.max(1));
    let rounds = (f64::from(selection.rounds) / f64::from(side_by_side)).ceil();
    let nodes = if declaration.has(Capability::Nodes) { a_round * selection.rounds } else { 0 };
    let nodes_at_once = nodes.min(budget.nodes);
    let addresses_at_once = behaviors
        .iter()
        .map(|b| demand(b).addresses)
        .sum::<u32>()
        .saturating_mul(selection.rounds)
        .min(budget.addresses);
    let floating = declaration.has(Capability::FloatingIp);
    Ok(Cost {
        nodes,
        nodes_at_once,
        addresses_at_once,
        addresses_if_needed: if floating { addresses_at_once + nodes_at_once } else { 0 },
        minutes: one_round * rounds / declaration.pace / 60.0,
    })
}

/// Asks the target whether the plan fits what the account has left. A target that does not tell is given the benefit of the doubt:
/// a limit met on the way is `inconclusive: quota`, not a failure.
///
/// # Errors
/// When it says that the plan does not fit.
pub async fn fits(plan: &TargetPlan, provider: &dyn Provider) -> Result<Option<Quota>, DoesNotFit> {
    if !provider.declaration().has(Capability::Quota) {
        return Ok(None);
    }
    let Ok(quota) = provider.quota().await else { return Ok(None) };
    let checks = [
        (plan.cost.nodes_at_once, "nodes", quota.nodes_free, "nodes"),
        (plan.cost.addresses_at_once, "floating addresses", quota.addresses_free, "addresses"),
    ];
    for (needs, what, free, key) in checks {
        if let Some(free) = free
            && needs > free
        {
            return Err(DoesNotFit::Quota { target: plan.manifest.target.clone(), needs, what, free, key });
        }
    }
    Ok(Some(quota))
}
