//! Vectors by ids that count from 0.

use std::marker::PhantomData;
use std::ops::{Deref, Index, IndexMut};

use crate::node_set::DenseId;

/// The values `T` of all ids `I`, each of which is given out by [`push`](Self::push).
pub(crate) struct IdVec<I, T> {
    values: Vec<T>,
    ids: PhantomData<I>,
}

impl<I, T> Default for IdVec<I, T> {
    fn default() -> Self {
        IdVec { values: Vec::new(), ids: PhantomData }
    }
}

impl<I: DenseId, T> IdVec<I, T> {
    pub(crate) fn push(&mut self, value: T) -> I {
        self.values.push(value);
        I::of_number(self.values.len() as u32 - 1)
    }

    /// The value of an id; `None` if the id was not given out here.
    #[inline]
    pub(crate) fn get(&self, id: I) -> Option<&T> {
        self.values.get(id.number() as usize)
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = I> + use<I, T> {
        (0..self.values.len() as u32).map(I::of_number)
    }
}

impl<I: DenseId, T> Index<I> for IdVec<I, T> {
    type Output = T;

    #[inline]
    fn index(&self, id: I) -> &T {
        &self.values[id.number() as usize]
    }
}

impl<I: DenseId, T> IndexMut<I> for IdVec<I, T> {
    #[inline]
    fn index_mut(&mut self, id: I) -> &mut T {
        &mut self.values[id.number() as usize]
    }
}

impl<I, T> Deref for IdVec<I, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.values
    }
}
