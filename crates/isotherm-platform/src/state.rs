//! What is on and what is off.
//!
//! Turning a host off kills its actors, fails what is being computed on it, turns its disks off and
//! fails every transfer from and to its memory. Turning a disk or a link off fails every activity
//! that uses it, streams and acknowledgements included. Turning something on again starts nothing:
//! what failed stays failed.

use std::rc::Rc;

use isotherm_kernel::StandstillHandler;

use crate::id::{DiskId, HostId, LinkId};
use crate::platform::{Inner, Part, Platform};

impl Platform {
    /// Whether a host is on.
    #[must_use]
    pub fn is_on(&self, host: HostId) -> bool {
        self.inner.hosts[host.index()].on.get()
    }

    /// Turns a host off. Nothing happens if it is off. An actor that turns its own host off dies
    /// when it next waits.
    pub fn turn_off(&self, host: HostId) {
        let state = &self.inner.hosts[host.index()];
        if !state.on.replace(false) {
            return;
        }
        self.count_off(1);
        self.inner.kernel.kill_group(state.group);
        self.fail_part(Part::Host(host));
        for &disk in self.disks(host) {
            self.disk_off(disk);
        }
        self.notify_observers(host, false);
    }

    /// Turns a host on, and its disks with it. Nothing happens if it is on.
    pub fn turn_on(&self, host: HostId) {
        if self.inner.hosts[host.index()].on.replace(true) {
            return;
        }
        self.count_off(-1);
        for &disk in self.disks(host) {
            self.revive_disk(disk);
        }
        self.notify_observers(host, true);
        self.notify_recovery();
        let waiting = self.inner.hosts[host.index()].waiting.take();
        for mailbox in waiting.into_values() {
            mailbox.send_detached(());
        }
    }

    /// How many times a host, a disk or a link has been turned on or off: what failed may be tried
    /// again when that has changed.
    #[must_use]
    pub fn state_changes(&self) -> u64 {
        self.inner.state_changes.get()
    }

    /// Waits until a host is on, not at all if it is.
    pub async fn wait_until_on(&self, host: HostId) {
        while !self.is_on(host) {
            let name = format!("host '{}' is on", self.inner.spec.host(host).name);
            let mailbox = self.inner.kernel.mailbox(name);
            let number = self.inner.waits.get();
            self.inner.waits.set(number + 1);
            self.inner.hosts[host.index()].waiting.borrow_mut().insert(number, mailbox.clone());
            let _here = RecoveryWait { platform: self, host, number };
            mailbox.receive().await;
        }
    }

    /// Has a function called whenever a host has been turned on (`true`) or off, after everything
    /// that this means for the platform has happened and before any actor runs.
    pub fn observe_hosts(&self, observer: impl Fn(HostId, bool) + 'static) {
        self.inner.observers.borrow_mut().push(Rc::new(observer));
    }

    /// Registers a function that is called whenever any host, disk or link is turned on, for
    /// retries of what has failed. Observers of hosts are called before.
    pub fn observe_recoveries(&self, observer: impl Fn() + 'static) {
        self.inner.recovery_observers.borrow_mut().push(Rc::new(observer));
    }

    fn notify_recovery(&self) {
        let observers = self.inner.recovery_observers.borrow().clone();
        observers.iter().for_each(|observer| observer());
    }

    fn notify_observers(&self, host: HostId, on: bool) {
        // An observer may add observers or turn off another host, so the list is not borrowed
        // meanwhile.
        let observers = self.inner.observers.borrow().clone();
        for observer in observers {
            observer(host, on);
        }
    }

    /// Whether a disk is on.
    #[must_use]
    pub fn disk_is_on(&self, disk: DiskId) -> bool {
        self.inner.disks[disk.index()].on.get()
    }

    /// Turns a disk off.
    pub fn disk_off(&self, disk: DiskId) {
        if self.inner.disks[disk.index()].on.replace(false) {
            self.count_off(1);
            self.fail_part(Part::Disk(disk));
        }
    }

    /// Turns a disk on. The disks of a host that is off stay off: they come back with it.
    pub fn disk_on(&self, disk: DiskId) {
        if self.is_on(self.disk_host(disk)) && self.revive_disk(disk) {
            self.notify_recovery();
        }
    }

    /// Says whether it was off.
    fn revive_disk(&self, disk: DiskId) -> bool {
        let was_off = !self.inner.disks[disk.index()].on.replace(true);
        if was_off {
            self.count_off(-1);
        }
        was_off
    }

    /// Whether a link is on.
    #[must_use]
    pub fn link_is_on(&self, link: LinkId) -> bool {
        self.inner.links[link.index()].on.get()
    }

    /// Turns a link off. (A split-duplex link has two, one for each direction.)
    pub fn link_off(&self, link: LinkId) {
        if self.inner.links[link.index()].on.replace(false) {
            self.count_off(1);
            self.fail_part(Part::Link(link));
        }
    }

    /// Turns a link on.
    pub fn link_on(&self, link: LinkId) {
        if !self.inner.links[link.index()].on.replace(true) {
            self.count_off(-1);
            self.notify_recovery();
        }
    }

    /// Fails everything that uses a part.
    pub(crate) fn fail_part(&self, part: Part) {
        let kernel = &self.inner.kernel;
        match part {
            Part::Host(host) => {
                let state = &self.inner.hosts[host.index()];
                kernel.fail_users(state.cpu);
                kernel.fail_users(state.memory);
            }
            // Every access to a disk uses the resource for both directions.
            Part::Disk(disk) => kernel.fail_users(self.inner.disks[disk.index()].readwrite),
            Part::Link(link) => kernel.fail_users(self.inner.links[link.index()].resource),
        }
    }

    fn count_off(&self, change: isize) {
        let count = &self.inner.parts_off;
        count.set(count.get().saturating_add_signed(change));
        self.inner.state_changes.set(self.inner.state_changes.get() + 1);
        // Unless it is a profile that repeats, for which the kernel does not count it.
        self.inner.kernel.note_progress();
    }
}

/// An actor that waits for a host to be on. It may be killed meanwhile.
struct RecoveryWait<'a> {
    platform: &'a Platform,
    host: HostId,
    number: u64,
}

impl Drop for RecoveryWait<'_> {
    fn drop(&mut self) {
        let waiting = &self.platform.inner.hosts[self.host.index()].waiting;
        let left = waiting.borrow_mut().remove(&self.number);
        drop(left);
    }
}

/// Reports, at a standstill, which hosts are off that actors wait for.
impl StandstillHandler for Inner {
    fn missing(&self) -> Vec<String> {
        let awaited =
            self.hosts.iter().filter(|host| !host.on.get() && !host.waiting.borrow().is_empty());
        awaited.map(|host| format!("host `{}` is off and does not come back", host.name)).collect()
    }
}
