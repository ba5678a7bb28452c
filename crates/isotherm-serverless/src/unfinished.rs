//! What invocations that have not ended wait for, in words: for who wants to know why a simulation
//! does not go on.
//!
//! [`ServerlessComputeService::why_unfinished`](crate::ServerlessComputeService::why_unfinished)
//! gives it at any time, and the service says it itself when a run ends because nothing can happen
//! any more ([`RunError::Deadlock`](isotherm_kernel::RunError)).

use std::fmt;

use isotherm_kernel::Time;

/// What an invocation that has not ended lacks, or what it does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Lack {
    /// As many invocations of its function have been let in as may run at once.
    FunctionConcurrency {
        /// How many that are.
        most: u32,
        /// Whether it is what the function has reserved.
        reserved: bool,
    },
    /// As many invocations have been let in as may run at once on the service.
    ServiceConcurrency {
        /// How many that are.
        most: u32,
        /// How many of them functions have for themselves.
        reserved_by_others: u32,
    },
    /// There is no room for its image on the head disk.
    HeadDisk {
        /// The image.
        image: String,
        /// Its size.
        bytes: u64,
        /// What is free or held by images that nobody needs.
        obtainable_bytes: u64,
    },
    /// Its image is being downloaded.
    Download {
        /// The image.
        image: String,
    },
    /// Every compute host that could ever hold it is off.
    HostsOff {
        /// How many these are.
        hosts: usize,
    },
    /// No compute host that could hold it and is on has a free slot.
    Slot {
        /// How many are on.
        hosts: usize,
    },
    /// No compute host that has a free slot has the memory for it.
    Memory {
        /// What its container, and its image where it is missing, take.
        bytes: u64,
        /// The most that can be had on one of them.
        obtainable_bytes: u64,
    },
    /// No compute host that has a free slot and the memory has the disk space for it.
    Disk {
        /// What its container, and its image where it is missing, take.
        bytes: u64,
        /// The most that can be had on one of them.
        obtainable_bytes: u64,
    },
    /// Its image is on its way to a compute host.
    Image {
        /// The image.
        image: String,
        /// The compute host.
        node: String,
        /// From the head disk to that of the host, not from there to its memory.
        is_copy: bool,
    },
    /// Its image does not get to a compute host.
    BrokenImage {
        /// The image.
        image: String,
        /// The compute host.
        node: String,
        /// Why it was broken off the last time.
        cause: String,
    },
    /// There is room for it, but the scheduler does not place it.
    Decision {
        /// A compute host that could take it.
        node: String,
    },
    /// It is in a container that is starting.
    Starting,
    /// Its body runs, or waits for something.
    Running,
}

/// Invocations of one function that have not ended and lack the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// The function.
    pub function: String,
    /// What they lack, or what they do.
    pub lack: Lack,
    /// How many they are.
    pub count: u64,
    /// Since when the first of them has.
    pub since: Time,
}

/// So many groups are told one by one.
const MOST_GROUPS: usize = 6;

impl Unfinished {
    /// A sentence for each of the first groups, and one for the others.
    pub fn sentences(groups: &[Unfinished]) -> Vec<String> {
        let mut sentences: Vec<String> =
            groups.iter().take(MOST_GROUPS).map(ToString::to_string).collect();
        let more: u64 = groups.iter().skip(MOST_GROUPS).map(|group| group.count).sum();
        if more > 0 {
            sentences.push(format!("and so on: {more} more invocations"));
        }
        sentences
    }
}

/// `3 invocations of `resize` wait for a slot: those of all 2 compute hosts that are on are in use, the first since 12.500000000 s`
impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Unfinished { function, lack, count, since } = self;
        let one = *count == 1;
        let (plural, first) = if one { ("", "") } else { ("s", " the first") };
        write!(f, "{count} invocation{plural} of `{function}` ")?;
        lack.tell(f, one)?;
        write!(f, ",{first} since {since} s")
    }
}

impl Lack {
    fn tell(&self, f: &mut fmt::Formatter<'_>, one: bool) -> fmt::Result {
        let pick = |singular, plural| if one { singular } else { plural };
        let (waits, its) = (pick("waits", "wait"), pick("its", "their"));
        match self {
            Lack::FunctionConcurrency { most, reserved } => {
                let limit = if *reserved { "reserved concurrency" } else { "max_concurrency" };
                write!(
                    f,
                    "{waits} because of the {limit} of {its} function: {most} may run at once"
                )
            }
            Lack::ServiceConcurrency { most, reserved_by_others } => {
                write!(
                    f,
                    "{waits} because of the max_concurrency of the service: {most} may run at once"
                )?;
                match reserved_by_others {
                    0 => Ok(()),
                    reserved => write!(f, ", {reserved} of them reserved"),
                }
            }
            Lack::HeadDisk { image, bytes, obtainable_bytes } => write!(
                f,
                "{waits} for room on the head disk for {its} image `{image}`: it takes {bytes} bytes, and \
                 {obtainable_bytes} can be had"
            ),
            Lack::Download { image } => {
                write!(
                    f,
                    "{waits} for {its} image `{image}` to be on the head disk: it is being downloaded"
                )
            }
            Lack::HostsOff { hosts: 1 } => {
                write!(
                    f,
                    "{waits} for a compute host: the only one that could ever hold {} is off",
                    pick("it", "them")
                )
            }
            Lack::HostsOff { hosts } => {
                write!(
                    f,
                    "{waits} for a compute host: all {hosts} that could ever hold {} are off",
                    pick("it", "them")
                )
            }
            Lack::Slot { hosts: 1 } => {
                write!(
                    f,
                    "{waits} for a slot: those of the only compute host that is on are in use"
                )
            }
            Lack::Slot { hosts } => {
                write!(
                    f,
                    "{waits} for a slot: those of all {hosts} compute hosts that are on are in use"
                )
            }
            Lack::Memory { bytes, obtainable_bytes } => write!(
                f,
                "{waits} for memory on a compute host: {} {bytes} bytes, and the most that can be had is \
                 {obtainable_bytes}",
                pick("it takes", "each takes")
            ),
            Lack::Disk { bytes, obtainable_bytes } => write!(
                f,
                "{waits} for disk space on a compute host: {} {bytes} bytes, and the most that can be had is \
                 {obtainable_bytes}",
                pick("it takes", "each takes")
            ),
            Lack::Image { image, node, is_copy } => {
                let way = if *is_copy { "copied to" } else { "loaded on" };
                write!(
                    f,
                    "{waits} for {its} image `{image}`, which is being {way} compute host `{node}`"
                )
            }
            Lack::BrokenImage { image, node, cause } => {
                write!(
                    f,
                    "{waits} for {its} image `{image}`, which does not get to compute host `{node}`: {cause}"
                )
            }
            Lack::Decision { node } => write!(
                f,
                "{waits} for the scheduler, which places {} nowhere although compute host `{node}` has room",
                pick("it", "them")
            ),
            Lack::Starting => f.write_str(pick(
                "is in a container that is starting",
                "are in containers that are starting",
            )),
            Lack::Running => f.write_str(pick("is running", "are running")),
        }
    }
}
