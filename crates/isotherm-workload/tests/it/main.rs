//! The integration tests of `isotherm-workload`: one program, which is linked once.

mod azure;
mod azure_like;
mod compressed;
mod dates;
mod formats;
mod functions;
mod generators;
mod huawei;
mod limits;
mod lists;
mod trace;
