//! `underlay/trust`: a certificate authority and known hosts that were handed in at creation are in force after boot.

use levelfield_kit::{Ctx, Hindrance, Nothing, Observation};
use levelfield_reports::{InconclusiveReason, Judgement};
use serde::{Deserialize, Serialize};

/// Where distributions keep the authorities that everything on a node trusts.
const BUNDLES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem"];
const KNOWN_HOSTS: &str = "/etc/ssh/ssh_known_hosts";

/// What of the trust that was handed in is in force.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Trust {
    /// The bundles that the node has.
    bundles: Vec<Bundle>,
    /// The known-hosts line that was handed in.
    handed_in: String,
    /// The lines that the node's own file has for that host.
    known: Vec<String>,
}

/// A bundle of authorities.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Bundle {
    path: String,
    /// How many certificates are in it.
    certificates: usize,
    /// How many times the one that was handed in is in it.
    handed_in: usize,
}

pub(super) async fn observe(ctx: Ctx, _: Nothing) -> Observation<Trust> {
    let guest = ctx.inside()?;
    let anchor = ctx.trust.as_deref().ok_or_else(|| Hindrance::harness("the run made nothing to be trusted"))?;
    let authority = anchor.body();
    let mut bundles = Vec::new();
    for path in BUNDLES {
        if let Some(bytes) = guest.read_file(path, false).await? {
            let text = String::from_utf8_lossy(&bytes);
            let flat: String = text.split_whitespace().collect();
            let certificates = text.matches("-----BEGIN CERTIFICATE-----").count();
            bundles.push(Bundle { path: path.to_owned(), certificates, handed_in: flat.matches(&authority).count() });
        }
    }
    let handed_in = anchor.known_host.trim().to_owned();
    let host = handed_in.split_whitespace().next().unwrap_or_default();
    let mut known = guest.known_hosts().await?;
    known.retain(|line| line.split_whitespace().next() == Some(host));
    Ok(Trust { bundles, handed_in, known })
}

pub(super) fn judge(seen: &Trust, _: &Nothing) -> Judgement {
    if seen.bundles.is_empty() {
        let summary = format!("the node has no bundle of authorities at any of {}", BUNDLES.join(", "));
        return Judgement::inconclusive(InconclusiveReason::Image, summary);
    }
    let trusted = seen.bundles.iter().any(|bundle| bundle.handed_in > 0);
    let known = seen.known.contains(&seen.handed_in);
    let looked: Vec<&str> = seen.bundles.iter().map(|bundle| bundle.path.as_str()).collect();
    let looked = looked.join(", ");
    match (trusted, known) {
        (true, true) => Judgement::pass(format!("the authority is in {looked}, the known host in {KNOWN_HOSTS}")),
        (false, true) => {
            Judgement::fail("authority-not-installed", format!("the authority handed in is not in {looked}"))
        }
        (true, false) => {
            Judgement::fail("known-host-not-installed", format!("the host handed in is not in {KNOWN_HOSTS}"))
                .comparing(&seen.handed_in, seen.known.join("\n"))
        }
        (false, false) => {
            let summary =
                format!("neither the authority handed in is in {looked}, nor the known host in {KNOWN_HOSTS}");
            Judgement::fail("trust-not-installed", summary)
        }
    }
}

#[cfg(test)]
mod tests {
    use levelfield_reports::Verdict;

    use super::*;

    const LINE: &str = "trusted.levelfield.test ssh-ed25519 AAAA";

    fn trust(bundles: &[usize], known: &[&str]) -> Trust {
        let bundle =
            |handed_in: &usize| Bundle { path: BUNDLES[0].to_owned(), certificates: 140, handed_in: *handed_in };
        Trust {
            bundles: bundles.iter().map(bundle).collect(),
            handed_in: LINE.to_owned(),
            known: known.iter().map(|line| (*line).to_owned()).collect(),
        }
    }

    #[test]
    fn authority_and_known_host_must_both_be_in_force() {
        for (case, seen, verdict) in [
            ("both", trust(&[1], &[LINE]), Verdict::Pass),
            ("in one of two bundles", trust(&[0, 1], &[LINE]), Verdict::Pass),
            ("trust-not-installed", trust(&[0], &[]), Verdict::fail("trust-not-installed")),
            ("no authority", trust(&[0], &[LINE]), Verdict::fail("authority-not-installed")),
            ("no known host", trust(&[1], &[]), Verdict::fail("known-host-not-installed")),
            (
                "another key for the host",
                trust(&[1], &["trusted.levelfield.test ssh-ed25519 BBBB"]),
                Verdict::fail("known-host-not-installed"),
            ),
            ("no bundle", trust(&[], &[LINE]), Verdict::Inconclusive { reason: InconclusiveReason::Image }),
        ] {
            let judgement = judge(&seen, &Nothing {});
            assert_eq!(judgement.verdict, verdict, "{case}: {}", judgement.summary);
        }
    }
}
