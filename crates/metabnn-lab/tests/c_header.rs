//! Headers in C, compiled and compared with the network; and the arrays of NumPy, read by a decoder of the tests'.

// Helpers outside of test functions may unwrap, too: a panic is how a test fails.
#![allow(clippy::unwrap_used)]

#[path = "support/exported.rs"]
mod exported;
#[path = "../../metabnn-data/tests/support/mod.rs"]
mod support;

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

use exported::{float_classes, images, network, trained, unsettled};
use metabnn::data::{Images, Shape};
use metabnn::export::{Packed, c_header, noise_images};
use metabnn::model::Model;
use metabnn_lab::recipe::settings::{Input, Settings};

/// What compiles headers: strictly as C99; and with everything allowed that could fuse operations.
const STRICT: [&str; 6] = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O1"];
const FUSING: [&str; 5] = ["-std=gnu99", "-O3", "-march=native", "-ffp-contract=fast", "-w"];

/// Prints the class of every image of a file in every state, and what the header says of itself.
const MAIN: &str = r#"
#include <stdio.h>
#include "net.h"

int main(int count, char **arguments)
{
    static uint8_t pixels[NET_INPUTS];
    FILE *file = count == 2 ? fopen(arguments[1], "rb") : NULL;
    if (file == NULL) {
        return 1;
    }
    printf("%d %d %d %ld %ld\n", NET_INPUTS, NET_CLASSES, NET_STATES, (long)NET_FLASH_BYTES, (long)NET_RAM_BYTES);
    printf("%d %d\n", net_classify(pixels, -1), net_classify(pixels, NET_STATES));
    while (fread(pixels, 1, NET_INPUTS, file) == NET_INPUTS) {
        for (int state = 0; state < NET_STATES; state++) {
            printf("%d ", net_classify(pixels, state));
        }
        printf("\n");
    }
    fclose(file);
    return 0;
}
"#;

/// The C compiler, `CC` or cc. Where there is none, a developer's test has nothing to compile and says so.
fn compiler() -> Option<OsString> {
    let name = env::var_os("CC").unwrap_or_else(|| "cc".into());
    let runs = Command::new(&name).arg("--version").output().is_ok_and(|output| output.status.success());
    assert!(runs || !support::is_ci(env::var_os("CI").as_deref()), "no C compiler {name:?}");
    if !runs {
        println!("SKIPPED, no C compiler {name:?}");
    }
    runs.then_some(name)
}

/// Compiles `main.c` in `folder` and gives what it prints for the images there.
fn compile_and_run(compiler: &OsString, flags: &[&str], folder: &Path) -> String {
    let run = |command: &mut Command| {
        let output = command.current_dir(folder).output().unwrap();
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    run(Command::new(compiler).args(flags).args(["main.c", "-o", "main"]));
    run(Command::new(folder.join("main")).arg("images"))
}

/// The header of `model` says the classes that the network says, of every image in every state.
fn compare(model: &Model, images: &Images) {
    let Some(compiler) = compiler() else { return };
    let packed = Packed::new(model).unwrap();
    let (header, costs) = c_header(&packed, "net").unwrap();
    assert!(header.lines().all(|line| line.len() <= 120 && line == line.trim_end()), "lines to be read");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("net.h"), header).unwrap();
    fs::write(folder.path().join("main.c"), MAIN).unwrap();
    fs::write(folder.path().join("images"), images.pixels()).unwrap();
    let mut expected = float_classes(model, images);
    // States that say the same are there once.
    expected.truncate(packed.states.len());
    let ram = costs.ram.scratch + costs.ram.table;
    let classes = model.trained.network.layers.last().unwrap().linear.outputs();
    let sizes = format!("{} {classes} {} {} {ram}", images.width(), packed.states.len(), costs.footprint);
    for flags in [&STRICT[..], &FUSING] {
        let printed = compile_and_run(&compiler, flags, folder.path());
        let mut lines = printed.lines();
        assert_eq!(lines.next(), Some(&*sizes));
        assert_eq!(lines.next(), Some("-1 -1"), "no such state");
        let mut count = 0;
        for (image, line) in lines.enumerate() {
            let found: Vec<usize> = line.split_whitespace().map(|class| class.parse().unwrap()).collect();
            let expected: Vec<usize> = expected.iter().map(|classes| classes[image]).collect();
            assert_eq!(found, expected, "image {image}, {flags:?}");
            count += 1;
        }
        assert_eq!(count, images.len());
    }
}

fn settings(hidden: &[usize], input: Input) -> Settings {
    let mut settings = exported::settings(hidden);
    settings.network.input = input;
    settings.data.train_images = 1000;
    settings
}

#[test]
fn a_trained_network_says_the_same_in_c() {
    let (model, set) = trained(&settings(&[64, 48], Input::Real));
    compare(&model, set.test.images().unwrap());
}

#[test]
fn any_batch_norm_says_the_same_in_c() {
    compare(&unsettled(&settings(&[65, 40], Input::Real), Shape::grey(28, 28), 10, 1), &images(10_000));
}

#[test]
fn any_kind_of_network_says_the_same_in_c() {
    for (hidden, input) in
        [(&[][..], Input::Real), (&[], Input::Sign), (&[33], Input::Sign), (&[7, 64, 3], Input::Real)]
    {
        let model = unsettled(&settings(hidden, input), Shape::grey(9, 7), 5, 4);
        compare(&model, &noise_images(&model, 500));
        let mut without_order = model;
        without_order.permutations = vec![None; 2];
        without_order.description.tests[1].experience = None;
        let packed = Packed::new(&without_order).unwrap();
        let (header, _) = c_header(&packed, "net").unwrap();
        assert!(!header.contains("net_orders"), "no order, no array of them");
    }
}

#[test]
fn names_of_tests_do_not_leave_their_comment() {
    let (mut model, _) = network(&settings(&[4], Input::Real), Shape::grey(4, 4), 3);
    model.description.tests[0].name = "*/ int x; /* ??/\nNAME VERSION".into();
    compare(&model, &noise_images(&model, 10));
}
