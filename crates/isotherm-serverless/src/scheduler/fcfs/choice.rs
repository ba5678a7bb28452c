//! The choices of invocations (a rule and a node), and those of the invocations of a function.

use super::sorted::Sorted;
use crate::NodeId;

/// How near a start on a node is, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rule {
    Idle,
    InMemory,
    Loading,
    OnDisk,
    Copying,
    Nothing,
    /// No node.
    Nowhere,
}

const RULES: [Rule; 8] = [
    Rule::Idle,
    Rule::InMemory,
    Rule::Loading,
    Rule::OnDisk,
    Rule::Copying,
    Rule::Nothing,
    Rule::Nowhere,
    Rule::Nowhere,
];

/// A choice of a function. Smaller is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Choice {
    pub(super) rule: Rule,
    pub(super) node: NodeId,
}

pub(super) const BEST: Choice = Choice { rule: Rule::Idle, node: NodeId(0) };
pub(super) const NOWHERE: Choice = Choice { rule: Rule::Nowhere, node: NodeId(0) };

/// A choice and the queue position of the invocation that made it, packed into one number with
/// their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(u64);

const PLACE_BITS: u32 = 38;
pub(super) const NODE_BITS: u32 = 23;
pub(super) const LAST_PLACE: u64 = (1 << PLACE_BITS) - 1;

impl Key {
    pub(super) fn new(choice: Choice, place: u64) -> Self {
        let Choice { rule, node } = choice;
        Key((rule as u64) << (NODE_BITS + PLACE_BITS) | u64::from(node.0) << PLACE_BITS | place)
    }

    pub(super) fn choice(self) -> Choice {
        let rule = RULES[(self.0 >> (NODE_BITS + PLACE_BITS)) as usize];
        let node = NodeId((self.0 >> PLACE_BITS) as u32 & ((1 << NODE_BITS) - 1));
        Choice { rule, node }
    }

    pub(super) fn place(self) -> u64 {
        self.0 & LAST_PLACE
    }
}

/// The choices of the invocations of one function.
#[derive(Clone, Debug, Default)]
pub(super) struct Chosen(Sorted);

impl Chosen {
    /// The first that is worse than this.
    pub(super) fn beyond(&self, choice: Choice) -> Option<Key> {
        self.0.after(Key::new(choice, LAST_PLACE).0).map(Key)
    }

    /// The next better one, or with the same choice the next one before this place.
    pub(super) fn before(&self, choice: Choice, place: u64) -> Option<Key> {
        self.0.before(Key::new(choice, place).0).map(Key)
    }

    /// The positions with this choice, in the order of the queue.
    pub(super) fn of(&self, choice: Choice) -> impl Iterator<Item = u64> + '_ {
        let to = Key::new(choice, LAST_PLACE).0;
        self.0
            .from(Key::new(choice, 0).0)
            .take_while(move |&key| key <= to)
            .map(|key| Key(key).place())
    }

    /// The choices by this rule.
    pub(super) fn by(&self, rule: Rule) -> impl Iterator<Item = Key> + '_ {
        let from = Key::new(Choice { rule, node: NodeId(0) }, 0).0;
        self.0.from(from).map(Key).take_while(move |key| key.choice().rule == rule)
    }

    pub(super) fn insert(&mut self, choice: Choice, place: u64) {
        self.0.insert(Key::new(choice, place).0);
    }

    pub(super) fn remove(&mut self, choice: Choice, place: u64) {
        self.0.remove(Key::new(choice, place).0);
    }
}
