//! `service.image_eviction`: which images are evicted when room is missing, on the head disk and on
//! the disks and in the memories of compute hosts.

use isotherm_config::schema::{FamilySpec, table};
use isotherm_services::Eviction;

use super::{Entry, Policy, built_in, kinds, which};

/// The built-in eviction policies of images, named by what is evicted first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ImageEvictionKind {
    /// The least recently used image.
    Lru,
    /// The image that arrived first.
    Fifo,
    /// The image used least often since it arrived.
    Lfu,
    /// The image with the lowest Greedy-Dual-Size-Frequency priority.
    GreedyDual,
    /// S3-FIFO: a new image that was not used twice more, then a main queue in FIFO order.
    S3Fifo,
}

impl Policy for ImageEvictionKind {
    const FAMILY: &'static FamilySpec = &FamilySpec {
        name: "image_eviction",
        doc: "Which unused images are evicted when room is needed, on the head disk and on the disks and in the memories of nodes.",
        example: "\"lru\"",
        head: table("image_eviction", "").with(&[which::<ImageEvictionKind>()]),
        kinds: kinds::<ImageEvictionKind>,
    };

    const REGISTRY: &'static [Entry<Self>] = &[
        built_in("lru", "those that have not been used for the longest time", &[], |_| {
            Some(ImageEvictionKind::Lru)
        }),
        built_in("fifo", "those that arrived first", &[], |_| Some(ImageEvictionKind::Fifo)),
        built_in("lfu", "those that have been used least often since they arrived", &[], |_| {
            Some(ImageEvictionKind::Lfu)
        }),
        built_in(
            "gdsf",
            "those that are large and seldom used (greedy-dual-size-frequency, Cherkasova 1998)",
            &[],
            |_| Some(ImageEvictionKind::GreedyDual),
        ),
        built_in(
            "s3-fifo",
            "new images that were not used twice more, then those that are no longer used (SOSP 2023)",
            &[],
            |_| Some(ImageEvictionKind::S3Fifo),
        ),
    ];
}

impl ImageEvictionKind {
    /// The same policy as the file systems name it.
    pub(crate) fn build(self) -> Eviction {
        match self {
            ImageEvictionKind::Lru => Eviction::Lru,
            ImageEvictionKind::Fifo => Eviction::Fifo,
            ImageEvictionKind::Lfu => Eviction::Lfu,
            ImageEvictionKind::GreedyDual => Eviction::GreedyDual,
            ImageEvictionKind::S3Fifo => Eviction::S3Fifo,
        }
    }
}
