//! `[[storage]]`, `[[image]]` and `[[function]]`.

use std::collections::BTreeMap;

use isotherm_kernel::Duration;

use crate::check::body;
use crate::check::context::Context;
use crate::check::fields::{Fields, FromValue, Size};
use crate::check::platform::{self, Platform};
use crate::check::service::buffer;
use crate::diagnostic::{Diagnostic, Report};
use crate::plan::{FilePlan, FunctionPlan, ImagePlan, LimitsPlan, StoragePlan};
use crate::source::Located;
use crate::tree::{Kind, Value};

/// The storage that images come from unless they say otherwise; it need not be declared.
pub const REPOSITORY: &str = "repository";

/// Reads one `[[storage]]`. Without a platform only what does not depend on one is checked.
pub fn storage(value: &Value, platform: Option<&Platform>, context: &Context<'_>) -> Option<StoragePlan> {
    let report = context.report;
    let mut fields = Fields::of(value, "[[storage]]", report)?;
    let name = fields.required::<String>("name");
    let host = fields.required::<Located<String>>("host");
    let mount = fields.optional::<Located<String>>("mount");
    let buffer_bytes = buffer(&mut fields);
    let files = match fields.entry("files") {
        Some(entry) => files(&entry.value, report),
        None => Some(Vec::new()),
    };
    fields.finish();
    let platform = platform?;
    let host = platform::host(&platform.spec, &host?, report)?;
    let disk = platform::disk(&platform.spec, host, mount.as_ref(), report)?;
    Some(StoragePlan { name: name?, host, disk, buffer_bytes, files: files? })
}

/// The repository that nobody declared.
pub fn implicit_repository(platform: &Platform) -> StoragePlan {
    StoragePlan {
        name: REPOSITORY.to_owned(),
        host: platform.repository.host,
        disk: platform.repository.disk,
        buffer_bytes: None,
        files: Vec::new(),
    }
}

fn files(value: &Value, report: &Report) -> Option<Vec<FilePlan>> {
    let files = Vec::<File>::read(value, report)?;
    let mut seen = BTreeMap::new();
    for file in &files {
        if let Some(first) = seen.insert(&file.name.value, file.name.span) {
            let message = format!("there are two files called `{}`", file.name.value);
            report.push(Diagnostic::at(file.name.span, message, "").with_related(first, "the first one"));
        }
    }
    let plan = |file: File| FilePlan { name: file.name.value, bytes: file.bytes };
    Some(files.into_iter().map(plan).collect())
}

struct File {
    name: Located<String>,
    bytes: u64,
}

impl FromValue for File {
    const EXAMPLE: &'static str = "[{ name = \"input\", size = \"100MB\" }]";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        let mut fields = Fields::of(value, "a file", report)?;
        let name = fields.required("name");
        let size = fields.required::<Size>("size");
        fields.finish();
        Some(File { name: name?, bytes: size?.0 })
    }
}

/// Reads one `[[image]]`.
pub fn image(value: &Value, context: &Context<'_>) -> Option<ImagePlan> {
    let report = context.report;
    let mut fields = Fields::of(value, "[[image]]", report)?;
    let name = fields.required::<String>("name");
    let size = fields.required::<Size>("size");
    let memory = fields.optional::<Size>("memory");
    let storage = match fields.optional::<Located<String>>("storage") {
        Some(named) => context.storages.resolve(&named, report),
        None => context.storages.index_of(REPOSITORY),
    };
    fields.finish();
    let bytes = size?.0;
    // An image that says nothing about memory is loaded as a whole.
    let memory_bytes = memory.map_or(bytes, |memory| memory.0);
    Some(ImagePlan { name: name?, bytes, memory_bytes, storage: storage? })
}

/// Reads one `[[function]]`. `startup` is that of the service.
pub fn function(value: &Value, startup: Duration, context: &Context<'_>) -> Option<FunctionPlan> {
    let report = context.report;
    let mut fields = Fields::of(value, "[[function]]", report)?;
    let name = fields.required::<Located<String>>("name");
    let image = fields.optional::<Located<String>>("image");
    let image = image.map(|image| context.images.resolve(&image, report));
    let limits = fields.required("limits");
    let startup = fields.optional_or("startup", startup);
    let body = body::optional_body(&mut fields, context);
    fields.finish();
    let image = match image {
        Some(resolved) => Some(resolved?),
        None => None,
    };
    let name = name?;
    Some(FunctionPlan {
        name: name.value,
        place: name.span,
        image,
        limits: limits?,
        startup,
        body: body.unwrap_or_default(),
    })
}

impl FromValue for LimitsPlan {
    const EXAMPLE: &'static str = "{ time = \"60s\", memory = \"512MB\", disk = \"1GB\" }";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        let mut fields = Fields::of(value, "limits", report)?;
        let time = fields.required::<Located<TimeLimit>>("time");
        let memory = fields.required::<Located<Size>>("memory");
        let disk = fields.optional_or("disk", Size(0));
        fields.finish();
        let (time, memory) = (time?, memory?);
        if time.value.0.is_zero() {
            report.error(time.span, "a time limit of zero", "no body could ever complete");
        }
        if memory.value.0 == 0 {
            report.error(memory.span, "a memory limit of zero", "a container needs some memory");
        }
        Some(LimitsPlan { time: time.value.0, memory_bytes: memory.value.0, disk_bytes: disk.0 })
    }
}

/// A duration, or `"unlimited"`.
struct TimeLimit(Duration);

impl FromValue for TimeLimit {
    const EXAMPLE: &'static str = "\"60s\"";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        match &value.kind {
            Kind::String(word) if word == "unlimited" => Some(TimeLimit(Duration::MAX)),
            _ => Duration::read(value, report).map(TimeLimit),
        }
    }
}
