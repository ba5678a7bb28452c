//! A short description of a common cluster, for programs whose question is not about hardware.

use isotherm_kernel::Duration;
use isotherm_platform::{PlatformBuilder, PlatformSpec, Via};

use crate::Error;
use crate::quantities::*;

/// A cluster of equal nodes behind one switch, with a head host, a user and an image repository:
/// the same hardware as the compact `[platform]` of an experiment file.
///
/// Its hosts are `user`, `repository`, `head` and `node0`, `node1`, …; each has a disk mounted at
/// `/` and a full-duplex link to the switch. Defaults are those of [`Cluster::new`].
///
/// ```
/// use isotherm::prelude::*;
///
/// let cluster = Cluster::new(4).cores(16).memory(64 * GIB).network(gbit_per_s(10), micros(50));
/// let world = World::new(cluster.build()?)?;
/// assert_eq!(world.nodes().len(), 4);
/// let route = world.site().platform().route(world.host("head")?, world.host("node2")?)?;
/// assert_eq!((route.bandwidth, route.latency_s), (1.25e9, 50e-6));
/// # Ok::<(), isotherm::Error>(())
/// ```
///
/// For nodes that differ, or shared links, use a [`PlatformBuilder`]; [`builder`](Self::builder)
/// returns one with this cluster.
#[derive(Clone, Debug)]
pub struct Cluster {
    nodes: u32,
    cores: u32,
    speed: f64,
    memory: u64,
    disk: Disk,
    head_disk: Disk,
    bandwidth: f64,
    latency: Duration,
    repository_bandwidth: f64,
}

#[derive(Clone, Copy, Debug)]
struct Disk {
    read: f64,
    write: f64,
    bytes: u64,
}

impl Cluster {
    /// A cluster with this number of nodes of 16 cores of 10 Gf/s and 64 GiB, with a disk of 1 TB
    /// that reads 2 GB/s and writes 1 GB/s; a head of 8 cores with 10 TB of the same; links of 10
    /// Gb/s and 50 µs from host to host; a repository and a user behind 1 Gb/s.
    #[must_use]
    pub fn new(nodes: u32) -> Self {
        let disk = Disk { read: gb_per_s(2), write: gb_per_s(1), bytes: TB };
        Cluster {
            nodes,
            cores: 16,
            speed: gflop(10),
            memory: 64 * GIB,
            disk,
            head_disk: Disk { bytes: 10 * TB, ..disk },
            bandwidth: gbit_per_s(10),
            latency: micros(50),
            repository_bandwidth: gbit_per_s(1),
        }
    }

    /// Sets the number of cores of each node.
    #[must_use]
    pub fn cores(mut self, cores: u32) -> Self {
        self.cores = cores;
        self
    }

    /// Sets the speed of each core of all hosts in flop/s.
    #[must_use]
    pub fn speed(mut self, flops_per_s: f64) -> Self {
        self.speed = flops_per_s;
        self
    }

    /// Sets the memory of each node in bytes.
    #[must_use]
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = bytes;
        self
    }

    /// Sets the disk of each node: its read and write bandwidth in bytes per second, and its
    /// capacity in bytes.
    #[must_use]
    pub fn disk(mut self, read_bandwidth: f64, write_bandwidth: f64, bytes: u64) -> Self {
        self.disk = Disk { read: read_bandwidth, write: write_bandwidth, bytes };
        self
    }

    /// Sets the disk of the head likewise.
    #[must_use]
    pub fn head_disk(mut self, read_bandwidth: f64, write_bandwidth: f64, bytes: u64) -> Self {
        self.head_disk = Disk { read: read_bandwidth, write: write_bandwidth, bytes };
        self
    }

    /// Sets the bandwidth of the links of head and nodes in bytes per second, and the latency
    /// between any two hosts.
    #[must_use]
    pub fn network(mut self, bandwidth: f64, latency: Duration) -> Self {
        self.bandwidth = bandwidth;
        self.latency = latency;
        self
    }

    /// Sets the bandwidth of the links of repository and user in bytes per second. The disk of the
    /// repository is as fast.
    #[must_use]
    pub fn repository(mut self, bandwidth: f64) -> Self {
        self.repository_bandwidth = bandwidth;
        self
    }

    /// A platform builder with this cluster.
    #[must_use]
    pub fn builder(&self) -> PlatformBuilder {
        let mut builder = PlatformBuilder::new();
        let far = Disk {
            read: self.repository_bandwidth,
            write: self.repository_bandwidth,
            bytes: i64::MAX as u64,
        };
        for name in ["user", "repository"] {
            builder.host(name, self.speed);
            attach(&mut builder, name, far, self.repository_bandwidth, self.latency);
        }
        builder.host("head", self.speed).cores(8);
        attach(&mut builder, "head", self.head_disk, self.bandwidth, self.latency);
        connect(&mut builder, "user", "repository");
        connect(&mut builder, "user", "head");
        connect(&mut builder, "repository", "head");
        for number in 0..self.nodes {
            let name = format!("node{number}");
            builder.host(name.as_str(), self.speed).cores(self.cores).memory(self.memory);
            attach(&mut builder, &name, self.disk, self.bandwidth, self.latency);
            for other in ["user", "repository", "head"] {
                connect(&mut builder, other, &name);
            }
        }
        builder
    }

    /// Builds and checks the platform.
    ///
    /// # Errors
    /// [`Error::Platform`] with everything that is wrong, such as a node without cores.
    pub fn build(&self) -> Result<PlatformSpec, Error> {
        Ok(self.builder().build()?)
    }
}

/// Gives a host a disk and a link to the switch with half of the latency of a route.
fn attach(
    builder: &mut PlatformBuilder,
    host: &str,
    disk: Disk,
    bandwidth: f64,
    latency: Duration,
) {
    builder.disk(host, format!("{host}-disk"), disk.read, disk.write).size(disk.bytes);
    builder.link(link_of(host), bandwidth, latency.as_secs_f64() / 2.0).split_duplex();
}

fn connect(builder: &mut PlatformBuilder, from: &str, to: &str) {
    builder.route(from, to, [Via::up(link_of(from)), Via::down(link_of(to))]);
}

fn link_of(host: &str) -> String {
    format!("{host}-link")
}
