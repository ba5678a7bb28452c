//! Disks of other hosts: the property `remote_disk` of a host.
//!
//! Its value is `mount:disk:host`, as SimGrid's file system plugin has it: the disk `disk` of the
//! host `host` is mounted at `mount`.

use crate::error::{Kind, PlatformError, Problem};
use crate::id::HostId;
use crate::raw::{Name, RawHost, bad_value};
use crate::resolve::{Resolver, unknown};
use crate::spec::RemoteDisk;

/// The property.
const REMOTE_DISK: &str = "remote_disk";

/// A host that mounts a disk of another one.
pub(super) struct Mount {
    host: Name,
    value: String,
}

impl Mount {
    /// What the properties of a host say.
    pub(super) fn of(host: &RawHost) -> Option<Self> {
        let value = host.properties.get(REMOTE_DISK)?.clone();
        Some(Mount { host: host.name.clone(), value })
    }
}

impl Resolver {
    /// Mounts the disks, when all hosts and their disks are known.
    pub(super) fn remote_disks(&mut self, mounts: Vec<Mount>) {
        for Mount { host, value } in mounts {
            match self.remote_disk(&host.text, &value) {
                Ok((id, remote)) => self.hosts[id.index()].remote_disks.push(remote),
                Err(error) => self.findings.push(host.finding(error)),
            }
        }
    }

    fn remote_disk(&self, host: &str, value: &str) -> Result<(HostId, RemoteDisk), PlatformError> {
        let what = || format!("property `{REMOTE_DISK}` of host `{host}`");
        let parts: Vec<&str> = value.split(':').map(str::trim).collect();
        let [mount, disk, owner] = parts[..] else {
            let rule = "it must be the mount point, the name of the disk and its host: \
                        `/scratch:Disk1:server`";
            return Err(bad_value(&what(), value, rule));
        };
        if mount.is_empty() {
            return Err(bad_value(&what(), value, "the mount point must not be empty"));
        }
        let told = self.findings.len();
        let Some(spec) = self.hosts.get(owner) else {
            let names = self.hosts.keys().map(String::as_str);
            return Err(unknown(Kind::Host, owner, names, told));
        };
        let names = || spec.disks.iter().map(|&disk| self.disks[disk.index()].name.as_str());
        let Some(place) = names().position(|name| name == disk) else {
            return Err(unknown(Kind::Disk, disk, names(), told));
        };
        // Two hosts of the same name are an error of their own.
        let Some(index) = self.hosts.get_index_of(host) else {
            return Err(unknown(Kind::Host, host, [], told));
        };
        let own = &self.hosts[index].disks;
        if own.iter().any(|&disk| self.disks[disk.index()].mount == mount) {
            let (kind, name) = (Kind::MountPoint, mount.to_owned());
            return Err(PlatformError::from(Problem::Duplicate { kind, name })
                .with_hint("a disk of the host itself is mounted there"));
        }
        let disk = spec.disks[place];
        Ok((HostId(index as u32), RemoteDisk { mount: mount.to_owned(), disk }))
    }
}
