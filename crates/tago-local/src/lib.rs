//! The practice platform: TagoDeploy's console and TagoIO's API on this
//! computer, with real databases and real snapshots.
//!
//! Every project is an isolated instance with a database, a blob store and an
//! address of its own ([`project`]); the registry knows whose they are, their
//! backups and what they cost. Nothing here calls the network: listeners and
//! the client that fills the demo stay on the loopback interface.

pub mod cli;
mod clock;
pub mod console;
mod demo;
mod files;
mod holds;
mod knobs;
mod loopback;
mod platform;
mod prices;
pub mod project;
mod random;
mod registry;
mod serve;

pub use clock::{Clock, SimulatedClock, SystemClock};
pub use demo::{DemoError, Scale, fill as fill_demo};
pub use holds::{Holds, Operation, Point};
pub use loopback::{Client, ClientError, Listeners, Loopback};
pub use platform::Failure;
pub use prices::PriceBookError;
pub use random::Random;
pub use registry::RegistryError;
pub use serve::{Access, ClockError, Options, Ready, ReadyProject, Running, ServeError, TimeSource, serve};
