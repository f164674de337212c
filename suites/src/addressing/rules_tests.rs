//! Rules, judged: every way in which a port can be open or shut at the wrong time.

use levelfield_provider::FailureClass;

use super::*;

fn vantage() -> Vantage {
    Vantage::Outside { service: "192.0.2.7:24811".parse().unwrap(), ssh: "192.0.2.7:22".parse().unwrap() }
}

fn proof() -> Proof {
    Proof { answers_inside: true, ssh: Some(Knock::Open) }
}

fn died() -> Proof {
    Proof { answers_inside: false, ssh: Some(Knock::Open) }
}

fn cut_off() -> Proof {
    Proof { answers_inside: true, ssh: Some(Knock::TimedOut) }
}

fn waited<T>(value: Option<T>, took_s: f64) -> Waited<T> {
    let last = value.is_none().then(|| "nothing answered in time".to_owned());
    Waited { wait: "port".to_owned(), limit_s: 60.0, took_s, value, last }
}

fn no() -> Answer<()> {
    Answer::Refused { class: FailureClass::Invalid, message: "no such group".to_owned(), culprit: None }
}

const EXPECT: TakesEffect = TakesEffect { effect_within_s: 60.0 };

fn told(judgement: &Judgement) -> (&'static str, Option<String>) {
    (judgement.verdict.state(), judgement.verdict.reason())
}

#[test]
fn what_no_rule_permits_is_kept_out() {
    let seen = |knocks: &[Knock], proof| Unasked { vantage: vantage(), rules: vec![], knocks: knocks.to_vec(), proof };
    let (open, refused, silent) = (Knock::Open, Knock::Refused, Knock::TimedOut);
    let shut = [silent.clone(), silent.clone(), silent.clone()];
    for (seen, state, reason) in [
        (seen(&shut, proof()), "pass", None),
        (seen(&[refused.clone(), refused.clone(), refused], proof()), "pass", None),
        (seen(std::slice::from_ref(&open), proof()), "fail", Some("open")),
        (seen(&[silent.clone(), open], proof()), "fail", Some("open")),
        (seen(&shut, died()), "inconclusive", Some("image")),
        (seen(&shut, cut_off()), "inconclusive", Some("runner-network")),
        (seen(&[silent], proof()), "inconclusive", Some("harness")),
    ] {
        assert_eq!(told(&judge_deny(&seen, &Nothing {})), (state, reason.map(str::to_owned)), "{seen:?}");
    }
}

#[test]
fn a_rule_opens_in_time() {
    let seen = |before, added, opened, proof| RuleAdded { vantage: vantage(), before, added, opened, proof };
    let yes = || Some(Answer::Accepted(()));
    for (seen, state, reason) in [
        (seen(Knock::TimedOut, yes(), Some(waited(Some(()), 0.4)), proof()), "pass", None),
        (seen(Knock::TimedOut, yes(), Some(waited(Some(()), 61.0)), proof()), "fail", Some("too-late")),
        (seen(Knock::TimedOut, yes(), Some(waited(None, 60.0)), proof()), "fail", Some("no-effect")),
        (seen(Knock::TimedOut, Some(no()), None, proof()), "fail", Some("rule-refused")),
        (seen(Knock::TimedOut, yes(), Some(waited(None, 60.0)), died()), "inconclusive", Some("image")),
        (seen(Knock::TimedOut, yes(), Some(waited(None, 60.0)), cut_off()), "inconclusive", Some("runner-network")),
        (seen(Knock::Open, None, None, proof()), "inconclusive", Some("prerequisite: addressing/default-deny")),
    ] {
        assert_eq!(told(&judge_opens(&seen, &EXPECT)), (state, reason.map(str::to_owned)), "{seen:?}");
    }
}

#[test]
fn a_removed_rule_shuts_in_time() {
    let seen = |removed, closed, proof| RuleRemoved {
        vantage: vantage(),
        opened: waited(Some(()), 0.4),
        removed,
        closed,
        proof,
    };
    let yes = Answer::Accepted;
    for (seen, state, reason) in [
        (seen(yes(()), Some(waited(Some(0.2), 15.4)), proof()), "pass", None),
        (seen(yes(()), Some(waited(Some(70.0), 85.0)), proof()), "fail", Some("too-late")),
        (seen(yes(()), Some(waited(None, 60.0)), proof()), "fail", Some("still-open")),
        (seen(no(), None, proof()), "fail", Some("removal-refused")),
        (seen(yes(()), Some(waited(Some(0.2), 15.4)), died()), "inconclusive", Some("image")),
        (seen(yes(()), Some(waited(Some(0.2), 15.4)), cut_off()), "inconclusive", Some("runner-network")),
    ] {
        assert_eq!(told(&judge_closes(&seen, &EXPECT)), (state, reason.map(str::to_owned)), "{seen:?}");
    }
}

#[test]
fn evidence_reads_back() {
    let seen = RuleRemoved {
        vantage: Vantage::Neighbour { service: "10.0.0.6:24813".parse().unwrap() },
        opened: waited(Some(()), 0.4),
        removed: no(),
        closed: None,
        proof: Proof { answers_inside: true, ssh: None },
    };
    let text = serde_json::to_string(&seen).unwrap();
    let back: RuleRemoved = serde_json::from_str(&text).unwrap();
    assert_eq!(judge_closes(&back, &EXPECT), judge_closes(&seen, &EXPECT));
}
