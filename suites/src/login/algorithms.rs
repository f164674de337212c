//! What the SSH server would agree to: nothing that can be negotiated down to.

use levelfield_kit::{
    Ctx, Hindrance, Nothing, Observation,
    remote::{Credential, Greeting, Knock, LoginFailure},
};
use levelfield_reports::{InconclusiveReason, Judgement};
use serde::{Deserialize, Serialize};

/// What the server offers, and the kind of key that it took.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Offer {
    /// The algorithm of the key that logged in.
    key_accepted: String,
    /// Everything that the server offers.
    greeting: Greeting,
}

pub(super) async fn observe(ctx: Ctx, _: Nothing) -> Observation<Offer> {
    let way = ctx.way()?;
    let Credential::Key(key) = &way.credential else {
        return Err(Hindrance::harness("the way in is no key"));
    };
    match ctx.remote.greet(way.door.address).await {
        Ok(greeting) => Ok(Offer { key_accepted: key.public().algorithm.clone(), greeting }),
        Err(LoginFailure::Unreachable(Knock::Unreachable { why })) => {
            Err(Hindrance::inconclusive(InconclusiveReason::RunnerNetwork, why))
        }
        Err(failure) => Err(Hindrance::prerequisite("login/ready-means-ready", format!("greet the server: {failure}"))),
    }
}

/// Signatures made with SHA-1: what a plain `ssh-rsa` means, and DSA has nothing else.
const SHA1_SIGNATURES: [&str; 4] =
    ["ssh-rsa", "ssh-dss", "ssh-rsa-cert-v01@openssh.com", "ssh-dss-cert-v01@openssh.com"];

/// What of an offer is obsolete, by kind, in the server's order.
fn obsolete(greeting: &Greeting) -> Vec<String> {
    let ciphers = || greeting.ciphers_to_server.iter().chain(&greeting.ciphers_to_client);
    let macs = || greeting.macs_to_server.iter().chain(&greeting.macs_to_client);
    let mut found: Vec<String> = Vec::new();
    let signatures = greeting.host_key.iter().filter(|name| SHA1_SIGNATURES.contains(&name.as_str()));
    found.extend(signatures.map(|name| format!("SHA-1 signature {name}")));
    let exchanges = greeting.kex.iter().filter(|name| name.ends_with("-sha1"));
    found.extend(exchanges.map(|name| format!("key exchange {name}")));
    let weak_cipher = |name: &&String| name.contains("-cbc") || name.starts_with("arcfour") || *name == "none";
    found.extend(ciphers().filter(weak_cipher).map(|name| format!("cipher {name}")));
    // HMAC with SHA-1 is offered by every stock OpenSSH, and is no weakness of the kind that SHA-1 in signatures is.
    let weak_mac = |name: &&String| name.contains("md5") || *name == "none";
    found.extend(macs().filter(weak_mac).map(|name| format!("MAC {name}")));
    let mut once = Vec::new();
    for name in found {
        if !once.contains(&name) {
            once.push(name);
        }
    }
    once
}

pub(super) fn judge(seen: &Offer, _: &Nothing) -> Judgement {
    let obsolete = obsolete(&seen.greeting);
    if !obsolete.is_empty() {
        return Judgement::fail("obsolete-offered", format!("{} offers {}", seen.greeting.banner, obsolete.join(", ")));
    }
    if seen.key_accepted != "ssh-ed25519" {
        return Judgement::inconclusive(
            InconclusiveReason::Harness,
            format!(
                "nothing obsolete is offered; the key that logs in is {}, so Ed25519 was not tried",
                seen.key_accepted
            ),
        );
    }
    Judgement::pass(format!("{} took an Ed25519 key and offers nothing obsolete", seen.greeting.banner))
}

#[cfg(test)]
mod tests {
    use levelfield_reports::Verdict;

    use super::*;

    /// What the OpenSSH of Debian 12 offers.
    fn stock() -> Greeting {
        let names = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
        let ciphers = names("chacha20-poly1305@openssh.com,aes128-ctr,aes256-ctr,aes128-gcm@openssh.com");
        let macs = names("umac-64-etm@openssh.com,hmac-sha2-256-etm@openssh.com,hmac-sha1-etm@openssh.com,hmac-sha1");
        Greeting {
            banner: "SSH-2.0-OpenSSH_9.2p1 Debian-2".to_owned(),
            kex: names("sntrup761x25519-sha512@openssh.com,curve25519-sha256,diffie-hellman-group14-sha256"),
            host_key: names("rsa-sha2-512,rsa-sha2-256,ecdsa-sha2-nistp256,ssh-ed25519"),
            ciphers_to_server: ciphers.clone(),
            ciphers_to_client: ciphers,
            macs_to_server: macs.clone(),
            macs_to_client: macs,
            ..Greeting::default()
        }
    }

    #[test]
    fn what_can_be_negotiated_down_to_counts() {
        let with = |change: fn(&mut Greeting)| {
            let mut greeting = stock();
            change(&mut greeting);
            Offer { key_accepted: "ssh-ed25519".to_owned(), greeting }
        };
        let fail = || Verdict::fail("obsolete-offered");
        for (seen, verdict) in [
            (with(|_| ()), Verdict::Pass),
            (with(|g| g.kex.push("diffie-hellman-group14-sha1".to_owned())), fail()),
            (with(|g| g.kex.push("diffie-hellman-group-exchange-sha1".to_owned())), fail()),
            (with(|g| g.host_key.push("ssh-rsa".to_owned())), fail()),
            (with(|g| g.host_key.push("ssh-dss".to_owned())), fail()),
            (with(|g| g.ciphers_to_client.push("aes128-cbc".to_owned())), fail()),
            (with(|g| g.ciphers_to_server.push("3des-cbc".to_owned())), fail()),
            (with(|g| g.ciphers_to_server.push("arcfour256".to_owned())), fail()),
            (with(|g| g.macs_to_client.push("hmac-md5-96".to_owned())), fail()),
            (with(|g| g.macs_to_client.push("hmac-sha1-96".to_owned())), Verdict::Pass),
        ] {
            assert_eq!(judge(&seen, &Nothing {}).verdict, verdict, "{:?}", obsolete(&seen.greeting));
        }
    }

    #[test]
    fn what_is_obsolete_is_named_once() {
        let mut greeting = stock();
        greeting.ciphers_to_client.push("aes128-cbc".to_owned());
        greeting.ciphers_to_server.push("aes128-cbc".to_owned());
        assert_eq!(obsolete(&greeting), ["cipher aes128-cbc"]);
    }

    #[test]
    fn that_ed25519_is_taken_has_to_be_shown() {
        let seen = Offer { key_accepted: "ssh-rsa".to_owned(), greeting: stock() };
        assert_eq!(judge(&seen, &Nothing {}).verdict.reason().as_deref(), Some("harness"));
    }
}
