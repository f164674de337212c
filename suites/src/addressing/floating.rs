//! A floating address moves from one node to another.

use std::net::SocketAddr;

use levelfield_kit::{
    Ctx, Hindrance, Observation,
    remote::{Door, LoginFailure},
    subject::{Answer, Subject, Way},
    wait::{Look, Waited},
};
use levelfield_provider::{Address, FailureClass, Kind, ResourceRef};
use levelfield_reports::Judgement;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Moves {
    pub(super) effect_within_s: f64,
}

/// Whose door is behind an address: each node opens to its own key alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum LeadsTo {
    /// The first node.
    TheFirst,
    /// The second node.
    TheSecond,
    /// Neither.
    Nobody {
        /// What was met instead.
        why: String,
    },
}

/// An address, attached to one node and then to another.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Move {
    /// Where the address was knocked at.
    door: SocketAddr,
    /// Until it led to the first node.
    at_the_first: Waited<()>,
    /// What the target said to attaching it to the second.
    moved: Option<Answer<()>>,
    /// Whether it had to be detached from the first before.
    detached_first: bool,
    /// Until it led to the second node.
    at_the_second: Option<Waited<()>>,
    /// Where it led in the end.
    leads_to: LeadsTo,
    /// The node that it is attached to by the API in the end.
    attached_to: Option<String>,
    /// The second node's id.
    second: String,
}

pub(super) async fn observe_move(ctx: Ctx, expect: Moves) -> Observation<Move> {
    let (first, second) = tokio::join!(ctx.own_node("failing"), ctx.own_node("standby"));
    let seen = move_an_address(&ctx, &expect, &first, &second).await;
    tokio::join!(ctx.discard(&first), ctx.discard(&second));
    seen
}

async fn move_an_address(ctx: &Ctx, expect: &Moves, first: &Subject, second: &Subject) -> Observation<Move> {
    // Nothing is allocated for nodes that nobody can tell apart by their keys.
    let ways = (first.way(ctx.behavior())?, second.way(ctx.behavior())?);
    let nodes = (first.node(ctx.behavior())?.id, second.node(ctx.behavior())?.id);
    let address = ctx.target.allocate_address().await?;
    let seen = watch(ctx, expect, &address, &ways, nodes).await;
    let resource = ResourceRef::new(Kind::Address, address.id);
    if let Err(error) = ctx.target.delete(&resource).await {
        ctx.target.warn(format!("release {resource}: {error}"));
    }
    seen
}

async fn watch(
    ctx: &Ctx,
    expect: &Moves,
    address: &Address,
    ways: &(Way, Way),
    (first, second): (String, String),
) -> Observation<Move> {
    ctx.target.attach_address(&address.id, &first).await?;
    let door = door(ctx, address, &first).await;
    let at_the_first = until_it_leads(ctx, door, ways, &LeadsTo::TheFirst, expect).await;
    let (mut moved, mut detached_first, mut at_the_second) = (None, false, None);
    if at_the_first.met() {
        let mut answer = Answer::of(ctx.target.attach_address(&address.id, &second).await)?;
        if answer.accepted().is_none() && is_detached(ctx, &address.id).await? {
            detached_first = true;
            answer = Answer::of(ctx.target.attach_address(&address.id, &second).await)?;
        }
        if answer.accepted().is_some() {
            at_the_second = Some(until_it_leads(ctx, door, ways, &LeadsTo::TheSecond, expect).await);
        }
        moved = Some(answer);
    }
    let leads_to = leads_to(ctx, door, ways).await;
    let listed = ctx.target.addresses().await?;
    let attached_to = listed.into_iter().find(|a| a.id == address.id).and_then(|a| a.node);
    Ok(Move { door, at_the_first, moved, detached_first, at_the_second, leads_to, attached_to, second })
}

/// Detaches the address, where the target has such a call.
async fn is_detached(ctx: &Ctx, address: &str) -> Result<bool, Hindrance> {
    match ctx.target.detach_address(address).await {
        Err(error) if error.class == FailureClass::Unsupported => Ok(false),
        answer => Ok(Answer::of(answer)?.accepted().is_some()),
    }
}

/// How long the node's record may lag behind the attachment.
const LAG_S: f64 = 15.0;

/// Where the node's SSH server is found at the address: the node's record says, once it lists it.
async fn door(ctx: &Ctx, address: &Address, node: &str) -> SocketAddr {
    let listed = ctx
        .waiter
        .wait("floating address on the node", LAG_S, || async {
            match ctx.target.node(node).await {
                Ok(node) => match node.addresses.iter().find(|a| a.address == address.address) {
                    Some(listed) => Look::Met(listed.ssh()),
                    None => Look::NotYet("not listed".to_owned()),
                },
                Err(error) => Look::NotYet(error.to_string()),
            }
        })
        .await;
    listed.value.unwrap_or_else(|| SocketAddr::new(address.address, 22))
}

/// How many looks in a row have to agree.
const IN_A_ROW: usize = 3;

async fn until_it_leads(
    ctx: &Ctx,
    door: SocketAddr,
    ways: &(Way, Way),
    wanted: &LeadsTo,
    expect: &Moves,
) -> Waited<()> {
    let place = if *wanted == LeadsTo::TheFirst { "first" } else { "second" };
    let look = || async {
        for _ in 0..IN_A_ROW {
            let found = leads_to(ctx, door, ways).await;
            if found != *wanted {
                return Look::NotYet(found.words());
            }
        }
        Look::Met(())
    };
    ctx.waiter.wait(&format!("floating address leading to the {place} node"), expect.effect_within_s, look).await
}

/// How often both keys are tried before a server counts as nobody's.
const TRIES: usize = 2;

/// Tries the second node's key, then the first's. A server that is one of theirs and refuses a login now and then is told by the
/// next try.
async fn leads_to(ctx: &Ctx, door: SocketAddr, (first, second): &(Way, Way)) -> LeadsTo {
    for _ in 0..TRIES {
        for (way, whose) in [(second, LeadsTo::TheSecond), (first, LeadsTo::TheFirst)] {
            match opens(ctx, door, way).await {
                Ok(true) => return whose,
                Ok(false) => {}
                Err(why) => return LeadsTo::Nobody { why },
            }
        }
    }
    LeadsTo::Nobody { why: "a server that takes neither node's key".to_owned() }
}

async fn opens(ctx: &Ctx, address: SocketAddr, way: &Way) -> Result<bool, String> {
    // The host key is of no help here: that two nodes differ in it is another behaviour's matter.
    match ctx.remote.login(&Door::new(address, &way.door.account), &way.credential, None).await {
        Ok(_) => Ok(true),
        Err(LoginFailure::Refused { .. }) => Ok(false),
        Err(failure) => Err(failure.to_string()),
    }
}

impl LeadsTo {
    fn words(&self) -> String {
        match self {
            Self::TheFirst => "it leads to the first node".to_owned(),
            Self::TheSecond => "it leads to the second node".to_owned(),
            Self::Nobody { why } => format!("it leads nowhere: {why}"),
        }
    }
}

pub(super) fn judge_move(seen: &Move, expect: &Moves) -> Judgement {
    let (address, limit) = (seen.door.ip(), expect.effect_within_s);
    if !seen.at_the_first.met() {
        return Judgement::fail(
            "never-attached",
            format!("{address} did not lead to the first node: {}", seen.at_the_first.sentence()),
        );
    }
    match (&seen.moved, &seen.at_the_second) {
        (Some(Answer::Refused { message, .. }), _) => Judgement::fail(
            "move-refused",
            format!("the target refused to attach {address} to a second node: {message}"),
        ),
        (Some(Answer::Accepted(())), Some(moved)) if moved.met() => {
            let took_s = moved.took_s;
            let judgement = if took_s <= limit {
                Judgement::pass(format!("{address} led to the second node {took_s:.1} s after it was attached there"))
            } else {
                Judgement::fail(
                    "too-late",
                    format!("{address} led to the second node after {took_s:.1} s; {limit:.0} s are allowed"),
                )
            };
            let judgement = judgement.measured("attach-to-effect", took_s, "s");
            if seen.detached_first { judgement.deviating("detach-first") } else { judgement }
        }
        (Some(Answer::Accepted(())), Some(moved)) => {
            let reason = if seen.leads_to == LeadsTo::TheFirst { "stays-with-the-first" } else { "leads-nowhere" };
            let by_api = if seen.attached_to.as_ref() == Some(&seen.second) {
                "the API has it there"
            } else {
                "the API has it elsewhere"
            };
            let summary = format!(
                "{address} was attached to the second node, and after {:.0} s {}; {by_api}",
                moved.took_s,
                seen.leads_to.words()
            );
            Judgement::fail(reason, summary)
        }
        _ => Hindrance::harness("the address was never moved").judgement(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waited(met: bool, took_s: f64) -> Waited<()> {
        Waited { wait: "w".to_owned(), limit_s: 60.0, took_s, value: met.then_some(()), last: None }
    }

    fn seen(at_first: bool, moved: Option<Answer<()>>, at_second: Option<Waited<()>>, leads_to: LeadsTo) -> Move {
        Move {
            door: "192.0.2.50:22".parse().unwrap(),
            at_the_first: waited(at_first, 1.0),
            moved,
            detached_first: false,
            at_the_second: at_second,
            leads_to,
            attached_to: Some("n-2".to_owned()),
            second: "n-2".to_owned(),
        }
    }

    #[test]
    fn an_address_leads_where_it_is_attached() {
        let yes = || Some(Answer::Accepted(()));
        let no =
            || Some(Answer::Refused { class: FailureClass::Conflict, message: "in use".to_owned(), culprit: None });
        let nobody = || LeadsTo::Nobody { why: "nothing answered in time".to_owned() };
        for (seen, state, reason) in [
            (seen(true, yes(), Some(waited(true, 2.0)), LeadsTo::TheSecond), "pass", None),
            (seen(true, yes(), Some(waited(true, 80.0)), LeadsTo::TheSecond), "fail", Some("too-late")),
            (seen(true, yes(), Some(waited(false, 60.0)), LeadsTo::TheFirst), "fail", Some("stays-with-the-first")),
            (seen(true, yes(), Some(waited(false, 60.0)), nobody()), "fail", Some("leads-nowhere")),
            (seen(true, no(), None, LeadsTo::TheFirst), "fail", Some("move-refused")),
            (seen(false, None, None, nobody()), "fail", Some("never-attached")),
            (seen(true, None, None, LeadsTo::TheFirst), "inconclusive", Some("harness")),
        ] {
            let verdict = judge_move(&seen, &Moves { effect_within_s: 60.0 }).verdict;
            assert_eq!((verdict.state(), verdict.reason().as_deref()), (state, reason), "{seen:?}");
        }
    }

    #[test]
    fn detaching_first_is_told() {
        let moved = seen(true, Some(Answer::Accepted(())), Some(waited(true, 2.0)), LeadsTo::TheSecond);
        let judgement = judge_move(&Move { detached_first: true, ..moved }, &Moves { effect_within_s: 60.0 });
        assert_eq!(judgement.verdict.state(), "pass");
        assert_eq!(judgement.deviations[0].pattern, "detach-first");
    }
}
