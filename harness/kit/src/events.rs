//! Where everything that happens is reported: one stream, into which the engine looks.

use levelfield_reports::EventKind;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The sending end of the stream of events. Cheap to clone; sending never waits and never fails.
#[derive(Clone)]
pub struct Events {
    sender: UnboundedSender<EventKind>,
}

impl Events {
    /// A stream and its receiving end.
    pub fn channel() -> (Self, UnboundedReceiver<EventKind>) {
        let (sender, receiver) = unbounded_channel();
        (Self { sender }, receiver)
    }

    /// A stream that nobody listens to.
    pub fn discard() -> Self {
        Self::channel().0
    }

    /// Reports `kind`. An engine that is gone does not mind.
    pub fn emit(&self, kind: EventKind) {
        let _ = self.sender.send(kind);
    }
}
