//! Step 8: a terminated node is gone, and nothing of the run is left.

use levelfield_kit::{
    Behavior, Ctx, Hindrance, Nothing, Observation,
    subject::{Answer, Terminated},
    wait::Look,
};
use levelfield_provider::{Capability, FailureClass, Kind, NodeAddress, NodeState, ResourceRef, Tags, tag};
use levelfield_reports::{Judgement, event::Stage};
use serde::{Deserialize, Serialize};

use crate::excerpt::a_few;

pub(super) fn behaviors() -> Vec<Behavior> {
    vec![
        Behavior::new("allocation/terminate", observe_terminate, judge_terminate).at(&[Stage::Terminated]),
        Behavior::new("allocation/nothing-left", observe_nothing_left, judge_nothing_left).at(&[Stage::After]),
    ]
}

// allocation/terminate

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Gone {
    gone_within_s: f64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Termination {
    terminated: Terminated,
    /// A second request to terminate, once the node was gone.
    second: Answer<()>,
    /// Addresses that the listing still gives the node.
    addresses: Vec<NodeAddress>,
}

async fn observe_terminate(ctx: Ctx, _: Gone) -> Observation<Termination> {
    let terminated = ctx.fact(|f| f.terminated.clone())?;
    let id = ctx.node()?.id;
    let addresses = match ctx.target.node(&id).await {
        Ok(node) => node.addresses,
        Err(error) if error.class == FailureClass::NotFound => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let second = match Answer::of(ctx.target.delete_strictly(&ResourceRef::new(Kind::Node, id)).await) {
        Ok(second) => second,
        // A target whose service fails on a second terminate, again and again, did not find it harmless.
        Err(hindrance) => {
            Answer::Refused { class: FailureClass::Unavailable, message: hindrance.judgement().summary, culprit: None }
        }
    };
    Ok(Termination { terminated, second, addresses })
}

fn judge_terminate(seen: &Termination, expect: &Gone) -> Judgement {
    let Termination { terminated: Terminated { first, gone, silent, .. }, second, addresses } = seen;
    if let Answer::Refused { message, .. } = first {
        return Judgement::fail("terminate-refused", format!("the node cannot be terminated: {message}"));
    }
    let Some(listed) = gone.value else {
        return Judgement::fail("not-gone", gone.sentence());
    };
    if gone.took_s > expect.gone_within_s {
        let summary = format!("gone after {:.1} s only (limit {:.0} s)", gone.took_s, expect.gone_within_s);
        return Judgement::fail("slow-to-go", summary);
    }
    if let Some(address) = addresses.first() {
        return Judgement::fail("address-kept", format!("terminated, and said to hold {} still", address.address));
    }
    if let Some(silent) = silent
        && (!silent.met() || silent.took_s > expect.gone_within_s)
    {
        return Judgement::fail("still-answers", format!("gone from the listing, but {}", silent.sentence()));
    }
    let pass = Judgement::pass(format!("gone after {:.1} s, and terminating it again is harmless", gone.took_s))
        .measured("gone", gone.took_s, "s");
    match second {
        Answer::Accepted(()) if listed => pass,
        Answer::Accepted(()) | Answer::Refused { class: FailureClass::NotFound, .. } => {
            pass.deviating("gone-from-listing")
        }
        Answer::Refused { class, message, .. } => {
            let summary = format!("terminating a terminated node fails as {class}: {message}");
            Judgement::fail("second-terminate-fails", summary)
        }
    }
}

// allocation/nothing-left

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Left {
    resource: ResourceRef,
    name: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct NothingLeft {
    /// What the inventory still held of the run when the wait was over.
    left: Vec<Left>,
    waited_s: f64,
    limit_s: f64,
}

/// For how long what was given back may still be on its way out.
const GOING_S: f64 = 120.0;

async fn observe_nothing_left(ctx: Ctx, _: Nothing) -> Observation<NothingLeft> {
    let waited = ctx.waiter.wait("nothing left of the run", GOING_S, || async {
        match left_of_run(&ctx).await {
            Ok(left) if left.is_empty() => Look::Met(Ok(())),
            Ok(left) => Look::NotYet(format!("{} left", left.len())),
            Err(hindrance) => Look::Met(Err(hindrance)),
        }
    });
    let waited = waited.await;
    let (waited_s, limit_s) = (waited.took_s, waited.limit_s);
    let left = match waited.value.transpose()? {
        Some(()) => Vec::new(),
        None => left_of_run(&ctx).await?,
    };
    Ok(NothingLeft { left, waited_s, limit_s })
}

/// Nodes first: what a node leaves behind is in the inventory once the node is gone.
async fn left_of_run(ctx: &Ctx) -> Result<Vec<Left>, Hindrance> {
    let target = &ctx.target;
    let tags = if target.has(Capability::Tags) {
        Tags::from([(tag::RUN.to_owned(), target.mark().run().to_owned())])
    } else {
        Tags::new()
    };
    let nodes = target.nodes(&tags).await?;
    let going = nodes
        .into_iter()
        .filter(|node| node.state != NodeState::Terminated && target.is_ours(&node.name, &node.tags))
        .map(|node| Left { resource: ResourceRef::new(levelfield_provider::Kind::Node, node.id), name: node.name });
    let mut left: Vec<Left> = going.collect();
    for found in target.inventory().await? {
        let known = left.iter().any(|l| l.resource == found.resource);
        if !known && target.is_ours(&found.name, &found.tags) {
            left.push(Left { resource: found.resource, name: found.name });
        }
    }
    Ok(left)
}

fn judge_nothing_left(seen: &NothingLeft, _: &Nothing) -> Judgement {
    if seen.left.is_empty() {
        return Judgement::pass("the target's inventory holds nothing that the run made");
    }
    let left: Vec<String> = seen.left.iter().map(|left| format!("{} ({})", left.resource, left.name)).collect();
    let summary = format!("{} left {:.0} s after all was given back: {}", left.len(), seen.waited_s, a_few(&left));
    Judgement::fail("left-behind", summary).measured("left", seen.left.len() as f64, "count")
}

#[cfg(test)]
mod tests {
    use levelfield_kit::wait::Waited;
    use levelfield_provider::{AddressOrigin, Scope};
    use levelfield_reports::Verdict;

    use super::*;

    fn waited<T>(took_s: f64, value: Option<T>) -> Waited<T> {
        Waited { wait: "w".to_owned(), limit_s: 120.0, took_s, value, last: None }
    }

    fn refused(class: FailureClass) -> Answer<()> {
        Answer::Refused { class, message: "no".to_owned(), culprit: None }
    }

    fn gone() -> Terminated {
        Terminated {
            first: Answer::Accepted(()),
            gone: waited(2.0, Some(true)),
            silent: Some(waited(0.1, Some(()))),
            had: vec![],
        }
    }

    #[test]
    fn a_terminated_node_is_gone_for_good() {
        let unlisted = || waited(2.0, Some(false));
        let again = || Answer::Accepted(());
        for (terminated, second, verdict, deviates) in [
            (gone(), again(), Verdict::Pass, false),
            (Terminated { silent: None, ..gone() }, again(), Verdict::Pass, false),
            // address-held-after-terminate is another behaviour's matter.
            (Terminated { had: vec!["203.0.113.1".parse().unwrap()], ..gone() }, again(), Verdict::Pass, false),
            (Terminated { gone: unlisted(), ..gone() }, again(), Verdict::Pass, true),
            (Terminated { gone: unlisted(), ..gone() }, refused(FailureClass::NotFound), Verdict::Pass, true),
            (
                Terminated { first: refused(FailureClass::Conflict), ..gone() },
                again(),
                Verdict::fail("terminate-refused"),
                false,
            ),
            (Terminated { gone: waited(120.0, None), ..gone() }, again(), Verdict::fail("not-gone"), false),
            (Terminated { gone: waited(121.0, Some(true)), ..gone() }, again(), Verdict::fail("slow-to-go"), false),
            // terminated-still-answers
            (
                Terminated { silent: Some(waited(120.0, None)), ..gone() },
                again(),
                Verdict::fail("still-answers"),
                false,
            ),
            // second-terminate-fails
            (gone(), refused(FailureClass::Unavailable), Verdict::fail("second-terminate-fails"), false),
            (gone(), refused(FailureClass::Conflict), Verdict::fail("second-terminate-fails"), false),
        ] {
            let seen = Termination { terminated, second, addresses: vec![] };
            let judged = judge_terminate(&seen, &Gone { gone_within_s: 120.0 });
            let patterns: Vec<&str> = judged.deviations.iter().map(|d| d.pattern.as_str()).collect();
            let expected: &[&str] = if deviates { &["gone-from-listing"] } else { &[] };
            assert_eq!((judged.verdict, patterns.as_slice()), (verdict, expected), "{}", judged.summary);
        }
    }

    #[test]
    fn a_terminated_node_holds_no_address() {
        let address = NodeAddress {
            address: "203.0.113.1".parse().unwrap(),
            scope: Scope::Public,
            origin: AddressOrigin::Default,
            ssh_port: 22,
        };
        let seen = Termination { terminated: gone(), second: Answer::Accepted(()), addresses: vec![address] };
        assert_eq!(judge_terminate(&seen, &Gone { gone_within_s: 120.0 }).verdict, Verdict::fail("address-kept"));
    }

    #[test]
    fn nothing_is_left() {
        let volume = Left { resource: ResourceRef::new(Kind::Volume, "vol-1"), name: "lf-1-subject-0-root".to_owned() };
        for (left, verdict) in [
            (vec![], Verdict::Pass),
            // volume-left-behind
            (vec![volume], Verdict::fail("left-behind")),
        ] {
            let seen = NothingLeft { left, waited_s: 120.0, limit_s: 120.0 };
            assert_eq!(judge_nothing_left(&seen, &Nothing {}).verdict, verdict);
        }
    }
}
