//! A platform as an SVG drawing.
//!
//! A zone is a box around its contents; hosts and routers are boxes, links are lines labelled
//! with their name, bandwidth and latency, and a link that connects more than two things is a
//! bar. Things that are alike are merged into one box that gives their number. Tooltips show the
//! details.

use std::fmt::Write;

use isotherm_platform::ZoneId;

use super::graph::{Graph, Node};
use super::label::Label;
use super::layout::{Block, Position, Size, layout};
use super::view::PlatformView;

const MARGIN: f64 = 16.0;
/// Between the border of a zone and its contents.
const INSIDE: f64 = 18.0;
const ZONE_TITLE: f64 = 30.0;
const FONT: f64 = 12.0;
const SMALL: f64 = 10.5;
const LINE: f64 = 14.0;
/// The least distance between the end of a line and the corner of its box.
const CORNER: f64 = 12.0;
/// The length of a bar: for each line that ends at it, and at most.
const PER_LINE: f64 = 50.0;
const LONGEST_BAR: f64 = 900.0;
/// The offset of the boxes that are drawn behind a box that stands for several things.
const BEHIND: f64 = 4.0;

const STYLE: &str = "\
text{font:10.5px 'Helvetica Neue',Helvetica,Arial,'DejaVu Sans',sans-serif;fill:#49525e;text-anchor:middle}\
.name{font-size:12px;font-weight:600;fill:#1c232b}.zone-name{font-size:13px;font-weight:600;fill:#2c3e55;text-anchor:start}\
.zone-more{font-size:10.5px;font-weight:400;fill:#6b7683}\
.zone{fill:#f5f7fa;stroke:#a9b4c2}.deeper{fill:#e9edf3}\
.host{fill:#fff;stroke:#7a8796}.head{fill:#fff3d6;stroke:#c58a1a}.compute{fill:#e3eefb;stroke:#4a7db8}\
.repository{fill:#e5f5e6;stroke:#4d9a56}.user{fill:#f3e9f8;stroke:#8b62a6}\
.router{fill:#dfe5ec;stroke:#5d6a79}.link{fill:#fff;stroke:#c5ced9}.bar{fill:#dbe6f2;stroke:#5b7ea6}\
.meeting{fill:#5d6a79}.line{fill:none;stroke:#6f7d8d;stroke-width:1.4}";

/// A zone with the positions of its nodes.
struct Scene {
    graph: Graph,
    labels: Vec<Label>,
    blocks: Vec<Block>,
    /// The scenes of the nodes that are zones.
    inner: Vec<Option<Scene>>,
    positions: Vec<Position>,
    title: Label,
    /// Including title and border.
    size: Size,
}

impl PlatformView {
    /// The platform as an SVG drawing.
    pub fn svg(&self) -> String {
        let scenes: Vec<Scene> = self.outermost().map(|zone| self.scene(&[zone])).collect();
        let width = scenes.iter().map(|scene| scene.size.width).fold(0.0, f64::max) + 2.0 * MARGIN;
        let height = scenes.iter().map(|scene| scene.size.height + MARGIN).sum::<f64>() + MARGIN;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\">\n\
             <title>{}</title>\n<style>{STYLE}</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
            escaped(&self.title)
        );
        let mut y = MARGIN;
        for scene in &scenes {
            self.draw(scene, (MARGIN, y), 0, &mut svg);
            y += scene.size.height + MARGIN;
        }
        svg + "</svg>\n"
    }

    /// The layout of a zone, or of zones that are alike, with everything in it.
    fn scene(&self, zones: &[ZoneId]) -> Scene {
        let graph = zones.first().map(|&zone| self.graph(zone)).unwrap_or_default();
        let labels: Vec<Label> = graph.nodes.iter().map(|node| self.label(node)).collect();
        let mut inner = Vec::with_capacity(graph.nodes.len());
        for node in &graph.nodes {
            inner.push(match node {
                Node::Zones(zones) if self.are_alike(zones) => Some(self.scene(zones)),
                _ => None,
            });
        }
        let blocks: Vec<Block> = (0..graph.nodes.len())
            .map(|number| {
                let (size, weight) = match (&graph.nodes[number], &inner[number]) {
                    (_, Some(scene)) => (scene.size, 2),
                    (Node::Meeting, _) => (Size { width: 8.0, height: 8.0 }, 4),
                    (Node::Routers(_), _) => (size_of(&labels[number]), 3),
                    (Node::Links(_), _) => {
                        (size_of(&labels[number]), if graph.is_bar(number) { 3 } else { 0 })
                    }
                    _ => (size_of(&labels[number]), 1),
                };
                let behind = if graph.nodes[number].is_many() { 2.0 * BEHIND } else { 0.0 };
                let rank = (graph.connected_to(number), weight);
                let size =
                    if graph.is_bar(number) { bar(size, graph.degree(number)) } else { size };
                Block {
                    size: Size { width: size.width + behind, height: size.height + behind },
                    rank,
                }
            })
            .collect();
        let (positions, inside) = layout(&blocks, &graph.edges);
        let title = self.label(&Node::Zones(zones.to_vec()));
        let titles = title.lines.iter().map(|line| width_of(line, SMALL)).sum::<f64>() + INSIDE;
        let width = inside.width.max(width_of(&title.heading, 13.0) * 1.08 + titles);
        let size =
            Size { width: width + 2.0 * INSIDE, height: inside.height + ZONE_TITLE + INSIDE };
        // Contents narrower than the title are centred.
        let shift = (width - inside.width) / 2.0;
        let positions = positions
            .into_iter()
            .map(|position| Position { x: position.x + shift, ..position })
            .collect();
        Scene { graph, labels, blocks, inner, positions, title, size }
    }

    fn draw(&self, scene: &Scene, (x, y): (f64, f64), depth: usize, svg: &mut String) {
        let class = if depth % 2 == 1 { "zone deeper" } else { "zone" };
        rectangle(svg, class, (x, y), scene.size, 8.0);
        let (left, base) = (x + INSIDE, y + 20.0);
        let _ = writeln!(
            svg,
            "<text class=\"zone-name\" x=\"{left:.1}\" y=\"{base:.1}\">{}<tspan class=\"zone-more\" dx=\"8\">{}</tspan></text>",
            escaped(&scene.title.heading),
            escaped(&scene.title.lines.join(", "))
        );
        let origin = (x + INSIDE, y + ZONE_TITLE);
        for &edge in &scene.graph.edges {
            scene.line(edge, origin, svg);
        }
        for number in 0..scene.graph.nodes.len() {
            self.draw_node(scene, number, origin, depth, svg);
        }
    }

    fn draw_node(
        &self,
        scene: &Scene,
        number: usize,
        origin: (f64, f64),
        depth: usize,
        svg: &mut String,
    ) {
        let (position, block, label) =
            (scene.positions[number], scene.blocks[number], &scene.labels[number]);
        let node = &scene.graph.nodes[number];
        let (x, y) = (origin.0 + position.x, origin.1 + position.y);
        let behind = if node.is_many() { 2.0 * BEHIND } else { 0.0 };
        let size = Size { width: block.size.width - behind, height: block.size.height - behind };
        let _ = write!(svg, "<g><title>{}</title>", escaped(&label.details));
        let (class, round) = match node {
            Node::Hosts(hosts) => (
                format!(
                    "host {}",
                    hosts.first().and_then(|&host| self.part(host)).unwrap_or_default()
                ),
                4.0,
            ),
            Node::Routers(_) => ("router".to_owned(), size.height / 2.0),
            Node::Zones(_) => ("zone".to_owned(), 8.0),
            Node::Links(_) if scene.graph.is_bar(number) => ("bar".to_owned(), 3.0),
            Node::Links(_) => ("link".to_owned(), 9.0),
            Node::Meeting => {
                let radius = size.width / 2.0;
                let _ = writeln!(
                    svg,
                    "<circle class=\"meeting\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"{radius:.1}\"/></g>",
                    x + radius,
                    y + radius
                );
                return;
            }
        };
        if node.is_many() {
            for step in [2.0, 1.0] {
                rectangle(svg, class.trim(), (x + step * BEHIND, y + step * BEHIND), size, round);
            }
        }
        if let Some(inner) = &scene.inner[number] {
            self.draw(inner, (x, y), depth + 1, svg);
        } else {
            rectangle(svg, class.trim(), (x, y), size, round);
            let lines = label.lines.len() as f64;
            let middle = x + size.width / 2.0;
            let mut base = y + (size.height - LINE * lines) / 2.0 + FONT * 0.35;
            text(svg, "name", (middle, base), &label.heading);
            for line in &label.lines {
                base += LINE;
                text(svg, "", (middle, base), line);
            }
        }
        svg.push_str("</g>\n");
    }
}

impl Scene {
    /// A line between two nodes: straight out of the row of one, a curve, straight into the row
    /// of the other.
    fn line(&self, (a, b): (usize, usize), origin: (f64, f64), svg: &mut String) {
        let (a, b) =
            if self.positions[a].row_top <= self.positions[b].row_top { (a, b) } else { (b, a) };
        let (upper, lower) = (self.positions[a], self.positions[b]);
        let (from, to) = (self.attached(a, b) + origin.0, self.attached(b, a) + origin.0);
        if upper.row_top == lower.row_top {
            // In the same row: a curve below everything between them.
            let (start, end) = (self.bottom(a) + origin.1, self.bottom(b) + origin.1);
            let low = upper.row_bottom + origin.1 + 24.0;
            let _ = writeln!(
                svg,
                "<path class=\"line\" d=\"M{from:.1} {start:.1}C{from:.1} {low:.1} {to:.1} {low:.1} {to:.1} {end:.1}\"/>"
            );
            return;
        }
        let (start, end) = (self.bottom(a) + origin.1, lower.y + origin.1);
        let (out, into) = (upper.row_bottom + origin.1, lower.row_top + origin.1);
        let middle = (out + into) / 2.0;
        let _ = writeln!(
            svg,
            "<path class=\"line\" d=\"M{from:.1} {start:.1}V{out:.1}C{from:.1} {middle:.1} {to:.1} {middle:.1} {to:.1} {into:.1}V{end:.1}\"/>"
        );
    }

    /// The lower side of a node.
    fn bottom(&self, node: usize) -> f64 {
        self.positions[node].y + self.blocks[node].size.height
    }

    /// The horizontal position at which a line to another node ends: the centre of a box; on
    /// zones and bars, which are wide, as close to the centre of the other node as possible.
    fn attached(&self, node: usize, other: usize) -> f64 {
        let centre = |node: usize| self.positions[node].x + self.blocks[node].size.width / 2.0;
        let is_wide = matches!(self.graph.nodes[node], Node::Zones(_)) || self.graph.is_bar(node);
        if !is_wide {
            return centre(node);
        }
        let left = self.positions[node].x + CORNER;
        let right = (self.positions[node].x + self.blocks[node].size.width - CORNER).max(left);
        centre(other).clamp(left, right)
    }
}

/// The size of a bar at which a number of lines end.
fn bar(size: Size, lines: usize) -> Size {
    Size { width: size.width.max((lines as f64 * PER_LINE).min(LONGEST_BAR)), ..size }
}

/// The size of a box with a label.
fn size_of(label: &Label) -> Size {
    let lines = label.lines.iter().map(|line| width_of(line, SMALL));
    let width = lines.fold(width_of(&label.heading, FONT) * 1.08, f64::max);
    Size { width: (width + 20.0).ceil(), height: LINE * label.lines.len() as f64 + 26.0 }
}

/// An upper bound of the width of a text: the widths of the widest font of a drawing.
fn width_of(text: &str, font: f64) -> f64 {
    let width = |c: char| match c {
        'i' | 'j' | 'l' | '\'' | '|' => 0.29,
        ' ' | '.' | ',' | ':' | ';' | '/' | 'I' | '-' | 'f' | 't' | '(' | ')' => 0.4,
        'm' | 'w' | 'M' | 'W' | '…' | '%' | '@' => 1.0,
        'A'..='Z' => 0.74,
        c if c.is_ascii() => 0.64,
        // Characters of some scripts are as wide as they are high.
        _ => 1.0,
    };
    text.chars().map(width).sum::<f64>() * font
}

fn rectangle(svg: &mut String, class: &str, (x, y): (f64, f64), size: Size, round: f64) {
    let Size { width, height } = size;
    let _ = writeln!(
        svg,
        "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"{round:.1}\"/>"
    );
}

fn text(svg: &mut String, class: &str, (x, y): (f64, f64), text: &str) {
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    let _ = writeln!(svg, "<text{class} x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escaped(text));
}

/// A text escaped for XML, in which most control characters are not allowed.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            c if c.is_control() => escaped.push(char::REPLACEMENT_CHARACTER),
            c => escaped.push(c),
        }
    }
    escaped
}
