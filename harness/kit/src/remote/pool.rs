//! Sessions kept for the next command, so that probes running side by side do not pay a handshake each.

use std::{
    collections::HashMap,
    net::SocketAddr,
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use super::{Command, Credential, Door, HostKey, LoginFailure, Output, Remote, RunFailure, Running, Session};

/// The most sessions lent at once to one address. OpenSSH begins to drop unauthenticated connections at ten.
const PER_NODE: usize = 2;
/// The most idle sessions kept in all; each costs about 0.1 MiB and a file descriptor.
const IDLE_SESSIONS: usize = 256;
/// How long an idle session is kept.
const IDLE_FOR: Duration = Duration::from_mins(1);

/// A stock of sessions that are logged in. Cheap to clone; clones share the stock.
#[derive(Clone, Debug)]
pub struct Pool(Arc<Stock>);

#[derive(Debug)]
struct Stock {
    remote: Remote,
    idle: Mutex<Vec<Idle>>,
    turns: Mutex<HashMap<SocketAddr, Arc<Semaphore>>>,
}

#[derive(Debug)]
struct Idle {
    session: Session,
    credential: Arc<Credential>,
    since: Instant,
}

impl Pool {
    /// A stock filled by logins of `remote`.
    pub fn new(remote: Remote) -> Self {
        Self(Arc::new(Stock { remote, idle: Mutex::new(Vec::new()), turns: Mutex::new(HashMap::new()) }))
    }

    /// The client that logs in.
    pub fn remote(&self) -> &Remote {
        &self.0.remote
    }

    /// A handle for one account of one node. Costs nothing until the first command.
    pub fn shell(&self, door: Door, credential: Credential, expected_host_key: Option<HostKey>) -> Shell {
        Shell { pool: self.clone(), door, credential: Arc::new(credential), expected_host_key }
    }

    /// Lends a session: an idle one if there is one, else a new one. Waits while two are lent to that address.
    ///
    /// An idle session proves nothing about what the server would say to the credential now: that takes [`Remote::login`].
    pub async fn checkout(
        &self,
        door: &Door,
        credential: &Arc<Credential>,
        expected_host_key: Option<&HostKey>,
    ) -> Result<Lease, LoginFailure> {
        let turn = self.turn(door.address).await;
        if let Some(session) = self.take_idle(door, credential, expected_host_key) {
            return Ok(self.lease(session, credential, turn, true));
        }
        let session = self.0.remote.login(door, credential, expected_host_key).await?;
        Ok(self.lease(session, credential, turn, false))
    }

    /// Takes a session that was made elsewhere into the stock, as an idle one of `door` and `credential`.
    #[expect(clippy::needless_pass_by_value, reason = "the session is given together with what it was made by")]
    pub fn give(&self, door: Door, credential: Credential, session: Session) {
        if session.door() == &door && session.is_usable() {
            self.put_back(session, Arc::new(credential));
        }
    }

    /// Drops the idle sessions to the door's address, of every account: after a reboot, or when the node is gone.
    pub fn forget(&self, door: &Door) {
        let address = door.address;
        let gone: Vec<Idle> = self.idle().extract_if(.., |idle| idle.session.door().address == address).collect();
        drop(gone);
        let mut turns = self.0.turns.lock().unwrap_or_else(PoisonError::into_inner);
        // One that is in use stays, or its limit would be lost.
        if turns.get(&address).is_some_and(|turn| Arc::strong_count(turn) == 1) {
            turns.remove(&address);
        }
    }

    /// How many idle sessions are kept now.
    pub fn idle_sessions(&self) -> usize {
        self.idle().len()
    }

    async fn turn(&self, address: SocketAddr) -> OwnedSemaphorePermit {
        let turn = {
            let mut turns = self.0.turns.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(address).or_insert_with(|| Arc::new(Semaphore::new(PER_NODE))))
        };
        turn.acquire_owned().await.expect("the semaphore is never closed")
    }

    fn take_idle(&self, door: &Door, credential: &Arc<Credential>, expected: Option<&HostKey>) -> Option<Session> {
        let now = Instant::now();
        let mut idle = self.idle();
        let mut stale: Vec<Idle> = idle.extract_if(.., |idle| now - idle.since > IDLE_FOR).collect();
        let fits = |idle: &Idle| {
            idle.session.door() == door
                && (Arc::ptr_eq(&idle.credential, credential) || idle.credential == *credential)
                && expected.is_none_or(|expected| expected == idle.session.host_key())
        };
        let mut found = None;
        while let Some(at) = idle.iter().rposition(fits) {
            let candidate = idle.remove(at);
            if candidate.session.is_usable() {
                found = Some(candidate.session);
                break;
            }
            stale.push(candidate);
        }
        // Saying goodbye is a system call or two: not while others wait for the stock.
        drop(idle);
        drop(stale);
        found
    }

    fn lease(&self, session: Session, credential: &Arc<Credential>, turn: OwnedSemaphorePermit, reused: bool) -> Lease {
        let credential = Arc::clone(credential);
        Lease { session: Some(session), pool: self.clone(), credential, reused, _turn: turn }
    }

    fn put_back(&self, session: Session, credential: Arc<Credential>) {
        let mut idle = self.idle();
        idle.push(Idle { session, credential, since: Instant::now() });
        let oldest = (idle.len() > IDLE_SESSIONS).then(|| idle.remove(0));
        drop(idle);
        drop(oldest);
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A lent session. Goes back to the stock when dropped, unless it broke.
#[derive(Debug)]
pub struct Lease {
    session: Option<Session>,
    pool: Pool,
    credential: Arc<Credential>,
    reused: bool,
    _turn: OwnedSemaphorePermit,
}

impl Deref for Lease {
    type Target = Session;

    fn deref(&self) -> &Session {
        self.session.as_ref().expect("only dropping takes it")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(session) = self.session.take().filter(Session::is_usable) {
            self.pool.put_back(session, Arc::clone(&self.credential));
        }
    }
}

/// One account of one node, by way of the pool.
#[derive(Clone, Debug)]
pub struct Shell {
    pool: Pool,
    door: Door,
    credential: Arc<Credential>,
    expected_host_key: Option<HostKey>,
}

impl Shell {
    /// Where it leads, as whom.
    pub fn door(&self) -> &Door {
        &self.door
    }

    /// The credential it logs in with.
    pub fn credential(&self) -> &Credential {
        &self.credential
    }

    /// The host key it insists on, if it does.
    pub fn expected_host_key(&self) -> Option<&HostKey> {
        self.expected_host_key.as_ref()
    }

    /// The pool it draws on.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Whether the account is root's own, so that nothing needs `sudo`.
    pub fn is_root(&self) -> bool {
        self.door.account == "root"
    }

    /// Runs a command in whichever session is free.
    ///
    /// A session out of the stock may have died unheard. If it turns out so before the command was sent, the stock's sessions to
    /// that node are dropped and a new login is made; a command that was sent is never sent again.
    pub async fn run(&self, command: &Command) -> Result<Output, RunFailure> {
        let lease = self.lease().await?;
        let outcome = lease.run(command).await;
        match outcome {
            Err(failure) if lease.reused && failure.before_command() => {
                drop(lease);
                self.pool.forget(&self.door);
                self.lease().await?.run(command).await
            }
            outcome => outcome,
        }
    }

    /// Starts a command that goes on until the handle is stopped or dropped, in a session of its own.
    ///
    /// A server that breaks the connection over the request for a terminal is asked again without.
    pub async fn start(&self, command: &Command) -> Result<Running, RunFailure> {
        match self.fresh().await?.start(command).await {
            Err(failure) if failure.before_command() => self.fresh().await?.start_with(command, false).await,
            outcome => outcome,
        }
    }

    /// A new login, whatever the stock holds: what proves that the credential is accepted now.
    pub async fn fresh(&self) -> Result<Session, LoginFailure> {
        self.pool.remote().login(&self.door, &self.credential, self.expected_host_key.as_ref()).await
    }

    async fn lease(&self) -> Result<Lease, LoginFailure> {
        self.pool.checkout(&self.door, &self.credential, self.expected_host_key.as_ref()).await
    }
}
