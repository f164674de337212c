use std::{fs, path::Path};

use levelfield_kit::{Nothing, Observation};
use levelfield_provider::{Capability, Declaration};
use levelfield_reports::Deviation;

use super::*;

type Any = Value;

/// A check for `id` that takes every parameter.
fn stand_in(id: &str) -> Behavior {
    let id: &'static str = Box::leak(id.to_owned().into_boxed_str());
    Behavior::new(id, |_, _: Any| async { Observation::<()>::Ok(()) }, |(), _: &Any| Judgement::pass("seen"))
}

/// A stand-in for every behaviour of the embedded guideline, but for those of which `keep` says no.
fn stand_ins(keep: impl Fn(&str) -> bool) -> Vec<Behavior> {
    let guideline = Guideline::embedded().unwrap();
    guideline.behaviors.iter().filter(|b| keep(&b.id)).map(|b| stand_in(&b.id)).collect()
}

fn refusal(code: Vec<Behavior>) -> String {
    match Standard::join(Guideline::embedded().unwrap(), code) {
        Ok(_) => panic!("the two are not one to one"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_embedded_standard_is_one_to_one() {
    let standard = Standard::embedded().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(standard.behaviors().len(), standard.guideline().behaviors.len());
}

#[test]
fn a_guideline_and_its_code_are_joined_in_the_guidelines_order() {
    let mut code = stand_ins(|_| true);
    code.reverse();
    let standard = Standard::join(Guideline::embedded().unwrap(), code).unwrap();
    let stated: Vec<_> = standard.guideline().behaviors.iter().map(|b| b.id.as_str()).collect();
    let joined: Vec<_> = standard.behaviors().iter().map(|b| b.id).collect();
    assert_eq!(joined, stated);
    assert!(standard.entries().all(|entry| entry.stated.id == entry.code.id));
    assert_eq!(standard.entry("underlay/mtu").unwrap().code.id, "underlay/mtu");
    let near = standard.entry("underlay/tmu").map(|_| ()).unwrap_err().near;
    assert_eq!(near.first().map(String::as_str), Some("underlay/mtu"));
}

#[test]
fn an_entry_without_code_is_an_error_at_its_place() {
    let error = refusal(stand_ins(|id| id != "underlay/entropy"));
    assert!(error.starts_with("guidelines/2026.11/underlay.yaml:"), "{error}");
    assert!(error.contains("behavior `underlay/entropy` is stated, and this program has no check for it"), "{error}");
}

#[test]
fn code_without_an_entry_is_an_error_and_a_slip_of_the_pen_is_recognised() {
    let mut code = stand_ins(|id| id != "underlay/entropy");
    code.push(stand_in("underlay/entropie"));
    let error = refusal(code);
    assert!(error.contains("help: did you mean `underlay/entropie`?"), "{error}");
    assert!(
        error.contains("this program checks `underlay/entropie`, and no file of the guideline states it"),
        "{error}"
    );
}

#[test]
fn two_checks_of_one_id_are_an_error() {
    let mut code = stand_ins(|_| true);
    code.push(stand_in("underlay/mtu"));
    assert!(refusal(code).contains("two checks for `underlay/mtu`"));
}

#[test]
fn parameters_that_the_code_does_not_take_are_an_error_at_their_line() {
    let mut code = stand_ins(|id| id != "scale/churn");
    code.push(Behavior::new("scale/churn", |_, _: Nothing| async { Ok(()) }, |(), _: &Nothing| Judgement::pass("")));
    let error = refusal(code);
    assert!(error.starts_with("guidelines/2026.11/scale.yaml:"), "{error}");
    assert!(error.contains(" |       max-drift: 1.0\n"), "shows the line: {error}");
    assert!(error.contains("the check of `scale/churn` does not take this: unknown field `max-drift`"), "{error}");
}

#[test]
fn the_journey_takes_its_parameters_from_the_behaviours_that_own_them() {
    let standard = Standard::join(Guideline::embedded().unwrap(), stand_ins(|_| true)).unwrap();
    let params = standard.journey_params();
    let of = |id: &str, key: &str| standard.expect(id)[key].as_f64();
    assert_eq!(params.image.to_string(), "debian-12-amd64");
    assert_eq!(Some(f64::from(params.vcpus)), of("metadata/pick-flavor", "vcpus"));
    assert_eq!(Some(params.memory_gib), of("metadata/pick-flavor", "memory-gib"));
    assert_eq!(Some(params.running_within_s), of("allocation/node-requested", "running-within-s"));
    assert_eq!(Some(params.reachable_within_s), of("addressing/public-reachable", "reachable-within-s"));
    assert_eq!(Some(params.login_within_s), of("login/key-accepted", "login-within-s"));
    assert_eq!(Some(params.reboot_within_s), of("allocation/reboot-keeps-identity", "back-within-s"));
    assert_eq!(Some(params.start_within_s), of("allocation/stop-start", "back-within-s"));
    assert_eq!(Some(params.gone_within_s), of("allocation/terminate", "gone-within-s"));
}

#[test]
fn what_is_needed_and_taken_is_known_before_anything_is_asked() {
    let standard = Standard::join(
        Guideline::embedded().unwrap(),
        stand_ins(|id| !id.starts_with("scale/")).into_iter().chain(scale::behaviors()).collect(),
    )
    .unwrap();
    let mut declaration = Declaration {
        provider: "sim".to_owned(),
        pace: 1.0,
        nodes_per_read: 1,
        capabilities: [Capability::Login, Capability::MetadataService].into(),
    };
    assert_eq!(standard.lacks("underlay/metadata-not-exposed", &declaration), Some(Capability::Nodes));
    declaration.capabilities.insert(Capability::Nodes);
    assert_eq!(standard.lacks("underlay/metadata-not-exposed", &declaration), None);

    let mut settings = Settings::default();
    assert_eq!(standard.demand("scale/parallel-nodes", &settings).nodes, 20);
    assert_eq!(standard.demand("scale/churn", &settings).nodes, 1);
    settings.scale.nodes = Some(50);
    assert_eq!(standard.demand("scale/parallel-nodes", &settings).nodes, 50);
    assert_eq!(standard.demand("no/such", &settings), Demand::default());
}

#[test]
fn deviations_get_their_effect_from_the_guideline() {
    let standard = Standard::join(Guideline::embedded().unwrap(), stand_ins(|_| true)).unwrap();
    let mut judgement = Judgement::pass("seen").deviating("by-address-only");
    standard.fill_deviations(&mut judgement, "underlay/node-to-node");
    assert_eq!(judgement.verdict, Verdict::Pass);
    let [Deviation { effect, work_around, .. }] = judgement.deviations.as_slice() else { panic!("{judgement:?}") };
    assert!(effect.starts_with("Configuration has to carry addresses"), "{effect}");
    assert!(work_around.starts_with("Write the names to /etc/hosts"), "{work_around}");
}

#[test]
fn a_deviation_that_the_guideline_does_not_know_is_seen_and_never_passes() {
    let trouble = Verdict::Inconclusive { reason: InconclusiveReason::Harness };
    let prerequisite =
        Judgement::inconclusive(InconclusiveReason::Prerequisite("login/key-accepted".to_owned()), "seen");
    for (said, verdict) in [
        (Judgement::pass("seen"), trouble),
        (Judgement::fail("isolated", "seen"), Verdict::fail("isolated")),
        (prerequisite.clone(), prerequisite.verdict),
    ] {
        let mut judgement = said.deviating("by-carrier-pigeon");
        fill(&mut judgement, "underlay/node-to-node", &[], "2026.11");
        assert_eq!(judgement.verdict, verdict);
        assert_eq!(
            judgement.summary,
            "the check of underlay/node-to-node reports `by-carrier-pigeon`, which guideline 2026.11 does not accept; it said: seen"
        );
        assert_eq!(judgement.deviations[0].effect, "guideline 2026.11 does not say");
    }
}

#[test]
fn every_accepted_alternative_is_known_to_its_suites_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for behavior in &Guideline::embedded().unwrap().behaviors {
        let text = source_text(&root.join(behavior.suite().replace('-', "_")));
        for alternative in &behavior.alternatives {
            let pattern = &alternative.pattern;
            assert!(text.contains(&format!("\"{pattern}\"")), "{} never emits the deviation `{pattern}`", behavior.id);
        }
    }
}

fn source_text(folder: &Path) -> String {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { source_text(&path) } else { fs::read_to_string(&path).unwrap() }).collect()
}

#[test]
fn what_nobody_configured_is_left_out_and_says_why() {
    let ids = [
        "underlay/mirrors",
        "underlay/tls-not-intercepted",
        "underlay/static-service",
        "addressing/egress",
        "addressing/ipv6-egress",
    ];
    let mut settings = Settings::default();
    for id in ids {
        let why = left_out(id, &settings).unwrap_or_default();
        assert!(why.starts_with("the target's configuration names no "), "{id}: {why}");
        assert!(Guideline::embedded().unwrap().behavior(id).is_ok(), "{id}");
    }
    assert_eq!(
        left_out("addressing/ipv6-egress", &settings).unwrap(),
        "the target's configuration names no echo service over IPv6 (`services.echo-ipv6`)"
    );
    assert_eq!(left_out("underlay/dns", &settings), None);

    settings.services = Services {
        echo: Some("http://echo/".to_owned()),
        echo_ipv6: Some("http://echo6/".to_owned()),
        mirrors: [("packages".to_owned(), "http://mirror/".to_owned())].into(),
        tls: vec!["https://host/".to_owned()],
        names: vec![],
        static_service: Some("http://static/".to_owned()),
    };
    for id in ids {
        assert_eq!(left_out(id, &settings), None, "{id}");
    }
}
