//! Ids of the entities of a platform. Each kind counts from 0 in the order of creation.

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
    /// A compute host, numbered in the order of the service's list.
    NodeId, u32
);
id!(
    /// An image known to a service.
    ImageId, u32
);
id!(
    /// A registered function. Registering a function twice gives two ids.
    FunctionId, u32
);
id!(
    /// An app, which functions belong to.
    AppId, u32
);
id!(
    /// A container. Ids are not reused.
    ContainerId, u64
);
id!(
    /// An invocation.
    InvocationId, u64
);
