//! `[[storage]]`, `[[image]]` and `[[function]]`.

use std::collections::BTreeMap;

use isotherm_config::diagnostic::{Diagnostic, Report};
use isotherm_config::fields::{Fields, FromValue, Size, takes};
use isotherm_config::schema::{Field, TableSpec, Takes, field, table, value};
use isotherm_config::source::Located;
use isotherm_config::tree::Value;

use crate::check::body::{self, STEPS};
use crate::check::context::Context;
use crate::check::distribution::A_DURATION;
use crate::check::platform::{self, Platform};
use crate::check::service::{self, buffer};
use crate::check::{concurrency, limits, on_failure, values};
use crate::duration_distribution::DurationDistribution;
use crate::plan::{FilePlan, FunctionPlan, ImagePlan, StoragePlan};
use crate::policies::{KeepAliveKind, Policy};

/// The storage that images come from unless they say otherwise; it need not be declared.
pub const REPOSITORY: &str = "repository";

/// `[[storage]]`
pub const STORAGE: TableSpec = table(
    "[[storage]]",
    "A storage that is there from the start. Images and the files of bodies are on storages. The storage `repository`, on the \
          platform's repository, need not be declared.",
)
.with(&[
    field(
        "name",
        value("a name", "\"repository\""),
        "What it is called.",
    ),
    field(
        "host",
        value("the name of a host", "\"repository\""),
        "Where it is.",
    ),
    field(
        "mount",
        value("a path", "\"/scratch\""),
        "Where its disk is mounted.",
    )
    .otherwise("the disk at `/`, or the memory of a host that has none"),
    field(
        "buffer",
        takes::<Size>(),
        "The size of the chunks in which files move; \"0B\" moves a file as one stream.",
    )
    .like("\"1MiB\"")
    .default("\"0B\""),
    field("files", Takes::Tables(&FILE), "The files that are there at the start.")
        .default("[]"),
]);

const FILE: TableSpec = table("a file", "A file of a storage.").with(&[
    field("name", value("a name", "\"photo\""), "What it is called."),
    field("size", takes::<Size>(), "How large it is.").like("\"4MB\""),
]);

/// The fields of an image but its name.
pub const SIZE: Field = field("size", takes::<Size>(), "How large it is on a disk.");
pub const MEMORY: Field =
    field("memory", takes::<Size>(), "How much memory it takes when it is loaded.")
        .like("\"120MB\"")
        .otherwise("as much as its size");
pub const STORED_ON: Field = field(
    "storage",
    value("the name of a storage", "\"repository\""),
    "Where it is downloaded from.",
)
.default("\"repository\"");

/// `[[image]]`
pub const IMAGE: TableSpec = table("[[image]]", "A container image.").with(&[
    field("name", value("a name", "\"python\""), "What it is called."),
    SIZE,
    MEMORY,
    STORED_ON,
]);

/// `[[function]]`
pub const FUNCTION: TableSpec = table(
    "[[function]]",
    "A function. Thousands of them are better read from a file: see `[functions]`.",
)
.with(&[
    field("name", value("a name", "\"resize\""), "What it is called."),
    field(
        "app",
        value("a name", "\"shop\""),
        "The app that it belongs to: a name that functions share, for policies and statistics.",
    )
    .otherwise("an app of its own, of its name"),
    field(
        "image",
        value("the name of an image", "\"python\""),
        "What its containers are made from.",
    )
    .otherwise("nothing has to be downloaded, copied or loaded"),
    field("limits", Takes::Table(&limits::LIMITS), "What a container of it may use."),
    field(
        "startup",
        A_DURATION,
        "How long the start of a container takes; if it is random, drawn for each.",
    )
    .otherwise("that of the service"),
    service::of_family(KeepAliveKind::FAMILY).otherwise("that of the service"),
    on_failure::OF_FUNCTION,
    concurrency::PER_CONTAINER,
    concurrency::FUNCTION_MAXIMUM,
    concurrency::RESERVED,
    values::INPUT,
    values::OUTPUT,
    field("body", Takes::Kinds(STEPS), "What it does when it is invoked, step by step.")
        .otherwise("every invocation must bring its own"),
]);

/// Reads one `[[storage]]`. Without a platform only what does not depend on one is checked.
pub fn storage(
    value: &Value,
    platform: Option<&Platform>,
    context: &Context<'_>,
) -> Option<StoragePlan> {
    let report = context.report;
    let mut fields = Fields::of(value, &STORAGE, report)?;
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

/// The repository of an experiment that does not declare one.
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
            report.push(
                Diagnostic::at(file.name.span, message, "").with_related(first, "the first one"),
            );
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
    const WHAT: &'static str = "a file";
    const EXAMPLE: &'static str = "[{ name = \"input\", size = \"100MB\" }]";

    fn read(value: &Value, report: &Report) -> Option<Self> {
        let mut fields = Fields::of(value, &FILE, report)?;
        let name = fields.required("name");
        let size = fields.required::<Size>("size");
        fields.finish();
        Some(File { name: name?, bytes: size?.0 })
    }
}

/// Reads one `[[image]]`.
pub fn image(value: &Value, context: &Context<'_>) -> Option<ImagePlan> {
    let report = context.report;
    let mut fields = Fields::of(value, &IMAGE, report)?;
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
pub fn function(
    value: &Value,
    startup: &DurationDistribution,
    context: &Context<'_>,
) -> Option<FunctionPlan> {
    let report = context.report;
    let mut fields = Fields::of(value, &FUNCTION, report)?;
    let name = fields.required::<Located<String>>("name");
    let app = fields.optional::<String>("app");
    let image = fields.optional::<Located<String>>("image");
    let image = image.map(|image| context.images.resolve(&image, report));
    let limits = limits::required(&mut fields);
    let startup = fields.optional("startup").unwrap_or_else(|| startup.clone());
    let keep_alive = service::optional_policy(&mut fields, "keep_alive", &context.policies);
    let on_failure = on_failure::read(&mut fields);
    let concurrency = concurrency::of_function(&mut fields);
    let sizes = values::read(&mut fields);
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
        app,
        image,
        limits: limits?,
        startup,
        keep_alive,
        on_failure,
        concurrency,
        sizes,
        body: body.unwrap_or_default(),
        workload: None,
    })
}
