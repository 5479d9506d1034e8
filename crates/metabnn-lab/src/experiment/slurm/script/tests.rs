//! The text of job scripts, as Slurm and a shell read it.

use std::process::Command;

use super::*;

fn job() -> Job {
    Job {
        recipe: "strength".into(),
        program: "/opt/metabnn".into(),
        out: "/shared/out".into(),
        data: None,
        checkpoint: 60,
        tensorboard: false,
        kernels: None,
        resources: Resources::default(),
    }
}

fn piece(first: usize, runs: &[usize]) -> Piece {
    Piece { first, runs: runs.to_vec() }
}

/// The words that the last command of `script` hands to the program, read by a real shell.
fn words(script: &str, element: usize, cpus: usize) -> Vec<String> {
    // Words have no line feeds in them: paths with such are refused.
    let script = script.replace("\nexec ", "\nprintf '%s\\n' ");
    let mut command = Command::new("sh");
    command.args(["-c", &script]).env("SLURM_ARRAY_TASK_ID", element.to_string());
    let output = command.env("SLURM_CPUS_PER_TASK", cpus.to_string()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(String::from).collect()
}

#[test]
fn the_whole_script() {
    let resources = Resources {
        partition: Some("long".parse().unwrap()),
        time: Some("2-12".parse().unwrap()),
        memory: Some("4G".parse().unwrap()),
        cpus: 4,
        at_once: Some(20),
    };
    let job = Job {
        data: Some("/shared/data".into()),
        tensorboard: true,
        kernels: Some(Platform::Portable),
        resources,
        ..job()
    };
    let expected = r#"#!/bin/sh
# Runs of the recipe strength, one per element of this job array, counted from 0 as `metabnn show` lists them.
# A run that is done is not repeated; one that was stopped goes on from its checkpoint.
#SBATCH --job-name=metabnn-strength
#SBATCH --array=0-3,5,8-9%20
#SBATCH --output="/shared/out/slurm/%A_%a.log"
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:TERM@60
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=4
#SBATCH --partition=long
#SBATCH --time=2-12
#SBATCH --mem=4G

# The program takes the place of this shell: when its time is almost up, it hears so from Slurm itself, and
# keeps how far it came.
exec /opt/metabnn run /shared/out/recipe.toml --out /shared/out \
    --index "$SLURM_ARRAY_TASK_ID" --threads "$SLURM_CPUS_PER_TASK" --quiet --checkpoint 60 --tensorboard --kernels portable \
    --data /shared/data
"#;
    assert_eq!(job.script(&piece(0, &[0, 1, 2, 3, 5, 8, 9])).unwrap(), expected);
}

#[test]
fn what_is_not_given_is_left_to_slurm() {
    let script = job().script(&piece(0, &[7])).unwrap();
    for option in ["--partition", "--time", "--mem", "--data", "--kernels", "--tensorboard"] {
        assert!(!script.contains(option), "{option} in: {script}");
    }
    assert!(
        script.contains("#SBATCH --array=7\n") && script.contains("#SBATCH --cpus-per-task=1\n"),
        "{script}"
    );
}

#[test]
fn an_element_does_its_run() {
    let expected = |index: &str| -> Vec<String> {
        let words = "/opt/metabnn run /shared/out/recipe.toml --out /shared/out --index I --threads 3 --quiet --checkpoint 60";
        words.replace(" I ", &format!(" {index} ")).split(' ').map(String::from).collect()
    };
    assert_eq!(words(&job().script(&piece(0, &[0, 12])).unwrap(), 12, 3), expected("12"));
    assert_eq!(words(&job().script(&piece(1001, &[1001, 1013])).unwrap(), 12, 3), expected("1013"));
}

#[test]
fn odd_paths_stay_one_word() {
    for name in
        ["two words", "it's", "$(reboot)", "`reboot`", "$HOME", "a;b", "a&b", "#", "%j", "*", "~", "ü", "-x"]
    {
        let path = PathBuf::from("/shared").join(name);
        let job = Job { out: path.clone(), program: path.join("m"), data: Some(path.join("data")), ..job() };
        let script = job.script(&piece(0, &[0])).unwrap();
        let words = words(&script, 0, 1);
        let path = path.to_str().unwrap();
        assert_eq!(words[0], format!("{path}/m"));
        assert_eq!(words[2..5], [format!("{path}/recipe.toml"), "--out".into(), path.into()]);
        assert_eq!(words[words.len() - 2..], ["--data".into(), format!("{path}/data")]);
        let log = path.replace('%', "%%");
        assert!(script.contains(&format!("#SBATCH --output=\"{log}/slurm/%A_%a.log\"\n")), "{script}");
    }
}

#[test]
fn paths_that_no_script_can_name_are_refused() {
    let odd = ["/shared/a\nb", "/shared/a\"b", "/shared/a\\b", "/shared/a\rb", "/shared/\u{1b}", "results"];
    for path in odd.map(PathBuf::from) {
        let jobs = [
            Job { out: path.clone(), ..job() },
            Job { program: path.clone(), ..job() },
            Job { data: Some(path.clone()), ..job() },
        ];
        for job in jobs {
            let error = job.script(&piece(0, &[0])).unwrap_err();
            assert!(matches!(&error, SlurmError::Path { path: named, .. } if *named == path), "{error}");
        }
    }
    let error = Job { recipe: "a\nb".into(), ..job() }.script(&piece(0, &[0])).unwrap_err();
    assert!(error.to_string().starts_with("a recipe's name: expected letters"), "{error}");
}

#[test]
fn arrays_stay_below_the_largest_index() {
    assert_eq!(pieces(&[], 1001), []);
    assert_eq!(pieces(&[0, 1, 2], 3), [piece(0, &[0, 1, 2])]);
    assert_eq!(pieces(&[0, 2, 3, 5, 9], 3), [piece(0, &[0, 2]), piece(3, &[3, 5]), piece(9, &[9])]);
    assert_eq!(pieces(&[4, 5], 0), [piece(4, &[4]), piece(5, &[5])]);
    assert_eq!(array(&piece(3, &[3, 5]), None), "0,2");
    // However many a cluster takes, the list of elements stays an argument that a system takes.
    let all: Vec<usize> = (0..25_000).collect();
    let lengths: Vec<usize> = pieces(&all, usize::MAX).iter().map(|piece| piece.runs.len()).collect();
    assert_eq!(lengths, [10_000, 10_000, 5_000]);
}

#[test]
fn every_run_is_submitted_once() {
    let runs: Vec<usize> = (0..5000).filter(|run| run % 7 != 3).collect();
    for size in [1, 2, 10, 1001, 4999, 5001] {
        let pieces = pieces(&runs, size);
        assert!(pieces.iter().flat_map(|piece| &piece.runs).eq(&runs), "{size}");
        let fits =
            |piece: &Piece| piece.runs.iter().all(|run| (piece.first..piece.first + size).contains(run));
        assert!(pieces.iter().all(fits), "{size}");
    }
}
