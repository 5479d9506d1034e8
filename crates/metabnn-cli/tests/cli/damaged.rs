//! Results and checkpoints that are no longer what they were: none is taken for a result, and none keeps others from being
//! shown.

use std::fs;
use std::path::{Path, PathBuf};

use metabnn_lab::report::folder::{read_results, read_run};

use crate::support::{Workplace, run};

const RUNS: [&str; 3] = ["seed=0", "seed=1", "seed=2"];
const SET: [&str; 4] =
    ["vary.seed=[0, 1, 2]", "network.hidden=[4]", "schedule.epochs=1", "data.train_images=60"];

fn workplace() -> Workplace {
    let place = Workplace::new();
    place.run("pmnist", &SET, "out");
    place
}

fn quiet<'a>() -> Vec<&'a str> {
    [&run("pmnist", &SET, "out")[..], &["--quiet"]].concat()
}

/// What a command says on standard error.
fn stderr(place: &Workplace, arguments: &[&str], status: i32) -> String {
    let done = place.metabnn(arguments).assert().code(status);
    String::from_utf8(done.get_output().stderr.clone()).unwrap()
}

/// Seeds in the report.
fn reported(place: &Workplace) -> Vec<u64> {
    let summary = place.read_json("out/summary.json");
    summary["runs"].as_array().unwrap().iter().map(|run| run["seed"].as_u64().unwrap()).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Ways in which a file of the run seed=1 is damaged; `None` where it is gone.
fn damages(place: &Workplace, name: &str) -> Vec<(String, Option<Vec<u8>>)> {
    let whole = place.bytes(&format!("out/runs/seed=1/{name}"));
    let mut damages: Vec<(String, Option<Vec<u8>>)> =
        vec![("removed".into(), None), ("emptied".into(), Some(vec![]))];
    for part in 1..8 {
        let length = whole.len() * part / 8;
        damages.push((format!("cut to {length} bytes"), Some(whole[..length].to_vec())));
    }
    damages.push(("without its last byte".into(), Some(whole[..whole.len() - 1].to_vec())));
    damages.push(("longer".into(), Some([&whole[..], b"\n"].concat())));
    for part in 0..16 {
        let at = (whole.len() - 1) * part / 15;
        let mut changed = whole.clone();
        // One digit for another, one letter for another: what a look at it would not show.
        changed[at] ^= 1;
        damages.push((format!("byte {at} changed"), Some(changed)));
    }
    let other = place.bytes(&format!("out/runs/seed=2/{name}"));
    if other != whole {
        damages.push(("of another run".into(), Some(other)));
    }
    damages
}

/// Each file of a run in every way: the report says which, and shows the others; the run is not "done".
#[test]
fn no_damage_to_a_finished_run_is_believed() {
    let place = workplace();
    let recipe = place.read("out/recipe.toml");
    let mut count = 0;
    for name in names(&place.path("out/runs/seed=1")) {
        let path = place.path("out/runs/seed=1").join(&name);
        let whole = fs::read(&path).unwrap();
        for (damage, bytes) in damages(&place, &name) {
            match bytes {
                Some(bytes) => fs::write(&path, bytes).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            let refused = read_run(&place.path("out/runs/seed=1")).unwrap_err().to_string();
            assert!(refused.contains(&name), "{name} {damage}: {refused}");
            // Reading all of them takes longer.
            if count % 9 == 0 {
                let read = read_results(&place.path("out")).unwrap();
                let seeds: Vec<u64> = read.runs.iter().map(|run| run.summary.seed).collect();
                assert_eq!(seeds, [0, 2], "{name} {damage}");
                assert!(matches!(&read.left_out[..], [line] if line.contains(&name)), "{:?}", read.left_out);
            }
            fs::write(&path, &whole).unwrap();
            count += 1;
        }
    }
    assert!(count >= 150, "{count}");
    let read = read_results(&place.path("out")).unwrap();
    assert_eq!((read.runs.len(), read.left_out), (3, Vec::new()));
    assert_eq!(place.read("out/recipe.toml"), recipe);
}

#[test]
fn a_damaged_run_is_named_and_the_others_are_shown() {
    let place = workplace();
    let model = place.bytes("out/runs/seed=1/model.safetensors");
    let metrics = place.read("out/runs/seed=2/metrics.csv");
    place.write("out/runs/seed=1/model.safetensors", &model[..100]);
    let says = stderr(&place, &["report", "out"], 0);
    let expected = format!(
        "warning: out/runs/seed=1/model.safetensors: its size: expected {} bytes, as summary.json says, got 100; \
         not counted\n",
        model.len()
    );
    assert_eq!(says, expected);
    assert_eq!(reported(&place), [0, 2]);
    let html = place.read("out/report.html");
    assert!(html.contains("<li>out/runs/seed=1/model.safetensors: its size: expected "), "not on the page");
    let says = stderr(&place, &["export", "out", "--to", "jsonl"], 0);
    assert_eq!(says, expected);
    assert_eq!(names(&place.path("out/jsonl")), ["seed=0", "seed=2"]);

    // An accuracy that somebody liked better.
    let at = metrics.find(",test,").unwrap();
    let mut edited = metrics.clone().into_bytes();
    let digit = at + metrics[at..].find("0.").unwrap() + 2;
    edited[digit] = if edited[digit] == b'9' { b'8' } else { b'9' };
    place.write("out/runs/seed=2/metrics.csv", &edited);
    assert_eq!(stderr(&place, &["report", "out"], 0).lines().count(), 2);
    assert_eq!(reported(&place), [0]);
    fs::remove_file(place.path("out/runs/seed=0/recipe.toml")).unwrap();
    let says = stderr(&place, &["report", "out"], 1);
    assert!(
        says.starts_with("error: out: no run is whole\n  out/runs/seed=0/recipe.toml: cannot read: "),
        "{says}"
    );
    assert_eq!(says.lines().count(), 4, "{says}");

    // The same command does not say that it is done, and leaves what is there to whoever wants to look at it.
    let before = place.bytes("out/runs/seed=2/metrics.csv");
    let says = stderr(&place, &quiet(), 1);
    assert!(says.contains("3 of 3 runs failed"), "{says}");
    for part in [
        "out/runs/seed=1/model.safetensors: its size: ",
        "this finished run is damaged: move out/runs/seed=1 away, and the same command does it again",
        "out/runs/seed=2/metrics.csv: its content: ",
    ] {
        assert!(says.contains(part), "no {part:?} in {says}");
    }
    assert_eq!(place.bytes("out/runs/seed=2/metrics.csv"), before);
    fs::remove_dir_all(place.path("out/runs/seed=2")).unwrap();
    assert!(stderr(&place, &quiet(), 1).contains("2 of 3 runs failed"));
    assert_eq!(place.read("out/runs/seed=2/metrics.csv"), metrics, "the same bytes again");
    // And so does --fresh.
    assert_eq!(stderr(&place, &[&quiet()[..], &["--fresh"]].concat(), 0), "");
    assert_eq!(place.bytes("out/runs/seed=1/model.safetensors"), model);
    assert_eq!(names(&place.path("out/runs")), RUNS);
}

#[test]
fn the_same_run_twice_counts_once() {
    let place = workplace();
    let copy = |from: &str, to: &str| {
        fs::create_dir(place.path("out/runs").join(to)).unwrap();
        for name in names(&place.path("out/runs").join(from)) {
            let [from, to] = [from, to].map(|folder| place.path("out/runs").join(folder).join(&name));
            fs::copy(from, to).unwrap();
        }
    };
    let whole = place.read("out/report.html");
    for name in ["seed=1 (copy)", "a", "seed=1.old"] {
        copy("seed=1", name);
    }
    let says = stderr(&place, &["report", "out"], 0);
    for name in ["seed=1 (copy)", "a", "seed=1.old"] {
        let line = format!("warning: out/runs/{name}: the same run as out/runs/seed=1; counted once\n");
        assert!(says.contains(&line), "{says}");
    }
    assert_eq!((says.lines().count(), reported(&place)), (3, vec![0, 1, 2]));
    assert!(place.read("out/report.html").contains("<li>out/runs/seed=1 (copy): the same run as"));
    // The first of the copies is as good as the run itself.
    fs::remove_dir_all(place.path("out/runs/seed=1")).unwrap();
    let says = stderr(&place, &["report", "out"], 0);
    assert_eq!((says.lines().count(), reported(&place)), (2, vec![0, 1, 2]), "{says}");
    for name in ["seed=1 (copy)", "seed=1.old"] {
        fs::remove_dir_all(place.path("out/runs").join(name)).unwrap();
    }
    fs::rename(place.path("out/runs/a"), place.path("out/runs/seed=1")).unwrap();
    assert_eq!(stderr(&place, &["report", "out"], 0), "");
    assert_eq!(place.read("out/report.html"), whole);
}

/// A model of more than eight megabytes is not read for every report, unless asked.
#[test]
fn large_models_are_read_when_everything_is_verified() {
    let place = Workplace::new();
    let set = ["network.hidden=[2700]", "schedule.epochs=1", "data.train_images=20", "tasks.count=1"];
    place.run("pmnist", &set, "out");
    let name = "out/runs/seed=0/model.safetensors";
    let mut model = place.bytes(name);
    assert!(model.len() > 8 << 20, "{} bytes", model.len());
    let middle = model.len() / 2;
    model[middle] ^= 1;
    place.write(name, &model);
    assert_eq!(stderr(&place, &["report", "out"], 0), "");
    let says = stderr(&place, &["report", "out", "--verify"], 1);
    assert!(
        says.starts_with(
            "error: out/runs/seed=0/model.safetensors: its content: expected that of summary.json"
        )
    );
    place.write(name, &model[..middle]);
    assert!(stderr(&place, &["report", "out"], 1).contains("model.safetensors: its size: "));
}

/// Results of versions that said nothing of files are read as before.
#[test]
fn earlier_results_are_read() {
    let place = workplace();
    for name in RUNS {
        let path = format!("out/runs/{name}/summary.json");
        let text = place.read(&path);
        let (before, _) = text.split_once(",\n  \"files\"").unwrap();
        place.write(&path, format!("{before}\n}}\n"));
    }
    assert_eq!(stderr(&place, &["report", "out"], 0), "");
    assert_eq!(reported(&place), [0, 1, 2]);
    assert!(place.output(&run("pmnist", &SET, "out")).contains("done before"));
}

/// The summary of all runs is made from the runs: one that is damaged is made anew.
#[test]
fn a_damaged_summary_of_all_runs_is_made_anew() {
    let place = workplace();
    let whole = place.read("out/summary.json");
    for damaged in ["", "{", &whole[..whole.len() / 2], "{\"runs\": 5}"] {
        place.write("out/summary.json", damaged);
        let says = stderr(&place, &["report", "out"], 0);
        assert!(says.contains("out/summary.json") && says.contains("made anew from the runs"), "{says}");
        assert_eq!(place.read("out/summary.json"), whole);
    }
}

/// Bytes of a checkpoint, header and tensors, one by one: the run does not go on from it.
#[test]
fn no_damage_to_a_checkpoint_is_believed() {
    let place = Workplace::new();
    let set = ["network.hidden=[4]", "data.train_images=60"];
    let arguments = [&run("pmnist", &set, "out")[..], &["--quiet", "--checkpoint", "0"]].concat();
    let folder = place.path("out/runs/seed=0.partial");
    let checkpoint = interrupted(&place, &arguments, &folder);
    let whole = fs::read(&checkpoint).unwrap();
    for part in 0..12 {
        let at = (whole.len() - 1) * part / 11;
        let mut changed = whole.clone();
        changed[at] ^= 1;
        fs::write(&checkpoint, &changed).unwrap();
        let says = stderr(&place, &arguments, 1);
        let expected = "error: out/runs/seed=0.partial/checkpoint.safetensors: the run cannot go on from it";
        assert!(says.starts_with(expected) && says.contains("damaged"), "byte {at}: {says}");
        assert_eq!(fs::read(&checkpoint).unwrap(), changed, "it is left to whoever wants to look at it");
    }
    fs::write(&checkpoint, &whole).unwrap();
    assert_eq!(stderr(&place, &[&arguments[..], &["--resume"]].concat(), 0), "");
}

/// The checkpoint of a run that met a full disk when it wrote its model.
fn interrupted(place: &Workplace, arguments: &[&str], folder: &Path) -> PathBuf {
    // A folder where the model should go stops the run after its last checkpoint.
    fs::create_dir_all(folder.join("model.safetensors")).unwrap();
    place.write("out/recipe.toml", recipe(place, arguments));
    assert!(stderr(place, arguments, 1).contains("model.safetensors: cannot write"));
    fs::remove_dir(folder.join("model.safetensors")).unwrap();
    folder.join("checkpoint.safetensors")
}

/// The recipe as a run writes it.
fn recipe(place: &Workplace, arguments: &[&str]) -> Vec<u8> {
    let elsewhere: Vec<&str> =
        arguments.iter().map(|word| if *word == "out" { "elsewhere" } else { word }).collect();
    place.metabnn(&elsewhere).assert().success();
    let recipe = place.bytes("elsewhere/recipe.toml");
    fs::remove_dir_all(place.path("elsewhere")).unwrap();
    recipe
}
