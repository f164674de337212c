//! Step 5 and what belongs to it: a node is reached, reaches out, and is otherwise left alone.

mod floating;
mod ipv6;
mod outside;
mod public;
mod rules;
mod service;
mod standing;
mod truth;

use levelfield_kit::Behavior;
use levelfield_reports::event::Stage;

/// The behaviours of this suite.
pub fn behaviors() -> Vec<Behavior> {
    use Stage::{Delivered, Rebooted, Terminated};
    vec![
        Behavior::new("addressing/public-by-default", public::observe_by_default, public::judge_by_default)
            .at(&[Delivered]),
        Behavior::new("addressing/public-reachable", public::observe_reachable, public::judge_reachable)
            .at(&[Delivered]),
        Behavior::new("addressing/three-way-truth", truth::observe_three_ways, truth::judge_three_ways)
            .at(&[Delivered]),
        Behavior::new("addressing/private-address", standing::observe_private, standing::judge_private)
            .at(&[Delivered]),
        Behavior::new("addressing/unique", standing::observe_unique, standing::judge_unique)
            .at(&[Delivered])
            .with_peer(),
        Behavior::new("addressing/stable-over-reboot", standing::observe_stable, standing::judge_stable)
            .at(&[Rebooted]),
        Behavior::new("addressing/released", public::observe_released, public::judge_released).at(&[Terminated]),
        Behavior::new("addressing/egress", truth::observe_egress, truth::judge_egress).at(&[Delivered]),
        Behavior::new("addressing/default-deny", rules::observe_deny, rules::judge_deny).at(&[Delivered]).with_peer(),
        Behavior::new("addressing/rule-opens", rules::observe_opens, rules::judge_opens).at(&[Delivered]).with_peer(),
        Behavior::new("addressing/rule-closes", rules::observe_closes, rules::judge_closes)
            .at(&[Delivered])
            .with_peer(),
        Behavior::new("addressing/floating-ip-move", floating::observe_move, floating::judge_move).owning(2, 1),
        Behavior::new("addressing/ipv6-assigned", ipv6::observe_assigned, ipv6::judge_assigned).at(&[Delivered]),
        Behavior::new("addressing/ipv6-reachable", ipv6::observe_reachable, ipv6::judge_reachable).at(&[Delivered]),
        Behavior::new("addressing/ipv6-egress", ipv6::observe_egress, ipv6::judge_egress).at(&[Delivered]),
        Behavior::new("addressing/ipv6-listed", ipv6::observe_listed, ipv6::judge_listed).at(&[Delivered]),
    ]
}
