//! The constants of the network model.

/// The constants of the network model. The default is LV08, the model that SimGrid validated
/// against packet-level simulation (Velho and Legrand, *Accuracy study and improvement of network
/// simulation in the SimGrid framework*, 2009).
///
/// A transfer of `size` bytes over a route with latency `lat` first pays `latency_factor · lat`,
/// then shares the links of its route; it moves `bandwidth_factor · x` bytes per second where `x`
/// is what the links give it. Shares are inversely proportional to its penalty
/// `lat + Σ weight_s / bandwidth`, and `x` is at most `gamma / (2 · lat)`.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkModel {
    /// How many times the latency of the route passes before the first byte moves (TCP's slow
    /// start): 13.01.
    pub latency_factor: f64,
    /// The part of the bandwidth that is left for the payload (headers): 0.97.
    pub bandwidth_factor: f64,
    /// How strongly a slow link lowers the share of a flow, in bytes: 20537.
    pub weight_s: f64,
    /// The largest TCP window, in bytes: 4194304. Zero means no limit.
    pub gamma: f64,
    /// The part of a flow that goes back as acknowledgements and loads the links of the reverse
    /// route: 0.05. Zero means that flows load no link but their own.
    pub cross_traffic: f64,
    /// The bandwidth of the implicit loopback of a host, in bytes per second: 1e10.
    pub loopback_bandwidth: f64,
    /// The latency of the implicit loopback of a host, in seconds: 0.
    pub loopback_latency_s: f64,
}

impl NetworkModel {
    /// The default: LV08 with cross-traffic.
    pub const LV08: Self = Self {
        latency_factor: 13.01,
        bandwidth_factor: 0.97,
        weight_s: 20_537.0,
        gamma: 4_194_304.0,
        cross_traffic: 0.05,
        loopback_bandwidth: 1e10,
        loopback_latency_s: 0.0,
    };

    /// A network without corrections: all factors 1, no window, no cross-traffic. What textbooks
    /// compute with.
    pub const RAW: Self = Self {
        latency_factor: 1.0,
        bandwidth_factor: 1.0,
        weight_s: 0.0,
        gamma: 0.0,
        cross_traffic: 0.0,
        loopback_bandwidth: 1e10,
        loopback_latency_s: 0.0,
    };
}

impl Default for NetworkModel {
    fn default() -> Self {
        Self::LV08
    }
}
