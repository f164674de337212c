//! Steps 6, 7 and 8: the right key opens the door, and no other does.

mod algorithms;
mod attempt;
mod every_image;
mod first;
mod host_key;
mod old_key;
mod password;
mod root;

use levelfield_kit::Behavior;
use levelfield_reports::event::Stage;

/// The behaviours of this suite.
pub fn behaviors() -> Vec<Behavior> {
    use Stage::{Delivered, Hardened, Rebooted, Sealed};
    vec![
        Behavior::new("login/key-accepted", first::observe_accepted, first::judge_accepted).at(&[Delivered]),
        Behavior::new("login/account-as-stated", first::observe_account, first::judge_account).at(&[Delivered]),
        Behavior::new("login/only-the-given-key", first::observe_keys, first::judge_keys).at(&[Delivered]),
        Behavior::new("login/password-refused", password::observe_refused, password::judge_refused).at(&[Delivered]),
        Behavior::new("login/ready-means-ready", first::observe_ready, first::judge_ready).at(&[Delivered]),
        Behavior::new("login/host-key-unique", host_key::observe_unique, host_key::judge_unique)
            .at(&[Delivered])
            .with_peer(),
        Behavior::new("login/host-key-published", host_key::observe_published, host_key::judge_published)
            .at(&[Delivered]),
        Behavior::new("login/modern-algorithms", algorithms::observe, algorithms::judge).at(&[Delivered]),
        Behavior::new("login/sudo-without-password", root::observe_sudo, root::judge_sudo).at(&[Delivered]),
        Behavior::new("login/root-refused-at-first", root::observe_refused, root::judge_refused).at(&[Delivered]),
        Behavior::new("login/root-key-added", root::observe_added, root::judge_added).at(&[Hardened]),
        Behavior::new("login/root-key-on-every-image", every_image::observe, every_image::judge).owning(3, 0),
        Behavior::new("login/password-login-removed", password::observe_removed, password::judge_removed)
            .at(&[Hardened, Rebooted]),
        Behavior::new("login/old-key-refused", old_key::observe, old_key::judge).at(&[Sealed, Rebooted]),
    ]
}
