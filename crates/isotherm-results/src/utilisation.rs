//! How much of the platform was in use, and how much memory idle containers held.
//!
//! [`Utilisation`] listens to the [event log](isotherm_serverless::PlatformEvent) and integrates
//! what is held over time. All sums are integers (bytes × nanoseconds in 128 bits), so they are
//! exact. An event costs O(1). What exactly is counted is defined at [`Utilisation`].

use isotherm_kernel::Time;
use isotherm_serverless::{EventKind, ImageId, PlatformEvent};
use serde::Serialize;

use crate::Window;
use crate::reference::described;

/// Bytes × nanoseconds in a megabyte × second.
pub(crate) const MEGABYTE_SECOND: f64 = 1e15;

/// What all compute hosts together can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Invocations that may run at once; `None` if that is not limited.
    pub slots: Option<u64>,
    /// Memory in bytes; `None` if that is not limited.
    pub memory_bytes: Option<u64>,
}

/// Integrates over time what is held on the compute hosts.
///
/// # Definitions
///
/// * The **window** runs from the date of the first submission, or from that of the first container
///   if one is warm from the start, to the end of the run. A run ends when every invocation has
///   ended; containers that are alive then count until then. Nothing is held before the window, so
///   sums do not depend on its beginning; means do. If only a [part](Utilisation::within) of the
///   run counts, the window has nothing outside of it.
/// * A slot is **in use** from the dispatch of an invocation to its end, start-up of the container
///   included.
/// * A container holds its **memory limit**, whatever its body does, from its start to its end. It
///   is *busy* while it serves an invocation or several, start-up included, and **idle** while it
///   is kept and serves no invocation.
/// * An image holds its size in memory from the beginning of its load on a node until it leaves the
///   memory of that node, however many containers use it.
/// * **Mean** is over time. **Peak** is the most that was held together, on all compute hosts, for
///   longer than an instant: of several changes at one date only the final value counts.
/// * Totals are those of all compute hosts, whether they are on or off, at the end of the run. In
///   shares, a compute host that joins or leaves meanwhile counts for the time it was there.
///
/// The memory·time of idle containers, `idle_mb_s`, is thus the sum over all containers of memory
/// limit × time idle, in megabytes (10⁶ bytes) × seconds: what keeping containers costs.
///
/// # Example
///
/// ```
/// use isotherm_kernel::Time;
/// use isotherm_results::{Totals, Utilisation};
/// use isotherm_serverless::{ContainerId, EventKind, FunctionId, InvocationId, NodeId, Outcome, PlatformEvent, StartKind};
///
/// let mut utilisation = Utilisation::new(Totals { slots: Some(4), memory_bytes: Some(1_000_000_000) });
/// let (node, function, container, invocation) = (NodeId(0), FunctionId(0), ContainerId(0), InvocationId(0));
/// for (second, kind) in [
///     (0, EventKind::Submitted { invocation, function }),
///     (0, EventKind::ContainerStarted {
///         node, container, function, image: None, disk_bytes: 0, memory_bytes: 256_000_000, capacity: 1, ready: Time::ZERO,
///     }),
///     (0, EventKind::Dispatched {
///         invocation, node, container, memory_bytes: 256_000_000, was_idle: false, start_kind: StartKind::Cold,
///     }),
///     (2, EventKind::Ended { invocation, outcome: Outcome::Completed, container: Some(container) }),
///     (2, EventKind::ContainerIdle { node, container, memory_bytes: 256_000_000 }),
/// ] {
///     utilisation.observe(&PlatformEvent { at: Time::from_nanos(second * 1_000_000_000), kind });
/// }
/// // Busy for 2 s, idle for 8 s until the end.
/// let report = utilisation.report(Time::from_nanos(10_000_000_000)).unwrap();
/// assert_eq!(report.slots.used_share, Some(0.05));
/// assert_eq!(report.container_memory.busy_mb_s, 512.0);
/// assert_eq!(report.container_memory.idle_mb_s, 2048.0);
/// assert_eq!(report.container_memory.idle_share, Some(0.8));
/// ```
#[derive(Debug)]
pub struct Utilisation {
    totals: Totals,
    /// The part of the run that counts.
    part: Window,
    /// What the compute hosts could hold until `totals_since`, × nanoseconds.
    held_slots: u128,
    held_memory: u128,
    totals_since: Time,
    /// The date of the first submission or container.
    from: Option<Time>,
    /// The date of the last event.
    now: Time,
    /// The date up to which slots and idle and busy containers are integrated.
    integrated_until: Time,
    slots: HeldQuantity,
    idle: HeldQuantity,
    /// Memory of busy containers: `memory` without `idle` and `images`.
    busy_now: u64,
    busy_peak: u64,
    /// The date up to which `memory` and `images` are integrated, which change less often.
    memory_integrated_until: Time,
    /// Memory of containers and images together. It does not change when a container becomes idle
    /// or busy.
    memory: HeldQuantity,
    images: HeldQuantity,
    /// Size in memory of each image that was ever loaded, by its number.
    image_bytes: Vec<u64>,
}

/// A quantity that is held: its current value, its peak, and its time integral. Less than 2^64 of
/// it is held at a time, and no simulation lasts longer than 2^64 nanoseconds, so the
/// integral does not overflow.
#[derive(Clone, Copy, Debug, Default)]
struct HeldQuantity {
    now: u64,
    peak: u64,
    /// In units × nanoseconds.
    integral: u128,
}

impl HeldQuantity {
    /// Integrates over a time of more than zero; at zero the peak would count an instant.
    #[inline]
    fn pass(&mut self, nanos: u64) {
        self.peak = self.peak.max(self.now);
        self.integral += u128::from(self.now) * u128::from(nanos);
    }

    #[inline]
    fn take(&mut self, amount: u64) {
        self.now = self.now.saturating_add(amount);
    }

    #[inline]
    fn give_back(&mut self, amount: u64) {
        self.now = self.now.saturating_sub(amount);
    }
}

impl Utilisation {
    /// Begins with nothing held.
    #[must_use]
    pub fn new(totals: Totals) -> Self {
        Utilisation {
            totals,
            part: Window::default(),
            held_slots: 0,
            held_memory: 0,
            totals_since: Time::ZERO,
            from: None,
            now: Time::ZERO,
            integrated_until: Time::ZERO,
            slots: HeldQuantity::default(),
            idle: HeldQuantity::default(),
            busy_now: 0,
            busy_peak: 0,
            memory_integrated_until: Time::ZERO,
            memory: HeldQuantity::default(),
            images: HeldQuantity::default(),
            image_bytes: Vec::new(),
        }
    }

    /// The same for a part of the run.
    #[must_use]
    pub fn within(mut self, part: Window) -> Self {
        self.part = part;
        self
    }

    /// Takes one event of the platform's log.
    #[inline]
    pub fn observe(&mut self, event: &PlatformEvent) {
        let at = event.at;
        self.now = at;
        match event.kind {
            // The events of every invocation are handled inline, rare ones in a function.
            EventKind::Submitted { .. } => {
                self.from.get_or_insert(at);
            }
            EventKind::Admitted { .. } => {}
            EventKind::Dispatched { memory_bytes, was_idle, .. } => {
                self.pass(at);
                self.slots.take(1);
                if was_idle {
                    self.idle.give_back(memory_bytes);
                    self.busy_now = self.busy_now.saturating_add(memory_bytes);
                }
            }
            EventKind::Ended { container: Some(_), .. } => {
                self.pass(at);
                self.slots.give_back(1);
            }
            EventKind::ContainerIdle { memory_bytes, .. } => {
                self.pass(at);
                self.busy_now = self.busy_now.saturating_sub(memory_bytes);
                self.idle.take(memory_bytes);
            }
            _ => self.observe_rare(event),
        }
    }

    #[cold]
    fn observe_rare(&mut self, event: &PlatformEvent) {
        self.pass_all(event.at);
        match event.kind {
            EventKind::ContainerStarted { memory_bytes, .. } => {
                // Those that are warm from the start are there before anything is submitted.
                self.from.get_or_insert(event.at);
                self.busy_now = self.busy_now.saturating_add(memory_bytes);
                self.memory.take(memory_bytes);
            }
            EventKind::ContainerStopped { memory_bytes, was_idle, .. } => {
                let of = if was_idle { &mut self.idle.now } else { &mut self.busy_now };
                *of = of.saturating_sub(memory_bytes);
                self.memory.give_back(memory_bytes);
            }
            EventKind::LoadStarted { image, bytes, .. }
            | EventKind::MemoryPlaced { image, bytes, .. } => {
                self.note_image(image, bytes);
                self.images.take(bytes);
                self.memory.take(bytes);
            }
            EventKind::LoadFailed { image, started: true, .. } => {
                let bytes = self.image_bytes.get(image.index()).copied().unwrap_or_default();
                self.drop_image(bytes);
            }
            EventKind::MemoryEvicted { bytes, .. } => self.drop_image(bytes),
            EventKind::NodeJoined { slots, memory_bytes, .. } => {
                self.change_totals(event.at, slots, memory_bytes, u64::saturating_add);
            }
            EventKind::NodeLeft { slots, memory_bytes, .. } => {
                self.change_totals(event.at, slots, memory_bytes, u64::saturating_sub);
            }
            _ => {}
        }
    }

    /// A compute host has joined or left. If one had no limit, there is none.
    fn change_totals(
        &mut self,
        at: Time,
        slots: Option<u32>,
        memory_bytes: u64,
        change: fn(u64, u64) -> u64,
    ) {
        let Totals { slots: all_slots, memory_bytes: all_memory } = self.totals;
        (self.held_slots, self.held_memory) = (
            self.could_hold(self.held_slots, all_slots, at),
            self.could_hold(self.held_memory, all_memory, at),
        );
        self.totals_since = at;
        let limited = Some(memory_bytes).filter(|&bytes| bytes < u64::MAX);
        self.totals = Totals {
            slots: all_slots.zip(slots).map(|(all, of)| change(all, of.into())),
            memory_bytes: all_memory.zip(limited).map(|(all, of)| change(all, of)),
        };
    }

    /// What could be held until a date, × nanoseconds, from the beginning on.
    fn could_hold(&self, before: u128, total: Option<u64>, until: Time) -> u128 {
        let since =
            self.from.map(|from| self.part.overlap(self.totals_since.max(from), until).as_nanos());
        before + u128::from(total.unwrap_or_default()) * u128::from(since.unwrap_or_default())
    }

    /// Lets time pass for slots and containers, busy and idle.
    #[inline]
    fn pass(&mut self, until: Time) {
        if until > self.integrated_until {
            let nanos = self.part.overlap(self.integrated_until, until).as_nanos();
            if nanos > 0 {
                self.slots.pass(nanos);
                self.idle.pass(nanos);
                self.busy_peak = self.busy_peak.max(self.busy_now);
            }
            self.integrated_until = until;
        }
    }

    /// Lets time pass for everything.
    fn pass_all(&mut self, until: Time) {
        self.pass(until);
        if until > self.memory_integrated_until {
            let nanos = self.part.overlap(self.memory_integrated_until, until).as_nanos();
            if nanos > 0 {
                self.memory.pass(nanos);
                self.images.pass(nanos);
            }
            self.memory_integrated_until = until;
        }
    }

    /// Memory of busy containers, after everything has been summed up.
    fn busy(&self) -> HeldQuantity {
        let others = self.images.integral + self.idle.integral;
        HeldQuantity {
            now: self.busy_now,
            peak: self.busy_peak,
            integral: self.memory.integral.saturating_sub(others),
        }
    }

    fn drop_image(&mut self, bytes: u64) {
        self.images.give_back(bytes);
        self.memory.give_back(bytes);
    }

    fn note_image(&mut self, image: ImageId, bytes: u64) {
        if self.image_bytes.len() <= image.index() {
            self.image_bytes.resize(image.index() + 1, 0);
        }
        self.image_bytes[image.index()] = bytes;
    }

    /// What was held until the run ended; `None` if nothing was submitted and no container warm, or
    /// no time passed since.
    pub fn report(&mut self, end: Time) -> Option<UtilisationReport> {
        self.now = self.now.max(end);
        self.pass_all(self.now);
        let (from, to) = (self.from?.max(self.part.from), self.now.min(self.part.until));
        let nanos = self.part.overlap(from, to).as_nanos();
        if nanos == 0 {
            return None;
        }
        let slots = (self.held_slots, self.totals.slots);
        let memory_bytes = (self.held_memory, self.totals.memory_bytes);
        let share = |held: HeldQuantity, (before, total): (u128, Option<u64>)| {
            let could = self.could_hold(before, Some(total?), self.now);
            (could > 0).then(|| held.integral as f64 / could as f64)
        };
        let mean = |held: HeldQuantity| {
            let nanos = u128::from(nanos);
            u64::try_from(held.integral.saturating_add(nanos / 2) / nanos).unwrap_or(u64::MAX)
        };
        let memory = |held: HeldQuantity| MemoryUse {
            mean_bytes: mean(held),
            peak_bytes: held.peak,
            mean_share: share(held, memory_bytes),
        };
        Some(UtilisationReport {
            from_s: from.as_secs_f64(),
            to_s: to.as_secs_f64(),
            slots: SlotUse {
                total: self.totals.slots,
                used_mean: self.slots.integral as f64 / nanos as f64,
                used_peak: self.slots.peak,
                used_share: share(self.slots, slots),
            },
            memory: MemoryReport {
                total_bytes: self.totals.memory_bytes,
                used: memory(self.memory),
                busy_containers: memory(self.busy()),
                idle_containers: memory(self.idle),
                images: memory(self.images),
            },
            container_memory: self.container_memory(),
        })
    }

    fn container_memory(&self) -> ContainerMemory {
        let busy = self.busy();
        let all = busy.integral.saturating_add(self.idle.integral);
        ContainerMemory {
            busy_mb_s: busy.integral as f64 / MEGABYTE_SECOND,
            idle_mb_s: self.idle.integral as f64 / MEGABYTE_SECOND,
            idle_share: (all > 0).then(|| self.idle.integral as f64 / all as f64),
        }
    }
}

described! {
    /// How much of the compute hosts was in use, from the first submission, or the first container
    /// that was warm from the start, to the end of the run.
    #[derive(Clone, Copy, Debug, PartialEq, Serialize)]
    pub struct UtilisationReport {
        /// Date of the first submission, or 0 if containers were warm from the start, or where what
        /// counts begins, if that is later, in seconds.
        pub from_s: f64,
        /// Date of the end of the run, or of what counts, if that is earlier, in seconds.
        pub to_s: f64,
        /// Slots in use.
        pub slots: SlotUse,
        /// Memory in use.
        pub memory: MemoryReport,
        /// Memory of containers × time, that in use and that wasted.
        pub container_memory: ContainerMemory,
    }
}

described! {
    /// Slots in use: invocations that were dispatched and had not ended.
    #[derive(Clone, Copy, Debug, PartialEq, Serialize)]
    pub struct SlotUse {
        /// All slots at the end; null if a compute host has any number.
        pub total: Option<u64>,
        /// How many were in use, mean over time.
        pub used_mean: f64,
        /// How many were in use at most.
        pub used_peak: u64,
        /// The mean as a part of all, from 0 to 1; null if there is any number.
        pub used_share: Option<f64>,
    }
}

described! {
    /// Memory of the compute hosts, by what held it.
    #[derive(Clone, Copy, Debug, PartialEq, Serialize)]
    pub struct MemoryReport {
        /// All memory at the end, in bytes; null if a compute host has no limit.
        pub total_bytes: Option<u64>,
        /// Everything that was held: containers and images.
        pub used: MemoryUse,
        /// Limits of containers that served an invocation.
        pub busy_containers: MemoryUse,
        /// Limits of containers that were kept and served nobody.
        pub idle_containers: MemoryUse,
        /// Images that were in memory or being loaded.
        pub images: MemoryUse,
    }
}

described! {
    /// A part of the memory.
    #[derive(Clone, Copy, Debug, PartialEq, Serialize)]
    pub struct MemoryUse {
        /// The mean over time, in bytes.
        pub mean_bytes: u64,
        /// The most, in bytes.
        pub peak_bytes: u64,
        /// The mean as a part of all memory, from 0 to 1; null if that has no limit.
        pub mean_share: Option<f64>,
    }
}

described! {
    /// Memory limits of containers × time, in megabytes (10⁶ bytes) × seconds.
    #[derive(Clone, Copy, Debug, PartialEq, Serialize)]
    pub struct ContainerMemory {
        /// While they served an invocation, in megabytes × seconds.
        pub busy_mb_s: f64,
        /// While they were kept and served nobody, in megabytes × seconds: what warm starts cost.
        pub idle_mb_s: f64,
        /// The idle part of both, from 0 to 1; null if both are nothing.
        pub idle_share: Option<f64>,
    }
}
