//! Runs as a job array of Slurm. A stand-in for Slurm's commands writes down what it is asked.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command as Shell;

use assert_cmd::Command;
use serde_json::{Value, json};

use crate::support::{Workplace, check_error, run};

/// A grid of six runs.
const GRID: &[&str] = &["vary.rule.m=[0, 1]", "vary.seed=[0, 1, 2]", "tasks.count=1", "schedule.epochs=1"];

/// Takes every job: writes down its arguments, and gives the numbers 101, 102, ...
const TAKES: &str = r#"printf '%s\n' "$*" >>"$0.said"
number=100
while read -r line; do number=$((number + 1)); done <"$0.said"
echo "$number""#;

/// The command `name` of Slurm, in the folder `bin`.
fn stand_in(place: &Workplace, name: &str, text: &str) {
    let file = format!("bin/{name}");
    place.write(&file, format!("#!/bin/sh\n{text}\n"));
    fs::set_permissions(place.path(&file), fs::Permissions::from_mode(0o755)).unwrap();
}

fn workplace() -> Workplace {
    let place = Workplace::new();
    fs::create_dir(place.path("bin")).unwrap();
    place
}

/// The program with the grid, where the commands in `bin` are the only ones.
fn submit(place: &Workplace, out: &str, more: &[&str]) -> Command {
    let mut arguments = run("pmnist", GRID, out);
    arguments.extend(["--engine", "slurm"].iter().chain(more));
    let mut command = place.metabnn(&arguments);
    command.env("PATH", place.path("bin"));
    command
}

fn printed(command: &mut Command) -> String {
    let done = command.assert().success();
    assert_eq!(String::from_utf8_lossy(&done.get_output().stderr), "");
    String::from_utf8(done.get_output().stdout.clone()).unwrap()
}

fn refused(command: &mut Command, status: i32, says: &[&str]) {
    let done = command.assert().code(status);
    check_error(&String::from_utf8_lossy(&done.get_output().stderr), says);
    assert_eq!(String::from_utf8_lossy(&done.get_output().stdout), "");
}

#[test]
fn every_run_becomes_an_element() {
    let place = workplace();
    stand_in(&place, "sbatch", TAKES);
    let options =
        ["--partition", "long", "--time", "2-12", "--memory", "4G", "--cpus", "3", "--at-once", "2"];
    let options = [&options[..], &["--checkpoint", "7"]].concat();
    let said = printed(&mut submit(&place, "out", &options));
    assert_eq!(said.lines().count(), 4, "{said}");
    let script = place.path("out/slurm/job.sh").display().to_string();
    assert_eq!(place.read("bin/sbatch.said"), format!("--parsable {script}\n"));
    for part in ["job 101: 6 runs\n", "squeue -j 101\n", "metabnn report out\n", "out/slurm\n"] {
        assert!(said.contains(part), "no {part:?} in: {said}");
    }
    let text = place.read("out/slurm/job.sh");
    let out = place.path("out").display().to_string();
    for line in [
        "#SBATCH --job-name=metabnn-pmnist".to_string(),
        "#SBATCH --array=0-5%2".into(),
        format!("#SBATCH --output=\"{out}/slurm/%A_%a.log\""),
        "#SBATCH --signal=B:TERM@60".into(),
        "#SBATCH --cpus-per-task=3".into(),
        "#SBATCH --partition=long".into(),
        "#SBATCH --time=2-12".into(),
        "#SBATCH --mem=4G".into(),
        format!("exec {} run {out}/recipe.toml --out {out} \\", env!("CARGO_BIN_EXE_metabnn")),
        "    --index \"$SLURM_ARRAY_TASK_ID\" --threads \"$SLURM_CPUS_PER_TASK\" --quiet --checkpoint 7 \\"
            .into(),
        format!("    --data {}", place.path("data").display()),
    ] {
        assert!(text.lines().any(|there| there == line), "no {line:?} in: {text}");
    }
    // The recipe there is this one, with the same runs in the same order.
    let names = |recipe: &str, set: &[&str]| -> Vec<String> {
        let mut arguments = vec!["show", recipe, "--json"];
        arguments.extend(set.iter().flat_map(|setting| ["--set", setting]));
        let runs = place.json(&arguments)["runs"].as_array().unwrap().clone();
        runs.iter().map(|run| run["name"].as_str().unwrap().to_string()).collect()
    };
    let all = names("out/recipe.toml", &[]);
    assert_eq!(all, names("pmnist", &[crate::support::TINY, GRID].concat()));
    let list: String = all.iter().enumerate().map(|(index, name)| format!("{index}\t{name}\n")).collect();
    assert_eq!(place.read("out/slurm/runs.txt"), list);
}

#[test]
fn what_is_done_is_not_submitted() {
    let place = workplace();
    stand_in(&place, "sbatch", TAKES);
    place.run("pmnist", GRID, "out");
    let done = "every run is done already: nothing to submit\nreport: metabnn report out\n";
    assert_eq!(printed(&mut submit(&place, "out", &[])), done);
    assert_eq!(printed(&mut submit(&place, "out", &["--dry-run"])), done);
    assert!(!place.path("bin/sbatch.said").exists() && !place.path("out/slurm").exists());
    let json: Value = serde_json::from_str(&printed(&mut submit(&place, "out", &["--json"]))).unwrap();
    assert_eq!(json, json!({"jobs": [], "folder": "out"}));

    for name in ["m=0_seed=1", "m=1_seed=0", "m=1_seed=1"] {
        fs::remove_dir_all(place.path("out/runs").join(name)).unwrap();
    }
    let json: Value = serde_json::from_str(&printed(&mut submit(&place, "out", &["--json"]))).unwrap();
    assert_eq!(json, json!({"jobs": [{"job": 101, "cluster": null, "runs": [1, 3, 4]}], "folder": "out"}));
    assert!(place.read("out/slurm/job.sh").contains("#SBATCH --array=1,3-4\n"));
    // Runs of another recipe are not touched, and nothing is submitted for this one.
    let command = &mut submit(&place, "out", &["--set", "rule.m=3"]);
    refused(command, 1, &["holds the results of another recipe ("]);
    assert_eq!(place.read("bin/sbatch.said").lines().count(), 1);
}

#[test]
fn what_waits_is_not_submitted_again() {
    let place = workplace();
    stand_in(&place, "sbatch", TAKES);
    stand_in(&place, "scontrol", "echo 'MaxArraySize = 4'");
    printed(&mut submit(&place, "out", &[]));
    assert_eq!(place.read("out/slurm/jobs.txt"), "0\t101\n4\t102\n");
    // Elements 1 and 3 of the first array, 0 of the second one; a job of someone else and a line that says nothing.
    let queue =
        "printf '%s\\n' \"$*\" >\"$0.said\"; printf '%s\\n' '101 1' '101 3' '102 0' '99 2' '101 N/A' ''";
    stand_in(&place, "squeue", queue);
    let said = printed(&mut submit(&place, "out", &[]));
    assert!(said.starts_with("in the queue already: 3 runs\njob 103: 2 runs\njob 104: 1 run\n"), "{said}");
    let asked = "--noheader --array --states=PENDING,RUNNING,SUSPENDED --format=%F %K --jobs=101,102\n";
    assert_eq!(place.read("bin/squeue.said"), asked);
    assert!(place.read("out/slurm/job.sh").contains("#SBATCH --array=0,2\n"));
    assert!(place.read("out/slurm/job-2.sh").contains("#SBATCH --array=1\n"));
    stand_in(&place, "squeue", "for i in 0 1 2 3; do echo \"103 $i\"; done; echo '104 0'; echo '104 1'");
    let said = printed(&mut submit(&place, "out", &[]));
    assert!(said.starts_with("every run is done or in the queue already: nothing to submit\n"), "{said}");
    // Slurm has forgotten the jobs.
    stand_in(&place, "squeue", "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1");
    assert!(
        printed(&mut submit(&place, "out", &["--quiet"])).starts_with("job 105: 4 runs\njob 106: 2 runs\n")
    );
}

#[test]
fn a_dry_run_shows_all_and_does_nothing() {
    let place = workplace();
    stand_in(&place, "sbatch", TAKES);
    let before = place.tree();
    let said = printed(&mut submit(&place, "a b/it's", &["--dry-run", "--at-once", "1"]));
    assert!(place.tree() == before, "{:?}", place.files("."));
    let script = place.path("a b/it's/slurm/job.sh").display().to_string().replace('\'', r"'\''");
    assert!(said.ends_with(&format!("# submitted with\nsbatch --parsable '{script}'\n")), "{said}");
    let json = printed(&mut submit(&place, "a b/it's", &["--dry-run", "--at-once", "1", "--json"]));
    let json: Value = serde_json::from_str(&json).unwrap();
    // What is shown is what is submitted.
    printed(&mut submit(&place, "a b/it's", &["--at-once", "1"]));
    assert_eq!(json[0]["script"].as_str().unwrap(), place.read("a b/it's/slurm/job.sh"));
    assert!(said.contains(&place.read("a b/it's/slurm/job.sh")), "{said}");
}

#[test]
fn an_array_too_long_for_the_cluster_goes_in_pieces() {
    let place = workplace();
    stand_in(&place, "sbatch", TAKES);
    stand_in(&place, "scontrol", "[ \"$*\" = 'show config' ] && echo 'MaxArraySize            = 4'");
    let path = |name: &str| place.path("out/slurm").join(name).display().to_string();
    let said = printed(&mut submit(&place, "out", &[]));
    assert!(
        said.contains("job 101: 4 runs\njob 102: 2 runs\n") && said.contains("squeue -j 101,102\n"),
        "{said}"
    );
    let (first, second) = (place.read("out/slurm/job.sh"), place.read("out/slurm/job-2.sh"));
    assert!(first.contains("#SBATCH --array=0-3\n") && first.contains("--index \"$SLURM_ARRAY_TASK_ID\" "));
    assert!(second.contains("#SBATCH --array=0-1\n"), "{second}");
    assert!(second.contains("--index \"$((SLURM_ARRAY_TASK_ID + 4))\" "), "{second}");
    // A limit of what goes on at once holds for all of them together.
    printed(&mut submit(&place, "out", &["--at-once", "2"]));
    let [one, two] = ["job.sh", "job-2.sh"].map(path);
    assert_eq!(
        place.read("bin/sbatch.said"),
        format!(
            "--parsable {one}\n--parsable {two}\n--parsable {one}\n--parsable --dependency=afterany:103 {two}\n"
        )
    );
    let said = printed(&mut submit(&place, "out", &["--at-once", "2", "--dry-run"]));
    assert!(said.contains(&format!("sbatch --parsable --dependency=afterany:BEFORE {two}\n")), "{said}");
    // Fewer pieces than before: no script of the earlier ones stays.
    stand_in(&place, "scontrol", "exit 1");
    printed(&mut submit(&place, "out", &[]));
    assert!(place.path("out/slurm/job.sh").is_file() && !place.path("out/slurm/job-2.sh").exists());
}

#[test]
fn slurm_may_refuse() {
    let place = workplace();
    let before = place.tree();
    let missing = ["job.sh: not submitted: there is no `sbatch` here"];
    refused(&mut submit(&place, "out", &[]), 1, &missing);
    assert!(place.tree() == before, "{:?}", place.files("."));

    for (says, message) in [
        (
            "echo 'sbatch: error: invalid partition specified: long' >&2; echo 'sbatch: error: Invalid' >&2; exit 1",
            "job.sh: not submitted: invalid partition specified: long; Invalid\n",
        ),
        ("exit 3", "sbatch failed (exit status: 3)"),
        ("echo 12; exit 1", "sbatch failed (exit status: 1)"),
    ] {
        stand_in(&place, "sbatch", says);
        let before = place.tree();
        refused(&mut submit(&place, "out", &[]), 1, &["job.sh: not submitted: ", message]);
        assert!(place.tree() == before, "{:?}", place.files("."));
    }

    // What was taken before stays, and is said.
    stand_in(&place, "scontrol", "echo 'MaxArraySize = 4'");
    stand_in(&place, "sbatch", "[ -e \"$0.once\" ] && exit 1; : >\"$0.once\"; echo '7;big'");
    let says = ["job-2.sh: not submitted: sbatch failed", "; submitted before that: 7"];
    refused(&mut submit(&place, "out", &[]), 1, &says);
    assert!(place.path("out/recipe.toml").is_file() && place.path("out/slurm/job.sh").is_file());
}

/// Clusters wrap their own words around what sbatch says.
#[test]
fn the_number_of_a_job_is_found_in_whatever_is_printed() {
    let place = workplace();
    for (number, (says, expected)) in [
        ("echo 'Welcome!'; echo '3 nodes are down'; echo 7", "job 7: 6 runs\n"),
        ("echo '7;big'; echo; echo 'Please acknowledge us.'", "job 7: 6 runs\n"),
        ("echo 'your quota: 80%'; echo 'Submitted batch job 8'", "job 8: 6 runs\n"),
        ("echo 'sbatch: Welcome!' >&2; echo 9", "job 9: 6 runs\n"),
    ]
    .into_iter()
    .enumerate()
    {
        stand_in(&place, "sbatch", says);
        let said = printed(&mut submit(&place, &format!("out-{number}"), &[]));
        assert!(said.starts_with(expected), "{says}: {said}");
        assert!(place.path(&format!("out-{number}/slurm/jobs.txt")).is_file());
    }
}

/// The job is in the queue, whatever sbatch printed: its script stays.
#[test]
fn what_slurm_took_is_never_thrown_away() {
    let place = workplace();
    for (number, says) in
        ["true", "echo 'Submitted batch job'", "echo 'thank you'", "echo 1e3"].into_iter().enumerate()
    {
        stand_in(&place, "sbatch", says);
        let out = format!("out-{number}");
        let said = printed(&mut submit(&place, &out, &[]));
        assert!(said.starts_with("a job whose number sbatch did not say: 6 runs\n"), "{says}: {said}");
        assert!(said.contains("what goes on: squeue --me\n"), "{said}");
        for name in ["recipe.toml", "slurm/job.sh", "slurm/runs.txt"] {
            assert!(place.path(&format!("{out}/{name}")).is_file(), "{name}");
        }
    }
    let json: Value = serde_json::from_str(&printed(&mut submit(&place, "json", &["--json"]))).unwrap();
    assert_eq!(json["jobs"], json!([{"job": null, "cluster": null, "runs": [0, 1, 2, 3, 4, 5]}]));
    // A job that has to wait for one of unknown number is not submitted; the first one stays.
    stand_in(&place, "scontrol", "echo 'MaxArraySize = 4'");
    let says = ["job-2.sh: not submitted: it has to wait for the job before, whose number is not known"];
    refused(&mut submit(&place, "pieces", &["--at-once", "2"]), 1, &says);
    assert!(place.path("pieces/slurm/job.sh").is_file());
}

#[test]
fn one_cluster_of_several() {
    let place = workplace();
    stand_in(&place, "sbatch", "echo '7;big'");
    let said = printed(&mut submit(&place, "out", &[]));
    assert!(said.contains("job 7: 6 runs\n") && said.contains("squeue -M big -j 7\n"), "{said}");
}

#[test]
fn options_that_make_no_sense_are_wrong_usage() {
    let place = workplace();
    stand_in(&place, "sbatch", TAKES);
    for option in [
        &["--partition", "long"][..],
        &["--time", "90"],
        &["--memory", "4G"],
        &["--cpus", "2"],
        &["--at-once", "2"],
        &["--dry-run"],
    ] {
        let arguments = [&run("pmnist", GRID, "out")[..], option].concat();
        place.refuses(&arguments, 2, &[option[0], ": only with --engine slurm"]);
        place.refuses(&[&arguments[..], &["--engine", "local"]].concat(), 2, &[": only with --engine slurm"]);
    }
    for (option, says) in [
        (&["--fresh"][..], "--fresh: not with --engine slurm"),
        (&["--threads", "2"], "--threads: not with --engine slurm; --cpus says"),
        (&["--jobs", "2"], "--jobs: not with --engine slurm; --at-once limits"),
        (&["--index", "0"], "--index: not with --engine slurm"),
        (&["--resume"], "--resume: not with --engine slurm"),
        (&["--kernels", "fast"], "--kernels fast: expected one of portable, "),
        (&["--engine", "pbs"], "cannot be used multiple times"),
        (&["--cpus", "0"], "--cpus"),
        (&["--at-once", "0"], "--at-once"),
    ] {
        refused(&mut submit(&place, "out", option), 2, &[says]);
    }
    assert!(!place.path("out").exists() && !place.path("bin/sbatch.said").exists());
}

#[test]
fn nothing_gets_into_the_script_but_what_it_is_for() {
    let place = workplace();
    stand_in(&place, "sbatch", TAKES);
    let hostile = [
        "1\n#SBATCH --uid=0",
        "1\nreboot",
        "1;reboot",
        "$(reboot)",
        "`reboot`",
        "1 --wrap=reboot",
        "'",
        "\"",
        "",
    ];
    for option in ["--partition", "--time", "--memory", "--cpus", "--at-once", "--kernels"] {
        for value in hostile {
            let argument = format!("{option}={value}");
            refused(&mut submit(&place, "out", &[&argument]), 2, &[option]);
        }
    }
    for folder in ["a\nreboot", "a\"b", "a\\b"] {
        let says = ["cannot stand in a job script"];
        refused(&mut submit(&place, folder, &[]), 1, &says);
        std::os::unix::fs::symlink(place.path("data"), place.path(folder)).unwrap();
        refused(&mut submit(&place, "out", &["--data", folder]), 1, &says);
    }
    assert!(!place.path("out").exists() && !place.path("bin/sbatch.said").exists());

    // A path may look like commands, and stays a path.
    let folder = "$(touch made) `touch made`; touch made & it's #1 %j";
    printed(&mut submit(&place, folder, &[]));
    let script = place.read(&format!("{folder}/slurm/job.sh")).replace("\nexec ", "\nprintf '%s\\n' ");
    let shell = Shell::new("sh").args(["-c", &script]).current_dir(place.path(".")).output().unwrap();
    let words = String::from_utf8(shell.stdout).unwrap();
    assert!(words.lines().any(|word| word == place.path(folder).to_str().unwrap()), "{words}");
    assert!(!place.path("made").exists());
    let log = place.path(folder).display().to_string().replace('%', "%%");
    assert!(script.contains(&format!("#SBATCH --output=\"{log}/slurm/%A_%a.log\"\n")), "{script}");
}

#[test]
fn missing_data_are_noticed_before_anything_is_submitted() {
    let place = workplace();
    stand_in(&place, "sbatch", TAKES);
    let before = place.tree();
    refused(&mut submit(&place, "out", &["--data", "elsewhere"]), 1, &["mnist", "elsewhere"]);
    assert!(place.tree() == before, "{:?}", place.files("."));
}

#[test]
fn a_report_needs_no_more_than_the_runs_done_so_far() {
    let place = workplace();
    stand_in(&place, "sbatch", TAKES);
    let set = [GRID, &["vary.rule.m=[1, 0.5, 0]", "vary.seed=[0, 2, 1]"]].concat();
    place.run("pmnist", &set, "whole");
    let mut arguments = run("pmnist", &set, "out");
    arguments.extend(["--engine", "slurm"]);
    printed(place.metabnn(&arguments).env("PATH", place.path("bin")));
    place.refuses(&["report", "out"], 1, &["out: expected at least one finished run"]);

    // Runs come one by one, in whatever order; of one, all files are there, but its folder has no name yet.
    fs::create_dir(place.path("out/runs")).unwrap();
    fs::rename(place.path("whole/runs/m=1_seed=2"), place.path("out/runs/m=1_seed=2.partial")).unwrap();
    let mut there: Vec<&str> = Vec::new();
    for name in ["m=0_seed=1", "m=1_seed=0", "m=0.5_seed=0", "m=1_seed=1", "m=0.5_seed=2", "m=0_seed=0"] {
        fs::rename(place.path("whole/runs").join(name), place.path("out/runs").join(name)).unwrap();
        there.push(name);
        place.output(&["report", "out"]);
        let summary = place.read_json("out/summary.json");
        let names: Vec<&str> =
            summary["runs"].as_array().unwrap().iter().map(|run| run["name"].as_str().unwrap()).collect();
        let whole = place.read_json("whole/summary.json");
        let whole = whole["runs"].as_array().unwrap().iter().map(|run| run["name"].as_str().unwrap());
        assert_eq!(names, whole.filter(|name| there.contains(name)).collect::<Vec<_>>());
        assert!(place.path("out/report.html").is_file());
    }
}
