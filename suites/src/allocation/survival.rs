//! A node stays itself over a reboot, and over a stop and a start.

use std::net::IpAddr;

use levelfield_kit::{Behavior, Ctx, Observation, subject::Survived};
use levelfield_reports::{Judgement, event::Stage};
use serde::Deserialize;

pub(super) fn behaviors() -> Vec<Behavior> {
    vec![
        Behavior::new("allocation/reboot-keeps-identity", observe_reboot_keeps_identity, judge_reboot_keeps_identity)
            .at(&[Stage::Rebooted]),
        Behavior::new("allocation/stop-start", observe_stop_start, judge_stop_start).at(&[Stage::Restarted]),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Back {
    back_within_s: f64,
}

// allocation/reboot-keeps-identity

async fn observe_reboot_keeps_identity(ctx: Ctx, _: Back) -> Observation<Survived> {
    ctx.fact(|f| f.rebooted.clone())
}

fn judge_reboot_keeps_identity(seen: &Survived, expect: &Back) -> Judgement {
    let (before, back) = (&seen.before, &seen.back.value);
    match back {
        Some(now) if now.host_key != before.host_key => {
            let summary = "after the reboot the node presents another host key";
            Judgement::fail("host-key-changed", summary).comparing(&before.host_key, &now.host_key)
        }
        _ => judge_same_node("a reboot", seen, expect),
    }
}

// allocation/stop-start

async fn observe_stop_start(ctx: Ctx, _: Back) -> Observation<Survived> {
    ctx.fact(|f| f.restarted.clone())
}

fn judge_stop_start(seen: &Survived, expect: &Back) -> Judgement {
    judge_same_node("a stop and a start", seen, expect)
}

// What the two have in common.

fn judge_same_node(what: &str, seen: &Survived, expect: &Back) -> Judgement {
    let (before, back) = (&seen.before, &seen.back);
    let Some(now) = &back.value else {
        return Judgement::fail("not-back", format!("after {what}: {}", back.sentence()));
    };
    let judgement = if now.id != before.id {
        Judgement::fail("id-changed", format!("after {what} the node has another id")).comparing(&before.id, &now.id)
    } else if now.private != before.private {
        let (was, is) = (listed(&before.private), listed(&now.private));
        Judgement::fail(
            "private-address-changed",
            format!("after {what} the private address is {is} in place of {was}"),
        )
        .comparing(was, is)
    } else if back.took_s > expect.back_within_s {
        let summary = format!("back {:.1} s after {what} only (limit {:.0} s)", back.took_s, expect.back_within_s);
        Judgement::fail("slow-to-return", summary)
    } else {
        Judgement::pass(format!("back {:.1} s after {what}, as the same node", back.took_s))
    };
    judgement.measured("back", back.took_s, "s")
}

fn listed(addresses: &[IpAddr]) -> String {
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    if addresses.is_empty() { "none".to_owned() } else { addresses.join(", ") }
}

#[cfg(test)]
mod tests {
    use levelfield_kit::{subject::Identity, wait::Waited};
    use levelfield_reports::Verdict;

    use super::*;

    fn identity() -> Identity {
        Identity {
            id: "n1".to_owned(),
            hostname: "n1".to_owned(),
            private: vec!["10.0.0.4".parse().unwrap()],
            public: vec!["203.0.113.4".parse().unwrap()],
            host_key: "SHA256:abc".to_owned(),
            boot_id: "1".to_owned(),
        }
    }

    fn survived(took_s: f64, back: Option<Identity>) -> Survived {
        let last = back.is_none().then(|| "API state stopping".to_owned());
        let back = Waited { wait: "node back".to_owned(), limit_s: 180.0, took_s, value: back, last };
        Survived { before: identity(), back }
    }

    #[test]
    fn a_node_that_comes_back_is_the_same() {
        let expect = Back { back_within_s: 180.0 };
        let moved = || Identity { private: vec!["10.0.0.9".parse().unwrap()], ..identity() };
        let other_public = Identity { public: vec!["203.0.113.9".parse().unwrap()], ..identity() };
        let other_host_key = || Identity { host_key: "SHA256:xyz".to_owned(), ..identity() };
        let other_id = Identity { id: "n2".to_owned(), ..identity() };
        for (seen, rebooted, restarted) in [
            (survived(9.0, Some(identity())), Verdict::Pass, Verdict::Pass),
            // public-address-changes-on-reboot is another behaviour's matter.
            (survived(9.0, Some(other_public)), Verdict::Pass, Verdict::Pass),
            (survived(181.0, Some(identity())), Verdict::fail("slow-to-return"), Verdict::fail("slow-to-return")),
            (survived(180.0, None), Verdict::fail("not-back"), Verdict::fail("not-back")),
            (survived(9.0, Some(other_id)), Verdict::fail("id-changed"), Verdict::fail("id-changed")),
            // stop-start-changes-private-address
            (
                survived(9.0, Some(moved())),
                Verdict::fail("private-address-changed"),
                Verdict::fail("private-address-changed"),
            ),
            // reboot-regenerates-host-keys: a start is a boot too, and only a reboot's host keys are judged.
            (survived(9.0, Some(other_host_key())), Verdict::fail("host-key-changed"), Verdict::Pass),
        ] {
            assert_eq!(judge_reboot_keeps_identity(&seen, &expect).verdict, rebooted);
            assert_eq!(judge_stop_start(&seen, &expect).verdict, restarted);
        }
    }
}
