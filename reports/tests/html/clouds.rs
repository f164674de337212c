//! What the judges say on three made-up clouds.

use levelfield_reports::{Deviation, InconclusiveReason, Judgement, Measure, Verdict};

pub(crate) fn deviation(pattern: &str, effect: &str, work_around: &str) -> Deviation {
    Deviation { pattern: pattern.into(), effect: effect.into(), work_around: work_around.into() }
}

fn measured(mut judgement: Judgement, name: &str, value: f64, unit: &str) -> Judgement {
    judgement.measures.push(Measure { name: name.into(), value, unit: unit.into() });
    judgement
}

/// What an AWS-like target shows: everything.
pub(crate) fn aws(id: &str, round: u32) -> Judgement {
    match id {
        "login/key-accepted" => measured(
            Judgement::pass("the node key logged in as ec2-user at the first try"),
            "request to login",
            24.4 + f64::from(round % 7),
            "s",
        ),
        "allocation/node-requested" => measured(
            Judgement::pass("running after the request returned its id"),
            "request to running",
            11.2 + f64::from(round % 5),
            "s",
        ),
        "underlay/node-to-node" => {
            measured(Judgement::pass("3 of 3 nodes reach each other by address and name"), "round trip", 0.31, "ms")
        }
        "metadata/images-listed" => {
            measured(Judgement::pass("41 images, each with all six facts"), "images", 1_841.0, "count")
        }
        _ => Judgement::pass("as the guideline states it"),
    }
}

/// What most `OpenStack` clouds show: YES YES NO YES NO PARTIAL PARTIAL YES.
pub(crate) fn common(id: &str, round: u32) -> Judgement {
    match id {
        "metadata/default-network" => Judgement::fail(
            "ambiguous",
            "3 networks could be meant, and none is marked as the default",
        )
        .comparing("1 network marked as default", "net-public, net-shared, net-tenant-7: none is marked as default"),
        "metadata/pick-image" => {
            Judgement::fail("not-found", "no image is named or described so that Debian 12 on amd64 can be asked for")
                .comparing(
                    "name: debian-12-amd64\ndistribution: debian\nversion: 12\narchitecture: x86_64\n",
                    "name: Debian 12 (Bookworm) - latest FINAL\ndistribution: \nversion: 12\narchitecture: x86_64\n",
                )
        }
        "addressing/public-by-default" => Judgement {
            deviations: vec![deviation(
                "floating-ip-on-request",
                "Two more calls for every node, one more quota, and an address that leaks when the node goes before it.",
                "Request a floating IP after the node is running and attach it; release it before the node is removed.",
            )],
            ..Judgement::fail(
                "floating-ip-needed",
                "the node got 10.3.0.17 only; a floating IP had to be requested and attached",
            )
        },
        "addressing/three-way-truth" => {
            Judgement::fail("metadata-differs", "metadata inside the node does not know the public address")
                .comparing("198.51.100.23", "10.3.0.17")
        }
        "login/account-as-stated" => Judgement::fail(
            "other-account",
            "the image states no account; debian worked after ec2-user, admin and root were refused",
        ),
        "image-naming/portable-name" | "image-naming/login-account-stated" => {
            Judgement::fail("not-stated", "no image carries the property")
        }
        "login/password-login-removed" => {
            Judgement::fail("came-back", "PasswordAuthentication was yes again after the reboot").comparing(
                "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n",
                "PasswordAuthentication yes\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n",
            )
        }
        "allocation/request-idempotent" => {
            Judgement::unsupported("client-token", "declared absent, and the probe agreed")
        }
        "underlay/time" => {
            Judgement::inconclusive(InconclusiveReason::Image, "the image has no command that tells its time source")
        }
        "underlay/metadata-service" | "addressing/ipv6-reachable" => Judgement::inconclusive(
            InconclusiveReason::Prerequisite("addressing/public-by-default".into()),
            "the node could not be reached for it",
        ),
        "login/key-accepted" => measured(
            Judgement::pass("the node key logged in as debian"),
            "request to login",
            71.8 + f64::from(round % 11),
            "s",
        ),
        "allocation/node-requested" => measured(
            Judgement::pass("running within the maximum"),
            "request to running",
            33.9 + f64::from(round % 9),
            "s",
        ),
        "underlay/node-to-node" => measured(Judgement::pass("by address and name"), "round trip", 0.82, "ms"),
        "metadata/images-listed" => {
            measured(Judgement::pass("41 images, each with all six facts"), "images", 41.0, "count")
        }
        _ => Judgement::pass("as the guideline states it"),
    }
}

/// What the best `OpenStack` cloud shows: all eight, in ways of its own.
pub(crate) fn good(id: &str, round: u32) -> Judgement {
    match id {
        "addressing/public-by-default" => Judgement {
            deviations: vec![deviation(
                "floating-ip-added",
                "None for the node itself; the address stays reserved for an hour after it is gone.",
                "Nothing to do, save to count the reserve in the quota.",
            )],
            ..Judgement::pass("a floating IP was there without a call")
        },
        "metadata/default-network" => Judgement {
            deviations: vec![deviation(
                "only-network",
                "A second network makes the choice ambiguous.",
                "Mark one as the default when adding another.",
            )],
            ..Judgement::pass("there is one network, so it is the one")
        },
        "allocation/request-idempotent" => {
            Judgement::unsupported("client-token", "declared absent, and the probe agreed")
        }
        "underlay/time" => Judgement {
            verdict: Verdict::Waived {
                waiver: "platform@example.net, PLAT-412, until 2026-12-31".into(),
                beneath: Box::new(Verdict::fail("no-time-source")),
            },
            ..Judgement::fail("no-time-source", "no time source is configured in the image")
        },
        "login/key-accepted" => measured(
            Judgement::pass("the node key logged in as debian"),
            "request to login",
            38.1 + f64::from(round % 6),
            "s",
        ),
        "allocation/node-requested" => measured(
            Judgement::pass("running within the maximum"),
            "request to running",
            17.5 + f64::from(round % 4),
            "s",
        ),
        "underlay/node-to-node" => measured(Judgement::pass("by address and name"), "round trip", 0.44, "ms"),
        _ => Judgement::pass("as the guideline states it"),
    }
}
