//! `underlay/dns`, `underlay/time`, `underlay/entropy`: what software takes for granted from its first second on.

use std::net::IpAddr;

use levelfield_kit::{
    Ctx, Observation,
    guest::{ClockReading, Guest, TimeSource},
};
use levelfield_reports::Judgement;
use serde::{Deserialize, Serialize};

/// The parameters of `underlay/dns`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct TheseResolve {
    /// Names outside that must resolve, where the target's configuration gives no others.
    names: Vec<String>,
}

/// What the node's resolver answered.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Resolved {
    /// For names outside.
    outside: Vec<Name>,
    /// For the node's own hostname.
    own: Name,
}

/// A name and its addresses; none where the resolver knows no such name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Name {
    /// The name.
    pub(super) name: String,
    /// Its addresses.
    pub(super) addresses: Vec<IpAddr>,
}

impl Name {
    /// Asks the resolver of `guest`.
    pub(super) async fn ask(guest: &Guest, name: &str) -> Observation<Self> {
        Ok(Self { name: name.to_owned(), addresses: guest.resolve(name).await? })
    }
}

pub(super) async fn observe_names(ctx: Ctx, expect: TheseResolve) -> Observation<Resolved> {
    let guest = ctx.inside()?;
    let configured = &ctx.target.settings.services.names;
    let names = if configured.is_empty() { &expect.names } else { configured };
    let mut outside = Vec::new();
    for name in names {
        outside.push(Name::ask(&guest, name).await?);
    }
    let hostname = guest.hostname().await?;
    Ok(Resolved { outside, own: Name::ask(&guest, &hostname).await? })
}

pub(super) fn judge_names(seen: &Resolved, _: &TheseResolve) -> Judgement {
    let unknown: Vec<&str> = seen.outside.iter().filter(|n| n.addresses.is_empty()).map(|n| n.name.as_str()).collect();
    let own = &seen.own;
    if !unknown.is_empty() {
        let summary =
            format!("{} of {} names outside do not resolve: {}", unknown.len(), seen.outside.len(), unknown.join(", "));
        return Judgement::fail("outside-unresolved", summary);
    }
    let Some(address) = own.addresses.first() else {
        return Judgement::fail(
            "own-name-unresolved",
            format!("the node does not resolve its own name `{}`", own.name),
        );
    };
    let names: Vec<&str> = seen.outside.iter().map(|n| n.name.as_str()).collect();
    Judgement::pass(format!("{} resolve, and the node's own name `{}` to {address}", names.join(", "), own.name))
}

/// The parameters of `underlay/time`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct ClockWithin {
    /// How many seconds the clock may be off.
    max_offset_s: f64,
}

/// The node's clock, and what keeps it right.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Time {
    clock: ClockReading,
    source: TimeSource,
}

pub(super) async fn observe_time(ctx: Ctx, _: ClockWithin) -> Observation<Time> {
    let guest = ctx.inside()?;
    Ok(Time { clock: guest.clock().await?, source: guest.time_source().await? })
}

pub(super) fn judge_time(seen: &Time, expect: &ClockWithin) -> Judgement {
    let ClockReading { offset_s, uncertainty_s } = seen.clock;
    let off = format!("the clock is {:.3} s {}", offset_s.abs(), if offset_s < 0.0 { "behind" } else { "ahead" });
    // The true offset may be anywhere within the uncertainty: only what is beyond doubt is held against the node.
    let judgement = if offset_s.abs() - uncertainty_s > expect.max_offset_s {
        let summary = format!("{off} of the harness's, at most {} s is allowed", expect.max_offset_s);
        Judgement::fail("clock-off", summary)
    } else if !seen.source.enabled {
        Judgement::fail("no-time-source", format!("{off}, and no time source is configured to keep it right"))
    } else {
        let yet = if seen.source.synchronised { "synchronised" } else { "not yet synchronised" };
        Judgement::pass(format!("{off}; a time source is configured, {yet}"))
    };
    judgement.measured("clock offset", offset_s, "s")
}

/// The parameters of `underlay/entropy`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct PoolHolds {
    /// Bits that the pool must hold.
    min_bits: u32,
}

/// What the kernel's random pool held.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Pool {
    bits: u32,
}

pub(super) async fn observe_entropy(ctx: Ctx, _: PoolHolds) -> Observation<Pool> {
    Ok(Pool { bits: ctx.inside()?.entropy_bits().await? })
}

pub(super) fn judge_entropy(seen: &Pool, expect: &PoolHolds) -> Judgement {
    let summary = format!("the random pool holds {} bits, {} are required", seen.bits, expect.min_bits);
    let judgement = if seen.bits >= expect.min_bits {
        Judgement::pass(summary)
    } else {
        Judgement::fail("pool-not-ready", summary)
    };
    judgement.measured("random pool", f64::from(seen.bits), "bits")
}

#[cfg(test)]
mod tests {
    use levelfield_reports::Verdict;

    use super::*;

    fn name(name: &str, addresses: &[&str]) -> Name {
        Name { name: name.to_owned(), addresses: addresses.iter().map(|a| a.parse().unwrap()).collect() }
    }

    #[test]
    fn names_outside_and_the_own_one_must_resolve() {
        let outside = || name("deb.debian.org", &["151.101.2.132", "2a04:4e42::644"]);
        for (case, outside, own, verdict) in [
            ("all", vec![outside()], name("node-1", &["10.0.0.5"]), Verdict::Pass),
            ("hostname-not-set", vec![outside()], name("localhost", &["127.0.0.1"]), Verdict::Pass),
            (
                "dns-broken",
                vec![outside(), name("github.com", &[])],
                name("node-1", &["10.0.0.5"]),
                Verdict::fail("outside-unresolved"),
            ),
            ("own name unknown", vec![outside()], name("node-1", &[]), Verdict::fail("own-name-unresolved")),
        ] {
            let judgement = judge_names(&Resolved { outside, own }, &TheseResolve { names: vec![] });
            assert_eq!(judgement.verdict, verdict, "{case}: {}", judgement.summary);
        }
    }

    #[test]
    fn the_clock_is_right_and_kept_so() {
        for (case, offset_s, uncertainty_s, enabled, verdict) in [
            ("right", 0.02, 0.01, true, Verdict::Pass),
            ("behind within reason", -0.9, 0.01, true, Verdict::Pass),
            ("not beyond doubt", 1.4, 0.5, true, Verdict::Pass),
            ("clock-off", 90.0, 0.01, true, Verdict::fail("clock-off")),
            ("behind", -1.2, 0.1, true, Verdict::fail("clock-off")),
            ("no-time-source", 0.02, 0.01, false, Verdict::fail("no-time-source")),
        ] {
            let source = TimeSource { enabled, synchronised: enabled };
            let seen = Time { clock: ClockReading { offset_s, uncertainty_s }, source };
            let judgement = judge_time(&seen, &ClockWithin { max_offset_s: 1.0 });
            assert_eq!(judgement.verdict, verdict, "{case}: {}", judgement.summary);
            assert_eq!(judgement.measures[0].name, "clock offset");
        }
    }

    #[test]
    fn a_source_that_has_not_set_the_clock_yet_is_a_source() {
        let source = TimeSource { enabled: true, synchronised: false };
        let seen = Time { clock: ClockReading { offset_s: -0.25, uncertainty_s: 0.01 }, source };
        let judgement = judge_time(&seen, &ClockWithin { max_offset_s: 1.0 });
        assert_eq!(judgement.summary, "the clock is 0.250 s behind; a time source is configured, not yet synchronised");
    }

    #[test]
    fn the_pool_holds_enough_or_not() {
        for (bits, verdict) in [
            (256, Verdict::Pass),
            (3072, Verdict::Pass),
            (255, Verdict::fail("pool-not-ready")),
            (12, Verdict::fail("pool-not-ready")),
        ] {
            assert_eq!(judge_entropy(&Pool { bits }, &PoolHolds { min_bits: 256 }).verdict, verdict, "{bits}");
        }
    }
}
