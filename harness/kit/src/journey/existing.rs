//! The first six steps for a machine that exists already: it is taken as the configuration states it, and logged in to.

use levelfield_provider::{Capability, ExistingNode, NodeAddress};
use tokio::{sync::Mutex, time::Instant};

use super::{Env, alter::note_rules, deliver::try_accounts};
use crate::{
    hindrance::Hindrance,
    remote::{Credential, Door, HostKey, NodeKey},
    subject::{AddressPattern, Addressed, Block, LoggedIn, Subject, Way},
    triage,
    wait::{Look, Waited},
};

/// How long a machine that is said to be up may take to let its key in: long enough for a lost packet, far too short for a boot.
const LOGIN_WITHIN_S: f64 = 15.0;

/// Takes a machine: the subject is the first one stated, the peer the second. Whatever keeps it from being logged in to is for
/// `login/key-accepted` to tell, because nothing else is said of how it came to be.
pub(super) async fn take_existing(env: &Env, subject: &Subject) -> Result<(), Block> {
    let owner = "login/key-accepted";
    let misconfigured = |what: String| Block::new(owner, Hindrance::harness(what));
    let nodes = env.target.existing_nodes().await.map_err(|e| Block::new(owner, e))?;
    let place = usize::from(subject.role != "subject");
    let stated = nodes.into_iter().nth(place);
    let ExistingNode { node, account, private_key, host_key } =
        stated.ok_or_else(|| misconfigured(format!("the configuration states no node to be the {}", subject.role)))?;
    let name = node.name.clone();
    let key = NodeKey::from_private(&private_key)
        .map_err(|e| misconfigured(format!("read the private key of {name}: {e}")))?;
    let host_key = host_key
        .map(|line| HostKey::from_line(&line))
        .transpose()
        .map_err(|e| misconfigured(format!("read the host key of {name}: {e}")))?;
    let listed = node.addresses.clone();
    let address =
        listed.first().cloned().ok_or_else(|| misconfigured(format!("the configured node {name} has no address")))?;
    subject.update(|s| {
        s.node_key = Some(key.clone());
        s.node = Some(node);
        s.facts.addressed = Some(Addressed {
            pattern: AddressPattern::Existing,
            address: Some(address.clone()),
            listed,
            by_default: Waited {
                wait: "public address".to_owned(),
                limit_s: 0.0,
                took_s: 0.0,
                value: None,
                last: Some("stated by the configuration".to_owned()),
            },
            known_s: None,
        });
    });
    log_in(env, subject, &address, account, &key, host_key.as_ref()).await?;
    if env.target.has(Capability::AlterNodes) {
        let way = subject.way(owner).map_err(|h| Block::new(owner, h))?;
        // Where they cannot be noted the node is merely read; the step that has to alter it tells why.
        let _ = note_rules(&env.guest(&way), subject).await;
    }
    Ok(())
}

async fn log_in(
    env: &Env,
    subject: &Subject,
    address: &NodeAddress,
    account: String,
    key: &NodeKey,
    host_key: Option<&HostKey>,
) -> Result<(), Block> {
    let started = Instant::now();
    let last_round = Mutex::new(Vec::new());
    let accepted = env
        .waiter
        .wait("first login", LOGIN_WITHIN_S, || async {
            let (accepted, tried) = try_accounts(env, address, std::slice::from_ref(&account), key, host_key).await;
            let refused = tried.iter().any(|t| t.failure.as_ref().is_some_and(crate::remote::LoginFailure::is_refusal));
            *last_round.lock().await = tried;
            match accepted {
                Ok(accepted) => Look::Met(accepted),
                // A machine that is up and says no will not say yes a moment later.
                Err(seen) if refused => Look::Never(seen),
                Err(seen) => Look::NotYet(seen),
            }
        })
        .await;
    let tried = last_round.into_inner();
    let triage = if accepted.met() { None } else { Some(triage::climb(env, subject, &tried).await) };
    let (sentence, found) = (accepted.sentence(), accepted.value.clone());
    let code = triage.as_ref().map(|t| t.code.clone()).unwrap_or_default();
    let since_request_s = env.target.clock.since(started);
    subject.update(|s| {
        s.facts.logged_in = Some(LoggedIn { stated: Some(account), accepted, tried, since_request_s, triage });
    });
    let found = found.ok_or_else(|| Block::explained("login/key-accepted", format!("{sentence} ({code})")))?;
    subject.update(|s| {
        s.way = Some(Way {
            door: Door { address: address.ssh(), account: found.account },
            credential: Credential::Key(key.clone()),
            host_key: Some(found.host_key),
        });
    });
    Ok(())
}
