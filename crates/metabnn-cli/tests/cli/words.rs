//! What the program says, and the words that it takes: folders that can be found again, suggestions that help.

use std::fs;
use std::io::Write;

use crate::support::{RUN, TINY, Workplace, run};

#[test]
fn arms_that_come_to_the_same_are_refused_by_show_and_run() {
    let place = Workplace::new();
    for command in ["show", "run"] {
        let says = ["\"plain\" and \"metaplastic\" come to the same settings", "--set arm=plain"];
        place.refuses(&[command, "quickstart", "--set", "rule.name=ewc"], 2, &says);
    }
    let one = place.json(&["show", "quickstart", "--set", "rule.name=ewc", "--set", "arm=plain", "--json"]);
    assert_eq!(one["runs"].as_array().unwrap().len(), 1);
}

#[test]
fn another_depth_goes_with_the_lists_of_built_in_recipes() {
    let place = Workplace::new();
    let arguments =
        ["show", "boundary-free", "--set", "arm=instance", "--set", "network.hidden=[100]", "--json"];
    let shown = place.json(&arguments);
    assert_eq!(shown["runs"][0]["settings"]["norm"]["gamma_scale"], serde_json::json!([2.0, 0.5]));
    let refused = place.error(&["show", "pmnist", "--set", "rule.m=[1, 2]"], 2);
    assert!(refused.contains("takes one number, or 3"), "{refused}");
}

#[test]
fn results_go_to_a_folder_named_after_what_was_set() {
    let place = Workplace::new();
    let short = ["data.train_images=40", "data.test_images=20", "schedule.epochs=1", "data.sets=mnist"];
    let mut arguments = vec!["run", "pmnist", "--seed", "1", "--quiet"];
    arguments.extend(short.iter().flat_map(|set| ["--set", set]));
    arguments.extend(["--set", "network.hidden=8,8", "--set", "schedule.batch=20"]);
    place.output(&arguments);
    let folder =
        "results/pmnist-data.sets=mnist-data.test_images=20-data.train_images=40-network.hidden=8-8-";
    let found: Vec<_> =
        fs::read_dir(place.path("results")).unwrap().map(|e| e.unwrap().file_name()).collect();
    let name = format!("results/{}", found[0].to_str().unwrap());
    assert!(found.len() == 1 && name.starts_with(folder), "{found:?}");
    // Again: it is found, and what was done is done.
    let arguments: Vec<&str> = arguments.into_iter().filter(|argument| *argument != "--quiet").collect();
    assert!(place.output(&arguments).contains("done before"));
    let help = place.output(&["run", "--help"]);
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains("such as results/quickstart-rule.m=2-seed=1"), "{help}");
}

#[test]
fn a_changed_recipe_begins_anew_in_its_folder_if_told_so() {
    let place = Workplace::new();
    place.run("pmnist", &[], "o");
    let old = place.bytes(&format!("o/{RUN}/model.safetensors"));
    place.write(&format!("o/{RUN}/notes.txt"), "mine");
    place.write("o/notes.txt", "mine");
    place.write("o/runs/seed=9/summary.json", "{}");
    let mut changed = run("pmnist", &["rule.m=3"], "o");
    let refused = place.error(&changed, 1);
    assert!(
        refused.contains("holds the results of another recipe") && refused.contains("--fresh"),
        "{refused}"
    );
    changed.push("--fresh");
    place.output(&changed);
    assert_ne!(place.bytes(&format!("o/{RUN}/model.safetensors")), old);
    assert!(place.read("o/recipe.toml").contains("m = 3.0") && place.read("o/notes.txt") == "mine");
    assert!(!place.path("o/runs/seed=9").exists());
    // Another recipe does not give way, nor one with comments.
    let other = [&run("quickstart", &["arm=plain"], "o")[..], &["--fresh"]].concat();
    place.refuses(&other, 1, &["holds the results of another recipe"]);
    place.write("o/recipe.toml", format!("# by hand\n{}", place.read("o/recipe.toml")));
    place.refuses(&changed, 1, &["holds the results of another recipe"]);
}

#[cfg(unix)]
#[test]
fn beginning_anew_removes_nothing_behind_links() {
    let place = Workplace::new();
    place.run("pmnist", &[], "o");
    place.write("victim/summary.json", "mine");
    place.write("victim/metrics.csv", "mine");
    std::os::unix::fs::symlink(place.path("victim"), place.path("o/runs/seed=7")).unwrap();
    let changed = [&run("pmnist", &["rule.m=3"], "o")[..], &["--fresh", "--index", "0"]].concat();
    place.output(&changed);
    assert_eq!(place.files("victim"), ["metrics.csv", "summary.json"]);
}

#[test]
fn results_are_listed() {
    let place = Workplace::new();
    let set = "vary.seed=0,1";
    place.run("pmnist", &["rule.m=3", set], "results/a");
    place.output(&[&run("pmnist", &[set], "results/b")[..], &["--index", "1"]].concat());
    fs::create_dir_all(place.path("results/empty")).unwrap();
    let listed = place.output(&["list", "results"]);
    assert_eq!(listed, place.output(&["list", "results", "results"]));
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines.len(), 3, "{listed}");
    let says = |line: &str, parts: &[&str]| parts.iter().all(|part| line.contains(part));
    assert!(says(lines[1], &["results/a", "pmnist", "2 of 2", " %", "m = 3"]), "{listed}");
    assert!(says(lines[2], &["results/b", "pmnist", "1 of 2", " %", "seed = 0-1"]), "{listed}");
    assert!(!lines[2].contains("m = 3"), "{listed}");
    let report = place.output(&["report", "results"]);
    assert!(report.starts_with(&listed) && report.contains("side by side"), "{report}");
    let json = place.json(&["list", "results", "--json"]);
    assert_eq!((&json["results"][1]["done"], &json["results"][1]["planned"]), (&1.into(), &2.into()));
    place.refuses(&["list", "results", "data"], 1, &["data: expected a folder of results"]);
    place.refuses(&["list", "results", "nowhere"], 1, &["nowhere: cannot read"]);
}

#[test]
fn lists_need_no_brackets() {
    let place = Workplace::new();
    let hidden = |text: &str| {
        let set = format!("network.hidden={text}");
        place.json(&["show", "pmnist", "--set", &set, "--json"])["runs"][0]["settings"]["network"]["hidden"]
            .clone()
    };
    for text in ["256,256", "[256,256]", "256, 256", "256,256,"] {
        assert_eq!(hidden(text), serde_json::json!([256, 256]), "{text}");
    }
    assert_eq!(hidden("64"), serde_json::json!([64]));
    let names = |set: &str| -> Vec<String> {
        let shown = place.json(&["show", "pmnist", "--set", set, "--json"]);
        shown["runs"].as_array().unwrap().iter().map(|run| run["name"].as_str().unwrap().into()).collect()
    };
    assert_eq!(names("vary.seed=0,1,2"), ["seed=0", "seed=1", "seed=2"]);
    assert_eq!(
        names("vary.norm.gamma_init=ones,uniform"),
        ["gamma_init=ones_seed=0", "gamma_init=uniform_seed=0"]
    );
    assert_eq!(names("vary.rule.m=[0,2]"), ["m=0_seed=0", "m=2_seed=0"]);
    assert_eq!(names("rule.m=2,..,1"), ["seed=0"]);
    assert_eq!(TINY[0], "data.sets=mnist");
    place.refuses(
        &["show", "pmnist", "--set", "network.hidden=256,wide"],
        2,
        &["network.hidden: takes a list", "256,wide"],
    );
}

#[test]
fn a_setting_given_as_a_flag_is_shown_the_way() {
    let place = Workplace::new();
    for (arguments, tip) in [
        (&["run", "quickstart", "--m", "1"][..], "'--set rule.m=1'"),
        (&["show", "quickstart", "--m=1.35"], "'--set rule.m=1.35'"),
        (&["run", "quickstart", "--lr", "1e-3"], "'--set optimizer.lr=1e-3'"),
        (&["--quiet", "run", "quickstart", "--pool-size", "2"], "'--set network.pool_size=2'"),
        (&["run", "quickstart", "--rule.m", "2"], "'--set rule.m=2'"),
        (&["run", "quickstart", "--Test-Batch", "7"], "'--set schedule.test_batch=7'"),
        (&["run", "quickstart", "--epochs"], "'--set schedule.epochs=VALUE'"),
        (&["run", "quickstart", "--epochs", "--fresh"], "'--set schedule.epochs=VALUE'"),
        (&["run", "quickstart", "--m", "$(ls)"], "'--set rule.m=VALUE'"),
        (&["run", "quickstart", "--kind", "layer"], "'--set norm.kind=layer' or '--set analysis.kind=layer'"),
    ] {
        let error = place.error(arguments, 2);
        let tips: Vec<&str> = error.lines().filter(|line| line.trim_start().starts_with("tip:")).collect();
        assert!(tips.len() == 1 && tips[0].ends_with(tip), "{arguments:?}: {error}");
    }
    // Where there are no settings, and where a flag was meant.
    assert!(!place.error(&["eval", "m", "--m", "1"], 2).contains("--set"));
    assert!(place.error(&["run", "quickstart", "--thread", "1"], 2).contains("'--threads'"));
}

#[test]
fn sets_that_other_programs_keep_are_found() {
    let dashed = ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"];
    let usual = run("pmnist", &[], "usual");
    for (folder, dotted, zipped) in [
        ("MNIST/raw", false, false),
        ("MNIST/raw", false, true),
        ("mnist", true, false),
        ("mnist", true, true),
        ("MNIST/raw", true, true),
    ] {
        let place = Workplace::new();
        place.output(&usual);
        let digest = place.read_json(&format!("usual/{RUN}/summary.json"))["results"].clone();
        for name in dashed {
            let bytes = place.bytes(&format!("data/mnist/{name}-ubyte"));
            fs::remove_file(place.path(&format!("data/mnist/{name}-ubyte"))).unwrap();
            let name = if dotted { name.replace("-idx", ".idx") } else { name.into() };
            match zipped {
                true => place.write(&format!("data/{folder}/{name}-ubyte.gz"), gzip(&bytes)),
                false => place.write(&format!("data/{folder}/{name}-ubyte"), bytes),
            }
        }
        place.run("pmnist", &[], "out");
        assert_eq!(place.read_json(&format!("out/{RUN}/summary.json"))["results"], digest, "{folder}");
        assert!(
            place
                .output(&["data", "list"])
                .lines()
                .any(|line| line.starts_with("mnist  ") && line.contains("own files"))
        );
        // Nothing is downloaded beside it.
        let fetched = place.output(&["data", "fetch", "mnist", "--mirror", "http://127.0.0.1:9"]);
        assert!(fetched.starts_with("mnist: own files in ") && fetched.contains(folder), "{fetched}");
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_set_that_is_not_here_is_told_with_its_files_and_how_to_get_it() {
    let place = Workplace::new();
    let missing = |set: &str, mirror: Option<&str>| {
        let sets = format!("data.sets={set}");
        let mut program = place.metabnn(&["run", "pmnist", "--set", &sets, "--data", "nowhere", "-q"]);
        program.envs(mirror.map(|url| ("METABNN_MIRROR", url)));
        String::from_utf8(program.assert().failure().get_output().stderr.clone()).unwrap()
    };
    let files = "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte \
                 (or with .gz at the end or named like train-images.idx3-ubyte)";
    for (set, folder) in [("mnist", "nowhere/MNIST/raw"), ("fashion-mnist", "nowhere/FashionMNIST/raw")] {
        let error = missing(set, None);
        let fetch = format!("`metabnn data fetch {set} --data nowhere` downloads it");
        assert!([folder, files, &fetch].iter().all(|part| error.contains(part)), "{error}");
    }
    // Nobody publishes it, unless somebody does.
    let error = missing("usps", None);
    assert!(error.contains(files) && error.contains("placed there by hand"), "{error}");
    assert!(!error.contains("data fetch"), "{error}");
    let error = missing("usps", Some("http://127.0.0.1:9"));
    assert!(error.contains("`metabnn data fetch usps --data nowhere` downloads it"), "{error}");
}

#[test]
fn help_is_wrapped() {
    let place = Workplace::new();
    for command in ["run", "show", "data", "eval", "bench", "report", "export", "list"] {
        let mut program = place.metabnn(&[command, "--help"]);
        let done = program.env_remove("COLUMNS").assert().success();
        let help = String::from_utf8(done.get_output().stdout.clone()).unwrap();
        let longest = help.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(longest <= 100, "{command}: {longest}\n{help}");
    }
}

#[test]
fn the_folder_of_a_run_stands_for_its_model() {
    let place = Workplace::new();
    place.run("pmnist", &["norm.statistics=recalibrated"], "one");
    let run = format!("one/{RUN}");
    let of_file = place.output(&["eval", &format!("{run}/model.safetensors")]);
    assert_eq!(place.output(&["eval", &run]), of_file);
    assert_eq!(place.output(&["eval", "one"]), of_file);
    place.output(&["export", &run, "--to", "packed"]);
    let says = ["model.packed: a packed model, for devices", "the model.safetensors that it was made from"];
    place.refuses(&["eval", &format!("{run}/model.packed")], 1, &says);
    place.run("pmnist", &["vary.seed=0,1"], "two");
    let says = ["two: a folder with the models of 2 runs; name one of them, such as two/runs/seed=0/model"];
    for command in [&["eval", "two"][..], &["export", "two", "--to", "packed"]] {
        place.refuses(command, 2, &says);
    }
}

#[test]
fn a_setting_of_a_later_version_is_named() {
    let place = Workplace::new();
    place.run("pmnist", &[], "out");
    let mut bytes = place.bytes(&format!("out/{RUN}/model.safetensors"));
    let (known, later) = (b"momentum", b"momentux");
    let at = bytes.windows(known.len()).position(|window| window == known).unwrap();
    bytes[at..at + later.len()].copy_from_slice(later);
    place.write("later.safetensors", bytes);
    let says = ["later.safetensors: the model has a setting that this version", "does not know: momentux"];
    place.refuses(&["eval", "later.safetensors"], 1, &says);
}
