//! The target's clock: durations of a persona are on it, and it runs `pace` times as fast as the wall's.

use std::time::{Duration, Instant};

/// Turns target seconds into wall time and back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    pace: f64,
    origin: Instant,
}

impl Clock {
    /// A clock on which `pace` seconds pass while one passes here. A pace that is no positive number counts as 1.
    pub(crate) fn new(pace: f64) -> Self {
        let pace = if pace.is_finite() && pace > 0.0 { pace } else { 1.0 };
        Self { pace, origin: Instant::now() }
    }

    /// How long `target_seconds` last here.
    pub(crate) fn wall(&self, target_seconds: f64) -> Duration {
        Duration::try_from_secs_f64(target_seconds.max(0.0) / self.pace).unwrap_or(Duration::MAX)
    }

    /// Target seconds since the cloud was started.
    pub(crate) fn now(&self) -> f64 {
        self.origin.elapsed().as_secs_f64() * self.pace
    }

    /// Lets `target_seconds` pass.
    pub(crate) async fn pass(&self, target_seconds: f64) {
        tokio::time::sleep(self.wall(target_seconds)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn target_time_is_divided_by_the_pace() {
        assert_eq!(Clock::new(20.0).wall(5.0), Duration::from_millis(250));
        assert_eq!(Clock::new(f64::NAN).wall(5.0), Duration::from_secs(5));
        assert_eq!(Clock::new(20.0).wall(-1.0), Duration::ZERO);
    }
}
