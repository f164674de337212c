//! Steps 1 to 6: key, choice, request, address, port, login.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use levelfield_provider::{
    AddressOrigin, Capability, FailureClass, Group, KeyPair, Node, NodeAddress, NodeRequest, NodeState, Protocol, Rule,
    Scope,
};
use levelfield_reports::{EventKind, event::Stamp};
use tokio::time::Instant;

use super::{Env, choose::choose, existing::take_existing, user_data::user_data};
use crate::{
    hindrance::Hindrance,
    naming,
    remote::{Credential, Door, Entered, HostKey, Knock, LoginFailure, NodeKey},
    subject::{Accepted, AddressPattern, Addressed, Block, Choice, LoggedIn, Requested, Subject, Tried, Way},
    triage,
    wait::{Look, Waited},
};

/// Walks steps 1 to 6 for a subject, and notes the block where it cannot go on. Existing nodes are taken as they are.
pub async fn deliver(env: &Env, subject: &Subject) {
    let walked = if env.makes_nodes() { make(env, subject).await } else { take_existing(env, subject).await };
    if let Err(block) = walked {
        subject.block(block);
    }
}

async fn make(env: &Env, subject: &Subject) -> Result<(), Block> {
    let node_key = new_key("node").map_err(|h| Block::new("allocation/key-import", h))?;
    subject.update(|s| s.node_key = Some(node_key.clone()));
    // Nothing is created for a node that could not be asked for anyway.
    let choice = choose(env, subject.image.as_ref()).await?;
    subject.update(|s| s.facts.choice = Some(choice.clone()));

    let key_pair = import(env, &subject.role, &node_key).await?;
    subject.update(|s| s.key_pair.clone_from(&key_pair));
    if subject.shared_group.is_none() {
        let group = open_group(env, &subject.role, &choice).await?;
        subject.update(|s| s.group = group);
    }

    let started = Instant::now();
    let requested = request(env, subject, &choice, key_pair.as_ref(), started).await?;
    let running = requested.running.value.clone();
    let sentence = requested.running.sentence();
    subject.update(|s| s.facts.requested = Some(requested));
    let node = running.ok_or_else(|| Block::explained("allocation/node-requested", sentence))?;

    let addressed = find_address(env, subject, &node, started).await?;
    let address = addressed.address.clone();
    subject.update(|s| s.facts.addressed = Some(addressed));
    let address = address
        .ok_or_else(|| Block::explained("addressing/public-by-default", "the node has no address to reach it by"))?;

    reach(env, subject, &address).await?;
    stamp(env, subject, Stamp::PortOpen, started);
    log_in(env, subject, &address, &choice, &node_key, started).await
}

fn new_key(comment: &str) -> Result<NodeKey, Hindrance> {
    NodeKey::generate_ed25519(&format!("levelfield-{comment}"))
        .map_err(|e| Hindrance::harness(format!("generate a key: {e}")))
}

async fn import(env: &Env, role: &str, key: &NodeKey) -> Result<Option<KeyPair>, Block> {
    if !env.target.has(Capability::Keys) {
        return Ok(None);
    }
    let name = env.target.fresh_name(&format!("{role}-key"));
    match env.target.import_key(&name, &key.public_line()).await {
        Ok(pair) => Ok(Some(pair)),
        Err(error) => Err(Block::new("allocation/key-import", error)),
    }
}

/// A group that lets SSH in from anywhere, as every user of such a target makes first, and its nodes reach each other; none where
/// the target has no rules. It stays in the ledger until it is removed.
///
/// # Errors
/// What kept it from being made or opened; what was made of it is removed at the end of the run.
pub async fn open_group(env: &Env, purpose: &str, chosen: &Choice) -> Result<Option<Group>, Block> {
    if !env.target.has(Capability::SecurityRules) {
        return Ok(None);
    }
    let blocked = |e| Block::new("addressing/rule-opens", Hindrance::from(e));
    let group = env.target.create_group(&env.target.fresh_name(purpose)).await.map_err(blocked)?;
    for source in ["0.0.0.0/0", "::/0"] {
        if source.contains(':') && !env.target.has(Capability::Ipv6) {
            continue;
        }
        let source = source.parse().expect("both constants are CIDRs");
        let rule = Rule { protocol: Protocol::Tcp, from_port: 22, to_port: 22, source };
        env.target.add_rule(&group.id, &rule).await.map_err(blocked)?;
    }
    // Nodes of one group reach each other, whatever the target lets in by default.
    let networks = env.catalogue.networks(&env.target).await.unwrap_or_default();
    let network = chosen.network.as_ref().and_then(|c| networks.iter().find(|n| n.id == c.id()));
    for &source in network.map(|n| n.cidrs.as_slice()).unwrap_or_default() {
        let rule = Rule { protocol: Protocol::Icmp, from_port: 0, to_port: 65535, source };
        env.target.add_rule(&group.id, &rule).await.map_err(blocked)?;
    }
    Ok(Some(group))
}

async fn request(
    env: &Env,
    subject: &Subject,
    choice: &Choice,
    key: Option<&KeyPair>,
    started: Instant,
) -> Result<Requested, Block> {
    let owner = "allocation/node-requested";
    let target = &env.target;
    let request = NodeRequest {
        name: target.fresh_name(&subject.role),
        image: choice.image.id().to_owned(),
        flavor: choice.flavor.id().to_owned(),
        network: choice.network.as_ref().map(|c| c.id().to_owned()),
        zone: choice.zone.clone(),
        key: key.map(|k| k.id.clone()),
        groups: subject.group().into_iter().map(|g| g.id).collect(),
        user_data: target.has(Capability::UserData).then(|| user_data(env.trust.as_deref())),
        ..NodeRequest::default()
    };
    let (first, returned_s) = target.create_node_timed(&request).await.map_err(|e| Block::new(owner, e))?;
    subject.update(|s| s.node = Some(first.clone()));
    stamp(env, subject, Stamp::RequestReturned, started);
    let mut described = None;
    let running = until_state_seeing(env, &first.id, NodeState::Running, env.params.running_within_s, |node| {
        described.get_or_insert_with(|| node.clone());
    })
    .await
    .map_err(|hindrance| Block::new(owner, hindrance))?;
    if let Some(node) = &running.value {
        subject.update(|s| s.node = Some(node.clone()));
        stamp(env, subject, Stamp::Running, started);
    }
    Ok(Requested { returned_s, first, described, zone_asked: choice.zone.clone(), running })
}

/// Waits until the API shows a state; a state from which there is no way back ends the wait at once.
///
/// # Errors
/// Why the API does not say.
pub async fn until_state(env: &Env, id: &str, state: NodeState, limit_s: f64) -> Result<Waited<Node>, Hindrance> {
    until_state_seeing(env, id, state, limit_s, |_| ()).await
}

/// The same, and every node that a read showed on the way is given to `see`.
async fn until_state_seeing(
    env: &Env,
    id: &str,
    state: NodeState,
    limit_s: f64,
    see: impl FnMut(&Node) + Send,
) -> Result<Waited<Node>, Hindrance> {
    let see = Mutex::new(see);
    env.waiter
        .ask(&format!("node {state}"), limit_s, || async {
            let node = match env.target.node(id).await {
                Ok(node) => node,
                // A node just created may not be listed yet.
                Err(error) if error.class == FailureClass::NotFound || error.class.is_transient() => return Err(error),
                Err(error) => return Ok(Look::Never(error.to_string())),
            };
            (see.lock().unwrap_or_else(PoisonError::into_inner))(&node);
            Ok(match node.state {
                now if now == state => Look::Met(node),
                NodeState::Failed | NodeState::Terminated => {
                    Look::Never(format!("{}: {}", node.state, node.state_reason.unwrap_or_default()))
                }
                now => Look::NotYet(now.to_string()),
            })
        })
        .await
}

/// How long an address that comes "with the node" may lag behind running.
const ADDRESS_LAG_S: f64 = 15.0;

async fn find_address(env: &Env, subject: &Subject, node: &Node, started: Instant) -> Result<Addressed, Block> {
    // The node as it was last read may have one already.
    let shown = Mutex::new(node_address(node));
    let by_default = env
        .waiter
        .ask("public address", ADDRESS_LAG_S, || async {
            if let Some(address) = shown.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return Ok(Look::Met(address));
            }
            let now = env.target.node(&node.id).await?;
            Ok(match node_address(&now) {
                Some(address) => {
                    subject.update(|s| s.node = Some(now.clone()));
                    Look::Met(address)
                }
                None => Look::NotYet("only private addresses".to_owned()),
            })
        })
        .await
        .map_err(|hindrance| Block::new("addressing/public-by-default", hindrance))?;
    let (pattern, address) = match &by_default.value {
        Some(address) => (pattern_of(address), Some(address.clone())),
        None if env.target.has(Capability::FloatingIp) => match request_floating(env, subject, &node.id).await? {
            Some(address) => (AddressPattern::FloatingOnRequest, Some(address)),
            None => (AddressPattern::None, None),
        },
        None => (AddressPattern::None, None),
    };
    let known_s = address.as_ref().map(|_| {
        stamp(env, subject, Stamp::AddressKnown, started);
        env.target.clock.since(started)
    });
    let listed = subject.read(|s| s.node.as_ref().map(|n| n.addresses.clone()).unwrap_or_default());
    Ok(Addressed { pattern, address, listed, by_default, known_s })
}

/// The public address to use: IPv4 first, because that is what everything else can talk to.
fn node_address(node: &Node) -> Option<NodeAddress> {
    node.addresses_in(Scope::Public).min_by_key(|a| a.address.is_ipv6()).cloned()
}

fn pattern_of(address: &NodeAddress) -> AddressPattern {
    match address.origin {
        AddressOrigin::PortForwarding => AddressPattern::PortForwarding,
        AddressOrigin::Floating => AddressPattern::FloatingOnRequest,
        _ if address.address.is_ipv6() => AddressPattern::Ipv6,
        AddressOrigin::AddedByTarget => AddressPattern::AddedByTarget,
        AddressOrigin::Default => AddressPattern::Default,
    }
}

/// Requests a floating address and attaches it; none where the target turns out to have no such thing.
async fn request_floating(env: &Env, subject: &Subject, node: &str) -> Result<Option<NodeAddress>, Block> {
    let blocked = |e| Block::new("addressing/public-by-default", Hindrance::from(e));
    let floating = match env.target.allocate_address().await {
        Err(error) if error.class == FailureClass::Unsupported => return Ok(None),
        allocated => allocated.map_err(blocked)?,
    };
    subject.update(|s| s.floating = Some(floating.id.clone()));
    env.target.attach_address(&floating.id, node).await.map_err(blocked)?;
    let shown = env
        .waiter
        .ask("floating address on the node", ADDRESS_LAG_S, || async {
            let now = env.target.node(node).await?;
            Ok(match now.addresses.iter().find(|a| a.address == floating.address).cloned() {
                Some(address) => {
                    subject.update(|s| s.node = Some(now));
                    Look::Met(address)
                }
                None => Look::NotYet("not listed".to_owned()),
            })
        })
        .await
        .map_err(|hindrance| Block::new("addressing/public-by-default", hindrance))?;
    Ok(Some(shown.value.unwrap_or(NodeAddress {
        address: floating.address,
        scope: Scope::Public,
        origin: AddressOrigin::Floating,
        ssh_port: 22,
    })))
}

async fn reach(env: &Env, subject: &Subject, address: &NodeAddress) -> Result<(), Block> {
    let reached = env
        .waiter
        .wait("SSH port open", env.params.reachable_within_s, || async {
            match env.remote.knock(address.ssh(), env.target.clock.wall(10.0)).await {
                Knock::Open => Look::Met(()),
                other => Look::NotYet(other.to_string()),
            }
        })
        .await;
    let (met, sentence) = (reached.met(), reached.sentence());
    subject.update(|s| s.facts.reached = Some(reached));
    if met {
        return Ok(());
    }
    let triage = triage::climb(env, subject, &[]).await;
    Err(Block::explained("addressing/public-reachable", format!("{sentence} ({})", triage.code)))
}

async fn log_in(
    env: &Env,
    subject: &Subject,
    address: &NodeAddress,
    choice: &Choice,
    key: &NodeKey,
    started: Instant,
) -> Result<(), Block> {
    let accounts = candidates(choice.stated_account.as_deref(), choice.distribution.as_deref());
    let limit_s = (env.params.login_within_s - env.target.clock.since(started)).max(10.0);
    let last_round = Mutex::new(Vec::new());
    let accepted = env
        .waiter
        .wait("first login", limit_s, || async {
            let (accepted, tried) = try_accounts(env, address, &accounts, key, None).await;
            *last_round.lock().unwrap_or_else(PoisonError::into_inner) = tried;
            match accepted {
                Ok(accepted) => Look::Met(accepted),
                Err(seen) => Look::NotYet(seen),
            }
        })
        .await;
    let tried = last_round.into_inner().unwrap_or_else(PoisonError::into_inner);
    let triage = if accepted.met() { None } else { Some(triage::climb(env, subject, &tried).await) };
    let since_request_s = env.target.clock.since(started);
    let sentence = accepted.sentence();
    let found = accepted.value.clone();
    let code = triage.as_ref().map(|t| t.code.clone()).unwrap_or_default();
    subject.update(|s| {
        s.facts.logged_in =
            Some(LoggedIn { stated: choice.stated_account.clone(), accepted, tried, since_request_s, triage });
    });
    let Some(found) = found else {
        return Err(Block::explained("login/key-accepted", format!("{sentence} ({code})")));
    };
    stamp(env, subject, Stamp::LoginDone, started);
    subject.update(|s| {
        s.way = Some(Way {
            door: Door { address: address.ssh(), account: found.account },
            credential: Credential::Key(key.clone()),
            host_key: Some(found.host_key),
        });
    });
    Ok(())
}

/// The stated account first, then those that stock images use.
fn candidates(stated: Option<&str>, distribution: Option<&str>) -> Vec<String> {
    let mut accounts: Vec<String> = stated.into_iter().map(str::to_owned).collect();
    for account in naming::usual_accounts(distribution) {
        if !accounts.iter().any(|a| a == account) {
            accounts.push(account.to_owned());
        }
    }
    accounts
}

/// Tries one account after the other, each with a connection of its own. A failure that is no refusal ends the round. A host key that
/// is known beforehand must be the one presented.
///
/// Images of cloud-init let the key in as root, and say who to log in as instead of running anything. Whom they name is tried next.
pub(super) async fn try_accounts(
    env: &Env,
    address: &NodeAddress,
    accounts: &[String],
    key: &NodeKey,
    host_key: Option<&HostKey>,
) -> (Result<Accepted, String>, Vec<Tried>) {
    let mut accounts: VecDeque<String> = accounts.iter().cloned().collect();
    let mut tried: Vec<Tried> = Vec::new();
    while let Some(account) = accounts.pop_front() {
        let door = Door { address: address.ssh(), account: account.clone() };
        match env.remote.login(&door, &Credential::Key(key.clone()), host_key).await {
            Ok(session) => {
                if account == "root" {
                    match session.entered().await {
                        Ok(Entered::Commands { .. }) => {}
                        Ok(Entered::TurnedAway { said }) => {
                            let named = naming::account_named_in(&said).map(str::to_owned);
                            tried.push(Tried { account, failure: None, told: Some(said) });
                            accounts.extend(named.filter(|named| tried.iter().all(|t| t.account != *named)));
                            continue;
                        }
                        Err(failure) => return (Err(failure.to_string()), tried),
                    }
                }
                let host_key = session.host_key().clone();
                env.pool.give(door, Credential::Key(key.clone()), session);
                tried.push(Tried { account: account.clone(), failure: None, told: None });
                return (Ok(Accepted { account, host_key }), tried);
            }
            Err(failure) => {
                let refused = matches!(failure, LoginFailure::Refused { .. });
                let words = failure.to_string();
                tried.push(Tried { account, failure: Some(failure), told: None });
                if !refused {
                    return (Err(words), tried);
                }
            }
        }
    }
    (Err("the key opened no account that was tried".to_owned()), tried)
}

/// Notes a stamp, and reports it for the timeline; only the subject's stamps are the target's.
fn stamp(env: &Env, subject: &Subject, stamp: Stamp, started: Instant) {
    let seconds = env.target.clock.since(started);
    subject.update(|s| s.facts.stamps.insert(stamp, seconds));
    if subject.role != "subject" {
        return;
    }
    env.target.events().emit(EventKind::Stamped {
        target: env.target.name.clone(),
        round: subject.round,
        stamp,
        seconds,
    });
}
