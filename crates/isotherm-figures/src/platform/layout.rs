//! The positions of the nodes of a graph.
//!
//! Each connected component is laid out in rows by distance from its centre, the node with the
//! most neighbours. If the centre has several branches, about half of them go above it, the
//! others below. Within its row, a node is as close to its neighbours in the adjacent rows as it
//! can be without overlapping. Components are placed side by side, on as many shelves as the
//! maximum width requires.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Space between the nodes of a row, between rows, and between components.
const BESIDE: f64 = 18.0;
const BETWEEN_ROWS: f64 = 40.0;
const BETWEEN_COMPONENTS: f64 = 40.0;

/// The maximum width of a shelf that holds more than one component.
const SHELF: f64 = 1200.0;

/// Width and height.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub(super) struct Size {
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A node to be placed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    pub(super) size: Size,
    /// The node with the highest rank becomes the centre: the number of things connected to it,
    /// then a weight of its kind.
    pub(super) rank: (usize, u32),
}

/// The position of a node: its upper left corner, and the vertical extent of its row.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Position {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) row_top: f64,
    pub(super) row_bottom: f64,
}

/// The positions of all nodes, and the size of the whole.
pub(super) fn layout(blocks: &[Block], edges: &BTreeSet<(usize, usize)>) -> (Vec<Position>, Size) {
    let mut neighbours = vec![Vec::new(); blocks.len()];
    for &(a, b) in edges {
        neighbours[a].push(b);
        neighbours[b].push(a);
    }
    let mut positions = vec![Position::default(); blocks.len()];
    let (mut x, mut y) = (0.0_f64, 0.0_f64);
    let mut whole = Size::default();
    let mut shelf_height = 0.0_f64;
    for component in components(&neighbours) {
        let (placed, size) = place_component(blocks, &neighbours, &component);
        if x > 0.0 && x + size.width > SHELF {
            x = 0.0;
            y += shelf_height + BETWEEN_COMPONENTS;
            shelf_height = 0.0;
        }
        for (node, position) in placed {
            let Position { x: left, y: top, row_top, row_bottom } = position;
            positions[node] = Position {
                x: x + left,
                y: y + top,
                row_top: y + row_top,
                row_bottom: y + row_bottom,
            };
        }
        whole.width = whole.width.max(x + size.width);
        whole.height = whole.height.max(y + size.height);
        shelf_height = shelf_height.max(size.height);
        x += size.width
            + BETWEEN_COMPONENTS.min(if component.len() == 1 {
                BESIDE
            } else {
                BETWEEN_COMPONENTS
            });
    }
    (positions, whole)
}

/// The connected components, in the order of their first nodes.
fn components(neighbours: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut seen = vec![false; neighbours.len()];
    let mut components = Vec::new();
    for start in 0..neighbours.len() {
        if !seen[start] {
            components.push(reachable(neighbours, start, &mut seen));
        }
    }
    components
}

/// The nodes reachable from a node without passing one already seen, in breadth-first order.
fn reachable(neighbours: &[Vec<usize>], start: usize, seen: &mut [bool]) -> Vec<usize> {
    let mut component = vec![start];
    seen[start] = true;
    let mut next = 0;
    while next < component.len() {
        for &other in &neighbours[component[next]] {
            if !seen[other] {
                seen[other] = true;
                component.push(other);
            }
        }
        next += 1;
    }
    component
}

fn place_component(
    blocks: &[Block],
    neighbours: &[Vec<usize>],
    component: &[usize],
) -> (Vec<(usize, Position)>, Size) {
    let rank = |&&node: &&usize| (blocks[node].rank, usize::MAX - node);
    let Some(&centre) = component.iter().max_by_key(rank) else {
        return (Vec::new(), Size::default());
    };
    let mut rows = rows(blocks, neighbours, centre);
    sort_rows(&mut rows, neighbours);
    let centres = centres(blocks, neighbours, &rows);
    let left = |&node: &usize| centres[&node] - blocks[node].size.width / 2.0;
    let right = |&node: &usize| centres[&node] + blocks[node].size.width / 2.0;
    let begin = component.iter().map(left).fold(f64::INFINITY, f64::min);
    let end = component.iter().map(right).fold(f64::NEG_INFINITY, f64::max);
    let mut placed = Vec::new();
    let mut top = 0.0;
    for (distance, row) in &rows {
        let height = row.iter().map(|&node| blocks[node].size.height).fold(0.0, f64::max);
        for &node in row {
            let free = height - blocks[node].size.height;
            // On the side of the row that faces the centre, so that lines are short.
            let y = top + free * (1.0 - distance.signum() as f64) / 2.0;
            placed.push((
                node,
                Position { x: left(&node) - begin, y, row_top: top, row_bottom: top + height },
            ));
        }
        top += height + BETWEEN_ROWS;
    }
    (placed, Size { width: end - begin, height: top - BETWEEN_ROWS })
}

/// The nodes of each row, by distance from the centre: negative above it.
fn rows(blocks: &[Block], neighbours: &[Vec<usize>], centre: usize) -> BTreeMap<i64, Vec<usize>> {
    let mut rows: BTreeMap<i64, Vec<usize>> = BTreeMap::from([(0, vec![centre])]);
    let mut seen = vec![false; neighbours.len()];
    seen[centre] = true;
    // The branches of the centre, in order of declaration.
    let mut branches = Vec::new();
    let mut starts = neighbours[centre].clone();
    starts.sort_unstable();
    for start in starts {
        if !seen[start] {
            branches.push(reachable(neighbours, start, &mut seen));
        }
    }
    branches.sort_by_key(|branch| branch.iter().copied().min());
    let width = |branch: &[usize]| {
        branch.iter().map(|&node| blocks[node].size.width).fold(0.0, f64::max) + BESIDE
    };
    let total: f64 = branches.iter().map(|branch| width(branch)).sum();
    let both_sides = branches.len() > 2;
    let mut used = 0.0;
    for branch in branches {
        let above = both_sides && used + width(&branch) / 2.0 < total / 2.0;
        used += width(&branch);
        let sign = if above { -1 } else { 1 };
        let inside: BTreeSet<usize> = branch.iter().copied().collect();
        let mut distances = BTreeMap::from([(centre, 0_i64)]);
        let mut next = VecDeque::from([centre]);
        while let Some(node) = next.pop_front() {
            let distance = distances[&node] + 1;
            for &other in neighbours[node].iter().filter(|other| inside.contains(other)) {
                if let std::collections::btree_map::Entry::Vacant(entry) = distances.entry(other) {
                    entry.insert(distance);
                    rows.entry(sign * distance).or_default().push(other);
                    next.push_back(other);
                }
            }
        }
    }
    rows
}

/// Orders the rows to reduce crossings: each node is sorted by the mean position of its
/// neighbours in an adjacent row (the barycentre heuristic).
fn sort_rows(rows: &mut BTreeMap<i64, Vec<usize>>, neighbours: &[Vec<usize>]) {
    let outwards: Vec<i64> = rows.keys().copied().filter(|&row| row != 0).collect();
    for pass in 0..8 {
        let inwards = pass % 2 == 1;
        let mut order = outwards.clone();
        order.sort_by_key(|row| if inwards { -row.abs() } else { row.abs() });
        for row in order {
            let towards = if inwards { row + row.signum() } else { row - row.signum() };
            let Some(fixed) = rows.get(&towards) else { continue };
            let position: BTreeMap<usize, usize> =
                fixed.iter().enumerate().map(|(at, &node)| (node, at)).collect();
            let Some(nodes) = rows.get_mut(&row) else { continue };
            let mean = |node: usize, at: usize| {
                let near: Vec<usize> = neighbours[node]
                    .iter()
                    .filter_map(|other| position.get(other).copied())
                    .collect();
                match near.is_empty() {
                    true => at as f64,
                    false => near.iter().sum::<usize>() as f64 / near.len() as f64,
                }
            };
            let mut keyed: Vec<(f64, usize)> =
                nodes.iter().enumerate().map(|(at, &node)| (mean(node, at), node)).collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            *nodes = keyed.into_iter().map(|(_, node)| node).collect();
        }
    }
}

/// The horizontal centre of each node.
fn centres(
    blocks: &[Block],
    neighbours: &[Vec<usize>],
    rows: &BTreeMap<i64, Vec<usize>>,
) -> BTreeMap<usize, f64> {
    let mut centres: BTreeMap<usize, f64> = BTreeMap::new();
    let width = |node: usize| blocks[node].size.width + BESIDE;
    for row in rows.values() {
        let total: f64 = row.iter().map(|&node| width(node)).sum();
        let mut at = -total / 2.0;
        for &node in row {
            centres.insert(node, at + width(node) / 2.0);
            at += width(node);
        }
    }
    let order: Vec<i64> = rows.keys().copied().collect();
    for pass in 0..12 {
        let rows_in_order: Vec<i64> =
            if pass % 2 == 0 { order.clone() } else { order.iter().rev().copied().collect() };
        for row in rows_in_order {
            let nodes = &rows[&row];
            let wished: Vec<f64> = nodes
                .iter()
                .map(|&node| {
                    // A neighbour of high degree has little weight, so that chains stay straight.
                    let (mut sum, mut weights) = (0.0, 0.0);
                    for other in &neighbours[node] {
                        let weight = 1.0 / neighbours[*other].len() as f64;
                        sum += weight * centres.get(other).copied().unwrap_or_default();
                        weights += weight;
                    }
                    if weights == 0.0 { centres[&node] } else { sum / weights }
                })
                .collect();
            let widths: Vec<f64> = nodes.iter().map(|&node| width(node)).collect();
            for (&node, centre) in nodes.iter().zip(apart(&wished, &widths)) {
                centres.insert(node, centre);
            }
        }
    }
    centres
}

/// The centres nearest to the wished ones (least squares) at which the nodes of a row keep their
/// order and do not overlap: isotonic regression. Nodes that would overlap are merged and moved
/// as one.
fn apart(wished: &[f64], widths: &[f64]) -> Vec<f64> {
    struct Cluster {
        first: usize,
        /// The mean of the left sides that its members wish for.
        left: f64,
        weight: f64,
        width: f64,
    }
    let mut clusters: Vec<Cluster> = Vec::new();
    for (node, (&wish, &width)) in wished.iter().zip(widths).enumerate() {
        clusters.push(Cluster { first: node, left: wish - width / 2.0, weight: 1.0, width });
        while let [.., before, last] = clusters.as_slice()
            && before.left + before.width > last.left
        {
            let weight = before.weight + last.weight;
            let left =
                (before.left * before.weight + (last.left - before.width) * last.weight) / weight;
            let joined =
                Cluster { first: before.first, left, weight, width: before.width + last.width };
            clusters.truncate(clusters.len() - 2);
            clusters.push(joined);
        }
    }
    let mut centres = vec![0.0; wished.len()];
    for (index, cluster) in clusters.iter().enumerate() {
        let end = clusters.get(index + 1).map_or(wished.len(), |next| next.first);
        let mut at = cluster.left;
        for node in cluster.first..end {
            centres[node] = at + widths[node] / 2.0;
            at += widths[node];
        }
    }
    centres
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_of_a_row_do_not_touch() {
        assert_eq!(apart(&[5.0, 5.0, 50.0], &[10.0, 10.0, 10.0]), [0.0, 10.0, 50.0]);
        assert_eq!(apart(&[0.0], &[10.0]), [0.0]);
    }

    /// A centre with four neighbours: two above it, two below, none overlapping.
    #[test]
    fn a_star_has_rows_on_both_sides() {
        let block = |width: f64| Block { size: Size { width, height: 20.0 }, rank: (0, 0) };
        let centre = Block { rank: (4, 0), ..block(10.0) };
        let blocks = [block(50.0), block(50.0), block(50.0), block(50.0), centre];
        let edges = BTreeSet::from([(0, 4), (1, 4), (2, 4), (3, 4)]);
        let (positions, size) = layout(&blocks, &edges);
        assert_eq!(
            (positions[0].y, positions[1].y, positions[2].y, positions[4].y),
            (0.0, 0.0, 120.0, 60.0)
        );
        assert_eq!(size, Size { width: 118.0, height: 140.0 });
        // Two components are placed side by side.
        let (positions, _) = layout(&blocks[..2], &BTreeSet::new());
        assert_eq!((positions[0].x, positions[1].x), (0.0, 68.0));
    }
}
