//! Steps 7 and 8: root gets the operator's keys, password login ends, the node key goes.

use std::sync::Arc;

use levelfield_provider::{Kind, ResourceRef};

use super::Env;
use crate::{
    guest::{Guest, GuestError},
    hindrance::Hindrance,
    remote::{Credential, Door, LoginFailure, NodeKey},
    subject::{Answer, Block, Hardened, RootLogin, Sealed, Subject, Way},
};

/// How many operator keys are added: two, so that "each operator key" means something.
const OPERATOR_KEYS: usize = 2;

/// Step 7. Root's login is proven before password login is touched, so that a node is never locked.
pub async fn harden(env: &Env, subject: &Subject) {
    if subject.blocked().is_none()
        && let Err(block) = harden_or_block(env, subject).await
    {
        subject.block(block);
    }
}

async fn harden_or_block(env: &Env, subject: &Subject) -> Result<(), Block> {
    let owner = "login/root-key-added";
    let way = subject.way(owner).map_err(|h| Block::new(owner, h))?;
    let guest = env.guest(&way);
    if !env.makes_nodes() {
        note_rules(&guest, subject).await.map_err(|e| Block::new(owner, e))?;
    }
    let mut keys = Vec::new();
    for _ in 0..OPERATOR_KEYS {
        let key = NodeKey::generate_ed25519("levelfield-operator")
            .map_err(|e| Block::new(owner, Hindrance::harness(format!("generate an operator key: {e}"))))?;
        keys.push(key);
    }
    subject.update(|s| s.operator_keys.clone_from(&keys));
    let lines: Vec<String> = keys.iter().map(NodeKey::public_line).collect();
    let mut installed = guest.install_root_keys(&lines).await.map_err(|e| Block::new(owner, e))?;

    let door = Door { address: way.door.address, account: "root".to_owned() };
    let mut logins = try_root(env, &door, &keys, &way).await;
    // A server that lets no root in is told to; one that does so is not asked.
    if logins.iter().any(|l| l.failure.as_ref().is_some_and(LoginFailure::is_refusal))
        && guest.let_root_in_by_key(&mut installed).await.map_err(|e| Block::new(owner, e))?
    {
        logins = try_root(env, &door, &keys, &way).await;
    }
    let every_key_works = logins.iter().all(|l| l.failure.is_none());
    let mut hardened = Hardened { keys: installed, logins, passwords: None };
    if !every_key_works {
        let refused = hardened.logins.iter().find_map(|l| l.failure.as_ref()).map(ToString::to_string);
        subject.update(|s| s.facts.hardened = Some(hardened));
        return Err(Block::explained(owner, format!("root cannot log in: {}", refused.unwrap_or_default())));
    }
    let root = Way { door, credential: Credential::Key(keys[0].clone()), host_key: way.host_key.clone() };
    let passwords =
        env.guest(&root).disable_password_login().await.map_err(|e| Block::new("login/password-login-removed", e));
    let outcome = match passwords {
        Ok(alteration) => {
            hardened.passwords = Some(alteration);
            Ok(())
        }
        Err(block) => Err(block),
    };
    subject.update(|s| {
        s.facts.hardened = Some(hardened);
        s.way = Some(root);
    });
    outcome
}

/// One login as root with each of the operator's keys. The session of the first is kept for what comes next.
async fn try_root(env: &Env, door: &Door, keys: &[NodeKey], way: &Way) -> Vec<RootLogin> {
    let mut logins = Vec::new();
    for (nth, key) in keys.iter().enumerate() {
        let credential = Credential::Key(key.clone());
        let failure = match env.remote.login(door, &credential, way.host_key.as_ref()).await {
            Ok(session) => {
                if nth == 0 {
                    env.pool.give(door.clone(), credential, session);
                }
                None
            }
            Err(failure) => Some(failure),
        };
        logins.push(RootLogin { key: key.sha256().to_owned(), failure });
    }
    logins
}

/// Notes the login rules of a node that outlives the run, before anything in it is altered. What was noted stays.
///
/// # Errors
/// When they cannot be read as root. Nothing may be altered then.
pub(super) async fn note_rules(guest: &Guest, subject: &Subject) -> Result<(), GuestError> {
    if subject.read(|s| s.rules_before.is_none()) {
        let rules = guest.login_rules().await?;
        subject.update(|s| s.rules_before = Some(Arc::new(rules)));
    }
    Ok(())
}

/// Gives a node that outlives the run the login rules that it had before. Nothing is done to a node that was not altered.
///
/// # Errors
/// What could not be put back; the operator must look after it.
pub async fn put_back(env: &Env, subject: &Subject) -> Result<(), Hindrance> {
    let (rules, way) = subject.read(|s| (s.rules_before.clone(), s.way.clone()));
    let (Some(rules), Some(way)) = (rules, way) else { return Ok(()) };
    env.guest(&way).put_back(&rules).await?;
    subject.update(|s| s.rules_before = None);
    Ok(())
}

/// Step 8. Inside first: a key that the target no longer knows but the node still lets in is the worse half.
pub async fn seal(env: &Env, subject: &Subject) {
    if subject.blocked().is_none()
        && let Err(block) = seal_or_block(env, subject).await
    {
        subject.block(block);
    }
}

async fn seal_or_block(env: &Env, subject: &Subject) -> Result<(), Block> {
    let owner = "login/old-key-refused";
    let way = subject.way(owner).map_err(|h| Block::new(owner, h))?;
    let Some(node_key) = subject.read(|s| s.node_key.clone()) else {
        return Err(Block::new(owner, Hindrance::harness("the subject has no node key")));
    };
    let inside =
        env.guest(&way).remove_key_everywhere(&node_key.public_line()).await.map_err(|e| Block::new(owner, e))?;
    let outside = match subject.read(|s| s.key_pair.clone()) {
        Some(pair) => {
            let resource = ResourceRef::new(Kind::KeyPair, pair.id);
            let answer =
                Answer::of(env.target.delete(&resource).await).map_err(|h| Block::new("allocation/key-removed", h))?;
            Some(answer)
        }
        None => None,
    };
    subject.update(|s| s.facts.sealed = Some(Sealed { inside, outside }));
    Ok(())
}
