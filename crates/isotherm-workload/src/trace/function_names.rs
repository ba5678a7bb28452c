//! The numbers of functions by their names.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::table::similar;

/// The names of the functions of a workload, each with its number: its index in the list. Clones
/// share the names.
#[derive(Clone, Debug, Default)]
pub struct FunctionNames {
    /// By the bytes of the name, for names that [`packed`] does not take.
    numbers: Arc<FxHashMap<Box<[u8]>, u32>>,
    /// By the [`packed`] name. Short names are common, and an integer key is found much faster.
    short: Arc<FxHashMap<u64, u32>>,
    names: Arc<[String]>,
}

impl FunctionNames {
    /// These names, numbered from 0. A name that is given twice has its first number.
    #[must_use]
    pub fn new(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let names: Arc<[String]> = names.into_iter().map(Into::into).collect();
        let mut numbers: FxHashMap<Box<[u8]>, u32> = FxHashMap::default();
        let mut short = FxHashMap::default();
        for (number, name) in names.iter().enumerate() {
            match packed(name.as_bytes()) {
                Some(name) => short.entry(name).or_insert(number as u32),
                None => numbers.entry(name.as_bytes().into()).or_insert(number as u32),
            };
        }
        FunctionNames { numbers: Arc::new(numbers), short: Arc::new(short), names }
    }

    /// The number of a function; `None` if no function has this name.
    #[must_use]
    pub fn number(&self, name: &[u8]) -> Option<u32> {
        match packed(name) {
            Some(name) => self.short.get(&name).copied(),
            None => self.numbers.get(name).copied(),
        }
    }

    /// The number of a function whose name has at most seven bytes, given as a little-endian word.
    #[inline]
    pub(super) fn short(&self, name: u64, length: u32) -> Option<u32> {
        self.short.get(&(name | u64::from(length) << 56)).copied()
    }

    /// The number of names.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are no names.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The name most like this one. Costs O(number of names).
    pub(super) fn similar(&self, name: &str) -> Option<String> {
        similar(name, &self.names)
    }
}

/// A name of at most seven bytes as an integer: its bytes in little-endian order, and its length in
/// the highest byte, so that different names give different integers.
fn packed(name: &[u8]) -> Option<u64> {
    if name.len() > 7 {
        return None;
    }
    let bytes = name.iter().rev().fold(0, |bytes, &byte| bytes << 8 | u64::from(byte));
    Some(bytes | (name.len() as u64) << 56)
}
