//! How much the service keeps, for tests that its memory does not grow with what has passed.

use super::ServerlessComputeService;

impl ServerlessComputeService {
    /// The sizes of all tables that grow and shrink while the service runs, with their names.
    pub fn live_tables(&self) -> Vec<(&'static str, usize)> {
        let desk = self.inner.desk.borrow();
        let mut tables = self.inner.state.borrow().live_tables();
        tables.extend([
            ("timers of pre-warmings", desk.prewarmings.len()),
            ("private storages", desk.private.len()),
            ("actions in progress", desk.progress.len()),
        ]);
        tables
    }
}
