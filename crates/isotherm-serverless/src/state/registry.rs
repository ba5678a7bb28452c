//! Images and functions, and their registration.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use isotherm_kernel::{Duration, Time};
use isotherm_services::FailureCause;
use rustc_hash::FxHashMap;

use super::backlog::Backlog;
use super::changes::Logged;
use super::idle::IdleContainers;
use super::prewarm::Prewarming;
use super::reasons::Past;
use super::throttle::Gate;
use super::tier::InTier;
use super::{Move, Need, Node, PlatformState};
use crate::id_vec::IdVec;
use crate::limits::Concurrency;
use crate::node_set::NodeSet;
use crate::rules::OnFailure;
use crate::{AppId, FunctionId, ImageId, InvocationId, Limits, NodeId, Startup};

pub(crate) struct Image {
    pub(crate) name: Arc<str>,
    pub(crate) bytes: u64,
    pub(crate) memory_bytes: u64,
    pub(crate) head: InTier,
    /// The invocations that wait for it to be on the head disk.
    pub(crate) waiting: BTreeSet<InvocationId>,
    /// The invocation since which it waits for room on the head disk.
    pub(crate) waits_since: Option<InvocationId>,
    /// Functions of this image that have pending invocations.
    pub(crate) functions_waiting: BTreeSet<FunctionId>,
    pub(crate) on_disk: NodeSet,
    pub(crate) in_memory: NodeSet,
    /// Copies and loads that have begun, or whose refusal was not processed yet.
    pub(crate) copying: NodeSet,
    pub(crate) loading: NodeSet,
}

impl Image {
    /// The room that it takes on a node.
    pub(super) fn size(&self) -> Need {
        Need { memory_bytes: self.memory_bytes, disk_bytes: self.bytes }
    }

    /// The bytes that are moved, and taken where the move leads.
    pub(super) fn bytes_of(&self, step: Move) -> u64 {
        match step {
            Move::Copy => self.bytes,
            Move::Load => self.memory_bytes,
        }
    }

    /// The nodes where the move has led, and those where it is under way.
    pub(super) fn places(&mut self, step: Move) -> (&mut NodeSet, &mut NodeSet) {
        match step {
            Move::Copy => (&mut self.on_disk, &mut self.copying),
            Move::Load => (&mut self.in_memory, &mut self.loading),
        }
    }
}

/// A function. What each invocation touches takes two cache lines; the rest is apart.
#[repr(align(64))]
pub(crate) struct Function {
    /// The containers that can take an invocation, idle or not, in the order in which they are to
    /// serve.
    pub(crate) idle: IdleContainers,
    pub(crate) pending: Backlog,
    pub(crate) image: Option<ImageId>,
    pub(crate) limits: Limits,
    pub(crate) startup: Startup,
    pub(crate) gate: Gate,
    /// How many invocations one container serves at once.
    pub(crate) concurrency: u32,
    /// The number of its invocations in containers.
    pub(crate) running: u32,
    /// Since when it has been idle: a container has become idle, no other served an invocation, and
    /// none was pending. [`Time::NEVER`] if it is not.
    pub(super) idle_since: Time,
    /// Whether a container is to be started ahead.
    pub(super) is_prewarming: bool,
    pub(crate) rest: Box<FunctionRest>,
}

const _: () = assert!(size_of::<Function>() == 128, "two cache lines");

/// What few invocations of a function touch.
pub(crate) struct FunctionRest {
    pub(crate) name: Arc<str>,
    pub(crate) app: AppId,
    /// What a container and its image take together.
    pub(super) with_image: Need,
    /// When it was last logged that a container of it can serve.
    pub(super) available: Logged,
    /// How many invocations the containers of [`Function::idle`] can take, by node. Maintained only
    /// if a container serves several at once.
    pub(crate) spare_on: FxHashMap<NodeId, usize>,
    /// The queue at its gate.
    pub(super) line: VecDeque<InvocationId>,
    /// The number of its containers.
    pub(crate) containers: u32,
    /// How long it was idle before an invocation came, the last time.
    pub(super) last_idle: Option<Duration>,
    /// What happens to the container of a failed invocation.
    pub(super) on_failure: OnFailure,
    /// The container to be started ahead, if any.
    pub(super) prewarming: Option<Prewarming>,
    /// What became of its containers.
    pub(super) past: Past,
    /// The nodes of its containers that are still to be placed warm.
    pub(super) planned_warm: Vec<NodeId>,
}

impl Function {
    /// The room that a container takes, excluding its image.
    pub(super) fn need(&self) -> Need {
        let Limits { memory_bytes, disk_bytes, .. } = self.limits;
        Need { memory_bytes, disk_bytes }
    }

    /// Since when it has been idle, if it is.
    pub(super) fn idle_since(&self) -> Option<Time> {
        (self.idle_since < Time::NEVER).then_some(self.idle_since)
    }
}

/// The description of a function to be registered.
pub(crate) struct Registration {
    pub(crate) name: Arc<str>,
    /// The name of its app; that of the function without.
    pub(crate) app: Option<Arc<str>>,
    pub(crate) image: Option<ImageId>,
    pub(crate) limits: Limits,
    /// In place of the service's.
    pub(crate) startup: Option<Startup>,
    /// In place of the service's.
    pub(crate) on_failure: Option<OnFailure>,
    pub(crate) concurrency: Concurrency,
    /// How many containers are warm when it is registered.
    pub(crate) warm: u32,
}

impl Registration {
    /// A registration with the service's defaults.
    pub(crate) fn new(name: Arc<str>, image: Option<ImageId>, limits: Limits) -> Self {
        Registration {
            name,
            app: None,
            image,
            limits,
            startup: None,
            on_failure: None,
            concurrency: Concurrency::default(),
            warm: 0,
        }
    }
}

/// The apps that functions belong to, numbered in the order in which they are named first.
#[derive(Default)]
pub(crate) struct Apps {
    pub(crate) names: IdVec<AppId, Arc<str>>,
    numbers: FxHashMap<Arc<str>, AppId>,
}

impl Apps {
    fn number(&mut self, name: Arc<str>) -> AppId {
        if let Some(&app) = self.numbers.get(&name) {
            return app;
        }
        let app = self.names.push(Arc::clone(&name));
        self.numbers.insert(name, app);
        app
    }
}

impl PlatformState {
    /// Adds an image.
    pub(crate) fn add_image(&mut self, name: Arc<str>, bytes: u64, memory_bytes: u64) -> ImageId {
        self.images.push(Image {
            name,
            bytes,
            memory_bytes,
            head: InTier::Absent,
            waiting: BTreeSet::new(),
            waits_since: None,
            functions_waiting: BTreeSet::new(),
            on_disk: NodeSet::new(),
            in_memory: NodeSet::new(),
            copying: NodeSet::new(),
            loading: NodeSet::new(),
        })
    }

    /// What a container and its image take together. Fails if no node could hold them, or the head
    /// disk not the image.
    fn admissible(&self, image: Option<ImageId>, limits: &Limits) -> Result<Need, FailureCause> {
        let refused = |reason: String| Err(FailureCause::NotAllowed { reason: reason.into() });
        let (bytes, memory_bytes) = image.map_or((0, 0), |image| {
            let image = &self.images[image];
            (image.bytes, image.memory_bytes)
        });
        if bytes > self.head.disk.borrow().capacity() {
            return refused(format!("the head disk can never hold an image of {bytes} bytes"));
        }
        let need = Need {
            memory_bytes: memory_bytes.saturating_add(limits.memory_bytes),
            disk_bytes: bytes.saturating_add(limits.disk_bytes),
        };
        // There may be tens of thousands of functions.
        let fits = |node: &Node| need.fits_into(node.capacity);
        if need.fits_into(self.nodes.smallest) || self.nodes.all.iter().any(fits) {
            return Ok(need);
        }
        if !self.nodes.all.iter().any(|node| need.disk_bytes <= node.capacity.disk_bytes) {
            return refused(format!(
                "no compute host's disk can ever hold the image ({bytes} bytes) and the disk limit ({} bytes)",
                limits.disk_bytes
            ));
        }
        refused(format!(
            "no compute host can ever hold the image ({memory_bytes} bytes) and the memory limit ({} bytes) \
             in memory",
            limits.memory_bytes
        ))
    }

    /// Registers a function. Fails if it can never run, or if its warm containers have no room.
    pub(crate) fn register(
        &mut self,
        registration: Registration,
    ) -> Result<FunctionId, FailureCause> {
        let Registration { name, app, image, limits, startup, on_failure, concurrency, warm } =
            registration;
        let with_image = self.admissible(image, &limits)?;
        let planned_warm = self.plan_warm(image, &limits, concurrency, warm)?;
        let Concurrency { per_container, limit, reserved } = concurrency;
        if !self.common_gate.admit(limit, reserved) {
            let reason = "the service has not so much concurrency that nobody has reserved".into();
            return Err(FailureCause::NotAllowed { reason });
        }
        self.log.grow(1);
        let app = self.apps.number(app.unwrap_or_else(|| Arc::clone(&name)));
        Ok(self.functions.push(Function {
            idle: IdleContainers::default(),
            pending: Backlog::default(),
            image,
            limits,
            startup: startup.unwrap_or(self.policies.startup_overhead.into()),
            gate: Gate::new(limit, reserved),
            concurrency: per_container,
            running: 0,
            idle_since: Time::NEVER,
            is_prewarming: false,
            rest: Box::new(FunctionRest {
                name,
                app,
                with_image,
                available: 0,
                spare_on: FxHashMap::default(),
                line: VecDeque::new(),
                containers: 0,
                last_idle: None,
                on_failure: on_failure.unwrap_or(self.policies.on_failure),
                prewarming: None,
                past: Past::default(),
                planned_warm,
            }),
        }))
    }
}
