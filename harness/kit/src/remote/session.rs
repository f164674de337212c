//! A session that is logged in, and the commands run in it.

use std::{
    io::{Read as _, Write as _},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tokio::{sync::Mutex, time::Instant};

use super::{
    Command, Door, HostKey, OUTPUT_LIMIT, Output, Phase, RemoteLimits, RunFailure,
    wire::{self, Stopped, Wire, code, number, unwrap_io},
};

/// How long a server may take to answer the request for a terminal.
const TERMINAL_WITHIN: Duration = Duration::from_secs(2);

/// A connection that is logged in. It runs one command at a time; commands asked for together wait for one another.
///
/// A session breaks when a command meets a deadline, when the future of a command is dropped, and when the connection ends. What
/// is asked of it after that fails as disconnected.
pub struct Session {
    wire: Wire,
    door: Door,
    host_key: HostKey,
    method: &'static str,
    open_within: Duration,
    command_within: Duration,
    turn: Mutex<()>,
    broken: AtomicBool,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session({} by {})", self.door, self.method)
    }
}

impl Session {
    pub(super) fn new(wire: Wire, door: Door, host_key: HostKey, method: &'static str, limits: &RemoteLimits) -> Self {
        Self {
            wire,
            door,
            host_key,
            method,
            open_within: limits.handshake,
            command_within: limits.command,
            turn: Mutex::new(()),
            broken: AtomicBool::new(false),
        }
    }

    /// Where it is logged in, as whom.
    pub fn door(&self) -> &Door {
        &self.door
    }

    /// The host key that the server proved to hold.
    pub fn host_key(&self) -> &HostKey {
        &self.host_key
    }

    /// The method that let it in: `publickey`, `password`, `keyboard-interactive` or `none`.
    pub fn method(&self) -> &str {
        self.method
    }

    /// The server's banner: `SSH-2.0-OpenSSH_9.2p1 Debian-2`.
    pub fn banner(&self) -> Option<String> {
        self.wire.session.banner_bytes().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// Whether a command can still be asked of it, as far as this side has heard.
    pub fn is_usable(&self) -> bool {
        !self.broken.load(Ordering::Acquire) && !self.wire.is_closed()
    }

    /// Runs `command` to its end and keeps what it wrote.
    ///
    /// The deadline is the command's own, else the client's default, in wall-clock time from when its turn comes. When it passes,
    /// the connection is torn down. A server that closes the channel without stating any exit status reads as status 0: libssh2's
    /// wrapper does not tell the two apart.
    pub async fn run(&self, command: &Command) -> Result<Output, RunFailure> {
        let _turn = self.turn.lock().await;
        let mut tear = Tear { session: self, armed: true };
        let outcome = self.exchange(command).await;
        tear.armed = matches!(outcome, Err(RunFailure::Disconnected { .. } | RunFailure::TimedOut { .. }));
        outcome
    }

    /// Starts a command that runs until the handle is stopped or dropped. The session is spent on it.
    ///
    /// It is given a terminal, so that the end of the session hangs it up over there too; a server that gives none leaves the
    /// command running until its own end. It is not waited for whether the command gets anywhere: see [`Running::ended`].
    pub async fn start(self, command: &Command) -> Result<Running, RunFailure> {
        self.start_with(command, true).await
    }

    /// The same, with or without asking for a terminal.
    pub(super) async fn start_with(self, command: &Command, terminal: bool) -> Result<Running, RunFailure> {
        self.healthy()?;
        let mut tear = Tear { session: &self, armed: true };
        let (channel, terminal) = self.launch(command, Instant::now() + self.open_within, terminal).await?;
        tear.armed = false;
        drop(tear);
        // A terminal's end of input is a character, which nothing here waits for.
        let pump = Pump { eof_sent: true, ..Pump::new(&[]) };
        Ok(Running { channel: Some(channel), pump, terminal, session: self })
    }

    fn healthy(&self) -> Result<(), RunFailure> {
        if self.is_usable() {
            return Ok(());
        }
        Err(RunFailure::Disconnected { phase: Phase::Channel, why: "the session had ended before".to_owned() })
    }

    /// Opens a channel and starts the command in it: the channel, and whether it has a terminal.
    async fn launch(
        &self,
        command: &Command,
        deadline: Instant,
        terminal: bool,
    ) -> Result<(ssh2::Channel, bool), RunFailure> {
        let line = command.line();
        if line.contains('\0') {
            return Err(RunFailure::Local { why: "a word of the command has a NUL byte in it".to_owned() });
        }
        let within = deadline.saturating_duration_since(Instant::now());
        let opened = self.wire.drive(deadline, ssh2::Session::channel_session).await;
        let mut channel = opened.map_err(|stopped| failure(stopped, Phase::Channel, within, ""))?;
        let mut given = false;
        if terminal {
            // Some servers neither give one nor say no.
            let patience = deadline.min(Instant::now() + TERMINAL_WITHIN);
            match self.wire.drive(patience, |_| channel.request_pty("dumb", None, None)).await {
                Ok(()) => given = true,
                Err(Stopped::Deadline) => {}
                Err(Stopped::Failed(error)) if number(&error) == code::CHANNEL_REQUEST_DENIED => {}
                Err(stopped) => return Err(failure(stopped, Phase::Channel, within, "")),
            }
        }
        match self.wire.drive(deadline, |_| channel.exec(&line)).await {
            Ok(()) => Ok((channel, given)),
            Err(stopped) => Err(failure(stopped, Phase::Command, within, "")),
        }
    }

    async fn exchange(&self, command: &Command) -> Result<Output, RunFailure> {
        self.healthy()?;
        let began = Instant::now();
        let within = command.deadline().unwrap_or(self.command_within);
        let deadline = began + within;
        let (mut channel, _) = self.launch(command, deadline.min(began + self.open_within), false).await?;
        let mut pump = Pump::new(command.input());
        pump.run(&self.wire, &mut channel, deadline)
            .await
            .map_err(|s| failure(s, Phase::Command, within, &pump.tail()))?;
        let mut output = pump.output;
        let (status, signal) =
            self.ending(&mut channel, deadline).await.map_err(|s| failure(s, Phase::Command, within, ""))?;
        output.status = status;
        output.signal = signal;
        output.took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(output)
    }

    /// Status and signal of a command whose output has ended.
    async fn ending(&self, channel: &mut ssh2::Channel, deadline: Instant) -> Result<(i32, Option<String>), Stopped> {
        self.wire.drive(deadline, |_| channel.wait_close()).await?;
        // The signal first: with one, libssh2 states the exit status 0.
        let signal = channel.exit_signal().map_err(Stopped::Failed)?.exit_signal;
        let status = if signal.is_some() { -1 } else { channel.exit_status().map_err(Stopped::Failed)? };
        // The other side is closed already, so this waits for nothing but the socket's send buffer.
        self.wire.drive(deadline, |_| channel.close()).await?;
        Ok((status, signal))
    }
}

/// Tears the connection down when a command is abandoned half-way, be it by its deadline or by its caller.
struct Tear<'a> {
    session: &'a Session,
    armed: bool,
}

impl Drop for Tear<'_> {
    fn drop(&mut self) {
        if self.armed {
            self.session.broken.store(true, Ordering::Release);
            self.session.wire.shut();
        }
    }
}

/// Feeds a command and drains both its streams, so that neither can stop the other.
struct Pump<'a> {
    feed: &'a [u8],
    eof_sent: bool,
    buffer: Vec<u8>,
    output: Output,
}

impl<'a> Pump<'a> {
    fn new(feed: &'a [u8]) -> Self {
        let output =
            Output { status: 0, signal: None, stdout: Vec::new(), stderr: Vec::new(), truncated: false, took_ms: 0 };
        Self { feed, eof_sent: false, buffer: vec![0; 32 * 1024], output }
    }

    async fn run(&mut self, wire: &Wire, channel: &mut ssh2::Channel, deadline: Instant) -> Result<(), Stopped> {
        while !wire.drive(deadline, |session| self.turn(session, channel)).await? {
            // A command that writes without end must not keep the runtime from everything else.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// One round over the three streams: whether the command's output has ended, or "again" if nothing moved.
    fn turn(&mut self, session: &ssh2::Session, channel: &mut ssh2::Channel) -> Result<bool, ssh2::Error> {
        let mut moved = self.drain(session, channel, ssh2::EXTENDED_DATA_STDERR)?;
        moved |= self.drain(session, channel, 0)?;
        if channel.eof() {
            return Ok(true);
        }
        moved |= self.write(session, channel)?;
        if moved { Ok(false) } else { Err(wire::again()) }
    }

    fn drain(&mut self, session: &ssh2::Session, channel: &ssh2::Channel, id: i32) -> Result<bool, ssh2::Error> {
        match channel.stream(id).read(&mut self.buffer) {
            Ok(0) => Ok(false),
            Ok(count) => {
                let kept = if id == 0 { &mut self.output.stdout } else { &mut self.output.stderr };
                let room = (OUTPUT_LIMIT - kept.len()).min(count);
                kept.extend_from_slice(&self.buffer[..room]);
                self.output.truncated |= room < count;
                Ok(true)
            }
            Err(error) => quiet(unwrap_io(session, &error), false),
        }
    }

    fn write(&mut self, session: &ssh2::Session, channel: &mut ssh2::Channel) -> Result<bool, ssh2::Error> {
        if self.eof_sent {
            return Ok(false);
        }
        if self.feed.is_empty() {
            return match channel.send_eof() {
                Ok(()) => {
                    self.eof_sent = true;
                    Ok(true)
                }
                Err(error) => quiet(error, false),
            };
        }
        let piece = &self.feed[..self.feed.len().min(32 * 1024)];
        match channel.stream(0).write(piece) {
            Ok(count) => {
                self.feed = &self.feed[count..];
                Ok(count > 0)
            }
            Err(error) => quiet(unwrap_io(session, &error), false),
        }
    }

    fn tail(&self) -> String {
        let text = String::from_utf8_lossy(&self.output.stderr[self.output.stderr.len().saturating_sub(400)..]);
        text.trim().to_owned()
    }
}

/// "Again" is no error while other streams may still move.
fn quiet(error: ssh2::Error, value: bool) -> Result<bool, ssh2::Error> {
    if number(&error) == code::EAGAIN { Ok(value) } else { Err(error) }
}

fn failure(stopped: Stopped, phase: Phase, within: Duration, stderr: &str) -> RunFailure {
    match stopped {
        Stopped::Deadline => {
            let after_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
            RunFailure::TimedOut { phase, after_ms, stderr: stderr.to_owned() }
        }
        Stopped::Failed(error) => match number(&error) {
            code::CHANNEL_FAILURE | code::CHANNEL_REQUEST_DENIED => {
                RunFailure::Refused { why: error.message().to_owned() }
            }
            _ => RunFailure::Disconnected { phase, why: error.message().to_owned() },
        },
    }
}

/// A command that goes on until this handle is stopped or dropped.
pub struct Running {
    channel: Option<ssh2::Channel>,
    pump: Pump<'static>,
    terminal: bool,
    session: Session,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Running({})", self.session.door)
    }
}

impl Running {
    /// Whether it has a terminal, so that the end of the session is the end of the command too.
    pub fn has_terminal(&self) -> bool {
        self.terminal
    }

    /// Waits up to `within` for the command to end by itself; `None` if it is still running then.
    ///
    /// Because it has a terminal, both its streams arrive as standard output.
    pub async fn ended(&mut self, within: Duration) -> Result<Option<Output>, RunFailure> {
        let Some(channel) = &mut self.channel else {
            return Err(RunFailure::Local { why: "its end has been told before".to_owned() });
        };
        let began = Instant::now();
        match self.pump.run(&self.session.wire, channel, began + within).await {
            Ok(()) => {}
            Err(Stopped::Deadline) => return Ok(None),
            Err(stopped) => return Err(failure(stopped, Phase::Command, within, &self.pump.tail())),
        }
        let ending = self.session.ending(channel, Instant::now() + self.session.open_within).await;
        let (status, signal) = ending.map_err(|s| failure(s, Phase::Command, self.session.open_within, ""))?;
        self.channel = None;
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(Some(Output { status, signal, took_ms, ..self.pump.output.clone() }))
    }

    /// Closes the channel, waits until the other side closed it too or five seconds have passed, and ends the session.
    pub async fn stop(mut self) {
        if let Some(mut channel) = self.channel.take() {
            let deadline = Instant::now() + Duration::from_secs(5);
            let _ = self.session.wire.drive(deadline, |_| channel.close()).await;
        }
    }
}
