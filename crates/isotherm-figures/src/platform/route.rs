//! The route from one host to another, and the bandwidth that a transfer along it gets.
//!
//! A lone transfer first waits for `latency_factor` times the latency and then moves
//!
//! ```text
//! bandwidth_factor · min(bandwidth / (n + cross_traffic · n'), window / (2 · latency))
//! ```
//!
//! bytes per second, where the route crosses a link n times and the way back n' times. This is
//! the network model of the simulation (see [`NetworkModel`](isotherm_platform::NetworkModel))
//! without other traffic.

use std::collections::{BTreeMap, BTreeSet};

use isotherm_platform::quantity;
use isotherm_platform::{HostId, LinkId, LinkSharing, PlatformError, PlatformSpec};
use serde::Serialize;

use super::table::{Table, json, policy};
use super::view::PlatformView;

/// On platforms with more hosts, whose routes share a link is not computed: that takes all
/// routes.
const MOST_HOSTS: usize = 200;

/// Why there is no route to show.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteError(PlatformError);

impl std::fmt::Display for RouteError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.problem())
    }
}

impl std::error::Error for RouteError {}

impl RouteError {
    /// A hint how to correct it, if there is one.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.0.hint()
    }
}

/// A route.
#[derive(Clone, Debug, Serialize)]
pub struct RouteView {
    /// Where it starts.
    pub from: String,
    /// Where it ends.
    pub to: String,
    /// Its latency: the sum over its links.
    pub latency_s: f64,
    /// Its bandwidth: the minimum over its links.
    pub bandwidth_bytes_per_s: f64,
    /// How long a lone transfer waits before its first byte moves.
    pub start_s: f64,
    /// The rate of a lone transfer after that.
    pub lone_transfer_bytes_per_s: f64,
    /// What limits the rate: the name of a link, or `None` for the TCP window, which must be
    /// acknowledged before more is sent.
    pub limited_by: Option<String>,
    /// The number of latencies that pass before the first byte moves.
    pub latency_factor: f64,
    /// The fraction of the bandwidth that is payload.
    pub bandwidth_factor: f64,
    /// Its links, in order.
    pub links: Vec<Crossed>,
    /// Whether the way back takes the same links in reverse (the other half of split-duplex
    /// links).
    pub same_back: bool,
}

/// A link of a route.
#[derive(Clone, Debug, Serialize)]
pub struct Crossed {
    /// Its name.
    pub name: String,
    /// Its bandwidth.
    pub bandwidth_bytes_per_s: f64,
    /// Its latency.
    pub latency_s: f64,
    /// How flows share it.
    pub policy: &'static str,
    /// Whether the way back crosses the same link (`same`), its other half (`other half`), or
    /// neither (`none`). Acknowledgements on the same link take a part of its bandwidth.
    pub way_back: &'static str,
    /// The sources of all routes that cross it; empty on large platforms, where they are not
    /// computed.
    pub from_hosts: Vec<String>,
    /// The destinations of all routes that cross it, likewise.
    pub to_hosts: Vec<String>,
    /// The host at which every route that crosses it begins or ends, if there is one.
    pub belongs_to: Option<String>,
}

impl PlatformView {
    /// The route between two hosts, and the way back if it takes other links.
    ///
    /// # Errors
    ///
    /// If there is no such host, or no route.
    pub fn routes(&self, from: &str, to: &str) -> Result<Vec<RouteView>, RouteError> {
        let spec = &self.spec;
        let host =
            |name: &str| spec.host_id(name).ok_or_else(|| RouteError(spec.unknown_host(name)));
        let (from, to) = (host(from)?, host(to)?);
        let there = route(spec, from, to)?;
        let back = spec.route(to, from);
        match there.same_back || from == to || back.is_err() {
            true => Ok(vec![there]),
            false => Ok(vec![there, route(spec, to, from)?]),
        }
    }
}

/// Routes as JSON: `{ "routes": [...] }`, each a [`RouteView`].
#[must_use]
pub fn routes_json(routes: &[RouteView]) -> String {
    json(&BTreeMap::from([("routes", routes)]))
}

fn route(spec: &PlatformSpec, from: HostId, to: HostId) -> Result<RouteView, RouteError> {
    let links = spec.route(from, to).map_err(RouteError)?;
    let back = spec.route(to, from).unwrap_or_default();
    let model = spec.network_model();
    let latency_s: f64 = links.iter().map(|&link| spec.link(link).latency_s).sum();
    let bandwidth =
        links.iter().map(|&link| spec.link(link).bandwidth).fold(f64::INFINITY, f64::min);
    let times = |links: &[LinkId], link: LinkId| {
        links.iter().filter(|&&other| other == link).count() as f64
    };
    let share = |link: LinkId| {
        let link_spec = spec.link(link);
        match link_spec.sharing {
            LinkSharing::Shared => {
                link_spec.bandwidth
                    / (times(&links, link) + model.cross_traffic * times(&back, link)).max(1.0)
            }
            LinkSharing::Fatpipe => link_spec.bandwidth,
        }
    };
    let narrowest = links.iter().copied().min_by(|&a, &b| share(a).total_cmp(&share(b)));
    let mut rate = narrowest.map_or(f64::INFINITY, share);
    let mut limited_by = narrowest.map(|link| spec.link(link).name.clone());
    let window = model.gamma / (2.0 * latency_s);
    if model.gamma > 0.0 && latency_s > 0.0 && window < rate {
        (rate, limited_by) = (window, None);
    }
    let turned: Vec<LinkId> =
        back.iter().rev().map(|&link| spec.link(link).opposite.unwrap_or(link)).collect();
    let plain: Vec<LinkId> = back.iter().rev().copied().collect();
    let users = users(spec, &links);
    Ok(RouteView {
        from: spec.host(from).name.clone(),
        to: spec.host(to).name.clone(),
        latency_s,
        bandwidth_bytes_per_s: bandwidth,
        start_s: model.latency_factor * latency_s,
        lone_transfer_bytes_per_s: model.bandwidth_factor * rate,
        limited_by,
        latency_factor: model.latency_factor,
        bandwidth_factor: model.bandwidth_factor,
        same_back: turned == links.as_slice() || plain == links.as_slice(),
        links: links
            .iter()
            .zip(users)
            .map(|(&link, users)| crossed(spec, link, &back, &users))
            .collect(),
    })
}

fn crossed(spec: &PlatformSpec, link: LinkId, back: &[LinkId], users: &Users) -> Crossed {
    let name = |host: HostId| spec.host(host).name.clone();
    let names = |hosts: &BTreeSet<HostId>| hosts.iter().map(|&host| name(host)).collect();
    let link_spec = spec.link(link);
    let way_back = match (
        back.contains(&link),
        link_spec.opposite.is_some_and(|opposite| back.contains(&opposite)),
    ) {
        (true, _) => "same",
        (false, true) => "other half",
        (false, false) => "none",
    };
    Crossed {
        name: link_spec.name.clone(),
        bandwidth_bytes_per_s: link_spec.bandwidth,
        latency_s: link_spec.latency_s,
        policy: policy(link_spec),
        way_back,
        from_hosts: names(&users.sources),
        to_hosts: names(&users.targets),
        belongs_to: match users.ends_of_all.as_deref() {
            Some([host]) => Some(name(*host)),
            _ => None,
        },
    }
}

/// The users of a link: the sources and the destinations of all routes that cross it, and the
/// hosts that are an end of every one of them.
#[derive(Clone, Debug, Default)]
struct Users {
    sources: BTreeSet<HostId>,
    targets: BTreeSet<HostId>,
    ends_of_all: Option<Vec<HostId>>,
}

/// The users of each link.
fn users(spec: &PlatformSpec, links: &[LinkId]) -> Vec<Users> {
    let mut users = vec![Users::default(); links.len()];
    if spec.hosts().len() > MOST_HOSTS {
        return users;
    }
    for (from, _) in spec.hosts() {
        for (to, _) in spec.hosts().filter(|&(to, _)| to != from) {
            let Ok(route) = spec.route(from, to) else { continue };
            for (link, users) in links.iter().zip(&mut users) {
                if route.contains(link) {
                    users.sources.insert(from);
                    users.targets.insert(to);
                    users
                        .ends_of_all
                        .get_or_insert_with(|| vec![from, to])
                        .retain(|&host| host == from || host == to);
                }
            }
        }
    }
    users
}

impl RouteView {
    /// The heading of the table: the properties of the route, and what a transfer gets.
    #[must_use]
    pub fn summary(&self) -> String {
        let links = quantity::count(self.links.len(), "link", "links");
        let (latency, bandwidth) =
            (quantity::time(self.latency_s), quantity::bandwidth(self.bandwidth_bytes_per_s));
        let back = match self.same_back {
            true if self.from != self.to => "; the way back is the same in reverse",
            _ => "",
        };
        let limit = match &self.limited_by {
            Some(link) => {
                let is_shared =
                    |crossed: &&Crossed| crossed.policy != "fat pipe" && crossed.way_back == "same";
                let acknowledged =
                    self.links.iter().filter(is_shared).any(|crossed| crossed.name == *link);
                let also = if acknowledged && self.from != self.to {
                    " and carries acknowledgements too"
                } else {
                    ""
                };
                format!("{link} limits it{also}")
            }
            None => "the TCP window limits it".to_owned(),
        };
        format!(
            "route from {} to {}: {links}, latency {latency}, bandwidth {bandwidth}{back}\n\
             a transfer without other traffic starts after {} ({} times the latency) and then moves {}\n  \
             ({limit}; {} of the bandwidth is payload)",
            self.from,
            self.to,
            quantity::time(self.start_s),
            self.latency_factor,
            quantity::bandwidth(self.lone_transfer_bytes_per_s),
            self.bandwidth_factor
        )
    }

    /// Its links as a table.
    #[must_use]
    pub fn table(&self) -> Table {
        let rows = self.links.iter().map(|link| {
            vec![
                link.name.clone(),
                quantity::bandwidth(link.bandwidth_bytes_per_s),
                quantity::time(link.latency_s),
                match link.way_back {
                    "other half" => "other direction",
                    other => other,
                }
                .to_owned(),
                link.sharing(),
            ]
        });
        Table {
            title: String::new(),
            header: vec!["link", "bandwidth", "latency", "on the way back", "shared with"],
            rows: rows.collect(),
            left_out: 0,
        }
    }
}

impl Crossed {
    /// Whose routes share it, in words.
    fn sharing(&self) -> String {
        let direction = match self.policy {
            "fat pipe" => return "nobody: a fat pipe gives every transfer all of it".to_owned(),
            "split duplex" => " (in this direction)",
            _ => "",
        };
        let hosts = |hosts: &[String], all: &str| match hosts {
            [one] => one.clone(),
            few if few.len() <= 3 => few.join(", "),
            many => format!("{} {all}", many.len()),
        };
        if let Some(host) = self
            .belongs_to
            .as_deref()
            .filter(|_| self.from_hosts.len() > 1 && self.to_hosts.len() > 1)
        {
            return format!("all traffic from and to {host}{direction}");
        }
        match (self.from_hosts.as_slice(), self.to_hosts.as_slice()) {
            ([], _) | (_, []) => format!("all traffic that crosses it{direction}"),
            ([_], [_]) => format!("nothing else{direction}"),
            ([from], _) => format!("all traffic from {from}{direction}"),
            (_, [to]) => format!("all traffic to {to}{direction}"),
            (from, to) if from == to => {
                format!("all traffic among {}{direction}", hosts(from, "hosts"))
            }
            (from, to) => {
                format!(
                    "all traffic from {} to {}{direction}",
                    hosts(from, "hosts"),
                    hosts(to, "hosts")
                )
            }
        }
    }
}
