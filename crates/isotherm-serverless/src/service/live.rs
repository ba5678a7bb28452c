//! The sizes of the service's tables, for tests that memory does not grow with past invocations.

use super::ServerlessComputeService;

impl ServerlessComputeService {
    /// The sizes of all tables that grow and shrink while the service runs, with their names.
    #[must_use]
    pub fn live_tables(&self) -> Vec<(&'static str, usize)> {
        let tables = self.inner.tables.borrow();
        let mut sizes = self.inner.state.borrow().live_tables();
        sizes.extend([
            ("timers of pre-warmings", tables.prewarmings.len()),
            ("private storages", tables.private.len()),
            ("handles and bodies", tables.attachments.len()),
            ("outputs on their way", tables.outgoing.len()),
            ("actions in progress", tables.progress.len()),
        ]);
        sizes
    }
}
