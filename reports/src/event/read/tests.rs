//! Events are read as serde's derived tag within reads them, whatever stands where in them.

use serde_json::{Value, json};

use super::*;

mirror!(Derived, serde(tag = "event"));

/// What is derived, as a type of its own.
#[derive(Debug, Deserialize)]
struct ByDerivation(#[serde(with = "Derived")] EventKind);

/// The keys of an object and their values, in order; also twice the same.
type Pairs = Vec<(String, Value)>;

/// One event of every kind, its kind first.
fn events() -> Vec<Pairs> {
    let judgement = json!({ "verdict": { "state": "fail", "reason": "late" }, "summary": "späte \"Antwort\"\n" });
    let events = [
        json!({
            "event": "run-started",
            "header": {
                "id": "r", "version": "0.1.0", "guideline": "2026.11", "guideline_sha256": "ab", "profile": "core",
                "selection": "all()", "rounds": 1, "vantage": "here"
            },
            "behaviors": {
                "t/a": { "title": "T", "step": 4, "level": "core", "status": "required", "why": "w", "reference": "r" }
            },
            "manifest": [{ "target": "t", "provider": "sim", "pace": 1, "selected": ["t/a"] }]
        }),
        json!({ "event": "run-resumed", "remaining": 3 }),
        json!({
            "event": "target-started", "target": "t", "fingerprint": Fingerprint::default(),
            "capabilities": [{ "capability": "regions", "declared": true }]
        }),
        json!({ "event": "stage-entered", "target": "t", "round": 1, "stage": "hardened" }),
        json!({ "event": "wait-started", "target": "t", "wait": "node running", "limit_s": 300 }),
        json!({ "event": "wait-ended", "target": "t", "wait": "node running", "took_s": 0.1, "met": true }),
        json!({ "event": "created", "target": "t", "resource": { "kind": "node", "id": "i-1" } }),
        json!({ "event": "deleted", "target": "t", "resource": { "kind": "node", "id": "i-1" } }),
        json!({ "event": "stamped", "target": "t", "round": 1, "stamp": "port-open", "seconds": 12.75 }),
        json!({ "event": "behavior-started", "target": "t", "behavior": "t/a", "round": 1, "attempt": 2 }),
        json!({
            "event": "observed", "target": "t", "behavior": "t/a", "round": 1, "attempt": 2, "stage": "own",
            "evidence": "ab"
        }),
        json!({
            "event": "judged", "target": "t", "behavior": "t/a", "round": 1, "attempt": 2, "seconds": 1e-7,
            "judgement": judgement
        }),
        json!({ "event": "concluded", "target": "t", "behavior": "t/a", "verdict": { "state": "pass" } }),
        json!({ "event": "waiver-stale", "target": "t", "behavior": "t/a", "waiver": "ops, T-1" }),
        json!({ "event": "calls-counted", "target": "t", "calls": { "list": { "made": 3, "retried": 0 } } }),
        json!({ "event": "inventory-proven", "target": "t", "proof": { "proof": "empty", "created": 7 } }),
        json!({ "event": "warned", "target": "t", "message": "slow" }),
        json!({ "event": "interrupted", "by": "SIGINT" }),
        json!({ "event": "run-sealed", "evidence_digest": "cd" }),
    ];
    let pairs = |event: &Value| {
        let mut pairs: Pairs = event.as_object().unwrap().clone().into_iter().collect();
        pairs.sort_by_key(|(key, _)| key != TAG);
        pairs
    };
    events.iter().map(pairs).collect()
}

fn written(pairs: &Pairs) -> String {
    let pairs: Vec<_> = pairs.iter().map(|(key, value)| format!("{}:{value}", json!(key))).collect();
    format!("{{{}}}", pairs.join(","))
}

/// The event with a field left out, there twice, of another type, and with something unknown, for every field and the kind.
fn altered(pairs: &Pairs) -> Vec<Pairs> {
    let with = |alter: &dyn Fn(&mut Pairs)| {
        let mut pairs = pairs.clone();
        alter(&mut pairs);
        pairs
    };
    let mut all = vec![pairs.clone()];
    for at in 0..pairs.len() {
        all.push(with(&|pairs| drop(pairs.remove(at))));
        all.push(with(&|pairs| pairs.push(pairs[at].clone())));
        all.push(with(&|pairs| pairs.insert(0, pairs[at].clone())));
        all.push(with(&|pairs| pairs.insert(at, ("unknown".to_owned(), json!([1, { "event": "created" }])))));
        for other in
            [json!(null), json!(-1), json!(5_000_000_000_u64), json!(0.5), json!("other"), json!([]), json!({})]
        {
            all.push(with(&|pairs| pairs[at].1 = other.clone()));
        }
    }
    all
}

#[test]
fn every_event_is_read_or_refused_as_serde_derives_it() {
    let mut read = 0;
    for event in events() {
        for mut pairs in altered(&event) {
            for _ in 0..pairs.len() {
                // The kind stands everywhere once.
                pairs.rotate_left(1);
                let text = written(&pairs);
                let derived = serde_json::from_str::<ByDerivation>(&text).ok().map(|by| by.0);
                assert_eq!(serde_json::from_str::<EventKind>(&text).ok(), derived, "{text}");
                read += usize::from(derived.is_some());
            }
        }
    }
    assert!(read > 500, "{read}");
}

#[test]
fn every_kind_is_read_as_it_was_written() {
    let ids: Vec<_> = events()
        .iter()
        .map(|pairs| {
            let kind: EventKind = serde_json::from_str(&written(pairs)).unwrap();
            let text = serde_json::to_string(&kind).unwrap();
            assert!(text.starts_with(&format!(r#"{{"{TAG}":"{}""#, kind.id())), "the kind is not first: {text}");
            assert_eq!(serde_json::from_str::<EventKind>(&text).unwrap(), kind);
            assert_eq!(serde_json::from_value::<EventKind>(serde_json::to_value(&kind).unwrap()).unwrap(), kind);
            kind.id()
        })
        .collect();
    assert_eq!(ids, EventKind::IDS);
}

#[test]
fn what_is_wrong_is_said() {
    for (text, said) in [
        (r#"{"target":"t"}"#, "missing field `event`"),
        (r#"{"event":"run-resumed"}"#, "missing field `remaining`"),
        (r#"{"remaining":"x","event":"run-resumed"}"#, "invalid type: string \"x\", expected u32"),
        (r#"{"event":"run-resumed","remaining":1,"event":"created"}"#, "duplicate field `event`"),
        (r#"{"event":"run-resumed","remaining":1,"remaining":1}"#, "duplicate field `remaining`"),
        (r#"{"event":"run-walked"}"#, "unknown variant `run-walked`, expected one of `run-started`"),
        ("[]", "invalid type: sequence, expected an event with its kind"),
    ] {
        let error = serde_json::from_str::<EventKind>(text).unwrap_err().to_string();
        assert!(error.starts_with(said), "{text}: {error}");
    }
}
