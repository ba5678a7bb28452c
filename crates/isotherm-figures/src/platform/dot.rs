//! A platform for Graphviz: `dot -Tpdf platform.dot -o platform.pdf`.
//!
//! Zones are clusters. Things that are alike are merged into one node that gives their number, as
//! in the [SVG drawing](super::svg).

use std::fmt::Write;

use isotherm_platform::ZoneId;

use super::graph::{Graph, Node};
use super::view::PlatformView;

impl PlatformView {
    /// The platform in the language of Graphviz.
    #[must_use]
    pub fn dot(&self) -> String {
        let mut dot = format!(
            "graph {} {{\n  compound=true;\n  fontname=\"Helvetica\";\n  \
             node [fontname=\"Helvetica\", fontsize=10, shape=box, style=filled, fillcolor=white];\n",
            quoted(&self.title)
        );
        for zone in self.outermost() {
            self.write_zone(&[zone], 1, &mut dot);
        }
        dot + "}\n"
    }

    fn write_zone(&self, zones: &[ZoneId], depth: usize, dot: &mut String) {
        let Some(&zone) = zones.first() else { return };
        let (indent, graph) = ("  ".repeat(depth), self.graph(zone));
        let label = self.label(&Node::Zones(zones.to_vec()));
        let number = zone.index();
        let _ = writeln!(dot, "{indent}subgraph cluster_{number} {{");
        let _ = writeln!(
            dot,
            "{indent}  label={}; style=filled; fillcolor=\"#f5f7fa\";",
            quoted(&label.heading)
        );
        // Graphviz draws an edge to a cluster only as an edge to a node in it.
        let _ = writeln!(dot, "{indent}  zone_{number} [shape=point, style=invis];");
        for (index, node) in graph.nodes.iter().enumerate() {
            if let Node::Zones(zones) = node
                && self.are_alike(zones)
            {
                self.write_zone(zones, depth + 1, dot);
                continue;
            }
            let label = self.label(node);
            let mut text = label.heading;
            for line in label.lines {
                text.push('\n');
                text.push_str(&line);
            }
            let look = match node {
                Node::Hosts(_) | Node::Zones(_) => "",
                Node::Routers(_) => ", shape=ellipse, fillcolor=\"#dfe5ec\"",
                Node::Links(_) if graph.is_bar(index) => ", fillcolor=\"#dbe6f2\"",
                Node::Links(_) => ", shape=plaintext, fillcolor=\"#f5f7fa\"",
                Node::Meeting => ", shape=point",
            };
            let _ = writeln!(
                dot,
                "{indent}  {} [label={}{look}];",
                self.name(&graph, number, index),
                quoted(&text)
            );
        }
        for &(a, b) in &graph.edges {
            let mut ends = Vec::new();
            for (end, index) in [("ltail", a), ("lhead", b)] {
                if let Some(inner) = self.inner(&graph, index) {
                    ends.push(format!("{end}=cluster_{}", inner.index()));
                }
            }
            let ends =
                if ends.is_empty() { String::new() } else { format!(" [{}]", ends.join(", ")) };
            let (a, b) = (self.name(&graph, number, a), self.name(&graph, number, b));
            let _ = writeln!(dot, "{indent}  {a} -- {b}{ends};");
        }
        let _ = writeln!(dot, "{indent}}}");
    }

    /// The zone to draw in place of a node, if the node stands for zones that are alike.
    fn inner(&self, graph: &Graph, index: usize) -> Option<ZoneId> {
        match &graph.nodes[index] {
            Node::Zones(zones) if self.are_alike(zones) => zones.first().copied(),
            _ => None,
        }
    }

    /// The identifier of a node of a zone.
    fn name(&self, graph: &Graph, zone: usize, index: usize) -> String {
        match self.inner(graph, index) {
            Some(inner) => format!("zone_{}", inner.index()),
            None => format!("node_{zone}_{index}"),
        }
    }
}

/// A quoted string of the DOT language; line breaks become `\n`.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            c if c.is_control() => quoted.push(char::REPLACEMENT_CHARACTER),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
