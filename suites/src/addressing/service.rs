//! A service in the peer, proven to answer inside it, and the knocks at it from elsewhere.

use std::net::SocketAddr;

use ipnet::{IpNet, Ipv4Net};
use levelfield_kit::{
    Ctx, Hindrance,
    guest::{Guest, GuestError, HttpOutcome, HttpProbe},
    remote::{Knock, Running},
    subject::{AddressPattern, Subject},
    wait::{Look, Waited},
};
use levelfield_provider::{Protocol, ProviderError, Rule};
use levelfield_reports::{InconclusiveReason, Judgement};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// How many knocks in a row have to agree that a port is shut.
pub(super) const IN_A_ROW: usize = 3;
/// How long a knock waits, in seconds on the target's clock.
const KNOCK_S: f64 = 5.0;
/// How long the service runs at most, in seconds here.
const SERVES_S: u32 = 900;

/// From where the knocks come, and at what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Vantage {
    /// From the machine that the harness runs on.
    Outside {
        /// The service, at the address that the way in uses.
        service: SocketAddr,
        /// The way in itself.
        ssh: SocketAddr,
    },
    /// From another node, because no further port of the address outside leads to the service.
    Neighbour {
        /// The service, at the node's private address.
        service: SocketAddr,
    },
}

impl Vantage {
    pub(super) fn port(self) -> u16 {
        match self {
            Self::Outside { service, .. } | Self::Neighbour { service } => service.port(),
        }
    }
}

/// What shows that nothing but rules stood in the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Proof {
    /// Whether the service still answered inside the node.
    pub(super) answers_inside: bool,
    /// Whether the node's SSH port still answered from outside; absent where the knocks came from inside.
    pub(super) ssh: Option<Knock>,
}

impl Proof {
    /// Why a silent port proves nothing, if so.
    pub(super) fn doubt(&self) -> Option<Judgement> {
        if !self.answers_inside {
            let reason = InconclusiveReason::Image;
            return Some(Judgement::inconclusive(reason, "the service in the node stopped while it was knocked at"));
        }
        match &self.ssh {
            None | Some(Knock::Open) => None,
            Some(other) => Some(Judgement::inconclusive(
                InconclusiveReason::RunnerNetwork,
                format!("the node's SSH port was not reached any more either: {other}"),
            )),
        }
    }
}

/// A service that runs in the peer.
pub(super) struct Service<'c> {
    pub(super) ctx: &'c Ctx,
    pub(super) port: u16,
    inside: Guest,
    neighbour: Option<Guest>,
    pub(super) vantage: Vantage,
    running: Running,
}

impl<'c> Service<'c> {
    /// Starts a service on `port` of the peer and waits until it answers there.
    pub(super) async fn start(ctx: &'c Ctx, port: u16) -> Result<Self, Hindrance> {
        let inside = ctx.inside_peer()?;
        let vantage = vantage(ctx, port)?;
        let neighbour = if matches!(vantage, Vantage::Neighbour { .. }) { Some(ctx.inside()?) } else { None };
        let running = inside.listen(port, SERVES_S).await?;
        let up = until_it_answers(ctx, &inside, port).await;
        if !up.met() {
            return Err(Hindrance::inconclusive(InconclusiveReason::Image, up.sentence()));
        }
        Ok(Self { ctx, port, inside, neighbour, vantage, running })
    }

    /// Knocks once.
    pub(super) async fn knock(&self) -> Result<Knock, Hindrance> {
        match (self.vantage, &self.neighbour) {
            (Vantage::Outside { service, .. }, _) => Ok(self.knock_outside(service).await),
            (Vantage::Neighbour { service }, Some(neighbour)) => {
                let answer = neighbour.http(&HttpProbe::get(format!("http://{service}/"), 5)).await?;
                Ok(match answer.outcome {
                    HttpOutcome::Status => Knock::Open,
                    HttpOutcome::Refused => Knock::Refused,
                    HttpOutcome::TimedOut => Knock::TimedOut,
                    _ => Knock::Unreachable { why: answer.detail },
                })
            }
            (Vantage::Neighbour { .. }, None) => Err(Hindrance::harness("there is no neighbour to knock from")),
        }
    }

    async fn knock_outside(&self, address: SocketAddr) -> Knock {
        self.ctx.remote.knock(address, self.ctx.target.clock.wall(KNOCK_S)).await
    }

    /// Knocks until the port turns out to be open, or was shut so many times in a row.
    pub(super) async fn knocks(&self) -> Result<Vec<Knock>, Hindrance> {
        let mut knocks = Vec::new();
        while knocks.len() < IN_A_ROW && knocks.last() != Some(&Knock::Open) {
            knocks.push(self.knock().await?);
        }
        Ok(knocks)
    }

    /// Waits until a knock is let in.
    pub(super) async fn until_open(&self, limit_s: f64) -> Waited<()> {
        let look = || async {
            match self.knock().await {
                Ok(Knock::Open) => Look::Met(()),
                Ok(other) => Look::NotYet(other.to_string()),
                Err(hindrance) => Look::NotYet(hindrance.judgement().summary),
            }
        };
        self.ctx.waiter.wait("port open by the new rule", limit_s, look).await
    }

    /// Waits until no knock is let in; tells after how many seconds that began.
    pub(super) async fn until_shut(&self, limit_s: f64) -> Waited<f64> {
        let removed = Instant::now();
        let look = || async {
            let since_s = self.ctx.target.clock.since(removed);
            match self.knocks().await {
                Ok(knocks) if !knocks.contains(&Knock::Open) => Look::Met(since_s),
                Ok(_) => Look::NotYet("the port accepts connections".to_owned()),
                Err(hindrance) => Look::NotYet(hindrance.judgement().summary),
            }
        };
        self.ctx.waiter.wait("port shut without the rule", limit_s, look).await
    }

    /// Lets this service in from anywhere.
    pub(super) async fn open(&self) -> Result<(), ProviderError> {
        self.ctx.target.add_rule(&self.group(), &self.rule()).await
    }

    /// Lets it in no more.
    pub(super) async fn close(&self) -> Result<(), ProviderError> {
        self.ctx.target.remove_rule(&self.group(), &self.rule()).await
    }

    pub(super) fn group(&self) -> String {
        let group = |peer: &Subject| peer.read(|s| s.group.as_ref().map(|g| g.id.clone()));
        self.ctx.peer().ok().and_then(group).unwrap_or_default()
    }

    fn rule(&self) -> Rule {
        let (port, anywhere) = (self.port, Ipv4Net::default());
        Rule { protocol: Protocol::Tcp, from_port: port, to_port: port, source: IpNet::V4(anywhere) }
    }

    /// Looks once more whether anything else stood in the way, and stops the service.
    pub(super) async fn end(self) -> Result<Proof, Hindrance> {
        // A busy node may leave one request without an answer; a service that stopped answers none.
        let answering = until_it_answers(self.ctx, &self.inside, self.port).await;
        let answers_inside = answering.met() || answers(&self.inside, self.port).await?;
        let ssh = match self.vantage {
            Vantage::Outside { ssh, .. } => Some(self.knock_outside(ssh).await),
            Vantage::Neighbour { .. } => None,
        };
        self.running.stop().await;
        Ok(Proof { answers_inside, ssh })
    }
}

/// Waits until the service answers inside the node.
async fn until_it_answers(ctx: &Ctx, inside: &Guest, port: u16) -> Waited<()> {
    let look = || async {
        match answers(inside, port).await {
            Ok(true) => Look::Met(()),
            Ok(false) => Look::NotYet("no answer at 127.0.0.1".to_owned()),
            Err(error) => Look::Never(error.to_string()),
        }
    };
    ctx.waiter.wait("service answering inside the node", 30.0, look).await
}

async fn answers(inside: &Guest, port: u16) -> Result<bool, GuestError> {
    let answer = inside.http(&HttpProbe::get(format!("http://127.0.0.1:{port}/"), 5)).await?;
    Ok(answer.outcome == HttpOutcome::Status)
}

/// From outside, wherever the address of the way in is the node's own. The service listens on IPv4.
fn vantage(ctx: &Ctx, port: u16) -> Result<Vantage, Hindrance> {
    let peer = ctx.peer()?;
    let ssh = peer.way(ctx.behavior())?.door.address;
    let forwarded = peer.fact(ctx.behavior(), |f| f.addressed.clone())?.pattern == AddressPattern::PortForwarding;
    if ssh.is_ipv4() && !forwarded {
        return Ok(Vantage::Outside { service: SocketAddr::new(ssh.ip(), port), ssh });
    }
    Ok(Vantage::Neighbour { service: SocketAddr::new(ctx.neighbour_address(peer)?, port) })
}
