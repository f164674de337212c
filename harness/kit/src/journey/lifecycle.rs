//! Reboot, stop and start, terminate, and leaving nothing behind.

use levelfield_provider::{FailureClass, Kind, Node, NodeAction, NodeState, ProviderError, ResourceRef, Scope};

use super::{Env, alter::put_back, deliver::until_state};
use crate::{
    hindrance::Hindrance,
    remote::Knock,
    subject::{Answer, Block, Identity, Subject, Survived, Terminated, Way, addresses},
    wait::{Look, Waited},
};

/// Reboots the subject and waits until a login finds another boot.
pub async fn reboot(env: &Env, subject: &Subject) {
    let owner = "allocation/reboot-keeps-identity";
    if subject.blocked().is_none()
        && let Err(block) = survive(env, subject, owner, Transition::Reboot).await
    {
        subject.block(block);
    }
}

/// Stops the subject, starts it, and waits until a login finds another boot.
pub async fn restart(env: &Env, subject: &Subject) {
    let owner = "allocation/stop-start";
    if subject.blocked().is_none()
        && let Err(block) = survive(env, subject, owner, Transition::StopStart).await
    {
        subject.block(block);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Transition {
    Reboot,
    StopStart,
}

async fn survive(env: &Env, subject: &Subject, owner: &'static str, transition: Transition) -> Result<(), Block> {
    let blocked = |h| Block::new(owner, h);
    let way = subject.way(owner).map_err(blocked)?;
    let id = subject.node(owner).map_err(blocked)?.id;
    let before = identity(env, subject, &way).await.map_err(blocked)?;
    let act = |action| async move { env.target.act(&id_of(subject), action).await.map_err(|e| Block::new(owner, e)) };
    env.pool.forget(&way.door);
    let limit_s = match transition {
        Transition::Reboot => {
            act(NodeAction::Reboot).await?;
            env.params.reboot_within_s
        }
        Transition::StopStart => {
            act(NodeAction::Stop).await?;
            let stopped = until_state(env, &id, NodeState::Stopped, env.params.gone_within_s).await.map_err(blocked)?;
            if !stopped.met() {
                let sentence = stopped.sentence();
                let Waited { wait, limit_s, took_s, last, .. } = stopped;
                let back = Waited { wait, limit_s, took_s, value: None, last };
                subject.update(|s| s.facts.restarted = Some(Survived { before, back }));
                return Err(Block::explained(owner, sentence));
            }
            act(NodeAction::Start).await?;
            env.params.start_within_s
        }
    };
    let wait = if transition == Transition::Reboot { "node back after reboot" } else { "node back after start" };
    let back = env
        .waiter
        .ask(wait, limit_s, || async {
            let node = env.target.node(&id).await?;
            Ok(match come_back(env, subject, &way, node).await {
                Ok(now) if now.boot_id != before.boot_id => Look::Met(now),
                Ok(_) => Look::NotYet("still the same boot".to_owned()),
                Err(seen) => Look::NotYet(seen),
            })
        })
        .await
        .map_err(blocked)?;
    let (met, sentence) = (back.met(), back.sentence());
    subject.update(|s| {
        let survived = Some(Survived { before, back });
        match transition {
            Transition::Reboot => s.facts.rebooted = survived,
            Transition::StopStart => s.facts.restarted = survived,
        }
    });
    if met { Ok(()) } else { Err(Block::explained(owner, sentence)) }
}

fn id_of(subject: &Subject) -> String {
    subject.read(|s| s.node.as_ref().map(|n| n.id.clone()).unwrap_or_default())
}

/// Finds the node where it is now, which may be another address, and looks who it is. The host key may have changed too: that
/// is a finding about identity, not a reason to stay outside.
async fn come_back(env: &Env, subject: &Subject, way: &Way, node: Node) -> Result<Identity, String> {
    if node.state != NodeState::Running {
        return Err(format!("API state {}", node.state));
    }
    let mut way = way.clone();
    way.host_key = None;
    let public = |a: &&levelfield_provider::NodeAddress| a.scope == Scope::Public;
    let same = node.addresses.iter().find(|a| a.ssh() == way.door.address);
    if let Some(address) = same.or_else(|| node.addresses.iter().filter(public).min_by_key(|a| a.address.is_ipv6())) {
        way.door.address = address.ssh();
    }
    let session = env.remote.login(&way.door, &way.credential, None).await.map_err(|failure| failure.to_string())?;
    let host_key = session.host_key().clone();
    env.pool.forget(&way.door);
    way.host_key = Some(host_key);
    env.pool.give(way.door.clone(), way.credential.clone(), session);
    subject.update(|s| s.node = Some(node));
    let now = identity(env, subject, &way).await.map_err(|h| format!("{h:?}"))?;
    subject.update(|s| s.way = Some(way));
    Ok(now)
}

/// Who the subject is now, as API and node itself say.
///
/// # Errors
/// What kept it from being read.
pub async fn identity(env: &Env, subject: &Subject, way: &Way) -> Result<Identity, Hindrance> {
    let guest = env.guest(way);
    let (hostname, boot_id) = (guest.hostname().await?, guest.boot_id().await?);
    let node = subject.read(|s| s.node.clone()).ok_or_else(|| Hindrance::harness("the subject has no node"))?;
    Ok(Identity {
        id: node.id.clone(),
        hostname,
        private: addresses(&node, Scope::Private),
        public: addresses(&node, Scope::Public),
        host_key: way.host_key.as_ref().map(|k| k.sha256.clone()).unwrap_or_default(),
        boot_id,
    })
}

/// Terminates the subject and watches it go. Runs even after a block: a node must go whatever became of it.
pub async fn terminate(env: &Env, subject: &Subject) {
    let owner = "allocation/terminate";
    let Some(node) = subject.read(|s| s.node.clone()).filter(|_| env.makes_nodes()) else { return };
    let way = subject.read(|s| s.way.clone());
    let had = addresses(&node, Scope::Public);
    if let Some(way) = &way {
        env.pool.forget(&way.door);
    }
    let resource = ResourceRef::new(Kind::Node, node.id.clone());
    let first = match Answer::of(env.target.delete_strictly(&resource).await) {
        Ok(first) => first,
        Err(hindrance) => return subject.block(Block::new(owner, hindrance)),
    };
    let gone = match until_gone(env, &node.id).await {
        Ok(gone) => gone,
        Err(hindrance) => return subject.block(Block::new(owner, hindrance)),
    };
    let silent = match &way {
        Some(way) => Some(until_silent(env, way).await),
        None => None,
    };
    // The ledger entry closes only once the listing agreed.
    if gone.met() {
        close(env, &resource).await;
    }
    subject.update(|s| s.facts.terminated = Some(Terminated { first, gone, silent, had }));
}

async fn close(env: &Env, resource: &ResourceRef) {
    if let Err(error) = env.target.note_gone(resource).await {
        env.target.warn(format!("close the ledger entry of {resource}: {error}"));
    }
}

async fn until_gone(env: &Env, id: &str) -> Result<Waited<bool>, Hindrance> {
    env.waiter
        .ask("node gone", env.params.gone_within_s, || async {
            match env.target.node(id).await {
                Ok(node) if node.state == NodeState::Terminated => Ok(Look::Met(true)),
                Ok(node) => Ok(Look::NotYet(node.state.to_string())),
                Err(error) if error.class == FailureClass::NotFound => Ok(Look::Met(false)),
                Err(error) => Err(error),
            }
        })
        .await
}

async fn until_silent(env: &Env, way: &Way) -> Waited<()> {
    env.waiter
        .wait("SSH port silent", env.params.gone_within_s, || async {
            match env.remote.knock(way.door.address, env.target.clock.wall(10.0)).await {
                Knock::Open => Look::NotYet("still accepts connections".to_owned()),
                _ => Look::Met(()),
            }
        })
        .await
}

/// Removes one subject with its key, its own group and its floating address. What cannot be removed now stays in the ledger and is
/// removed, or reported, at the end of the run.
pub async fn discard(env: &Env, subject: &Subject) {
    let state = subject.state();
    if !env.makes_nodes() {
        if let Err(hindrance) = put_back(env, subject).await {
            env.target.warn(format!(
                "put the login rules of the {} back as they were: {}; look after it: root's former keys are in \
                 authorized_keys.before-levelfield",
                subject.role,
                hindrance.judgement().summary
            ));
        }
        return;
    }
    if let Some(way) = &state.way {
        env.pool.forget(&way.door);
    }
    let resources = [
        state.node.map(|n| ResourceRef::new(Kind::Node, n.id)),
        state.floating.map(|id| ResourceRef::new(Kind::Address, id)),
        state.group.map(|g| ResourceRef::new(Kind::Group, g.id)),
        state.key_pair.map(|k| ResourceRef::new(Kind::KeyPair, k.id)),
    ];
    for (resource, error) in remove_all(env, resources.into_iter().flatten()).await {
        env.target.warn(format!("remove {resource} of the {}: {error}", subject.role));
    }
}

/// Removes one thing that was made for `role`. What cannot be removed now stays in the ledger and is removed, or reported, at the
/// end of the run.
pub async fn remove(env: &Env, resource: ResourceRef, role: &str) {
    for (resource, error) in remove_all(env, [resource]).await {
        env.target.warn(format!("remove {resource} of the {role}: {error}"));
    }
}

/// Removes `resources` in their order, and says which could not be. What a node holds that could not be removed itself is not waited
/// for: it will not be let go.
async fn remove_all(env: &Env, resources: impl IntoIterator<Item = ResourceRef>) -> Vec<(ResourceRef, ProviderError)> {
    let mut failed: Vec<(ResourceRef, ProviderError)> = Vec::new();
    for resource in resources {
        let a_node_is_left = failed.iter().any(|(left, _)| left.kind == Kind::Node);
        let removed = if a_node_is_left {
            env.target.delete(&resource).await
        } else {
            env.target.delete_patiently(&resource, &env.waiter).await
        };
        if let Err(error) = removed {
            failed.push((resource, error));
        }
    }
    failed
}

/// Removes everything that the ledger holds open for this target, in the order of removal.
///
/// # Errors
/// Every removal that failed, with what came back.
pub async fn clean_up(env: &Env) -> Result<(), Vec<(ResourceRef, ProviderError)>> {
    let failed = remove_all(env, env.target.open_resources()).await;
    if failed.is_empty() { Ok(()) } else { Err(failed) }
}
