//! A behaviour: one requirement, as two functions.
//!
//! `observe` drives the target and returns typed evidence; `judge` is pure and turns evidence and the guideline's expectation into a
//! judgement. The engine stores what was observed before anything is judged, and judges only what was stored: that is why a run
//! can be judged again, by anyone, without its target.

use std::{future::Future, pin::Pin, sync::Arc};

use levelfield_provider::Capability;
use levelfield_reports::{InconclusiveReason, Judgement, Verdict, event::Stage};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    ctx::Ctx,
    evidence::{Observed, Seen},
    hindrance::Hindrance,
};

/// The result of observing.
pub type Observation<E> = Result<E, Hindrance>;

/// The parameters of a behaviour that has none. Not `Copy`, because judges take every kind of parameters by reference.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

type ObserveFn = Arc<dyn Fn(Ctx, Value) -> Pin<Box<dyn Future<Output = Observed> + Send>> + Send + Sync>;
type JudgeFn = Arc<dyn Fn(Seen<'_>, &Value) -> Result<Judgement, String> + Send + Sync>;
type CheckFn = Arc<dyn Fn(&Value) -> Result<(), Misfit> + Send + Sync>;

/// Why a guideline's parameters are not those of a behaviour.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expect{}{path}: {message}", if path.is_empty() { "" } else { "." })]
pub struct Misfit {
    /// The path of the key within `expect`; empty where it is `expect` as a whole.
    pub path: String,
    /// What is wrong with it, in one line.
    pub message: String,
}

/// What a behaviour takes beside the subject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// Whether it needs a second node that stays as delivered.
    pub peer: bool,
    /// Nodes of its own, at most, at one time.
    pub nodes: u32,
    /// Public addresses of its own.
    pub addresses: u32,
    /// Whether it must have the subject to itself.
    pub exclusive: bool,
    /// Whether nodes must be created with a certificate authority and a known host of the run's own.
    pub trust: bool,
}

/// One requirement with a stable id.
#[derive(Clone)]
pub struct Behavior {
    /// `suite/name`.
    pub id: &'static str,
    /// The stages at which it is observed, in order. The verdict is the worst over them.
    pub stages: &'static [Stage],
    /// What it takes beside the subject.
    pub demand: Demand,
    observe: ObserveFn,
    judge: JudgeFn,
    check: CheckFn,
}

impl Behavior {
    /// A behaviour with parameters `P` from the guideline and evidence `E`, observed at the catalog stage until
    /// [`at`](Self::at) says otherwise.
    pub fn new<P, E, O, F>(id: &'static str, observe: O, judge: fn(&E, &P) -> Judgement) -> Self
    where
        P: DeserializeOwned + Send + 'static,
        E: Serialize + DeserializeOwned + 'static,
        O: Fn(Ctx, P) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Observation<E>> + Send + 'static,
    {
        let observe = Arc::new(move |ctx: Ctx, expect: Value| {
            let observe = observe.clone();
            let future: Pin<Box<dyn Future<Output = Observed> + Send>> = Box::pin(async move {
                let parameters = match parameters::<P>(&expect) {
                    Ok(parameters) => parameters,
                    Err(why) => return Observed::Hindered(Hindrance::harness(why)),
                };
                match observe(ctx, parameters).await {
                    Ok(seen) => match serde_json::to_value(&seen) {
                        Ok(value) => Observed::Seen(value),
                        Err(error) => Observed::Hindered(Hindrance::harness(format!("write evidence: {error}"))),
                    },
                    Err(hindrance) => Observed::Hindered(hindrance),
                }
            });
            future
        });
        let judge = Arc::new(move |seen: Seen<'_>, expect: &Value| {
            let evidence = seen.read::<E>().map_err(|error| format!("evidence: {error}"))?;
            Ok(judge(&evidence, &parameters::<P>(expect)?))
        });
        Self { id, stages: &[Stage::Catalog], demand: Demand::default(), observe, judge, check: Arc::new(check::<P>) }
    }

    /// Observed at these stages.
    #[must_use]
    pub fn at(mut self, stages: &'static [Stage]) -> Self {
        self.stages = stages;
        self
    }

    /// Needs a second node that stays as delivered.
    #[must_use]
    pub fn with_peer(mut self) -> Self {
        self.demand.peer = true;
        self
    }

    /// Makes up to `nodes` nodes and allocates up to `addresses` addresses of its own.
    #[must_use]
    pub fn owning(mut self, nodes: u32, addresses: u32) -> Self {
        self.stages = &[Stage::Own];
        self.demand.nodes = nodes;
        self.demand.addresses = addresses;
        self
    }

    /// Must have the subject to itself: runs after the others of its stage.
    #[must_use]
    pub fn exclusive(mut self) -> Self {
        self.demand.exclusive = true;
        self
    }

    /// Needs nodes that were created with a certificate authority and a known host of the run's own. No node is given them for
    /// nothing: a small machine rebuilds its list of authorities for up to a minute.
    #[must_use]
    pub fn with_trust(mut self) -> Self {
        self.demand.trust = true;
        self
    }

    /// Drives the target.
    pub async fn observe(&self, ctx: Ctx, expect: &Value) -> Observed {
        (self.observe)(ctx, expect.clone()).await
    }

    /// Judges what was observed. Pure: the same evidence and expectation give the same judgement, for ever.
    pub fn judge<'a, S>(&self, observed: &'a Observed<S>, expect: &Value) -> Judgement
    where
        &'a S: Into<Seen<'a>>,
    {
        match observed {
            Observed::Hindered(hindrance) => hindrance.judgement(),
            Observed::Seen(seen) => (self.judge)(seen.into(), expect).unwrap_or_else(|why| {
                Judgement::inconclusive(InconclusiveReason::Harness, format!("judge {}: {why}", self.id))
            }),
        }
    }

    /// Judges the readings of one attempt, taken at several stages: the worst counts, and says at which stage it was.
    pub fn judge_all(&self, readings: &[(Stage, &Observed)], expect: &Value) -> Judgement {
        worst(readings.iter().map(|(stage, observed)| (*stage, self.judge(observed, expect))))
    }

    /// Checks the guideline's parameters for this behaviour.
    ///
    /// # Errors
    /// The key within `expect` that the behaviour's parameters do not have, lack or have as another type.
    pub fn check_expect(&self, expect: &Value) -> Result<(), Misfit> {
        (self.check)(expect)
    }

    /// Whether the subject is needed at any stage.
    pub fn needs_subject(&self) -> bool {
        self.stages.iter().any(|s| !matches!(s, Stage::Catalog | Stage::Own | Stage::After))
    }
}

/// The judgement of an attempt, out of those of its readings in their order: the worst counts, and says at which stage it was.
pub fn worst(readings: impl IntoIterator<Item = (Stage, Judgement)>) -> Judgement {
    let mut worst: Option<Judgement> = None;
    let mut deviations = Vec::new();
    let mut measures = Vec::new();
    for (index, (stage, mut judgement)) in readings.into_iter().enumerate() {
        for deviation in judgement.deviations.drain(..) {
            if !deviations.contains(&deviation) {
                deviations.push(deviation);
            }
        }
        measures.append(&mut judgement.measures);
        if index > 0 && judgement.verdict != Verdict::Pass {
            judgement.summary = format!("once {}: {}", stage.id(), judgement.summary);
        }
        if worst.as_ref().is_none_or(|w| judgement.verdict.severity() > w.verdict.severity()) {
            worst = Some(judgement);
        }
    }
    match worst {
        Some(mut judgement) => {
            judgement.deviations = deviations;
            judgement.measures = measures;
            judgement
        }
        None => Judgement::inconclusive(InconclusiveReason::Harness, "nothing was observed"),
    }
}

fn parameters<P: DeserializeOwned>(expect: &Value) -> Result<P, String> {
    let empty = Value::Object(serde_json::Map::new());
    let expect = if expect.is_null() { &empty } else { expect };
    P::deserialize(expect).map_err(|error| format!("expect: {error}"))
}

fn check<P: DeserializeOwned>(expect: &Value) -> Result<(), Misfit> {
    let empty = Value::Object(serde_json::Map::new());
    let expect = if expect.is_null() { &empty } else { expect };
    serde_path_to_error::deserialize::<_, P>(expect).map(drop).map_err(|error| {
        let path = error.path().to_string();
        Misfit { path: if path == "." { String::new() } else { path }, message: error.inner().to_string() }
    })
}

/// The verdict for a behaviour whose capability a target declares absent.
pub fn lacking(capability: Capability, probe: &str) -> Hindrance {
    Hindrance::Unsupported { capability, detail: format!("the target declares no {capability}; {probe}") }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Count {
        n: u32,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct AtMost {
        most: u32,
    }

    fn behavior() -> Behavior {
        Behavior::new(
            "t/count",
            |_, _: AtMost| async { Ok(Count { n: 1 }) },
            |seen: &Count, expect: &AtMost| {
                if seen.n <= expect.most { Judgement::pass("few") } else { Judgement::fail("many", "too many") }
            },
        )
    }

    #[test]
    fn the_worst_reading_counts_and_names_its_stage() {
        let few = Observed::Seen(serde_json::json!({ "n": 1 }));
        let many = Observed::Seen(serde_json::json!({ "n": 9 }));
        let judgement = behavior()
            .judge_all(&[(Stage::Hardened, &few), (Stage::Rebooted, &many)], &serde_json::json!({ "most": 3 }));
        assert_eq!(judgement.verdict, Verdict::fail("many"));
        assert_eq!(judgement.summary, "once rebooted: too many");
    }

    #[test]
    fn evidence_of_another_shape_is_inconclusive_not_a_panic() {
        let odd = Observed::Seen(serde_json::json!("text"));
        let judgement = behavior().judge(&odd, &serde_json::json!({ "most": 3 }));
        assert_eq!(judgement.verdict, Verdict::Inconclusive { reason: InconclusiveReason::Harness });
    }

    #[test]
    fn stored_evidence_is_judged_as_it_was_when_observed() {
        for seen in [
            r#"{ "n": 1 }"#,
            r#"{ "n": 9, "of": [1, { "n": 2 }] }"#,
            r#"{ "n": -1 }"#,
            r#"{ "n": 1.5 }"#,
            r#"{ "n": 1, "n": 9 }"#,
            r#"{ "m": 1 }"#,
            r#""text""#,
            "[9]",
            "null",
        ] {
            let expect = serde_json::json!({ "most": 3 });
            let value: Value = serde_json::from_str(seen).unwrap();
            let text: &RawValue = serde_json::from_str(seen).unwrap();
            let judged = behavior().judge(&Observed::Seen(value), &expect);
            assert_eq!(behavior().judge(&Observed::Seen(text), &expect), judged, "{seen}");
        }
    }

    #[test]
    fn parameters_are_checked_by_type_and_name() {
        for (expect, misfit) in [
            (serde_json::json!({ "most": 3 }), None),
            (serde_json::json!({ "most": "three" }), Some("expect.most: invalid type: string \"three\", expected u32")),
            (
                serde_json::json!({ "most": 3, "least": 1 }),
                Some("expect.least: unknown field `least`, expected `most`"),
            ),
            (serde_json::json!({}), Some("expect: missing field `most`")),
            (Value::Null, Some("expect: missing field `most`")),
        ] {
            let said = behavior().check_expect(&expect).err().map(|m| m.to_string());
            assert_eq!(said.as_deref(), misfit, "{expect}");
        }
    }
}
