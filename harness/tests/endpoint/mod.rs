//! A way to an endpoint with EC2's API that hears which actions are asked for, and answers some of them itself.

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// What the way itself answers: status and body.
pub(crate) type Answer = (u16, String);

/// Who decides: by the action, how often it was asked for before, and the form that asks.
type Decide = dyn FnMut(&str, usize, &str) -> Option<Answer> + Send;

/// Relays requests from a loopback port of its own.
pub(crate) struct Endpoint {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Endpoint {
    /// A way to `url` on which `decide` may answer first.
    pub(crate) fn before(url: &str, decide: impl FnMut(&str, usize, &str) -> Option<Answer> + Send + 'static) -> Self {
        let beyond = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = Self { address: listener.local_addr().unwrap(), heard: Arc::default() };
        let heard = Arc::clone(&endpoint.heard);
        let decide: Arc<Mutex<Box<Decide>>> = Arc::new(Mutex::new(Box::new(decide)));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (heard, decide, beyond) = (Arc::clone(&heard), Arc::clone(&decide), beyond.clone());
                thread::spawn(move || serve(stream, &beyond, &heard, &decide));
            }
        });
        endpoint
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every action that was asked for, once.
    pub(crate) fn actions(&self) -> BTreeSet<String> {
        self.heard.lock().unwrap().iter().cloned().collect()
    }

    /// How often `action` was asked for.
    pub(crate) fn count(&self, action: &str) -> usize {
        self.heard.lock().unwrap().iter().filter(|heard| *heard == action).count()
    }
}

/// A refusal as the API words it.
pub(crate) fn refusal(status: u16, code: &str, message: &str) -> Answer {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error>\
         </Errors><RequestID>00000000-0000-4000-8000-000000000000</RequestID></Response>"
    );
    (status, body)
}

/// One connection, request after request.
fn serve(mut client: TcpStream, beyond: &str, heard: &Mutex<Vec<String>>, decide: &Mutex<Box<Decide>>) {
    let mut reader = BufReader::new(client.try_clone().unwrap());
    while let Some((head, body)) = message(&mut reader) {
        let form = String::from_utf8_lossy(&body).into_owned();
        let target =
            head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("x-amz-target: ").map(str::to_owned));
        let action = form.split('&').find_map(|pair| pair.strip_prefix("Action=")).map(str::to_owned);
        let action = action.or_else(|| target.map(|t| t.rsplit('.').next().unwrap_or_default().to_owned()));
        let action = action.unwrap_or_default();
        let own = {
            let mut known = heard.lock().unwrap();
            let before = known.iter().filter(|heard| **heard == action).count();
            known.push(action.clone());
            drop(known);
            decide.lock().unwrap()(&action, before, &form)
        };
        let answer = match own {
            Some((status, body)) => {
                let length = body.len();
                format!("HTTP/1.1 {status} X\r\nContent-Type: text/xml\r\nContent-Length: {length}\r\n\r\n{body}")
                    .into_bytes()
            }
            None => relayed(beyond, &head, &body),
        };
        if client.write_all(&answer).is_err() {
            return;
        }
    }
}

/// What the endpoint beyond answers, on a connection of its own.
fn relayed(beyond: &str, head: &str, body: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(beyond).unwrap();
    stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    let (head, body) = message(&mut BufReader::new(stream)).unwrap();
    [head.as_bytes(), &body].concat()
}

/// A message with its head as it is, and a body as long as the head says.
fn message(reader: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length =
        head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some((head, body))
}
