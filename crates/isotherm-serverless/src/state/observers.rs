//! Events for observers.

use super::PlatformState;
use crate::{EventKind, PlatformEvent};

/// Called for every event on the platform.
pub(crate) type Observer = Box<dyn FnMut(&PlatformEvent)>;

/// Who observes the platform.
#[derive(Default)]
pub(crate) struct Observers {
    /// Called at once, within decisions, and queries nothing. It calls all such observers.
    pub(super) at_once: Option<Observer>,
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

    /// Adds an observer that is called at once.
    pub(crate) fn add_at_once(&mut self, mut observer: Observer) {
        self.at_once = Some(match self.at_once.take() {
            None => observer,
            Some(mut earlier) => Box::new(move |event| {
                earlier(event);
                observer(event);
            }),
        });
    }

    /// Apart, so that what emits stays short.
    #[inline(never)]
    fn keep_for_later(&mut self, event: PlatformEvent) {
        if let Some(news) = &mut self.news {
            news.push(event);
        }
    }
}

impl PlatformState {
    #[inline]
    pub(super) fn emit(&mut self, kind: impl FnOnce() -> EventKind) {
        if self.observers.at_once.is_none() && self.observers.news.is_none() {
            return;
        }
        let event = PlatformEvent { at: self.now, kind: kind() };
        if let Some(observer) = &mut self.observers.at_once {
            observer(&event);
        }
        if self.observers.news.is_some() {
            self.observers.keep_for_later(event);
        }
    }
}
