//! Puts the parts of a partitioned run together into one record.
//!
//! Nothing is merged on trust: the parts must be of one guideline, profile and selection, be complete as a set, and have selected
//! no behaviour twice. The whole is sealed only if every part is.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::{
    atomic,
    event::Proof,
    record::{Record, RunStatus, TargetRecord},
    verdict::Verdict,
};

/// Why records do not make one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// There is nothing to merge.
    #[error("merging no records; name the parts' run folders")]
    Nothing,
    /// A record is of no part.
    #[error("merging run {run}: it is not a part of a partitioned run; only those of `--partition` can be merged")]
    NotAPart {
        /// The run.
        run: String,
    },
    /// A part cannot be understood.
    #[error("merging run {run}: its part `{partition}` is not like `hash:1/4`")]
    Part {
        /// The run.
        run: String,
        /// What it states.
        partition: String,
    },
    /// Two parts answer different questions.
    #[error(
        "merging run {run}: its {what} is `{found}`, that of the first part `{expected}`; run it again with the same"
    )]
    Differs {
        /// The run.
        run: String,
        /// What differs.
        what: &'static str,
        /// The first part's.
        expected: String,
        /// This part's.
        found: String,
    },
    /// The parts are no complete set.
    #[error("merging {of} parts: missing {}, given twice {}; merge each part once", list(missing), list(twice))]
    Incomplete {
        /// Into how many parts the run was cut.
        of: u32,
        /// Parts that are not there.
        missing: Vec<u32>,
        /// Parts that are there more than once.
        twice: Vec<u32>,
    },
    /// A behaviour was selected in more than one part.
    #[error(
        "merging run {run}: `{behavior}` on `{target}` is in another part too; the parts were cut by different rules"
    )]
    Overlap {
        /// The run.
        run: String,
        /// The target.
        target: String,
        /// Behaviour id.
        behavior: String,
    },
}

fn list(parts: &[u32]) -> String {
    if parts.is_empty() { "none".to_owned() } else { parts.iter().map(u32::to_string).collect::<Vec<_>>().join(", ") }
}

/// One record of all `parts`.
///
/// # Errors
/// When they are not the complete, disjoint parts of one run.
pub fn merge(parts: impl IntoIterator<Item = Record>) -> Result<Record, MergeError> {
    let mut parts: Vec<(u32, u32, Record)> =
        parts.into_iter().map(|record| part(&record).map(|(i, n)| (i, n, record))).collect::<Result<_, _>>()?;
    parts.sort_by_key(|(i, _, _)| *i);
    complete(&parts)?;
    let sealed = parts.iter().all(|(_, _, record)| record.is_sealed());
    let mut digest = Sha256::new();
    let mut vantages = BTreeSet::new();
    let mut ids = Vec::new();
    for (_, _, record) in &parts {
        digest.update(record.evidence_digest.as_deref().unwrap_or_default());
        vantages.insert(record.run.vantage.clone());
        ids.push(record.run.id.clone());
    }
    let mut parts = parts.into_iter().map(|(_, _, record)| record);
    let Some(mut whole) = parts.next() else { return Err(MergeError::Nothing) };
    for part in parts {
        add(&mut whole, part)?;
    }
    whole.run.partition = None;
    whole.run.id = ids.join("+");
    whole.run.vantage = vantages.into_iter().collect::<Vec<_>>().join(", ");
    whole.status = if sealed { RunStatus::Sealed } else { RunStatus::Incomplete };
    whole.evidence_digest = sealed.then(|| atomic::hex(&digest.finalize()));
    whole.derive();
    Ok(whole)
}

/// Which part of how many a record is, both from 1.
fn part(record: &Record) -> Result<(u32, u32), MergeError> {
    let run = record.run.id.clone();
    let Some(partition) = &record.run.partition else { return Err(MergeError::NotAPart { run }) };
    let (_, share) = partition.split_once(':').unwrap_or(("", partition));
    let numbers = share.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
    numbers.filter(|(i, n)| (1..=*n).contains(i)).ok_or_else(|| MergeError::Part { run, partition: partition.clone() })
}

/// Checks that the parts, sorted, are of one run and a complete set.
fn complete(parts: &[(u32, u32, Record)]) -> Result<(), MergeError> {
    let Some((_, of, first)) = parts.first() else { return Err(MergeError::Nothing) };
    for (_, n, record) in parts {
        let method = |r: &Record| r.run.partition.as_deref().and_then(|p| p.split(':').next()).unwrap_or("").to_owned();
        let checks = [
            ("guideline", first.run.guideline.clone(), record.run.guideline.clone()),
            ("guideline digest", first.run.guideline_sha256.clone(), record.run.guideline_sha256.clone()),
            ("profile", first.run.profile.clone(), record.run.profile.clone()),
            ("selection", first.run.selection.clone(), record.run.selection.clone()),
            ("version", first.run.version.clone(), record.run.version.clone()),
            ("number of rounds", first.run.rounds.to_string(), record.run.rounds.to_string()),
            ("number of parts", of.to_string(), n.to_string()),
            ("way of cutting parts", method(first), method(record)),
        ];
        for (what, expected, found) in checks {
            if expected != found {
                return Err(MergeError::Differs { run: record.run.id.clone(), what, expected, found });
            }
        }
    }
    let there = |i: u32| parts.iter().filter(|(part, _, _)| *part == i).count();
    // Someone may have written a part of four thousand million.
    let missing: Vec<u32> = (1..=*of).filter(|i| there(*i) == 0).take(20).collect();
    let mut twice: Vec<u32> = parts.iter().map(|(i, _, _)| *i).filter(|i| there(*i) > 1).collect();
    twice.dedup();
    if missing.is_empty() && twice.is_empty() {
        Ok(())
    } else {
        Err(MergeError::Incomplete { of: *of, missing, twice })
    }
}

fn add(whole: &mut Record, part: Record) -> Result<(), MergeError> {
    let run = part.run.id;
    whole.started = whole.started.min(part.started);
    whole.seconds = whole.seconds.max(part.seconds);
    whole.interrupted = whole.interrupted.take().or(part.interrupted);
    whole.behaviors.extend(part.behaviors);
    for warning in part.warnings {
        if !whole.warnings.contains(&warning) {
            whole.warnings.push(warning);
        }
    }
    for target in part.targets {
        match whole.targets.iter_mut().find(|t| t.name == target.name) {
            Some(into) => add_target(into, target, &run)?,
            None => whole.targets.push(target),
        }
    }
    Ok(())
}

fn add_target(into: &mut TargetRecord, part: TargetRecord, run: &str) -> Result<(), MergeError> {
    let differs =
        |what, expected: String, found: String| MergeError::Differs { run: run.to_owned(), what, expected, found };
    if into.provider != part.provider {
        return Err(differs("provider", into.provider.clone(), part.provider));
    }
    match (&into.fingerprint, part.fingerprint) {
        (Some(known), Some(found)) if *known != found => {
            return Err(differs("target fingerprint", format!("{:?}", known.facts), format!("{:?}", found.facts)));
        }
        (None, found) => into.fingerprint = found,
        _ => {}
    }
    if into.capabilities.is_empty() {
        into.capabilities = part.capabilities;
    }
    let mut at: BTreeMap<String, usize> = into.results.iter().enumerate().map(|(i, r)| (r.id.clone(), i)).collect();
    let left_out = |verdict: &Verdict| matches!(verdict, Verdict::NotSelected { .. });
    for result in part.results {
        match at.get(&result.id) {
            None => {
                at.insert(result.id.clone(), into.results.len());
                into.results.push(result);
            }
            Some(_) if left_out(&result.verdict) => {}
            Some(&i) if left_out(&into.results[i].verdict) => into.results[i] = result,
            Some(_) => {
                let (target, behavior) = (into.name.clone(), result.id);
                return Err(MergeError::Overlap { run: run.to_owned(), target, behavior });
            }
        }
    }
    into.results.sort_by_key(|r| left_out(&r.verdict));
    for (stamp, values) in part.stamps {
        into.stamps.entry(stamp).or_default().extend(values);
    }
    into.calls = crate::fold::add_calls(std::mem::take(&mut into.calls), &part.calls);
    into.proof = add_proof(into.proof.take(), part.proof);
    into.seconds += part.seconds;
    Ok(())
}

/// The worse of two proofs, with what both say is left.
fn add_proof(a: Option<Proof>, b: Option<Proof>) -> Option<Proof> {
    match (a, b) {
        (Some(Proof::Left { mut resources }), Some(Proof::Left { resources: more })) => {
            resources.extend(more);
            Some(Proof::Left { resources })
        }
        (
            Some(Proof::Unknown { mut resources, why }),
            Some(Proof::Unknown { resources: more, .. } | Proof::Left { resources: more }),
        )
        | (Some(Proof::Left { resources: more }), Some(Proof::Unknown { mut resources, why })) => {
            resources.extend(more);
            Some(Proof::Unknown { resources, why })
        }
        (Some(bad @ (Proof::Left { .. } | Proof::Unknown { .. })), _)
        | (_, Some(bad @ (Proof::Left { .. } | Proof::Unknown { .. }))) => Some(bad),
        // Without a proof of every part there is none of the whole.
        (None, _) | (_, None) => None,
        (Some(Proof::Empty { created }), Some(Proof::Empty { created: more })) => {
            Some(Proof::Empty { created: created.saturating_add(more) })
        }
        (Some(empty @ Proof::Empty { .. }), Some(Proof::NothingCreated))
        | (Some(Proof::NothingCreated), Some(empty)) => Some(empty),
    }
}
