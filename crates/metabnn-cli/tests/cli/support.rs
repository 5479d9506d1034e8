//! A workplace for the program: a temporary folder with a small data set, and what the tests do in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use metabnn::data::Images;
use metabnn_data::idx;
use serde_json::Value;
use tempfile::TempDir;

/// What makes any recipe run in a moment on the small data set.
pub const TINY: &[&str] = &[
    "data.sets=mnist",
    "data.train_images=200",
    "data.test_images=100",
    "tasks.count=2",
    "network.hidden=[16]",
    "schedule.epochs=2",
    "schedule.batch=20",
    "schedule.test_batch=50",
    "norm.gamma_init=ones",
];

/// The one run of [`TINY`] of the recipe pmnist.
pub const RUN: &str = "runs/seed=0";

/// A temporary folder that the program runs in.
pub struct Workplace {
    folder: TempDir,
}

impl Workplace {
    /// With a small `mnist` in `data`.
    pub fn new() -> Self {
        let new = Self { folder: tempfile::tempdir().unwrap() };
        new.write_set("mnist", 28, 1);
        new
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a data set of 240 + 120 images that a network can learn: a bright bar per class, on noise.
    pub fn write_set(&self, name: &str, side: usize, seed: u32) {
        let folder = self.path("data").join(name);
        fs::create_dir_all(&folder).unwrap();
        for (split, count) in [("train", 240), ("t10k", 120)] {
            let labels: Vec<u8> = (0..count).map(|image| (image % 10) as u8).collect();
            let mut state = seed + count as u32;
            let mut noise = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            };
            let mut pixel = |label: u8, row: usize| {
                let bar = row == usize::from(label) + 2;
                if bar {
                    255
                } else if noise() > 240 {
                    128
                } else {
                    0
                }
            };
            let pixels = labels.iter().flat_map(|&label| (0..side * side).map(move |i| (label, i / side)));
            let pixels = pixels.map(|(label, row)| pixel(label, row)).collect();
            let images = Images::new(side, side, 10, pixels, labels).unwrap();
            let file = |kind| folder.join(format!("{split}-{kind}-ubyte"));
            idx::write_images(&images, &file("images-idx3"), &file("labels-idx1")).unwrap();
        }
    }

    /// The program with `arguments`, in this folder, knowing no other data.
    pub fn metabnn(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_metabnn"));
        command.args(arguments).current_dir(self.folder.path());
        command.env("METABNN_DATA", self.path("data")).env("XDG_CACHE_HOME", self.path("cache"));
        command.env_remove("METABNN_MIRROR").env_remove("RUST_BACKTRACE");
        command
    }

    /// What it prints when it succeeds.
    pub fn output(&self, arguments: &[&str]) -> String {
        let done = self.metabnn(arguments).assert().success();
        String::from_utf8(done.get_output().stdout.clone()).unwrap()
    }

    /// The same as JSON.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let text = self.output(arguments);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{arguments:?}: {error}\n{text}"))
    }

    /// Runs `recipe` with [`TINY`] and `set` into `out`.
    pub fn run(&self, recipe: &str, set: &[&str], out: &str) -> String {
        self.output(&run(recipe, set, out))
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), bytes).unwrap();
    }

    pub fn read_json(&self, name: &str) -> Value {
        serde_json::from_str(&self.read(name)).unwrap()
    }

    /// Every file with its content, and every folder with `None`.
    pub fn tree(&self) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
        let mut tree = BTreeMap::new();
        walk(self.folder.path(), self.folder.path(), &mut tree);
        tree
    }

    /// Names of the files under `folder`.
    pub fn files(&self, folder: &str) -> Vec<String> {
        let mut tree = BTreeMap::new();
        walk(&self.path(folder), &self.path(folder), &mut tree);
        let files = tree.into_iter().filter(|(_, content)| content.is_some());
        files.map(|(path, _)| path.to_str().unwrap().replace('\\', "/")).collect()
    }

    /// The error of the program when it fails at `arguments` with this exit status.
    pub fn error(&self, arguments: &[&str], status: i32) -> String {
        failed(self.metabnn(arguments), status)
    }

    /// The same where no file can be larger than `blocks` of 512 bytes: this stands for a full disk, needs no privilege and
    /// holds everywhere.
    #[cfg(unix)]
    pub fn error_of_full_disk(&self, arguments: &[&str], blocks: usize) -> String {
        let shell = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &shell, env!("CARGO_BIN_EXE_metabnn")]).args(arguments);
        command.current_dir(self.folder.path()).env("METABNN_DATA", self.path("data"));
        failed(command, 1)
    }

    /// Asserts that the program refuses `arguments` with this exit status, one error that says all of `says`, no result,
    /// and no file or folder made, changed or removed.
    pub fn refuses(&self, arguments: &[&str], status: i32, says: &[&str]) {
        let before = self.tree();
        check_error(&self.error(arguments, status), says);
        assert!(self.tree() == before, "{arguments:?} left something behind: {:?}", self.files("."));
    }
}

/// What a command says on standard error, which is to fail with this exit status.
fn failed(mut command: Command, status: i32) -> String {
    let done = command.assert().code(status);
    String::from_utf8(done.get_output().stderr.clone()).unwrap()
}

/// Asserts that `error` is one message that says all of `says`, without repeating itself.
pub fn check_error(error: &str, says: &[&str]) {
    assert!(error.starts_with("error: "), "{error}");
    assert_eq!(error.matches("error: ").count(), 1, "{error}");
    for part in says {
        assert!(error.contains(part), "no {part:?} in: {error}");
    }
    let parts: Vec<&str> = error.trim_end().split(": ").filter(|part| part.len() > 20).collect();
    let repeated = parts.iter().enumerate().find(|(index, part)| parts[..*index].contains(part));
    assert_eq!(repeated, None, "said twice in: {error}");
}

/// The arguments of a run with [`TINY`] and `set`.
pub fn run<'a>(recipe: &'a str, set: &[&'a str], out: &'a str) -> Vec<&'a str> {
    let mut arguments = vec!["run", recipe, "--out", out];
    arguments.extend(TINY.iter().chain(set).flat_map(|setting| ["--set", setting]));
    arguments
}

fn walk(root: &Path, folder: &Path, tree: &mut BTreeMap<PathBuf, Option<Vec<u8>>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(root).unwrap().to_path_buf();
        if path.is_dir() {
            tree.insert(name, None);
            walk(root, &path, tree);
        } else {
            tree.insert(name, Some(fs::read(&path).unwrap()));
        }
    }
}
