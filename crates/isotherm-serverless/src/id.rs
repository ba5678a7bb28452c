//! Numbers that name the things of a platform. Each counts from 0 in the order of creation.

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $inner:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub $inner);

        impl $name {
            /// The number as an index.
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(
    /// A compute host of a service, in the order in which they were listed.
    NodeId, u32
);
id!(
    /// An image known to a service.
    ImageId, u32
);
id!(
    /// A registered function. The same function registered twice has two.
    FunctionId, u32
);
id!(
    /// A container. Never used again after the container has stopped.
    ContainerId, u64
);
id!(
    /// An invocation.
    InvocationId, u64
);
