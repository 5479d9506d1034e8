//! The target that the variable `METABNN_FUZZ` names, on the inputs that libFuzzer makes up; `.ci/fuzz` builds and runs
//! it.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use metabnn_fuzz::{TARGETS, Target, find};

static TARGET: OnceLock<&Target> = OnceLock::new();

fn target() -> &'static Target {
    let name = std::env::var("METABNN_FUZZ").unwrap_or_default();
    find(&name).unwrap_or_else(|| {
        let known: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        eprintln!("METABNN_FUZZ: takes the name of a target ({}), got {name:?}", known.join(", "));
        std::process::exit(2);
    })
}

fuzz_target!(|input: &[u8]| {
    TARGET.get_or_init(target).run(input);
});
