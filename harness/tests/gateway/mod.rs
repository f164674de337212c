//! A way to a server that can be closed, or made to tell something else, while the one who uses it is at work.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// Relays connections from a loopback port of its own.
pub(crate) struct Gateway {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    closed: bool,
    /// What is told instead of what, of the same length.
    lie: Option<(Vec<u8>, Vec<u8>)>,
    open: Vec<TcpStream>,
}

impl Gateway {
    /// A way to `server`.
    pub(crate) fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let gateway = Self { address: listener.local_addr().unwrap(), state: Arc::default() };
        let state = Arc::clone(&gateway.state);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut known = state.lock().unwrap();
                if known.closed {
                    break;
                }
                let Ok(beyond) = TcpStream::connect(server) else { continue };
                known.open.extend([stream.try_clone().unwrap(), beyond.try_clone().unwrap()]);
                drop(known);
                let (there, back) = (stream.try_clone().unwrap(), beyond.try_clone().unwrap());
                thread::spawn(move || relay(there, beyond, None));
                let state = Arc::clone(&state);
                thread::spawn(move || relay(back, stream, Some(&state)));
            }
        });
        gateway
    }

    /// Where it is.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on answers say `lie` where the server says `truth`.
    pub(crate) fn tell(&self, truth: &str, lie: &str) {
        assert_eq!(truth.len(), lie.len(), "the answers' length is stated in their head");
        self.state.lock().unwrap().lie = Some((truth.into(), lie.into()));
    }

    /// Ends every connection and takes no more.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock().unwrap();
        state.closed = true;
        for stream in state.open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        drop(state);
        // Wakes the listener, which then goes away.
        let _ = TcpStream::connect(self.address);
    }
}

fn relay(mut from: TcpStream, mut to: TcpStream, state: Option<&Arc<Mutex<State>>>) {
    let mut buffer = vec![0; 256 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let bytes = &mut buffer[..count];
        if let Some((truth, lie)) = state.and_then(|state| state.lock().unwrap().lie.clone()) {
            let mut at = 0;
            while let Some(found) = bytes[at..].windows(truth.len()).position(|window| window == truth) {
                at += found;
                bytes[at..at + lie.len()].copy_from_slice(&lie);
            }
        }
        if to.write_all(bytes).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
