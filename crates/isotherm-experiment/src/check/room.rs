//! Functions for which there can never be room: the platform would refuse to register them.
//!
//! The rule is that of the service (`PlatformState::register`), which has the last word: the head
//! disk must be able to hold the image, and some compute host the image and the limits, on its disk
//! and in its memory.

use std::collections::BTreeSet;

use isotherm_config::diagnostic::Report;
use isotherm_platform::PlatformSpec;
use isotherm_serverless::ImageDisk;

use crate::plan::{FunctionPlan, HostsPlan, ImagePlan};

/// So many functions are told in full.
const MOST: usize = 20;

/// The bytes that images and containers may take on a disk.
pub fn of_disk(disk: ImageDisk) -> u64 {
    match disk {
        ImageDisk::On { bytes, .. } => bytes,
        ImageDisk::Nowhere => 0,
        ImageDisk::Mounted => u64::MAX,
    }
}

/// Reports the functions for which there can never be room.
pub fn check(
    functions: &[FunctionPlan],
    images: &[ImagePlan],
    hosts: &HostsPlan,
    spec: &PlatformSpec,
    report: &Report,
) {
    let head = of_disk(hosts.head_disk);
    // Hosts that are alike are looked at once.
    let rooms: BTreeSet<(u64, u64)> = hosts
        .nodes
        .iter()
        .zip(&hosts.node_disks)
        .map(|(&node, &disk)| (of_disk(disk), spec.host(node).memory.unwrap_or(u64::MAX)))
        .collect();
    let mut refused = 0;
    for function in functions {
        let image = function.image.and_then(|index| images.get(index));
        let (bytes, memory_bytes) = image.map_or((0, 0), |image| (image.bytes, image.memory_bytes));
        let on_disk = bytes.saturating_add(function.limits.disk_bytes);
        let in_memory = memory_bytes.saturating_add(function.limits.memory_bytes);
        let reason = if bytes > head {
            format!("its image takes {bytes} bytes, and the head disk holds {head}")
        } else if rooms.iter().any(|&(disk, memory)| on_disk <= disk && in_memory <= memory) {
            continue;
        } else {
            let disk = rooms.iter().map(|&(disk, _)| disk).max().unwrap_or(0);
            let memory = rooms.iter().map(|&(_, memory)| memory).max().unwrap_or(0);
            if on_disk > disk {
                format!(
                    "image and disk limit take {on_disk} bytes, and the largest disk of a compute host holds {disk}"
                )
            } else if in_memory > memory {
                format!(
                    "image and memory limit take {in_memory} bytes, and the largest compute host has {memory}"
                )
            } else {
                format!(
                    "no compute host has both {on_disk} bytes of disk and {in_memory} bytes of memory"
                )
            }
        };
        refused += 1;
        if refused <= MOST {
            report.error(
                function.place,
                format!("there is no room for function `{}` anywhere", function.name),
                reason,
            );
        }
    }
    if let Some(more) = refused.checked_sub(MOST).filter(|&more| more > 0)
        && let Some(last) = functions.last()
    {
        report.error(
            last.place,
            format!("{more} more functions for which there is no room anywhere"),
            "",
        );
    }
}
