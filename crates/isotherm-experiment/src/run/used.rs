//! Measures how much of links and disks is used, bin by bin.
//!
//! The simulation is advanced until the end of each bin, where the kernel is asked what was used in
//! it. In whatever steps it is advanced, the same happens; so results do not depend on whether
//! this is measured.

use std::collections::BTreeMap;
use std::sync::Arc;

use isotherm_kernel::{Advanced, ResourceId, RunError, Simulation, Time};
use isotherm_platform::{DiskAccess, Platform};
use isotherm_results::{UseSeries, UsedPart};

/// The links and disks of a platform that is simulated.
pub(super) struct Used {
    pub(super) series: UseSeries,
    platform: Platform,
    /// Their numbers in the series.
    numbers: BTreeMap<ResourceId, usize>,
}

impl Used {
    /// Begins now.
    pub(super) fn new(platform: &Platform) -> Self {
        let (mut parts, mut numbers) = (Vec::new(), BTreeMap::new());
        let mut add = |kind, host: Option<&Arc<str>>, name: &str, resource| {
            platform.kernel().meter(resource);
            numbers.insert(resource, parts.len());
            parts.push(UsedPart { kind, host: host.cloned(), name: name.into() });
        };
        let spec = platform.spec();
        for (link, spec) in spec.links().filter(|(_, link)| !link.implicit) {
            add("link", None, &spec.name, platform.link_resource(link));
        }
        for (disk, disk_spec) in spec.disks() {
            let host = spec.host(disk_spec.host).name.as_str().into();
            for (kind, access) in
                [("disk_read", DiskAccess::Read), ("disk_write", DiskAccess::Write)]
            {
                let resource = platform.disk_resource(disk, access);
                add(kind, Some(&host), &disk_spec.name, resource);
            }
        }
        Used { series: UseSeries::new(parts), platform: platform.clone(), numbers }
    }

    /// Advances a simulation until a date, or to its end, or pauses it at the end of a bin.
    pub(super) fn run_until(
        &mut self,
        simulation: &Simulation,
        date: Time,
    ) -> Result<Advanced, RunError> {
        let border = self.series.next();
        let advanced = match date {
            _ if border > date => simulation.run_until(date)?,
            // A run that cannot go on ends when it stands still, not at the next border.
            Time::NEVER => simulation.run_through(border)?,
            _ => simulation.run_until(border)?,
        };
        match advanced {
            Advanced::Ended(at) => self.pass(at),
            Advanced::Paused if self.platform.kernel().now() >= border => self.pass(border),
            // It has to ask.
            Advanced::Paused => {}
        }
        Ok(advanced)
    }

    fn pass(&mut self, until: Time) {
        let kernel = self.platform.kernel();
        let used = kernel.take_used().into_iter().filter_map(|resource| {
            Some((*self.numbers.get(&resource)?, kernel.usage(resource)?.full_s))
        });
        self.series.pass(until, used);
    }
}
