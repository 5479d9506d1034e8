//! Results on disk.

use metabnn_lab::report::folder::{RunResults, read_results, read_run, write_run};

use crate::Allowance;
use crate::files::Folder;

/// The files of a good run, `(name, content)`: of each, the content after the first byte of its seed.
const GOOD: [(&str, &[u8]); 6] = [
    (SUMMARY, include_bytes!("../corpus/results/summary")),
    ("runs/one/metrics.csv", include_bytes!("../corpus/results/metrics")),
    ("runs/one/hidden_weights.csv", include_bytes!("../corpus/results/hidden_weights")),
    ("runs/one/flips.csv", include_bytes!("../corpus/results/flips")),
    ("runs/one/accuracy_matrix.csv", include_bytes!("../corpus/results/accuracy_matrix")),
    ("summary.json", include_bytes!("../corpus/results/all")),
];
const SUMMARY: &str = "runs/one/summary.json";
const RECIPE: &[u8] = b"name = \"quickstart\"\n";

thread_local! {
    static FOLDERS: (Folder, Folder) = (good(), Folder::new());
}

/// A folder of the good run.
fn good() -> Folder {
    let folder = Folder::new();
    for (name, good) in GOOD {
        folder.write(name, &good[1..]);
    }
    folder.write("runs/one/recipe.toml", RECIPE);
    folder.write("recipe.toml", RECIPE);
    folder
}

/// The first byte says which file of a good run is replaced by the bytes after it. What is accepted is written and read
/// back.
pub(crate) fn results(allowance: &Allowance, input: &[u8]) -> bool {
    let Some((&which, content)) = input.split_first() else { return false };
    let (name, good) = GOOD[usize::from(which) % GOOD.len()];
    FOLDERS.with(|(folder, other)| {
        folder.write(name, content);
        let accepted = read_folder(allowance, input.len(), folder, other);
        folder.write(name, &good[1..]);
        accepted
    })
}

/// Reads the results in `folder`, and writes those of the run to `other`.
fn read_folder(allowance: &Allowance, bytes: usize, folder: &Folder, other: &Folder) -> bool {
    let run = folder.path().join("runs/one");
    let size = bytes + GOOD.iter().map(|(_, good)| good.len()).sum::<usize>();
    let read = allowance.within(size, || read_run(&run));
    let all = allowance.within(size, || read_results(folder.path()));
    for error in [read.as_ref().err(), all.as_ref().err()].into_iter().flatten() {
        assert!(!error.to_string().is_empty());
    }
    let Ok(read) = read else { return false };
    // Not written where there are none: those of the input before would be read.
    let _ = std::fs::remove_file(other.path().join("flips.csv"));
    write_run(other.path(), &read).unwrap_or_else(|error| panic!("what was read is not written: {error}"));
    let again = read_run(other.path());
    let again = again.unwrap_or_else(|error| panic!("what was written is refused: {error}"));
    assert_eq!(text(&again), text(&read), "what was written reads back as something else");
    all.is_ok_and(|all| all.left_out.is_empty())
}

/// As text: a loss may be NaN, which equals nothing.
fn text(results: &RunResults) -> String {
    format!("{results:?}")
}
