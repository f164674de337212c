//! The ladder: when a login fails, which rung broke.
//!
//! Each rung is one question, asked from the outside in: API state, address, port, banner, host key, methods offered, account,
//! console. The first one answered "no" is the reason; what lies beyond it is not asked.

use levelfield_provider::{Capability, NodeState};
use serde::{Deserialize, Serialize};

use crate::{
    journey::Env,
    remote::{Door, Knock, LoginFailure},
    subject::{Subject, Tried},
};

/// What the ladder found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Triage {
    /// The reason code: one of `node-not-running`, `no-address`, `port-dropped`, `port-refused`, `no-route`, `no-banner`,
    /// `handshake-failed`, `source-penalised`, `key-not-offered`, `key-refused`, `unknown`.
    pub code: String,
    /// The rungs, in order, each with what was seen.
    pub rungs: Vec<Rung>,
}

/// One rung.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Rung {
    /// The question.
    pub rung: String,
    /// Whether it held.
    pub holds: bool,
    /// What was seen.
    pub seen: String,
}

#[derive(Default)]
struct Ladder {
    rungs: Vec<Rung>,
    code: Option<&'static str>,
}

impl Ladder {
    /// Notes a rung; the first that does not hold gives the code.
    fn rung(&mut self, rung: &str, holds: bool, seen: impl Into<String>, code: &'static str) -> bool {
        self.rungs.push(Rung { rung: rung.to_owned(), holds, seen: seen.into() });
        if !holds {
            self.code.get_or_insert(code);
        }
        holds
    }
}

/// Climbs the ladder for a subject whose login failed.
pub async fn climb(env: &Env, subject: &Subject, tried: &[Tried]) -> Triage {
    let mut ladder = Ladder::default();
    climb_to_the_break(env, subject, tried, &mut ladder).await;
    if let Some(last_words) = console_tail(env, subject).await {
        ladder.rungs.push(Rung { rung: "console".to_owned(), holds: true, seen: last_words });
    }
    Triage { code: ladder.code.unwrap_or("unknown").to_owned(), rungs: ladder.rungs }
}

async fn climb_to_the_break(env: &Env, subject: &Subject, tried: &[Tried], ladder: &mut Ladder) {
    let state = subject.state();
    if let Some(node) = &state.node
        && env.target.has(Capability::Nodes)
    {
        let (running, seen) = match env.target.node(&node.id).await {
            Ok(now) => (now.state == NodeState::Running, now.state.to_string()),
            Err(error) => (false, error.to_string()),
        };
        if !ladder.rung("API state", running, seen, "node-not-running") {
            return;
        }
    }
    let Some(address) = state.facts.addressed.as_ref().and_then(|a| a.address.clone()) else {
        ladder.rung("address", false, "none known", "no-address");
        return;
    };
    ladder.rung("address", true, address.ssh().to_string(), "no-address");
    let knock = env.remote.knock(address.ssh(), env.target.clock.wall(10.0)).await;
    let code = match &knock {
        Knock::Open | Knock::TimedOut => "port-dropped",
        Knock::Refused => "port-refused",
        Knock::Unreachable { .. } => "no-route",
    };
    if !ladder.rung("port", knock == Knock::Open, format!("{knock:?}").to_lowercase(), code) {
        return;
    }
    let account = tried.first().map_or("root", |t| t.account.as_str()).to_owned();
    match env.remote.offered_methods(&Door { address: address.ssh(), account }).await {
        Ok(methods) => {
            ladder.rung("banner and host key", true, "presented", "no-banner");
            let offers_key = methods.methods.iter().any(|m| m == "publickey");
            if !ladder.rung("methods offered", offers_key, methods.methods.join(", "), "key-not-offered") {
                return;
            }
        }
        Err(failure) => {
            let code = match &failure {
                // OpenSSH 9.8 and later turn away sources of failed logins for a while, in these words.
                LoginFailure::NoBanner { why } if why.contains("Not allowed at this time") => "source-penalised",
                LoginFailure::NoBanner { .. } => "no-banner",
                _ => "handshake-failed",
            };
            ladder.rung("banner and host key", false, failure.to_string(), code);
            return;
        }
    }
    let accounts: Vec<&str> = tried.iter().map(|t| t.account.as_str()).collect();
    ladder.rung("account", false, format!("the key was refused for {}", accounts.join(", ")), "key-refused");
}

/// The last lines of the console, if the target shows one.
async fn console_tail(env: &Env, subject: &Subject) -> Option<String> {
    let node = subject.state().node?;
    if !env.target.has(Capability::Console) {
        return None;
    }
    let text = env.target.console(&node.id).await.ok()?.text;
    let lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).collect();
    Some(lines[lines.len().saturating_sub(5)..].join("\n"))
}
