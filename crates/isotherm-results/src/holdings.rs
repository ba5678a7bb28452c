//! What the platform holds, followed through the [event log](isotherm_serverless::PlatformEvent).
//!
//! The log has no event for the end of a start-up, since nothing happens then: its date is known
//! when the container is started. [`Holdings`] keeps these dates in order and adds the changes that
//! they cause between the events. An event costs O(log n) in the containers.

use std::collections::{BTreeMap, BTreeSet};

use isotherm_kernel::Time;
use isotherm_serverless::{ContainerId, EventKind, ImageId, NodeId, PlatformEvent};

/// What is held for some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Pending,
    Running,
    StartingContainers,
    BusyContainers,
    IdleContainers,
    StartingMemory,
    BusyMemory,
    IdleMemory,
    ImageMemory,
}

pub(crate) const LEVELS: usize = 9;

/// A change of what is held, on a node if it is held there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    pub at: Time,
    pub node: Option<NodeId>,
    pub level: Level,
    pub by: i128,
}

/// The levels, by their number.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Levels([u64; LEVELS]);

impl Levels {
    pub fn change(&mut self, level: Level, by: i128) {
        let value = &mut self.0[level as usize];
        let changed = i128::from(*value).saturating_add(by);
        *value = u64::try_from(changed.max(0)).unwrap_or(u64::MAX);
    }

    pub fn of(&self, level: Level) -> u64 {
        self.0[level as usize]
    }

    pub fn all(&self) -> [u64; LEVELS] {
        self.0
    }
}

/// What a container does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Starting,
    Busy,
    Idle,
}

#[derive(Debug)]
struct Container {
    node: NodeId,
    memory_bytes: u64,
    ready_at: Time,
    serving: u32,
    is_idle: bool,
    phase: Phase,
}

/// Follows containers and images, and says how the levels change.
#[derive(Debug, Default)]
pub(crate) struct Holdings {
    containers: BTreeMap<ContainerId, Container>,
    /// Those that are starting, by the ends of their start-ups.
    starting: BTreeSet<(Time, ContainerId)>,
    /// Size in memory of each image that was ever loaded, by its number.
    image_bytes: Vec<u64>,
}

impl Holdings {
    /// Appends the changes that an event causes, after those that have come before it.
    pub fn observe(&mut self, event: &PlatformEvent, changes: &mut Vec<Change>) {
        let at = event.at;
        self.pass(at, changes);
        let mut tell = |node, level, by| changes.push(Change { at, node, level, by });
        match event.kind {
            EventKind::Submitted { .. } => tell(None, Level::Pending, 1),
            EventKind::Dispatched { node, container, .. } => {
                tell(None, Level::Pending, -1);
                tell(Some(node), Level::Running, 1);
                if let Some(known) = self.containers.get_mut(&container) {
                    known.serving += 1;
                    known.is_idle = false;
                }
                self.renew(at, container, changes);
            }
            EventKind::Ended { container: None, .. } => tell(None, Level::Pending, -1),
            EventKind::Ended { container: Some(container), .. } => {
                let Some(known) = self.containers.get_mut(&container) else { return };
                tell(Some(known.node), Level::Running, -1);
                known.serving = known.serving.saturating_sub(1);
                // Who ends before has cut the start-up short.
                if known.serving == 0 && known.ready_at > at {
                    self.starting.remove(&(known.ready_at, container));
                    known.ready_at = at;
                    self.renew(at, container, changes);
                }
            }
            EventKind::ContainerStarted { node, container, memory_bytes, ready, .. } => {
                let phase = if ready > at { Phase::Starting } else { Phase::Busy };
                if phase == Phase::Starting {
                    self.starting.insert((ready, container));
                }
                let (serving, is_idle) = (0, false);
                let known =
                    Container { node, memory_bytes, ready_at: ready, serving, is_idle, phase };
                known.count(at, true, changes);
                self.containers.insert(container, known);
            }
            EventKind::ContainerIdle { container, .. } => {
                if let Some(known) = self.containers.get_mut(&container) {
                    known.is_idle = true;
                }
                self.renew(at, container, changes);
            }
            EventKind::ContainerStopped { container, .. } => {
                if let Some(known) = self.containers.remove(&container) {
                    self.starting.remove(&(known.ready_at, container));
                    known.count(at, false, changes);
                }
            }
            EventKind::LoadStarted { node, image, bytes }
            | EventKind::MemoryPlaced { node, image, bytes } => {
                if self.image_bytes.len() <= image.index() {
                    self.image_bytes.resize(image.index() + 1, 0);
                }
                self.image_bytes[image.index()] = bytes;
                tell(Some(node), Level::ImageMemory, bytes.into());
            }
            EventKind::LoadFailed { node, image, started: true } => {
                tell(Some(node), Level::ImageMemory, -i128::from(self.bytes_of(image)));
            }
            EventKind::MemoryEvicted { node, bytes, .. } => {
                tell(Some(node), Level::ImageMemory, -i128::from(bytes));
            }
            _ => {}
        }
    }

    /// Appends the changes until a date for which there is no event.
    pub fn pass(&mut self, until: Time, changes: &mut Vec<Change>) {
        while let Some(&(ready_at, container)) = self.starting.first()
            && ready_at <= until
        {
            self.starting.pop_first();
            self.renew(ready_at, container, changes);
        }
    }

    /// Counts a container for what it does now.
    fn renew(&mut self, at: Time, container: ContainerId, changes: &mut Vec<Change>) {
        let Some(known) = self.containers.get_mut(&container) else { return };
        let phase = match known.is_idle {
            _ if known.ready_at > at => Phase::Starting,
            true => Phase::Idle,
            false => Phase::Busy,
        };
        if phase != known.phase {
            known.count(at, false, changes);
            known.phase = phase;
            known.count(at, true, changes);
        }
    }

    fn bytes_of(&self, image: ImageId) -> u64 {
        self.image_bytes.get(image.index()).copied().unwrap_or_default()
    }
}

impl Container {
    fn count(&self, at: Time, is_there: bool, changes: &mut Vec<Change>) {
        let (count, memory) = match self.phase {
            Phase::Starting => (Level::StartingContainers, Level::StartingMemory),
            Phase::Busy => (Level::BusyContainers, Level::BusyMemory),
            Phase::Idle => (Level::IdleContainers, Level::IdleMemory),
        };
        let (node, sign) = (Some(self.node), if is_there { 1_i128 } else { -1 });
        for (level, amount) in [(count, 1), (memory, self.memory_bytes)] {
            changes.push(Change { at, node, level, by: sign * i128::from(amount) });
        }
    }
}
