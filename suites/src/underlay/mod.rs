//! Suite `underlay`: a node has neighbours, names, time, supplies and a way to trust.
//!
//! All of it is seen from inside the subject, once it was delivered; where two nodes are needed, the peer is the other.

use levelfield_kit::Behavior;
use levelfield_reports::event::Stage;

mod basics;
mod metadata;
mod neighbours;
mod supplies;
mod trust;

/// The behaviours of this suite.
pub fn behaviors() -> Vec<Behavior> {
    let inside = &[Stage::Delivered];
    vec![
        Behavior::new("underlay/node-to-node", neighbours::observe_reach, neighbours::judge_reach)
            .at(inside)
            .with_peer(),
        Behavior::new("underlay/mtu", neighbours::observe_mtu, neighbours::judge_mtu).at(inside).with_peer(),
        Behavior::new("underlay/dns", basics::observe_names, basics::judge_names).at(inside),
        Behavior::new("underlay/mirrors", supplies::observe_mirrors, supplies::judge_mirrors).at(inside),
        Behavior::new("underlay/tls-not-intercepted", supplies::observe_tls, supplies::judge_tls).at(inside),
        Behavior::new("underlay/time", basics::observe_time, basics::judge_time).at(inside),
        Behavior::new("underlay/metadata-service", metadata::observe_service, metadata::judge_service).at(inside),
        Behavior::new("underlay/metadata-not-exposed", metadata::observe_exposure, metadata::judge_exposure)
            .at(inside)
            .with_peer(),
        Behavior::new("underlay/trust", trust::observe, trust::judge).at(inside).with_trust(),
        Behavior::new("underlay/entropy", basics::observe_entropy, basics::judge_entropy).at(inside),
        Behavior::new("underlay/static-service", supplies::observe_static_service, supplies::judge_static_service)
            .at(inside),
    ]
}
