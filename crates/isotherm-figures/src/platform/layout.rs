//! Where the nodes of a graph go.
//!
//! Each connected part of the graph is put into rows by its distance from a middle, the node on which most things hang. If
//! many things hang on the middle, about half of them go above it and the others below. In its row a node stands as near to
//! its neighbours in the next rows as it can without touching the nodes beside it. Parts stand beside each other, in as many
//! shelves as it takes to keep the width down.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Space between nodes of a row, between rows, and between parts.
const BESIDE: f64 = 18.0;
const BETWEEN_ROWS: f64 = 40.0;
const BETWEEN_PARTS: f64 = 40.0;

/// A shelf is not made wider than this if there is another one.
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
    /// The node with the highest rank becomes the middle: how many things hang on it, and what it is.
    pub(super) rank: (usize, u32),
}

/// Where a node is: its left upper corner, and from where to where its row goes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) row_top: f64,
    pub(super) row_bottom: f64,
}

/// Places all nodes. Gives the places and how large the whole is.
pub(super) fn layout(blocks: &[Block], edges: &BTreeSet<(usize, usize)>) -> (Vec<Place>, Size) {
    let mut neighbours = vec![Vec::new(); blocks.len()];
    for &(a, b) in edges {
        neighbours[a].push(b);
        neighbours[b].push(a);
    }
    let mut places = vec![Place::default(); blocks.len()];
    let (mut x, mut y) = (0.0_f64, 0.0_f64);
    let mut whole = Size::default();
    let mut shelf_height = 0.0_f64;
    for part in parts(&neighbours) {
        let (placed, size) = place_part(blocks, &neighbours, &part);
        if x > 0.0 && x + size.width > SHELF {
            x = 0.0;
            y += shelf_height + BETWEEN_PARTS;
            shelf_height = 0.0;
        }
        for (node, place) in placed {
            let Place { x: left, y: top, row_top, row_bottom } = place;
            places[node] = Place { x: x + left, y: y + top, row_top: y + row_top, row_bottom: y + row_bottom };
        }
        whole.width = whole.width.max(x + size.width);
        whole.height = whole.height.max(y + size.height);
        shelf_height = shelf_height.max(size.height);
        x += size.width + BETWEEN_PARTS.min(if part.len() == 1 { BESIDE } else { BETWEEN_PARTS });
    }
    (places, whole)
}

/// The connected parts, in the order of their first nodes.
fn parts(neighbours: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut seen = vec![false; neighbours.len()];
    let mut parts = Vec::new();
    for start in 0..neighbours.len() {
        if !seen[start] {
            parts.push(reachable(neighbours, start, &mut seen));
        }
    }
    parts
}

/// All nodes that can be reached from one without passing those already seen, in the order in which they are met.
fn reachable(neighbours: &[Vec<usize>], start: usize, seen: &mut [bool]) -> Vec<usize> {
    let mut part = vec![start];
    seen[start] = true;
    let mut next = 0;
    while next < part.len() {
        for &other in &neighbours[part[next]] {
            if !seen[other] {
                seen[other] = true;
                part.push(other);
            }
        }
        next += 1;
    }
    part
}

fn place_part(blocks: &[Block], neighbours: &[Vec<usize>], part: &[usize]) -> (Vec<(usize, Place)>, Size) {
    let rank = |&&node: &&usize| (blocks[node].rank, usize::MAX - node);
    let Some(&middle) = part.iter().max_by_key(rank) else {
        return (Vec::new(), Size::default());
    };
    let mut rows = rows(blocks, neighbours, middle);
    sort_rows(&mut rows, neighbours);
    let centres = centres(blocks, neighbours, &rows);
    let left = |&node: &usize| centres[&node] - blocks[node].size.width / 2.0;
    let right = |&node: &usize| centres[&node] + blocks[node].size.width / 2.0;
    let begin = part.iter().map(left).fold(f64::INFINITY, f64::min);
    let end = part.iter().map(right).fold(f64::NEG_INFINITY, f64::max);
    let mut placed = Vec::new();
    let mut top = 0.0;
    for (distance, row) in &rows {
        let height = row.iter().map(|&node| blocks[node].size.height).fold(0.0, f64::max);
        for &node in row {
            let free = height - blocks[node].size.height;
            // As near to the middle as can be, so that lines are short.
            let y = top + free * (1.0 - distance.signum() as f64) / 2.0;
            placed.push((node, Place { x: left(&node) - begin, y, row_top: top, row_bottom: top + height }));
        }
        top += height + BETWEEN_ROWS;
    }
    (placed, Size { width: end - begin, height: top - BETWEEN_ROWS })
}

/// The nodes of each row, by its distance from the middle: negative above it.
fn rows(blocks: &[Block], neighbours: &[Vec<usize>], middle: usize) -> BTreeMap<i64, Vec<usize>> {
    let mut rows: BTreeMap<i64, Vec<usize>> = BTreeMap::from([(0, vec![middle])]);
    let mut seen = vec![false; neighbours.len()];
    seen[middle] = true;
    // What hangs on the middle, each by itself, in the order of declaration.
    let mut branches = Vec::new();
    let mut starts = neighbours[middle].clone();
    starts.sort_unstable();
    for start in starts {
        if !seen[start] {
            branches.push(reachable(neighbours, start, &mut seen));
        }
    }
    branches.sort_by_key(|branch| branch.iter().copied().min());
    let width = |branch: &[usize]| branch.iter().map(|&node| blocks[node].size.width).fold(0.0, f64::max) + BESIDE;
    let total: f64 = branches.iter().map(|branch| width(branch)).sum();
    let both_sides = branches.len() > 2;
    let mut used = 0.0;
    for branch in branches {
        let above = both_sides && used + width(&branch) / 2.0 < total / 2.0;
        used += width(&branch);
        let sign = if above { -1 } else { 1 };
        let inside: BTreeSet<usize> = branch.iter().copied().collect();
        let mut distances = BTreeMap::from([(middle, 0_i64)]);
        let mut next = VecDeque::from([middle]);
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

/// Orders the rows so that fewer lines cross: each node goes where its neighbours in the next row towards the middle are.
fn sort_rows(rows: &mut BTreeMap<i64, Vec<usize>>, neighbours: &[Vec<usize>]) {
    let outwards: Vec<i64> = rows.keys().copied().filter(|&row| row != 0).collect();
    for turn in 0..8 {
        let inwards = turn % 2 == 1;
        let mut order = outwards.clone();
        order.sort_by_key(|row| if inwards { -row.abs() } else { row.abs() });
        for row in order {
            let towards = if inwards { row + row.signum() } else { row - row.signum() };
            let Some(fixed) = rows.get(&towards) else { continue };
            let position: BTreeMap<usize, usize> = fixed.iter().enumerate().map(|(at, &node)| (node, at)).collect();
            let Some(nodes) = rows.get_mut(&row) else { continue };
            let mean = |node: usize, at: usize| {
                let near: Vec<usize> =
                    neighbours[node].iter().filter_map(|other| position.get(other).copied()).collect();
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

/// The middle of each node, from left to right.
fn centres(blocks: &[Block], neighbours: &[Vec<usize>], rows: &BTreeMap<i64, Vec<usize>>) -> BTreeMap<usize, f64> {
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
    for turn in 0..12 {
        let rows_in_turn: Vec<i64> = if turn % 2 == 0 { order.clone() } else { order.iter().rev().copied().collect() };
        for row in rows_in_turn {
            let nodes = &rows[&row];
            let wished: Vec<f64> = nodes
                .iter()
                .map(|&node| {
                    // A neighbour that has many others counts little: what hangs on it alone is to be straight.
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

/// The places nearest to the wished ones (in the sum of squares) at which the nodes of a row stand in order and do not
/// touch. Nodes that would are put together and moved as one.
fn apart(wished: &[f64], widths: &[f64]) -> Vec<f64> {
    struct Cluster {
        first: usize,
        /// The mean of where its members would have its left side.
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
            let left = (before.left * before.weight + (last.left - before.width) * last.weight) / weight;
            let joined = Cluster { first: before.first, left, weight, width: before.width + last.width };
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

    /// A middle with three things on it: one above or below each other, none on top of another.
    #[test]
    fn a_star_has_rows_on_both_sides() {
        let block = |width: f64| Block { size: Size { width, height: 20.0 }, rank: (0, 0) };
        let middle = Block { rank: (4, 0), ..block(10.0) };
        let blocks = [block(50.0), block(50.0), block(50.0), block(50.0), middle];
        let edges = BTreeSet::from([(0, 4), (1, 4), (2, 4), (3, 4)]);
        let (places, size) = layout(&blocks, &edges);
        assert_eq!((places[0].y, places[1].y, places[2].y, places[4].y), (0.0, 0.0, 120.0, 60.0));
        assert_eq!(size, Size { width: 118.0, height: 140.0 });
        // Two parts stand beside each other.
        let (places, _) = layout(&blocks[..2], &BTreeSet::new());
        assert_eq!((places[0].x, places[1].x), (0.0, 68.0));
    }
}
