//! IPv6, judged.

use levelfield_kit::guest::HttpOutcome;
use levelfield_provider::{AddressOrigin, Scope};

use super::*;

const OURS: &str = "2001:db8::7";
const OTHER: &str = "2001:db8::99";

fn sixes(stated: &[&str], inside: Option<&[&str]>) -> Sixes {
    let listed = |text: &&str| NodeAddress {
        address: text.parse().unwrap(),
        scope: Scope::Public,
        origin: AddressOrigin::Default,
        ssh_port: 22,
    };
    Sixes {
        by_api: stated.iter().map(listed).collect(),
        on_interfaces: inside.map(|texts| texts.iter().map(|t| t.parse().unwrap()).collect()),
    }
}

fn told(judgement: &Judgement) -> (&'static str, Option<String>) {
    (judgement.verdict.state(), judgement.verdict.reason())
}

#[test]
fn only_global_addresses_count() {
    for (address, counts) in [
        ("2001:db8::7", true),
        ("2a01:4f8::1", true),
        ("::ffff:127.20.192.10", true),
        ("fe80::1", false),
        ("fd00::1", false),
        ("::1", false),
        ("::", false),
        ("ff02::1", false),
        ("192.0.2.7", false),
    ] {
        assert_eq!(global(address.parse().unwrap()).is_some(), counts, "{address}");
    }
}

#[test]
fn an_address_is_assigned_by_either_account() {
    for (seen, state, reason) in [
        (sixes(&[OURS], Some(&[OURS])), "pass", None),
        (sixes(&[OURS], None), "pass", None),
        (sixes(&[], Some(&[OURS])), "pass", None),
        (sixes(&[], Some(&[])), "fail", Some("no-ipv6")),
    ] {
        assert_eq!(told(&judge_assigned(&seen, &Nothing {})), (state, reason.map(str::to_owned)));
    }
}

#[test]
fn the_port_opens_over_ipv6_in_time() {
    let expect = Reachable { reachable_within_s: 180.0 };
    for (met, took_s, state, reason) in [
        (true, 0.1, "pass", None),
        (true, 200.0, "fail", Some("too-late")),
        (false, 180.0, "fail", Some("not-reachable")),
    ] {
        let reached = Waited { wait: "port".to_owned(), limit_s: 180.0, took_s, value: met.then_some(()), last: None };
        let seen = Reached { door: format!("[{OURS}]:22").parse().unwrap(), reached };
        assert_eq!(told(&judge_reachable(&seen, &expect)), (state, reason.map(str::to_owned)));
    }
}

#[test]
fn the_way_out_is_ipv6s_own() {
    let echo = |outcome, source: Option<&str>| Echo {
        url: "http://echo6.example".to_owned(),
        outcome,
        status: None,
        source: source.map(|s| s.parse().unwrap()),
        detail: "nothing".to_owned(),
    };
    let silent = || echo(HttpOutcome::TimedOut, None);
    let heard = |source| echo(HttpOutcome::Status, Some(source));
    for (over_six, otherwise, state, reason) in [
        (heard(OURS), None, "pass", None),
        (heard(OTHER), None, "pass", None),
        (heard("192.0.2.7"), None, "inconclusive", Some("harness")),
        (silent(), Some(heard("192.0.2.7")), "fail", Some("no-ipv6-egress")),
        (silent(), None, "fail", Some("no-ipv6-egress")),
        (silent(), Some(silent()), "inconclusive", Some("prerequisite: addressing/egress")),
        (echo(HttpOutcome::NoSuchName, None), None, "inconclusive", Some("prerequisite: underlay/dns")),
        (echo(HttpOutcome::Refused, None), None, "inconclusive", Some("harness")),
    ] {
        let seen = WayOut { own: BTreeSet::from([OURS.parse().unwrap()]), over_six, otherwise };
        assert_eq!(told(&judge_egress(&seen, &Nothing {})), (state, reason.map(str::to_owned)), "{seen:?}");
    }
}

#[test]
fn the_api_knows_what_the_interface_has() {
    for (seen, state, reason) in [
        (sixes(&[OURS], Some(&[OURS])), "pass", None),
        (sixes(&[OURS], Some(&[OURS, OTHER])), "pass", None),
        (sixes(&[], Some(&[OURS])), "fail", Some("not-listed")),
        (sixes(&[OTHER], Some(&[OURS])), "fail", Some("differs-inside")),
        (sixes(&[OURS], Some(&[])), "fail", Some("differs-inside")),
        (sixes(&[], Some(&[])), "inconclusive", Some("prerequisite: addressing/ipv6-assigned")),
        (sixes(&[OURS], None), "inconclusive", Some("harness")),
    ] {
        assert_eq!(told(&judge_listed(&seen, &Nothing {})), (state, reason.map(str::to_owned)), "{seen:?}");
    }
}
