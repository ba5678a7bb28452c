//! Explains in words what the invocations that have not ended wait for.
//!
//! [`ServerlessComputeService::why_unfinished`](crate::ServerlessComputeService::why_unfinished)
//! returns this explanation at any time; a run that ends in a deadlock
//! ([`RunError::Deadlock`](isotherm_kernel::RunError)) reports it.

use std::fmt;

use isotherm_kernel::Time;

/// What an invocation that has not ended waits for or does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the comment of a variant says what its fields are")]
pub enum Lack {
    /// The concurrency limit of its function is reached.
    FunctionConcurrency {
        limit: u32,
        /// Whether it is a reserved concurrency.
        reserved: bool,
    },
    /// The concurrency limit of the service is reached.
    ServiceConcurrency {
        limit: u32,
        /// How much of it is reserved by other functions.
        reserved_by_others: u32,
    },
    /// The head disk has no room for its image.
    HeadDisk {
        image: String,
        /// Its size.
        bytes: u64,
        /// The room that is free or held by unused images.
        obtainable_bytes: u64,
    },
    /// Its image is being downloaded.
    Download { image: String },
    /// All compute hosts that could hold it are off.
    HostsOff { hosts: usize },
    /// All compute hosts that could hold it have left or are leaving.
    HostsLeft,
    /// No compute host that is on and could hold it has a free slot.
    Slot {
        /// How many of these are on.
        hosts: usize,
    },
    /// No compute host with a free slot has enough memory.
    Memory {
        /// What its container needs, plus its image on hosts that lack it.
        bytes: u64,
        /// The most that one of them can provide.
        obtainable_bytes: u64,
    },
    /// No compute host with a free slot and enough memory has enough disk space.
    Disk {
        /// What its container needs, plus its image on hosts that lack it.
        bytes: u64,
        /// The most that one of them can provide.
        obtainable_bytes: u64,
    },
    /// Its image is on its way to a compute host.
    Image {
        image: String,
        node: String,
        /// Whether it is being copied to the host's disk; otherwise it is being loaded into its
        /// memory.
        is_copy: bool,
    },
    /// The last copy or load of its image to a compute host was interrupted.
    BrokenImage { image: String, node: String, cause: String },
    /// A compute host has room for it, but the scheduler does not place it.
    Decision { node: String },
    /// It is in a container that is starting.
    Starting,
    /// Its body runs or waits for something.
    Running,
}

/// Invocations of one function that wait for the same thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// The function.
    pub function: String,
    /// What they wait for or do.
    pub lack: Lack,
    /// Their number.
    pub count: u64,
    /// Since when the first of them has waited.
    pub since: Time,
}

/// The most groups that get a sentence of their own.
const MOST_GROUPS: usize = 6;

impl Unfinished {
    /// A sentence for each of the first groups, and one that counts the others.
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
            Lack::FunctionConcurrency { limit, reserved } => {
                let kind = if *reserved { "reserved concurrency" } else { "max_concurrency" };
                write!(
                    f,
                    "{waits} because of the {kind} of {its} function: {limit} may run at once"
                )
            }
            Lack::ServiceConcurrency { limit, reserved_by_others } => {
                write!(
                    f,
                    "{waits} because of the max_concurrency of the service: {limit} may run at once"
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
            Lack::HostsLeft => write!(
                f,
                "{waits} for a compute host: all that could ever hold {} have left or are leaving",
                pick("it", "them")
            ),
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
