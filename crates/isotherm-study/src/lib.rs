//! Many runs, and second looks at one: why an invocation took as long as it did.

pub mod explain;
