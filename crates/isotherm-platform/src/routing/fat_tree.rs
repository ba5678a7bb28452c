//! Fat trees: hosts under levels of switches, with D-mod-k routing.
//!
//! Level 0 are the hosts, levels 1 to n the switches. A node of level l has `up[l]` parents, and a
//! switch of level l + 1 has `down[l]` children; `cables[l]` equal cables connect the two.
//!
//! A node has a label of n digits. Digit i counts to `up[i]` at levels above i, and to `down[i]`
//! at the others. Within a level nodes are in the order of their labels, digit 0 the fastest. A
//! node and its parent differ in the digit of the level of the node alone.
//!
//! A route goes up until a switch is above its end, and down from there. It is determined by the
//! position of its ends among the hosts:
//!
//! * Up from level l it takes port `end / (up[0] … up[l-1]) mod (up[l] · cables[l])`, as in E.
//!   Zahavi, "D-Mod-K routing providing non-blocking traffic for shift permutations on real life
//!   fat trees" (2010). Port q leads to parent `q mod up[l]`, by cable `q / up[l]`.
//! * Down to level l the cables of a child are `down[l]` ports apart. The first that may be taken
//!   is cable `start mod cables[l]`. At the next switch the search goes on behind the port that
//!   was just taken, and starts anew only if it finds none. (SimGrid searches so, and which of
//!   parallel cables a flow takes decides what it shares.)
//!
//! A host that sends to itself does so over its loopback, or else up to a switch and down again.
//! A limiter is passed when its node is left on the way up, when it is left on the way down (behind
//! the cable), and by the end of the route.

use std::fmt;

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::{Links, PointId};
use crate::id::LinkId;

/// The most cables of all fat trees of a platform.
pub(crate) const MOST_CABLES: u32 = 4_000_000;

/// The shape of a fat tree: of each level of cables, the lowest first, how many children, parents
/// and parallel cables there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FatTreeShape {
    /// The children of each switch of the level above.
    pub down: Vec<u32>,
    /// The parents of each node of the level below.
    pub up: Vec<u32>,
    /// The parallel cables between a node and each of its parents.
    pub cables: Vec<u32>,
}

impl FatTreeShape {
    /// The number of levels of switches.
    #[must_use]
    pub fn levels(&self) -> usize {
        self.down.len()
    }

    /// The number of hosts, or of switches of a level; `None` if it exceeds all bounds.
    #[must_use]
    pub fn nodes(&self, level: usize) -> Option<u32> {
        let mut radices = (0..self.levels()).map(|digit| self.radix(level, digit));
        radices.try_fold(1_u32, u32::checked_mul)
    }

    /// The number of switches; `None` if it exceeds all bounds.
    #[must_use]
    pub fn switches(&self) -> Option<u32> {
        (1..=self.levels()).try_fold(0_u32, |sum, level| sum.checked_add(self.nodes(level)?))
    }

    /// The cables up from the nodes of a level, in order of the nodes.
    pub(crate) fn cables_above(&self, level: usize) -> impl Iterator<Item = CableEnds> {
        let (parents, cables) = (self.up[level], self.cables[level]);
        (0..self.nodes(level).unwrap_or_default()).flat_map(move |child| {
            let mut label = self.label(level, child);
            (0..parents * cables).map(move |port| {
                let (parent, cable) = (port / cables, port % cables);
                label[level] = parent;
                let at = self.position(level + 1, &label);
                CableEnds { child, parent: at, parent_digit: parent, cable }
            })
        })
    }

    /// The number of cables up from the nodes of a level; `None` if it exceeds all bounds.
    pub(crate) fn cables_from(&self, level: usize) -> Option<u32> {
        self.nodes(level)?.checked_mul(self.up[level])?.checked_mul(self.cables[level])
    }

    /// How far a digit of the labels of a level counts.
    fn radix(&self, level: usize, digit: usize) -> u32 {
        if digit < level { self.up[digit] } else { self.down[digit] }
    }

    /// The label of a node.
    fn label(&self, level: usize, mut position: u32) -> Label {
        let digits = (0..self.levels()).map(|digit| {
            let radix = self.radix(level, digit);
            let value = position % radix;
            position /= radix;
            value
        });
        digits.collect()
    }

    /// The position of a label in its level.
    fn position(&self, level: usize, label: &[u32]) -> u32 {
        let digits = label.iter().enumerate().rev();
        digits.fold(0, |sum, (digit, &value)| sum * self.radix(level, digit) + value)
    }
}

/// As SimGrid writes it: `levels;children;parents;cables`, such as `2;4,4;1,2;1,2`.
impl fmt::Display for FatTreeShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.levels())?;
        for list in [&self.down, &self.up, &self.cables] {
            for (index, number) in list.iter().enumerate() {
                write!(f, "{}{number}", if index == 0 { ';' } else { ',' })?;
            }
        }
        Ok(())
    }
}

/// The ends of a cable, by their positions, and which of the parents and cables it is.
pub(crate) struct CableEnds {
    pub(crate) child: u32,
    pub(crate) parent: u32,
    parent_digit: u32,
    cable: u32,
}

/// The digits of a label.
type Label = SmallVec<[u32; 4]>;

/// A host or a switch of a fat tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FatTreeNode {
    /// 0 for a host.
    pub level: usize,
    /// Its place in the level.
    pub position: u32,
}

/// A cable between a node and one of its parents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cable {
    /// The lower end.
    pub child: FatTreeNode,
    /// The upper end.
    pub parent: FatTreeNode,
    /// The link upwards.
    pub up: LinkId,
    /// The link downwards: the same one if it is not split in two.
    pub down: LinkId,
}

/// A series of links that follow each other, by the number of the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LinkSeries(pub(crate) LinkId);

impl LinkSeries {
    fn link(self, index: u32) -> LinkId {
        LinkId(self.0.0 + index)
    }
}

/// A zone that is a fat tree.
#[derive(Clone, Debug, Default)]
pub(crate) struct FatTree {
    pub(crate) shape: FatTreeShape,
    /// The position of the first host in the formulas: positions go on over all fat trees of a
    /// platform, as in SimGrid.
    pub(crate) first_position: u32,
    /// All cables in order: by level, node, parent and cable.
    pub(crate) cables: Option<LinkSeries>,
    /// Whether each cable is two links, up and down.
    pub(crate) are_split: bool,
    /// Those of the hosts, then those of the switches, by level.
    pub(crate) limiters: Option<LinkSeries>,
    /// Those of the hosts.
    pub(crate) loopbacks: Option<LinkSeries>,
    /// The positions of the hosts.
    pub(crate) hosts: FxHashMap<PointId, u32>,
}

impl FatTree {
    /// The number of a node among all nodes.
    fn number(&self, node: FatTreeNode) -> u32 {
        let below = (0..node.level).filter_map(|level| self.shape.nodes(level));
        below.sum::<u32>() + node.position
    }

    pub(crate) fn limiter(&self, node: FatTreeNode) -> Option<LinkId> {
        Some(self.limiters?.link(self.number(node)))
    }

    pub(crate) fn loopback(&self, host: u32) -> Option<LinkId> {
        Some(self.loopbacks?.link(host))
    }

    /// The links up and down of a cable above a node.
    fn cable(&self, child: FatTreeNode, parent: u32, cable: u32) -> Option<(LinkId, LinkId)> {
        let FatTreeNode { level, position } = child;
        let below = (0..level).filter_map(|level| self.shape.cables_from(level)).sum::<u32>();
        let port = position * self.shape.up[level] + parent;
        let index = below + port * self.shape.cables[level] + cable;
        let series = self.cables?;
        Some(match self.are_split {
            true => (series.link(2 * index), series.link(2 * index + 1)),
            false => (series.link(index), series.link(index)),
        })
    }

    /// All cables in order.
    pub(crate) fn all_cables(&self) -> impl Iterator<Item = Cable> {
        (0..self.shape.levels()).flat_map(move |level| {
            self.shape.cables_above(level).filter_map(move |ends| {
                let child = FatTreeNode { level, position: ends.child };
                let parent = FatTreeNode { level: level + 1, position: ends.parent };
                let (up, down) = self.cable(child, ends.parent_digit, ends.cable)?;
                Some(Cable { child, parent, up, down })
            })
        })
    }

    /// Appends the links from one host to another. Returns false if one of them is no host of the
    /// tree.
    pub(super) fn append(&self, from: PointId, to: PointId, links: &mut Links) -> bool {
        let (Some(&source), Some(&target)) = (self.hosts.get(&from), self.hosts.get(&to)) else {
            return false;
        };
        if from == to
            && let Some(loopback) = self.loopback(source)
        {
            links.push(loopback);
            return true;
        }
        self.append_way(source, target, links).is_some()
    }

    fn append_way(&self, source: u32, target: u32, links: &mut Links) -> Option<()> {
        let shape = &self.shape;
        let mut label = shape.label(0, source);
        let end = shape.label(0, target);
        let node = |level: usize, label: &[u32]| FatTreeNode {
            level,
            position: shape.position(level, label),
        };
        let mut level = 0;
        let mut digits = self.first_position + target;
        while level == 0 || label[level..] != end[level..] {
            let port = digits % (shape.up[level] * shape.cables[level]);
            digits /= shape.up[level];
            let (parent, cable) = (port % shape.up[level], port / shape.up[level]);
            let child = node(level, &label);
            links.extend(self.limiter(child));
            links.push(self.cable(child, parent, cable)?.0);
            label[level] = parent;
            level += 1;
        }
        let start = self.first_position + source;
        let mut next = None;
        while level > 0 {
            let below = level - 1;
            let (children, cables) = (shape.down[below], shape.cables[below]);
            // The first port of the child from a port on.
            let from = |port: u32| {
                let port_of_child = port / children * children + end[below];
                port_of_child + if port_of_child < port { children } else { 0 }
            };
            let port = next.map(from).filter(|&port| port < children * cables);
            let port = port.unwrap_or_else(|| from(start % cables * children));
            next = Some(port + 1);
            let switch = node(level, &label);
            let parent = std::mem::replace(&mut label[below], end[below]);
            links.push(self.cable(node(below, &label), parent, port / children)?.1);
            links.extend(self.limiter(switch));
            level = below;
        }
        links.extend(self.limiter(node(0, &label)));
        Some(())
    }
}
