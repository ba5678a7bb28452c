//! Numbers that name the things of a platform. Each counts from 0 in the order of declaration.

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub(crate) u32);

        impl $name {
            /// The number as an index.
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

id!(
    /// A host.
    HostId
);
id!(
    /// A disk of a host.
    DiskId
);
id!(
    /// A link, in one direction: a split-duplex link `x` is the two links `x_UP` and `x_DOWN`.
    LinkId
);
id!(
    /// A router: a point of a zone that only routes begin, end or pass at.
    RouterId
);
id!(
    /// A zone.
    ZoneId
);
