//! The arrows between the crates, and what the lower ones must not touch: see ARCHITECTURE.md.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use syn::UseTree;
use syn::visit::Visit;

/// What each crate may use of the others, directly. `isotherm-` is left out of names.
const ARROWS: [(&str, &str); 16] = [
    ("testing", ""),
    ("kernel", ""),
    ("platform", "kernel"),
    ("services", "kernel platform"),
    ("serverless", "kernel platform services"),
    ("workload", "kernel"),
    ("results", "kernel serverless"),
    ("config", "kernel"),
    ("figures", "platform"),
    ("experiment", "kernel platform services serverless workload results config"),
    ("conform", "kernel platform services serverless workload config experiment"),
    ("study", "kernel platform services serverless workload results config experiment"),
    ("cli", "config conform experiment figures results study"),
    (
        "isotherm",
        "kernel platform services serverless workload results \
         config experiment figures conform study",
    ),
    ("bench", "isotherm"),
    ("examples", "isotherm"),
];

/// Crates that open nothing and never look at the machine.
const BELOW_EXPERIMENT: [&str; 8] =
    ["kernel", "platform", "services", "serverless", "workload", "results", "config", "figures"];

/// What those crates must not use: files, sockets, the environment, other processes and threads,
/// the wall clock.
const FORBIDDEN: [&str; 8] = [
    "std::fs",
    "std::net",
    "std::os",
    "std::env",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
];

struct Package {
    folder: PathBuf,
    /// Crates of the workspace that it uses, and those that only its tests use.
    uses: Vec<String>,
    tests_use: Vec<String>,
}

fn workspace() -> BTreeMap<String, Package> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value =
        serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    metadata["packages"].as_array().expect("a list of packages").iter().map(package).collect()
}

fn package(package: &Value) -> (String, Package) {
    let text = |value: &Value| value.as_str().expect("a string").to_owned();
    let uses = |dev: bool| {
        let dependencies =
            package["dependencies"].as_array().expect("a list of dependencies").iter();
        dependencies
            .filter(|dependency| (dependency["kind"] == "dev") == dev)
            .map(|dependency| text(&dependency["name"]))
            .filter(|name| name.starts_with("isotherm"))
            .map(|name| short(&name))
            .collect()
    };
    let manifest = PathBuf::from(text(&package["manifest_path"]));
    let folder = manifest.parent().expect("a manifest is in a folder").to_owned();
    (short(&text(&package["name"])), Package { folder, uses: uses(false), tests_use: uses(true) })
}

fn short(name: &str) -> String {
    name.strip_prefix("isotherm-").unwrap_or(name).to_owned()
}

fn allowed(name: &str) -> Vec<&'static str> {
    let arrows = ARROWS.iter().find(|(from, _)| *from == name).unwrap_or_else(|| {
        panic!("{name} is not in ARROWS; if it is a new crate, say what it may use")
    });
    arrows.1.split_whitespace().collect()
}

#[test]
fn crates_use_only_those_below_them() {
    let workspace = workspace();
    for (name, _) in ARROWS {
        assert!(workspace.contains_key(name), "{name} is gone");
    }
    for (name, package) in &workspace {
        let allowed = allowed(name);
        for used in &package.uses {
            assert!(allowed.contains(&used.as_str()), "{name} must not use {used}");
        }
        // Tests may look at what lies further down, and at the crate itself with its checks on.
        let below = |used: &str| {
            allowed.iter().any(|&direct| direct == used || self::allowed(direct).contains(&used))
        };
        for used in &package.tests_use {
            let is_known = used == name || used == "testing" || below(used);
            assert!(is_known, "the tests of {name} must not use {used}");
        }
    }
}

#[test]
fn crates_below_experiment_never_look_at_the_machine() {
    let workspace = workspace();
    for name in BELOW_EXPERIMENT {
        let files = rust_files(&workspace[name].folder.join("src"));
        assert!(!files.is_empty(), "{name} has source files");
        for file in files {
            let text = std::fs::read_to_string(&file).expect("source files are text");
            let found = forbidden(&text);
            assert!(found.is_empty(), "{} uses {found:?}", file.display());
        }
    }
}

#[test]
fn forbidden_paths_are_found_however_they_are_written() {
    assert_eq!(forbidden("use std::fs::File;"), ["std::fs"]);
    assert_eq!(forbidden("fn f() { std::fs::read(path); /* std::net */ }"), ["std::fs"]);
    assert_eq!(
        forbidden("use std::{\n    hash::Hash,\n    io::{self, Read},\n    net::TcpStream,\n};"),
        ["std::net"]
    );
    assert_eq!(forbidden("use std::time::{Duration, Instant};"), ["std::time::Instant"]);
    assert_eq!(forbidden("fn f() { assert!(std::env::args().len() > 1) }"), ["std::env"]);
    assert_eq!(
        forbidden("use std::{io as text, env::*, rc::Rc as Shared, fs as files,};"),
        ["std::fs", "std::env"]
    );
    assert_eq!(
        forbidden("use std::{rc::Rc, time::{Duration as Wall, SystemTime}};"),
        ["std::time::SystemTime"]
    );
    assert!(
        forbidden("/// Like std::fs, but simulated.\nuse std::io::Read;\nuse std::fmt;").is_empty()
    );
    assert!(
        forbidden("use std::time::Duration; use my::fs::File; struct Instant; use std::ossified;")
            .is_empty()
    );
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The forbidden paths that a source text uses.
fn forbidden(text: &str) -> Vec<&'static str> {
    let file = syn::parse_file(text).expect("source files are Rust");
    let mut used = UsedPaths::default();
    used.visit_file(&file);
    let uses = |forbidden: &str| {
        used.paths.iter().any(|path| {
            path.strip_prefix(forbidden)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        })
    };
    FORBIDDEN.into_iter().filter(|&forbidden| uses(forbidden)).collect()
}

/// The paths that a file imports or names.
#[derive(Default)]
struct UsedPaths {
    paths: Vec<String>,
}

impl UsedPaths {
    fn import(&mut self, before: &str, tree: &UseTree) {
        match tree {
            UseTree::Path(path) => self.import(&format!("{before}{}::", path.ident), &path.tree),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.import(before, tree)),
            UseTree::Name(name) => self.paths.push(format!("{before}{}", name.ident)),
            UseTree::Rename(rename) => self.paths.push(format!("{before}{}", rename.ident)),
            UseTree::Glob(_) => self.paths.push(before.trim_end_matches("::").to_owned()),
        }
    }
}

impl Visit<'_> for UsedPaths {
    fn visit_item_use(&mut self, item: &syn::ItemUse) {
        self.import("", &item.tree);
    }

    fn visit_path(&mut self, path: &syn::Path) {
        let names: Vec<_> = path.segments.iter().map(|part| part.ident.to_string()).collect();
        self.paths.push(names.join("::"));
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &syn::Macro) {
        // What stands in a macro is no Rust yet.
        let text = call.tokens.to_string().replace(' ', "");
        let is_of_path = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':');
        let paths = text.split(|c| !is_of_path(c)).filter(|path| path.starts_with("std::"));
        self.paths.extend(paths.map(str::to_owned));
    }
}
