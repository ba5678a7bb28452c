//! The state of a node as FCFS tracks it.

use std::collections::VecDeque;

use super::choice::Rule;
use crate::{FunctionId, ImageId};

/// The state of a node.
#[derive(Debug, Default)]
pub(super) struct NodeState {
    /// Free slots.
    pub(super) slots: usize,
    /// The pending invocations with a tentative slot here, in the order of the queue.
    pub(super) waiting: VecDeque<(u64, FunctionId)>,
    /// Images that are on the node or on their way there.
    pub(super) near: Vec<(ImageId, Rule)>,
    /// How many invocations the containers of functions can take.
    pub(super) idle: Vec<(FunctionId, usize)>,
    /// The position in the queue of the invocation that is to look at this node; `u64::MAX`: none.
    pub(super) offered: u64,
    /// It has become better for some in this round, even if no slot is free.
    pub(super) better: bool,
}

impl NodeState {
    pub(super) fn near(&self, image: ImageId) -> Rule {
        self.near.iter().find(|(other, _)| *other == image).map_or(Rule::Nothing, |&(_, rule)| rule)
    }

    /// Gives what was known before.
    pub(super) fn set_near(&mut self, image: ImageId, rule: Rule) -> Rule {
        match self.near.iter().position(|(other, _)| *other == image) {
            Some(index) if rule == Rule::Nothing => self.near.swap_remove(index).1,
            Some(index) => std::mem::replace(&mut self.near[index].1, rule),
            None => {
                if rule != Rule::Nothing {
                    self.near.push((image, rule));
                }
                Rule::Nothing
            }
        }
    }

    pub(super) fn idle(&self, function: FunctionId) -> usize {
        self.idle.iter().find(|(other, _)| *other == function).map_or(0, |&(_, count)| count)
    }

    pub(super) fn set_idle(&mut self, function: FunctionId, count: usize) {
        match self.idle.iter().position(|(other, _)| *other == function) {
            Some(index) if count == 0 => {
                self.idle.swap_remove(index);
            }
            Some(index) => self.idle[index].1 = count,
            None if count > 0 => self.idle.push((function, count)),
            None => {}
        }
    }

    pub(super) fn take_slot(&mut self, place: u64, function: FunctionId) {
        let index = self.waiting.partition_point(|&(other, _)| other < place);
        self.waiting.insert(index, (place, function));
    }

    pub(super) fn leave_slot(&mut self, place: u64) {
        let index = self.waiting.partition_point(|&(other, _)| other < place);
        if self.waiting.get(index).is_some_and(|&(other, _)| other == place) {
            self.waiting.remove(index);
        }
    }
}
