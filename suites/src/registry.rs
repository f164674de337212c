//! The standard as it can be run: what a guideline states, joined one to one with the code that checks it.
//!
//! Nothing is dropped in silence. An entry that no code checks, code that no entry states, and parameters that the code does
//! not take are errors, each with its place in the guideline's files.

use std::collections::BTreeSet;

use levelfield_kit::{
    Behavior, Demand,
    journey::Params,
    naming::PortableName,
    settings::{Services, Settings},
};
use levelfield_provider::Architecture;
use levelfield_reports::{InconclusiveReason, Judgement, Verdict};
use levelfield_yaml::YamlError;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    guideline::{self, Guideline, GuidelineError, Status, UnknownBehavior},
    scale,
};

#[cfg(test)]
mod tests;

/// A guideline and the code of every behaviour in it.
#[derive(Clone)]
pub struct Standard {
    guideline: Guideline,
    behaviors: Vec<Behavior>,
    params: Params,
}

/// One behaviour: what is stated of it, and what checks it.
#[derive(Clone, Copy)]
pub struct Entry<'s> {
    /// The guideline's entry.
    pub stated: &'s guideline::Behavior,
    /// The code.
    pub code: &'s Behavior,
}

impl Entry<'_> {
    /// The parameters that observation and judgement take.
    pub fn expect(&self) -> Value {
        expect_of(self.stated)
    }

    /// What it takes on a target of these settings beside the subject.
    pub fn demand(&self, settings: &Settings) -> Demand {
        scale::demand(self.code, &self.expect(), settings)
    }
}

impl Standard {
    /// The edition that ships inside the program.
    ///
    /// # Errors
    ///
    /// It has mistakes, or is not joined one to one with the code; tests keep that from being released.
    pub fn embedded() -> Result<Self, GuidelineError> {
        Self::of(Guideline::embedded()?)
    }

    /// `guideline`, joined with the code of this program.
    ///
    /// # Errors
    ///
    /// Every entry without code, all code without an entry, and every `expect` that the code does not take.
    pub fn of(guideline: Guideline) -> Result<Self, GuidelineError> {
        Self::join(guideline, crate::behaviors())
    }

    fn join(guideline: Guideline, code: Vec<Behavior>) -> Result<Self, GuidelineError> {
        let errors = mismatches(&guideline, &code);
        if !errors.is_empty() {
            return Err(GuidelineError::Invalid(errors));
        }
        let params = journey_params(&guideline)?;
        let mut code: Vec<Option<Behavior>> = code.into_iter().map(Some).collect();
        let mut take = |id: &str| code.iter_mut().find(|slot| slot.as_ref().is_some_and(|b| b.id == id))?.take();
        let behaviors = stated(&guideline).filter_map(|behavior| take(&behavior.id)).collect();
        Ok(Self { guideline, behaviors, params })
    }

    /// The guideline.
    pub fn guideline(&self) -> &Guideline {
        &self.guideline
    }

    /// The code of every behaviour, in the guideline's order.
    pub fn behaviors(&self) -> &[Behavior] {
        &self.behaviors
    }

    /// Every behaviour that is not removed, in the guideline's order.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        stated(&self.guideline).zip(&self.behaviors).map(|(stated, code)| Entry { stated, code })
    }

    /// The behaviour called `id`.
    ///
    /// # Errors
    ///
    /// There is none, or it was removed.
    pub fn entry(&self, id: &str) -> Result<Entry<'_>, UnknownBehavior> {
        let stated = self.guideline.behavior(id)?;
        match self.behaviors.iter().find(|code| code.id == id) {
            Some(code) => Ok(Entry { stated, code }),
            None => Err(UnknownBehavior { id: id.to_owned(), edition: self.guideline.edition.clone(), near: vec![] }),
        }
    }

    /// What the journey through the eight steps asks for and how long its parts may take, out of the parameters of the behaviours
    /// that own them.
    pub fn journey_params(&self) -> Params {
        self.params.clone()
    }

    /// Adds effect and work-around to the deviations in a judgement of `id`, as the guideline states them.
    ///
    /// A pattern that the guideline does not accept cannot stand under a pass: it makes the verdict inconclusive, because the
    /// check and the guideline disagree, and says so.
    pub fn fill_deviations(&self, judgement: &mut Judgement, id: &str) {
        if judgement.deviations.is_empty() {
            return;
        }
        let accepted = self.guideline.behavior(id).map(|b| b.alternatives.as_slice()).unwrap_or_default();
        fill(judgement, id, accepted, &self.guideline.edition);
    }
}

fn fill(judgement: &mut Judgement, id: &str, accepted: &[guideline::Alternative], edition: &str) {
    let mut unknown = Vec::new();
    for deviation in &mut judgement.deviations {
        if let Some(alternative) = accepted.iter().find(|alternative| alternative.pattern == deviation.pattern) {
            alternative.effect.trim_end().clone_into(&mut deviation.effect);
            alternative.work_around.trim_end().clone_into(&mut deviation.work_around);
        } else {
            deviation.effect = format!("guideline {edition} does not say");
            unknown.push(format!("`{}`", deviation.pattern));
        }
    }
    if unknown.is_empty() {
        return;
    }
    let problem =
        format!("the check of {id} reports {}, which guideline {edition} does not accept", unknown.join(", "));
    judgement.summary = format!("{problem}; it said: {}", judgement.summary);
    // What is bad already stays as it is: nothing turns a failure into anything else.
    if judgement.verdict.severity() < harness_trouble().severity() {
        judgement.verdict = harness_trouble();
    }
}

fn harness_trouble() -> Verdict {
    Verdict::Inconclusive { reason: InconclusiveReason::Harness }
}

/// The entries that need code, in order.
fn stated(guideline: &Guideline) -> impl Iterator<Item = &guideline::Behavior> {
    guideline.behaviors.iter().filter(|behavior| behavior.status != Status::Removed)
}

fn expect_of(stated: &guideline::Behavior) -> Value {
    Value::Object(stated.expect.clone().into_iter().collect())
}

/// Where guideline and code are not one to one.
fn mismatches(guideline: &Guideline, code: &[Behavior]) -> Vec<YamlError> {
    let mut errors = Vec::new();
    let known: BTreeSet<&str> = guideline.behaviors.iter().map(|behavior| behavior.id.as_str()).collect();
    let without_entry: Vec<&str> = code.iter().map(|b| b.id).filter(|id| !known.contains(id)).collect();
    for behavior in stated(guideline) {
        let id = &behavior.id;
        match code.iter().find(|code| code.id == *id) {
            None => {
                let message = format!("behavior `{id}` is stated, and this program has no check for it");
                let candidates = without_entry.iter().map(|id| (*id).to_owned()).collect();
                errors.push(guideline.error_at(id, "id", message, candidates));
            }
            Some(code) => {
                if let Err(misfit) = code.check_expect(&expect_of(behavior)) {
                    let path = if misfit.path.is_empty() { "expect".into() } else { format!("expect.{}", misfit.path) };
                    let message = format!("the check of `{id}` does not take this: {}", misfit.message);
                    errors.push(guideline.error_at(id, &path, message, vec![]));
                }
            }
        }
    }
    let here = &guideline.edition;
    for id in without_entry {
        let message = format!("this program checks `{id}`, and no file of the guideline states it");
        errors.push(
            YamlError::whole_file(here, message).with_hint("state it, with status `removed` if it no longer counts"),
        );
    }
    let mut seen = BTreeSet::new();
    for twice in code.iter().filter(|behavior| !seen.insert(behavior.id)) {
        errors.push(YamlError::whole_file(here, format!("this program has two checks for `{}`", twice.id)));
    }
    errors
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Flavor {
    vcpus: u32,
    memory_gib: f64,
}

#[derive(Deserialize)]
struct Image {
    distribution: String,
    version: String,
    architecture: Architecture,
}

/// Defines the one parameter of another behaviour that the journey takes.
macro_rules! limit {
    ($name:ident { $field:ident }) => {
        #[derive(Deserialize)]
        #[serde(rename_all = "kebab-case")]
        struct $name {
            $field: f64,
        }
    };
}

limit!(Running { running_within_s });
limit!(Reachable { reachable_within_s });
limit!(Login { login_within_s });
limit!(Back { back_within_s });
limit!(Gone { gone_within_s });

fn journey_params(guideline: &Guideline) -> Result<Params, YamlError> {
    let flavor: Flavor = guideline.expectation("metadata/pick-flavor")?;
    let image: Image = guideline.expectation("metadata/pick-image")?;
    Ok(Params {
        vcpus: flavor.vcpus,
        memory_gib: flavor.memory_gib,
        image: PortableName {
            distribution: image.distribution.to_ascii_lowercase(),
            version: image.version,
            architecture: image.architecture,
        },
        running_within_s: guideline.expectation::<Running>("allocation/node-requested")?.running_within_s,
        reachable_within_s: guideline.expectation::<Reachable>("addressing/public-reachable")?.reachable_within_s,
        login_within_s: guideline.expectation::<Login>("login/key-accepted")?.login_within_s,
        reboot_within_s: guideline.expectation::<Back>("allocation/reboot-keeps-identity")?.back_within_s,
        start_within_s: guideline.expectation::<Back>("allocation/stop-start")?.back_within_s,
        gone_within_s: guideline.expectation::<Gone>("allocation/terminate")?.gone_within_s,
    })
}

/// Why the behaviour called `id` is left out of a run on a target of these settings, if it is: it looks at something that only the
/// configuration can name, and the configuration names nothing.
pub fn left_out(id: &str, settings: &Settings) -> Option<String> {
    let Services { echo, echo_ipv6, mirrors, tls, static_service, .. } = &settings.services;
    let (named, key, what) = match id {
        "underlay/mirrors" => (!mirrors.is_empty(), "mirrors", "dependency repository"),
        "underlay/tls-not-intercepted" => (!tls.is_empty(), "tls", "public HTTPS endpoint"),
        "underlay/static-service" => (static_service.is_some(), "static-service", "static service"),
        "addressing/egress" => (echo.is_some(), "echo", "echo service"),
        "addressing/ipv6-egress" => (echo_ipv6.is_some(), "echo-ipv6", "echo service over IPv6"),
        _ => return None,
    };
    (!named).then(|| format!("the target's configuration names no {what} (`services.{key}`)"))
}
