//! Many logins at once: bounded in memory, and about as fast as the server's own handshakes.

use std::time::Instant;

use super::*;

/// How much of this process is in memory, in MiB.
fn resident_mib() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096 / (1 << 20)
}

/// The processor time that this process has used, in milliseconds.
fn busy_ms() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks =
        |at: usize| stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(at)?.parse::<u64>().ok()).unwrap_or(0);
    (ticks(11) + ticks(12)) * 10
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_logins_at_once_all_succeed_in_little_memory() {
    let count: usize = std::env::var("LEVELFIELD_LOGINS").ok().and_then(|n| n.parse().ok()).unwrap_or(100);
    let Some(sshd) = Sshd::plain(&[]) else { return };
    let remote = Remote::new(RemoteLimits { handshake: Duration::from_mins(1), ..RemoteLimits::default() });
    let (door, credential) = (door(&sshd), std::sync::Arc::new(credential(&sshd)));
    let (before, idle) = (resident_mib(), busy_ms());
    let began = Instant::now();
    let tasks: Vec<_> = (0..count)
        .map(|_| {
            let (remote, door, credential) = (remote.clone(), door.clone(), credential.clone());
            tokio::spawn(
                async move { remote.login(&door, &credential, None).await.map(|session| session.method().len()) },
            )
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), Ok("publickey".len()));
    }
    let (took, grown) = (began.elapsed(), resident_mib().saturating_sub(before));
    println!("{count} logins in {took:?}, {} ms of processor time here, {grown} MiB more", busy_ms() - idle);
    assert!(grown < 200, "{grown} MiB");
}
