use std::sync::Arc;

use tokio::sync::watch;

/// The owner's hand on something that runs: pause, go on, stop. Clones share it.
#[derive(Debug, Clone)]
pub struct Control(Arc<watch::Sender<Wish>>);

/// What the owner wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wish {
    /// Go on.
    #[default]
    Run,
    /// Finish what is under way, begin nothing new, and wait.
    Pause,
    /// Finish what is under way and return.
    Stop,
}

/// The owner stopped it.
#[derive(Debug)]
pub(crate) struct Stopped;

impl Control {
    /// One that lets things run.
    pub fn new() -> Control {
        Control(Arc::new(watch::Sender::new(Wish::Run)))
    }

    /// Lets what is under way finish, and begins nothing new until [`resume`](Control::resume).
    pub fn pause(&self) {
        self.0.send_if_modified(|wish| (*wish == Wish::Run).then(|| *wish = Wish::Pause).is_some());
    }

    /// Goes on after a pause.
    pub fn resume(&self) {
        self.0.send_if_modified(|wish| (*wish == Wish::Pause).then(|| *wish = Wish::Run).is_some());
    }

    /// Lets what is under way finish and returns. It cannot be taken back; what is left can be resumed.
    pub fn stop(&self) {
        self.0.send_replace(Wish::Stop);
    }

    /// What the owner wants now.
    pub fn wish(&self) -> Wish {
        *self.0.borrow()
    }

    /// What comes of it, unless the owner stops first: then it is dropped.
    pub(crate) async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Result<T, Stopped> {
        let mut wishes = self.listen();
        tokio::select! {
            biased;
            _ = wishes.wait_for(|wish| *wish == Wish::Stop) => Err(Stopped),
            done = work => Ok(done),
        }
    }

    pub(crate) fn listen(&self) -> watch::Receiver<Wish> {
        self.0.subscribe()
    }
}

impl Default for Control {
    fn default() -> Control {
        Control::new()
    }
}
