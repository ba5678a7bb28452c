//! Applies the profiles of a platform in the course of a simulation.
//!
//! Events dated 0 are applied when the platform is made. After that each profile has one scheduled
//! call: its next event, which comes before anything that ends at its date. It does not prolong a
//! simulation that has ended. A simulation in which all actors wait advances to it, as long as that
//! may be of use ([`Change`]).

use std::rc::Rc;

use isotherm_kernel::{Change, Time};

use crate::id::{HostId, LinkId};
use crate::platform::Platform;
use crate::profile::{Cursor, Profile};

/// What a profile changes.
#[derive(Clone, Copy)]
enum ProfileTarget {
    Speed(HostId),
    HostState(HostId),
    Bandwidth(LinkId),
    Latency(LinkId),
    LinkState(LinkId),
}

impl Platform {
    pub(crate) fn start_profiles(&self) {
        let spec = &self.inner.spec;
        let mut all: Vec<(ProfileTarget, &Profile)> = Vec::new();
        for (id, host) in spec.hosts() {
            let speed = host.speed_profile.iter();
            all.extend(speed.map(|profile| (ProfileTarget::Speed(id), profile)));
            let state = host.state_profile.iter();
            all.extend(state.map(|profile| (ProfileTarget::HostState(id), profile)));
        }
        for (id, link) in spec.links() {
            let bandwidth = link.bandwidth_profile.iter();
            all.extend(bandwidth.map(|profile| (ProfileTarget::Bandwidth(id), profile)));
            let latency = link.latency_profile.iter();
            all.extend(latency.map(|profile| (ProfileTarget::Latency(id), profile)));
            let state = link.state_profile.iter();
            all.extend(state.map(|profile| (ProfileTarget::LinkState(id), profile)));
        }
        for (target, profile) in all {
            self.advance(target, Rc::new(profile.clone()), Cursor::default());
        }
    }

    /// Applies all events that are due and calls itself again at the date of the next one.
    fn advance(&self, target: ProfileTarget, profile: Rc<Profile>, mut cursor: Cursor) {
        let now = self.inner.kernel.now();
        while let Some((date, value)) = cursor.next(&profile) {
            let date = Time::ZERO + date;
            if date <= now {
                self.apply(target, value);
                continue;
            }
            let platform = self.clone();
            let change = profile.period().map_or(Change::Once, Change::Repeated);
            self.inner.kernel.background_at(date, change, move |_| {
                platform.apply(target, value);
                platform.advance(target, profile, cursor);
            });
            return;
        }
    }

    fn apply(&self, target: ProfileTarget, value: f64) {
        match target {
            ProfileTarget::Speed(host) => self.set_availability(host, value),
            ProfileTarget::HostState(host) if value > 0.0 => self.turn_on(host),
            ProfileTarget::HostState(host) => self.turn_off(host),
            ProfileTarget::Bandwidth(link) => {
                let result = self.set_bandwidth(link, value);
                debug_assert!(result.is_ok(), "values were checked with the platform");
            }
            ProfileTarget::Latency(link) => {
                let result = self.set_latency(link, value);
                debug_assert!(result.is_ok(), "values were checked with the platform");
            }
            ProfileTarget::LinkState(link) if value > 0.0 => self.link_on(link),
            ProfileTarget::LinkState(link) => self.link_off(link),
        }
    }
}
