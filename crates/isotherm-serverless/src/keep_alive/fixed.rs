//! The same time for every container.

use isotherm_kernel::Duration;

use super::{IdleNow, Keep, KeepAlive};

/// Keeps every idle container for the same time since its last use. Zero stops it at once; [`Duration::MAX`] keeps it
/// until its room is needed.
#[derive(Clone, Copy, Debug)]
pub struct Fixed {
    keep: Keep,
}

impl Fixed {
    /// Keeps idle containers for `idle`.
    pub fn new(idle: Duration) -> Self {
        let keep = match idle {
            Duration::ZERO => Keep::No,
            Duration::MAX => Keep::Forever,
            idle => Keep::For(idle),
        };
        Fixed { keep }
    }
}

impl KeepAlive for Fixed {
    fn keep(&mut self, _: &IdleNow) -> Keep {
        self.keep
    }
}
