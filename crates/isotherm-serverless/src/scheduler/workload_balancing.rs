//! Workload balancing: free slots in proportion to the pending work of functions.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rustc_hash::{FxHashMap, FxHashSet};

use super::round_reservations::RoundReservations;
use super::{Dispatch, Plan, Scheduler};
use crate::rules::RoomRule;
use crate::state::{Need, View};
use crate::{FunctionId, ImageId, NodeId};

/// Shares the free slots of all nodes among the functions in proportion to their pending work
/// (pending invocations times the time limit, which stands for the unknown run time), moves images
/// to where slots were given, and starts the latest invocations first.
///
/// 1. `slots(f) = min(pending(f), ceil(work(f) / total work × free slots))`.
/// 2. Functions in the order of decreasing slots: each repeatedly takes slots from the node with
///    the most slots not yet given, among the nodes that could hold its image and container.
/// 3. On each node where a function was given slots: an image that is neither on disk nor being
///    copied is copied; one on disk that is neither in memory nor being loaded is loaded.
/// 4. There, for each slot given: the latest pending invocation is skipped if the image is not in
///    memory; otherwise it goes to an idle container, or to a new one if there is room. Under
///    [`RoomRule::Fail`] this means that free disk and free memory cover the limits; otherwise the
///    room of unused images and idle containers counts too.
///
/// Under [`RoomRule::Fail`], as in the reference, an invocation is skipped for ever if unused
/// images fill a node so that its free room does not cover the limits, and nothing else happens
/// there.
///
/// Ties are broken by the order of registration and of the nodes.
#[derive(Clone, Copy, Debug, Default)]
pub struct WorkloadBalancing;

impl Scheduler for WorkloadBalancing {
    fn round(&mut self, view: &View<'_>, plan: &mut Plan) {
        let shares = shares(view);
        let given = give(view, &shares);
        let mut idle_taken: FxHashMap<(FunctionId, NodeId), usize> = FxHashMap::default();
        let mut room = Room::new(view);
        let mut moved = FxHashSet::default();
        let mut left = FxHashMap::default();
        for &(node, function, slots) in &given {
            move_image(view, node, function, plan, &mut moved);
            let left = left.entry(function).or_insert_with(|| view.pending_of(function).rev());
            for _ in 0..slots {
                let Some(invocation) = left.next() else { break };
                let in_memory = view
                    .image_of(function)
                    .is_none_or(|image| view.in_memory(image).contains(node));
                if !in_memory {
                    continue;
                }
                let taken = idle_taken.entry((function, node)).or_default();
                let container = view.idle(function, node).nth(*taken);
                if container.is_some() {
                    *taken += 1;
                } else if !room.take(view, function, node) {
                    continue;
                }
                plan.dispatches.push(Dispatch { invocation, node, container });
            }
        }
    }
}

/// Room for new containers that was not given out in this round.
enum Room {
    /// Only free room counts.
    Free(FxHashMap<NodeId, Need>),
    /// Obtainable room counts.
    Obtainable(RoundReservations),
}

impl Room {
    fn new(view: &View<'_>) -> Self {
        match view.rules().room {
            RoomRule::Fail => Room::Free(FxHashMap::default()),
            RoomRule::EvictIdleContainers => Room::Obtainable(RoundReservations::default()),
        }
    }

    /// Takes the room of a container; returns whether there was enough.
    fn take(&mut self, view: &View<'_>, function: FunctionId, node: NodeId) -> bool {
        match self {
            Room::Free(reserved) => {
                let reserved = reserved.entry(node).or_default();
                let mut need = *reserved;
                need.add(view.need_of(function));
                let free =
                    Need { memory_bytes: view.free_memory(node), disk_bytes: view.free_disk(node) };
                let enough = need.fits_into(free);
                if enough {
                    *reserved = need;
                }
                enough
            }
            Room::Obtainable(reservations) => {
                let enough = reservations.leave_room(view, function, node);
                if enough {
                    reservations.add(view, function, node);
                }
                enough
            }
        }
    }
}

/// The slots of each function, most first.
fn shares(view: &View<'_>) -> Vec<(FunctionId, u64)> {
    let work =
        |function| view.pending_count(function) as f64 * view.time_limit(function).as_secs_f64();
    let total: f64 = view.functions_waiting().map(work).sum();
    let free: u64 = view.with_free_slot().iter().map(|node| u64::from(view.free_slots(node))).sum();
    let mut shares: Vec<(FunctionId, u64)> = view
        .functions_waiting()
        .map(|function| {
            let pending = view.pending_count(function) as u64;
            // Without any work (all limits are zero) no function is favoured.
            let share = if total > 0.0 { work(function) / total } else { 1.0 };
            (function, pending.min((share * free as f64).ceil() as u64))
        })
        .collect();
    shares.sort_by_key(|&(_, slots)| Reverse(slots));
    shares
}

/// The slots that each node gives to each function, by node, then in the order of giving.
fn give(view: &View<'_>, shares: &[(FunctionId, u64)]) -> Vec<(NodeId, FunctionId, u64)> {
    let mut nodes: BinaryHeap<(u64, Reverse<NodeId>)> = view
        .with_free_slot()
        .iter()
        .map(|node| (u64::from(view.free_slots(node)), Reverse(node)))
        .collect();
    let mut given = Vec::new();
    for &(function, slots) in shares {
        let mut missing = slots;
        let mut too_small = Vec::new();
        while missing > 0 {
            let Some((free, Reverse(node))) = nodes.pop() else { break };
            if !view.fits(function, node) {
                too_small.push((free, Reverse(node)));
                continue;
            }
            let taken = missing.min(free);
            missing -= taken;
            given.push((node, function, taken));
            if free > taken {
                nodes.push((free - taken, Reverse(node)));
            }
        }
        nodes.extend(too_small);
    }
    given.sort_by_key(|&(node, ..)| node);
    given
}

/// Decides the next move of the function's image towards the memory of a node.
fn move_image(
    view: &View<'_>,
    node: NodeId,
    function: FunctionId,
    plan: &mut Plan,
    moved: &mut FxHashSet<(NodeId, ImageId)>,
) {
    let Some(image) = view.image_of(function) else { return };
    if !view.on_disk(image).contains(node) {
        if !view.copying(image).contains(node) && moved.insert((node, image)) {
            plan.copies.push((node, image));
        }
    } else if !view.in_memory(image).contains(node)
        && !view.loading(image).contains(node)
        && moved.insert((node, image))
    {
        plan.loads.push((node, image));
    }
}
