//! Tables for the judges of more than one request.

use levelfield_provider::{AddressOrigin, NodeAddress, NodeState, Tags};
use levelfield_reports::{InconclusiveReason, Verdict};

use super::*;

fn refused(class: FailureClass) -> Answer<String> {
    Answer::Refused { class, message: "no".to_owned(), culprit: None }
}

fn id(id: &str) -> Answer<String> {
    Answer::Accepted(id.to_owned())
}

fn prerequisite(id: &str) -> Verdict {
    Verdict::Inconclusive { reason: InconclusiveReason::Prerequisite(id.to_owned()) }
}

#[test]
fn a_repeated_request_is_one_node() {
    for (repeat, listed, verdict, deviates) in [
        (id("a"), &["a"][..], Verdict::Pass, false),
        (id("a"), &[], Verdict::Pass, false),
        (refused(FailureClass::Conflict), &["a"], Verdict::Pass, true),
        (refused(FailureClass::Conflict), &["a", "b"], Verdict::fail("second-node"), false),
        (refused(FailureClass::Invalid), &["a"], Verdict::fail("repeat-refused"), false),
        // client-token-ignored
        (id("b"), &["a", "b"], Verdict::fail("second-node"), false),
        (id("b"), &["a"], Verdict::fail("second-node"), false),
        (id("a"), &["a", "b"], Verdict::fail("second-node"), false),
    ] {
        let listed = listed.iter().map(|id| (*id).to_owned()).collect();
        let judged =
            judge_request_idempotent(&RequestIdempotent { first: "a".to_owned(), repeat, listed }, &Nothing {});
        let patterns: Vec<&str> = judged.deviations.iter().map(|d| d.pattern.as_str()).collect();
        let expected: &[&str] = if deviates { &["repeat-refused"] } else { &[] };
        assert_eq!((judged.verdict, patterns.as_slice()), (verdict, expected), "{}", judged.summary);
    }
}

fn node(private: &str, public: Option<(&str, u16)>) -> Node {
    let address = |at: &str, scope, ssh_port| NodeAddress {
        address: at.parse().unwrap(),
        scope,
        origin: AddressOrigin::Default,
        ssh_port,
    };
    let mut addresses = vec![address(private, Scope::Private, 22)];
    addresses.extend(public.map(|(at, port)| address(at, Scope::Public, port)));
    Node {
        id: private.to_owned(),
        name: "n".to_owned(),
        state: NodeState::Running,
        state_reason: None,
        flavor: None,
        image: None,
        zone: None,
        addresses,
        tags: Tags::new(),
    }
}

fn asked(name: &str, took_s: f64, running: Option<Node>) -> Asked {
    let last = running.is_none().then(|| "failed".to_owned());
    let running = Waited { wait: "node running".to_owned(), limit_s: 120.0, took_s, value: running, last };
    Asked { answer: id(name), running: Some(running) }
}

#[test]
fn nodes_asked_for_together_all_come() {
    let runs = |name: &str, private: &str, public| asked(name, 4.0, Some(node(private, public)));
    for (nodes, verdict) in [
        (
            vec![
                runs("a", "10.0.0.1", Some(("203.0.113.1", 22))),
                runs("b", "10.0.0.2", Some(("203.0.113.2", 22))),
                runs("c", "10.0.0.3", None),
            ],
            Verdict::Pass,
        ),
        // Ports of one address.
        (
            vec![
                runs("a", "10.0.0.1", Some(("203.0.113.1", 2001))),
                runs("b", "10.0.0.2", Some(("203.0.113.1", 2002))),
            ],
            Verdict::Pass,
        ),
        // parallel-request-lost
        (
            vec![runs("a", "10.0.0.1", None), runs("b", "10.0.0.2", None), asked("c", 5.0, None)],
            Verdict::fail("request-lost"),
        ),
        (vec![runs("a", "10.0.0.1", None), asked("b", 120.0, None)], Verdict::fail("request-lost")),
        (vec![asked("a", 5.0, None), asked("b", 120.0, None)], Verdict::fail("request-lost")),
        // never-running
        (vec![asked("a", 120.0, None), asked("b", 120.1, None)], prerequisite("allocation/node-requested")),
        // private-address-given-twice
        (vec![runs("a", "10.0.0.1", None), runs("b", "10.0.0.1", None)], prerequisite("addressing/unique")),
        (
            vec![runs("a", "10.0.0.1", Some(("203.0.113.1", 22))), runs("b", "10.0.0.2", Some(("203.0.113.1", 22)))],
            Verdict::fail("address-shared"),
        ),
        (vec![runs("a", "10.0.0.1", None), runs("a", "10.0.0.1", None)], Verdict::fail("id-shared")),
        (
            vec![runs("a", "10.0.0.1", None), Asked { answer: refused(FailureClass::Conflict), running: None }],
            Verdict::fail("request-refused"),
        ),
    ] {
        let judged = judge_parallel_requests(&ParallelRequests { asked: nodes }, &Together { nodes: 3 });
        assert_eq!(judged.verdict, verdict, "{}", judged.summary);
    }
}
