//! The practice platform: TagoDeploy's console and TagoIO's API on this
//! computer, with real databases and real snapshots.
//!
//! Every project is an isolated instance with a database, a blob store and an
//! address of its own ([`project`]); the registry knows whose they are, their
//! backups and what they cost. Nothing here calls the network: listeners and
//! the client that fills the demo stay on the loopback interface.

mod clock;
mod holds;
mod random;

pub use clock::{Clock, SimulatedClock, SystemClock};
pub use holds::Holds;
pub use random::Random;
