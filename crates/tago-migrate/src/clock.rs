use std::time::Duration;

use async_trait::async_trait;
use tago_api::Time;

/// Time as the engine is given it.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The date and time of this computer. It may jump.
    fn now(&self) -> Time;

    /// Time since some fixed moment of this process. It never goes back.
    fn elapsed(&self) -> Duration;

    /// Waits.
    async fn sleep(&self, duration: Duration);
}

/// The clock of this computer.
#[derive(Debug)]
pub struct SystemClock {
    started: std::time::Instant,
}

impl SystemClock {
    /// Counts [`elapsed`](Clock::elapsed) from here.
    pub fn start() -> SystemClock {
        SystemClock { started: std::time::Instant::now() }
    }
}

#[async_trait]
impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the one clock that the others are taken from")]
    fn now(&self) -> Time {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Time::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}
