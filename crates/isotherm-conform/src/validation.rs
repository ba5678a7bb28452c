//! Whether a scenario and its platform fit together: hosts, disks and routes that the scenario
//! needs are there.

use std::collections::BTreeMap;

use isotherm_platform::{HostId, PlatformSpec};

use crate::scenario::{Scenario, ScenarioCheck, ScenarioProblem};

/// Everything that the scenario needs and the platform does not have.
pub(crate) fn problems(scenario: &Scenario, spec: &PlatformSpec) -> Vec<ScenarioProblem> {
    let mut validation = Validation { spec, check: ScenarioCheck::default() };
    let service = &scenario.serverless;
    let storage = &scenario.image_storage;
    let user = validation.host("user_host", &scenario.user_host);
    let images = validation.host("image_storage.host", &storage.host);
    let head = validation.host("serverless.head_host", &service.head_host);
    if let Some(size) = validation.disk("image_storage.mount", images, &storage.mount) {
        let needed: u128 = scenario.images.iter().map(|image| u128::from(image.disk_bytes)).sum();
        if needed > u128::from(size) {
            let message = format!("the images do not fit on the disk of `{}`", storage.host);
            validation.check.add(
                "images",
                message,
                format!("they take {needed} bytes, and it holds {size}"),
            );
        }
    }
    validation.disk("serverless.head_mount", head, &service.head_mount);
    validation.route("user_host", user, head);
    validation.route("image_storage.host", images, head);
    let mut first = BTreeMap::new();
    for (index, name) in service.compute_hosts.iter().enumerate() {
        let path = format!("serverless.compute_hosts[{index}]");
        if let Some(before) = first.insert(name, index) {
            let hint = format!("it is compute_hosts[{before}] already");
            validation.check.add(&path, format!("compute host `{name}` is listed twice"), hint);
            continue;
        }
        let node = validation.host(&path, name);
        validation.disk(&path, node, "/");
        validation.route(&path, head, node);
    }
    validation.check.problems
}

struct Validation<'a> {
    spec: &'a PlatformSpec,
    check: ScenarioCheck,
}

impl Validation<'_> {
    fn host(&mut self, path: &str, name: &str) -> Option<HostId> {
        let host = self.spec.host_id(name);
        if host.is_none() {
            let error = self.spec.unknown_host(name);
            self.check.add(path, error.problem().to_string(), error.hint().map(str::to_owned));
        }
        host
    }

    /// The size of the disk that is mounted there.
    fn disk(&mut self, path: &str, host: Option<HostId>, mount: &str) -> Option<u64> {
        let host = self.spec.host(host?);
        let disks = || host.disks.iter().map(|&disk| self.spec.disk(disk));
        let size = disks().find(|disk| disk.mount == mount).map(|disk| disk.size);
        if size.is_none() {
            let mounts: Vec<_> = disks().map(|disk| format!("`{}`", disk.mount)).collect();
            let hint = match mounts.is_empty() {
                true => "it has no disk at all".to_owned(),
                false => format!("it has disks at {}", mounts.join(", ")),
            };
            self.check.add(path, format!("host `{}` has no disk at `{mount}`", host.name), hint);
        }
        size
    }

    fn route(&mut self, path: &str, from: Option<HostId>, to: Option<HostId>) {
        let (Some(from), Some(to)) = (from, to) else { return };
        if let Err(error) = self.spec.route(from, to) {
            self.check.add(path, error.problem().to_string(), error.hint().map(str::to_owned));
        }
    }
}
