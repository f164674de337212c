//! The client against a real OpenSSH server, and against peers that are none.

mod keys;
mod load;
mod openssh;
mod peers;

use levelfield_sshd_fixture::Sshd;
use tokio::time::Duration;

use super::*;

fn quick() -> Remote {
    let seconds = Duration::from_secs;
    Remote::new(RemoteLimits {
        connect: seconds(2),
        handshake: seconds(10),
        command: seconds(20),
        ..RemoteLimits::default()
    })
}

fn door(sshd: &Sshd) -> Door {
    Door::new(sshd.address(), sshd.account())
}

fn credential(sshd: &Sshd) -> Credential {
    Credential::Key(NodeKey::from_private(&sshd.private_key()).unwrap())
}

async fn login(sshd: &Sshd) -> Session {
    quick().login(&door(sshd), &credential(sshd), None).await.unwrap_or_else(|e| panic!("{e}; {}", sshd.log()))
}
