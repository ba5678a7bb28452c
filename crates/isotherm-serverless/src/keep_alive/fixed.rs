//! A fixed keep-alive time.

use isotherm_kernel::Duration;

use super::{IdleNow, Keep, KeepAlive};

/// Keeps every idle container for the same time. Zero stops it at once; [`Duration::MAX`] keeps it
/// until its room is needed.
///
/// ```
/// use isotherm_kernel::Duration;
/// use isotherm_serverless::keep_alive::Fixed;
///
/// let ten_minutes = Fixed::new(Duration::from_secs(600));
/// let (none, forever) = (Fixed::NONE, Fixed::FOREVER);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Fixed {
    keep: Keep,
}

impl Fixed {
    /// Keeps no container: each serves one invocation.
    pub const NONE: Self = Fixed { keep: Keep::No };
    /// Keeps every container until its room is needed.
    pub const FOREVER: Self = Fixed { keep: Keep::Forever };

    /// Keeps idle containers for `idle`.
    #[must_use]
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

    fn constant(&self) -> Option<Keep> {
        Some(self.keep)
    }
}
