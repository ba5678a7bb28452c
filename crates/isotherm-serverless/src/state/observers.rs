//! Events for observers.

use super::PlatformState;
use crate::{EventKind, PlatformEvent};

/// Called for every event on the platform.
pub(crate) type Observer = Box<dyn FnMut(&PlatformEvent)>;

/// Who observes the platform.
#[derive(Default)]
pub(crate) struct Observers {
    /// Observers that are called at once, within decisions, and query nothing.
    pub(crate) at_once: Vec<Observer>,
    /// The events that the others have not got yet; `None` if there are none. They are called when
    /// nothing is borrowed, because they may query the service.
    pub(crate) news: Option<Vec<PlatformEvent>>,
}

impl Observers {
    /// Takes the events that observers have not got yet.
    #[inline]
    pub(crate) fn take_news(&mut self) -> Option<Vec<PlatformEvent>> {
        self.news.as_mut().filter(|news| !news.is_empty()).map(std::mem::take)
    }

    /// Apart, so that what emits stays short.
    #[inline(never)]
    fn tell(&mut self, event: PlatformEvent) {
        for observer in &mut self.at_once {
            observer(&event);
        }
        if let Some(news) = &mut self.news {
            news.push(event);
        }
    }
}

impl PlatformState {
    #[inline]
    pub(super) fn emit(&mut self, kind: impl FnOnce() -> EventKind) {
        if !self.observers.at_once.is_empty() || self.observers.news.is_some() {
            self.observers.tell(PlatformEvent { at: self.now, kind: kind() });
        }
    }
}
