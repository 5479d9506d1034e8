//! What is not the program's is neither written through, nor deleted, nor called wrong.

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::{Workplace, run};

/// Something of the user's, in a file and in a folder of the program's own names.
fn workplace() -> Workplace {
    let place = Workplace::new();
    place.write("victim", "precious");
    for name in ["letter", "recipe.toml", "metrics.csv", "lock", "checkpoint.safetensors", ".metabnn-x"] {
        place.write(&format!("texts/{name}"), "precious");
    }
    place
}

fn assert_precious(place: &Workplace) {
    assert_eq!(place.read("victim"), "precious");
    assert_eq!(place.files("texts").len(), 6);
    for name in place.files("texts") {
        assert_eq!(place.read(&format!("texts/{name}")), "precious", "{name}");
    }
}

fn quiet<'a>(set: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [&run("pmnist", set, "out")[..], &["--quiet"], more].concat()
}

/// The recipe that a run leaves, so that a folder looks begun.
fn begin(place: &Workplace, set: &[&str]) {
    place.metabnn(&run("pmnist", set, "elsewhere")).assert().success();
    let recipe = place.bytes("elsewhere/recipe.toml");
    place.write("out/recipe.toml", recipe);
    fs::remove_dir_all(place.path("elsewhere")).unwrap();
    fs::create_dir_all(place.path("out/runs")).unwrap();
}

#[test]
fn a_lock_that_is_a_link_is_not_followed() {
    let place = workplace();
    let targets = [place.path("victim"), place.path("texts"), place.path("nowhere"), "/dev/null".into()];
    for target in targets {
        begin(&place, &[]);
        fs::create_dir(place.path("out/runs/seed=0.partial")).unwrap();
        symlink(&target, place.path("out/runs/seed=0.partial/lock")).unwrap();
        let says = place.error(&quiet(&[], &[]), 1);
        let expected = "out/runs/seed=0.partial/lock: cannot write: a link has its name; it is not touched";
        assert!(says.contains(expected), "{says}");
        assert!(!place.path("nowhere").exists());
        assert_precious(&place);
        fs::remove_dir_all(place.path("out")).unwrap();
    }
}

#[test]
fn the_folder_of_a_run_that_is_a_link_is_not_followed() {
    let place = workplace();
    begin(&place, &[]);
    symlink(place.path("texts"), place.path("out/runs/seed=0.partial")).unwrap();
    let says = place.error(&quiet(&[], &[]), 1);
    let expected = "out/runs/seed=0.partial: cannot write: a link has its name; it is not touched";
    assert!(says.contains(expected), "{says}");
    assert_precious(&place);
    // Another recipe does not take the folder with what is behind the link.
    place.refuses(&quiet(&["seed=5"], &[]), 1, &["out: holds the results of another recipe"]);
    fs::remove_file(place.path("texts/checkpoint.safetensors")).unwrap();
    let says = ["out/runs/seed=0.partial: was not left by a run, and would have to go"];
    place.refuses(&quiet(&["seed=5"], &[]), 1, &says);
}

/// A run that fails removes what it wrote, and nothing else.
#[test]
fn what_lies_in_the_folder_of_an_unfinished_run_stays() {
    let place = workplace();
    begin(&place, &[]);
    place.write("out/runs/seed=0.partial/notes.txt", "mine");
    place.write("out/runs/seed=0.partial/figures/mine.svg", "mine");
    symlink(place.path("texts"), place.path("out/runs/seed=0.partial/texts")).unwrap();
    symlink(place.path("victim"), place.path("out/runs/seed=0.partial/.metabnn-link")).unwrap();
    let mine = |folder: &str| {
        let mut files = place.files(folder);
        files.retain(|name| !name.starts_with("texts/"));
        files.sort();
        files
    };
    let says = place.error_of_full_disk(&run("pmnist", &[], "out"), 16);
    assert!(says.contains("cannot write: File too large"), "{says}");
    assert_eq!(mine("out/runs/seed=0.partial"), ["figures/mine.svg", "notes.txt"]);
    assert_precious(&place);
    place.output(&quiet(&[], &[]));
    assert_eq!(mine("out/runs/seed=0").len(), 8 + 2);
    assert_eq!(place.read("out/runs/seed=0/notes.txt"), "mine");
    assert_precious(&place);
}

/// `runs/NAME` may hold more than the run: it goes aside, with what is not the run's.
#[test]
fn what_somebody_put_beside_a_finished_run_stays() {
    let place = workplace();
    place.run("pmnist", &[], "out");
    place.write("out/runs/seed=0/model.packed", "mine");
    place.write("out/runs/seed=0/figures/mine.svg", "mine");
    symlink(place.path("texts"), place.path("out/runs/seed=0/texts")).unwrap();
    for number in ["", "-2"] {
        place.output(&quiet(&[], &["--fresh"]));
        if number.is_empty() {
            let left = ["figures/mine.svg", "model.packed"].map(String::from);
            let mut there = place.files("out/runs/seed=0.replaced");
            there.retain(|name| !name.starts_with("texts/"));
            there.sort();
            assert_eq!(there, left);
        }
        assert_eq!(place.files("out/runs/seed=0").len(), 8);
        assert_precious(&place);
        place.write("out/runs/seed=0/more", "mine");
    }
    assert_eq!(place.files("out/runs/seed=0.replaced-2"), ["more"]);
    // Neither of them is taken for a run.
    let done = place.metabnn(&["report", "out"]).assert().success();
    assert_eq!(String::from_utf8_lossy(&done.get_output().stderr), "");
    // A file, a link or a folder in the place of a run is refused, and with --fresh moved aside.
    for kind in ["file", "link", "folder"] {
        fs::remove_dir_all(place.path("out/runs")).unwrap();
        fs::create_dir(place.path("out/runs")).unwrap();
        match kind {
            "file" => place.write("out/runs/seed=0", "mine"),
            "link" => symlink(place.path("texts"), place.path("out/runs/seed=0")).unwrap(),
            _ => place.write("out/runs/seed=0/mine", "mine"),
        }
        let says = place.error(&quiet(&[], &[]), 1);
        assert!(says.contains("out/runs/seed=0/summary.json: cannot read: "), "{says}");
        place.output(&quiet(&[], &["--fresh"]));
        assert!(fs::symlink_metadata(place.path("out/runs/seed=0.replaced")).is_ok(), "{kind}");
        assert_eq!(place.files("out/runs/seed=0").len(), 8);
        assert_precious(&place);
    }
}

/// A run of another recipe that was stopped early gives way, but not with what somebody put there.
#[test]
fn an_abandoned_folder_with_something_in_it_is_not_cleared() {
    let place = workplace();
    for foreign in ["notes.txt", "deep/er/notes.txt"] {
        begin(&place, &[]);
        place.write("out/runs/seed=0.partial/metrics.jsonl", "half");
        place.write(&format!("out/runs/seed=0.partial/{foreign}"), "mine");
        place.refuses(
            &quiet(&["seed=5"], &[]),
            1,
            &["out/runs/seed=0.partial/", foreign.split('/').next().unwrap(), ": was not left by a run"],
        );
        fs::remove_dir_all(place.path("out")).unwrap();
    }
    begin(&place, &[]);
    place.write("out/runs/seed=0.partial/metrics.jsonl", "half");
    place.output(&quiet(&["seed=5"], &[]));
    assert!(!place.path("out/runs/seed=0.partial").exists());
}

/// Images of one's own in the place of a data set.
#[test]
fn a_stand_in_of_ones_own_is_not_wrong() {
    let place = workplace();
    let says = place.output(&["data", "verify", "mnist"]);
    assert_eq!(says.matches(": own file, not the catalogue's: SHA-256 ").count(), 4, "{says}");
    assert!(place.output(&["data", "list"]).contains("mnist          own files   MNIST"));
    let before = place.tree();
    let fetch = ["data", "fetch", "mnist", "--data", "data", "--mirror", "http://127.0.0.1:9"];
    assert_eq!(place.output(&fetch), "mnist: own files in data/mnist, left as they are\n");
    assert!(place.tree() == before);

    let name = "data/mnist/train-labels-idx1-ubyte";
    let whole = place.bytes(name);
    for damaged in
        [&whole[..whole.len() - 1], &whole[..5], b"", b"something else", &[&whole[..], b"x"].concat()]
    {
        place.write(name, damaged);
        let done = place.metabnn(&["data", "verify", "mnist"]).assert().code(1);
        let said = String::from_utf8_lossy(&done.get_output().stdout);
        assert_eq!(
            (said.matches(": own file").count(), said.matches(": damaged: ").count()),
            (3, 1),
            "{said}"
        );
        // Images of one's own and labels of somebody else make no set.
        place.refuses(
            &fetch,
            1,
            &[
                "data set `mnist`: ",
                "nothing is downloaded beside them",
                "damaged or missing: data/mnist/train-labels",
            ],
        );
    }
    // Of the right format, but not what it should be.
    fs::copy(place.path("data/mnist/t10k-images-idx3-ubyte"), place.path(name)).unwrap();
    let done = place.metabnn(&["data", "verify", "mnist"]).assert().code(1);
    assert!(
        String::from_utf8_lossy(&done.get_output().stdout)
            .contains("labels-idx1-ubyte: damaged: number of dim")
    );
}

#[test]
fn downloads_write_through_no_link() {
    let place = workplace();
    fs::remove_dir_all(place.path("data/mnist")).unwrap();
    fs::create_dir(place.path("data/mnist")).unwrap();
    let fetch = ["data", "fetch", "mnist", "--data", "data", "--quiet", "--mirror", "http://127.0.0.1:9"];
    for name in [".lock", "train-images-idx3-ubyte.partial"] {
        let link = place.path("data/mnist").join(name);
        for target in ["victim", "texts", "nowhere"] {
            symlink(place.path(target), &link).unwrap();
            let says = place.error(&fetch, 1);
            assert!(
                says.contains(&format!("data/mnist/{name}: a link has its name; it is not touched")),
                "{says}"
            );
            assert!(fs::symlink_metadata(&link).unwrap().is_symlink() && !place.path("nowhere").exists());
            assert_precious(&place);
            fs::remove_file(&link).unwrap();
        }
        place.write(&format!("data/mnist/{name}/mine"), "mine");
        assert!(place.error(&fetch, 1).contains("no plain file has its name"));
        fs::remove_dir_all(&link).unwrap();
    }
}
