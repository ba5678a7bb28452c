//! Applies the profiles of a platform in the course of a simulation.
//!
//! Events dated 0 are applied when the platform is made. After that each profile has one scheduled
//! call: its next event, which comes before anything that ends at its date. It does not prolong a
//! simulation that has ended. A simulation in which all actors wait advances to it, as long as that
//! may be of use ([`Change`]).

//!
//! Several profiles may change one thing: that of the description, and [further
//! ones](PlatformSpec::add_profile). In force is the product of the values that they have.

use std::cell::RefCell;
use std::rc::Rc;

use indexmap::IndexMap;
use isotherm_kernel::{Change, Time};
use rustc_hash::FxBuildHasher;

use crate::id::{HostId, LinkId};
use crate::platform::Platform;
use crate::profile::{Cursor, Profile};
use crate::spec::PlatformSpec;

/// What a profile changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProfileTarget {
    /// The speed of a host.
    Speed(HostId),
    /// Whether a host is on.
    HostState(HostId),
    /// The bandwidth of a link.
    Bandwidth(LinkId),
    /// The latency of a link.
    Latency(LinkId),
    /// Whether a link is on.
    LinkState(LinkId),
}

/// The bandwidth of a link for which 0 was drawn, in bytes per second.
const LEAST_BANDWIDTH: f64 = 1.0;

impl ProfileTarget {
    /// What the target has without a profile: a factor, bytes per second or seconds.
    fn constant(self, spec: &PlatformSpec) -> f64 {
        match self {
            ProfileTarget::Speed(_) | ProfileTarget::HostState(_) | ProfileTarget::LinkState(_) => {
                1.0
            }
            ProfileTarget::Bandwidth(link) => spec.link(link).bandwidth,
            ProfileTarget::Latency(link) => spec.link(link).latency_s,
        }
    }
}

/// A target with the values that its profiles have at present: that of the description (or what
/// holds without one), then the further ones.
struct Target {
    target: ProfileTarget,
    values: RefCell<Vec<f64>>,
}

/// A profile of a target, with its index among the values.
struct Source {
    target: Rc<Target>,
    index: usize,
    profile: Profile,
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
        let mut targets: IndexMap<ProfileTarget, Rc<Target>, FxBuildHasher> = IndexMap::default();
        let of_description = all.into_iter().map(|entry| (entry, false));
        let further = spec.further_profiles().map(|entry| (entry, true));
        let mut sources = Vec::new();
        for ((target, profile), is_further) in of_description.chain(further) {
            let entry = targets.entry(target).or_insert_with(|| {
                let values = RefCell::new(vec![target.constant(spec)]);
                Rc::new(Target { target, values })
            });
            let index = if is_further {
                let mut values = entry.values.borrow_mut();
                values.push(1.0);
                values.len() - 1
            } else {
                0
            };
            let (target, profile) = (Rc::clone(entry), profile.clone());
            sources.push(Rc::new(Source { target, index, profile }));
        }
        for source in sources {
            self.advance(source, Cursor::default());
        }
    }

    /// Applies all events that are due and calls itself again at the date of the next one.
    fn advance(&self, source: Rc<Source>, mut cursor: Cursor) {
        let now = self.inner.kernel.now();
        while let Some((date, value)) = cursor.next(&source.profile) {
            let date = Time::ZERO + date;
            if date <= now {
                self.apply_value(&source, value);
                continue;
            }
            let platform = self.clone();
            let change = source.profile.period().map_or(Change::Once, Change::Repeated);
            self.inner.kernel.background_at(date, change, move |_| {
                platform.apply_value(&source, value);
                platform.advance(source, cursor);
            });
            return;
        }
    }

    /// Applies the new value of one profile of a target.
    fn apply_value(&self, source: &Source, value: f64) {
        let Target { target, values } = &*source.target;
        values.borrow_mut()[source.index] = value;
        let product = values.borrow().iter().product();
        self.apply(*target, product);
    }

    fn apply(&self, target: ProfileTarget, value: f64) {
        match target {
            ProfileTarget::Speed(host) => self.set_availability(host, value),
            ProfileTarget::HostState(host) if value > 0.0 => self.turn_on(host),
            ProfileTarget::HostState(host) => self.turn_off(host),
            ProfileTarget::Bandwidth(link) => {
                // Only what is drawn can be 0.
                let bandwidth = if value > 0.0 { value } else { LEAST_BANDWIDTH };
                let result = self.set_bandwidth(link, bandwidth);
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
