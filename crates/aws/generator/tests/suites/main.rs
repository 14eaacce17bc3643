//! botocore's own suites, run on our tables, serializers and deserializers.
//!
//! They are part of botocore's source package and not of this repository. Fetch it with
//! `pip download botocore==1.44.5 --no-deps --no-binary :all:`, unpack it, and name its directory in
//! `BOTOCORE_SDIST`. Without it these tests say so and pass.

#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "these are tests")]

mod differential;
mod endpoints;
mod protocols;

use expressway_asl::Document;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The unpacked source package, if there is one.
fn sdist() -> Option<PathBuf> {
    let directory = std::env::var_os("BOTOCORE_SDIST").map(PathBuf::from);
    if directory.is_none() {
        skipped("BOTOCORE_SDIST does not name botocore's source package");
    }
    directory
}

/// Says why a test does nothing, past the harness, which shows what a test prints only if it fails.
fn skipped(why: &str) {
    std::io::stderr()
        .write_all(format!("skipped: {why}\n").as_bytes())
        .unwrap();
}

fn json(path: &Path) -> Document {
    let text = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    expressway_asl::document::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
