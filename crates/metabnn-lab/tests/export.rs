//! Evaluations in the formats of other programs, read back by decoders of this file's own.

// Helpers outside of test functions may unwrap, too: a panic is how a test fails.
#![allow(clippy::unwrap_used)]

#[path = "../examples/sample_report/sample.rs"]
mod sample;

use std::fs;
use std::path::Path;

use metabnn::metrics::{Evaluation, Split};
use metabnn_lab::recipe::{Recipe, settings::Settings};
use metabnn_lab::report::ReportError;
use metabnn_lab::report::export::{
    AuthorsCsv, Context, Encoder, EvaluationFormat, JsonLines, Live, TensorBoard, export,
};
use metabnn_lab::report::folder::{read_results, read_run, write_run};
use sample::Sample;

fn row(at: (usize, usize), split: Split, task_evaluated: usize, accuracy: f64, loss: f64) -> Evaluation {
    Evaluation { task_trained: at.0, epoch: at.1, split, task_evaluated, accuracy, loss }
}

/// Names that could tear a line, a cell or a tag apart.
fn hostile() -> Context {
    let tests = ["a, \"b\"", "x/y/z", "c\nd", "é ± 1"].map(String::from).into();
    Context { tests, epochs: 2 }
}

/// All kinds of rows: two epochs of two tasks, with those before any training.
fn rows(tests: usize) -> Vec<Evaluation> {
    let mut rows = Vec::new();
    for at in [(0, 0), (1, 1), (1, 2), (2, 1), (2, 2)] {
        let value = |k: usize| 0.1 + 0.07 * (at.0 * 3 + at.1 + k) as f64;
        if at.0 > 0 {
            rows.push(row(at, Split::Train, at.0, value(0), 1.0 / 3.0));
        }
        if at.0 != 1 {
            rows.push(row(at, Split::Train, 1, value(1), 0.25));
        }
        rows.push(row(at, Split::All, 0, 0.0, 7e-9));
        rows.extend(
            (1..=tests).map(|test| row(at, Split::Test, test, value(test).min(1.0), 1e3 + test as f64)),
        );
    }
    rows
}

/// CRC-32C a bit at a time.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut state = u32::MAX;
    for byte in bytes {
        state ^= u32::from(*byte);
        for _ in 0..8 {
            state = (state >> 1) ^ if state & 1 == 1 { 0x82f6_3b78 } else { 0 };
        }
    }
    !state
}

/// The data of the records of an event file; every checksum has to be right, and the last record whole.
fn records(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let mut take = |count: usize| {
            let (taken, rest) = bytes.split_at(count);
            bytes = rest;
            taken
        };
        let checked = |data: &[u8], check: &[u8]| {
            let crc = crc32c(data);
            let masked = crc.rotate_right(15).wrapping_add(0xa282_ead8);
            assert_eq!(u32::from_le_bytes(check.try_into().unwrap()), masked);
        };
        let length = take(8);
        checked(length, take(4));
        let data = take(u64::from_le_bytes(length.try_into().unwrap()) as usize);
        checked(data, take(4));
        records.push(data.to_vec());
    }
    records
}

/// A field of a protocol buffer: its number and its bytes; those of a number as they stand, little-endian.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = bytes[0];
            *bytes = &bytes[1..];
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        value
    }
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let length = match key & 7 {
            0 => {
                fields.push((key >> 3, varint(&mut bytes).to_le_bytes().to_vec()));
                continue;
            }
            1 => 8,
            2 => varint(&mut bytes) as usize,
            5 => 4,
            other => panic!("wire type {other}"),
        };
        let (value, rest) = bytes.split_at(length);
        fields.push((key >> 3, value.to_vec()));
        bytes = rest;
    }
    fields
}

/// A scalar of an event file.
#[derive(Debug, PartialEq)]
struct Scalar {
    wall_time: f64,
    step: u64,
    tag: String,
    value: f32,
}

/// The scalars of an event file, which has to begin with its version.
fn scalars(bytes: &[u8]) -> Vec<Scalar> {
    let mut scalars = Vec::new();
    for (index, record) in records(bytes).into_iter().enumerate() {
        let event = fields(&record);
        let field = |number: u64| event.iter().find(|field| field.0 == number).map(|field| field.1.clone());
        let number = |number: u64| field(number).map_or([0; 8], |bytes| bytes.try_into().unwrap());
        if index == 0 {
            assert_eq!(field(3).unwrap(), b"brain.Event:2");
            continue;
        }
        assert_eq!(field(3), None, "the version is told once");
        for (_, value) in fields(&field(5).unwrap()) {
            let [(1, tag), (2, value)] = &fields(&value)[..] else { panic!("not a scalar") };
            scalars.push(Scalar {
                wall_time: f64::from_le_bytes(number(1)),
                step: u64::from_le_bytes(number(2)),
                tag: String::from_utf8(tag.clone()).unwrap(),
                value: f32::from_le_bytes(value[..].try_into().unwrap()),
            });
        }
    }
    scalars
}

fn whole(format: &dyn Encoder, context: &Context, rows: &[Evaluation]) -> Vec<u8> {
    [format.header(context), format.encode(context, rows)].concat()
}

#[test]
fn checksums_are_those_of_the_standard() {
    // RFC 3720, B.4.
    assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
    assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
    let header = TensorBoard::afterwards(0.0).header(&Context::default());
    assert_eq!(records(&header), [b"\x1a\x0dbrain.Event:2"]);
    // How event files of TensorFlow begin: a length of 24 with its checksum.
    let header = TensorBoard::live().header(&Context::default());
    assert_eq!(header[..12], *b"\x18\0\0\0\0\0\0\0\xa3\x7f\x4b\x22");
    assert_eq!(records(&header).len(), 1);
}

#[test]
fn event_files_hold_every_value_under_its_own_tag() {
    let (context, rows) = (hostile(), rows(4));
    let found = scalars(&whole(&TensorBoard::afterwards(1.5), &context, &rows));
    assert_eq!(found.len(), 2 * rows.len());
    for (row, pair) in rows.iter().zip(found.chunks_exact(2)) {
        let step = [0, 1, 2, 3, 4][row.task_trained.saturating_sub(1) * 2 + row.epoch];
        let curve = match row.split {
            Split::Test => format!("/{}", context.tests[row.task_evaluated - 1]),
            Split::All => "/all tasks".into(),
            Split::Train if row.task_trained == row.task_evaluated => String::new(),
            Split::Train => "/task 1".into(),
        };
        let group = if row.split == Split::Test { "test" } else { "train" };
        for (scalar, (quantity, value)) in pair.iter().zip([("accuracy", row.accuracy), ("loss", row.loss)]) {
            let tag = format!("{group}/{quantity}{curve}");
            let expected = Scalar { wall_time: 1.5 * step as f64, step, tag, value: value as f32 };
            assert_eq!(*scalar, expected);
        }
    }
    let mut keys: Vec<_> = found.iter().map(|scalar| (&scalar.tag, scalar.step)).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), found.len(), "one value a tag and step");
}

#[test]
fn a_run_that_goes_on_has_the_time_of_day() {
    let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    let before = now();
    let found = scalars(&whole(&TensorBoard::live(), &hostile(), &rows(4)));
    assert!(found.iter().all(|scalar| (before..=now()).contains(&scalar.wall_time)));
}

#[test]
fn json_lines_read_back_to_the_bit() {
    let rows = rows(3);
    let text = String::from_utf8(whole(&JsonLines, &hostile(), &rows)).unwrap();
    let read: Vec<Evaluation> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(read, rows);
    let first = r#"{"task_trained":0,"epoch":0,"split":"train","task_evaluated":1,"accuracy":0."#;
    assert!(text.starts_with(first), "{text}");
    let diverged = row((1, 1), Split::Test, 1, 0.1, f64::NAN);
    let text = String::from_utf8(JsonLines.encode(&hostile(), &[diverged])).unwrap();
    assert!(text.ends_with("\"loss\":null}\n"), "{text}");
}

/// Header and lines of a CSV file.
fn table(bytes: &[u8]) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(bytes);
    reader.records().map(|line| line.unwrap().iter().map(String::from).collect()).collect()
}

/// The settings of a recipe's only run.
fn settings(text: &str) -> Settings {
    let recipe = Recipe::from_toml(&format!("name = \"one\"\n{text}"), "one.toml", &[], None).unwrap();
    recipe.runs().unwrap().remove(0).settings
}

#[test]
fn the_authors_columns_are_one_line_an_epoch() {
    let text = "rule.m = 1.35\nnetwork.hidden = [512, 256]\noptimizer = { lr = 0.005, lr_decay_per_task = 2 }\n\
                schedule.epochs = 2\ntasks.count = 2";
    let names = ["permutation 1", "permutation 2"].map(String::from);
    let context = Context { tests: names.into(), epochs: 2 };
    let rows = rows(2);
    let found = table(&whole(&AuthorsCsv::new(settings(text)), &context, &rows));
    let header = "net,scenario,arch,norm,lr,meta,ewc,SI,task_order,tsk,epoch,acc_tr,loss_tr,\
                  acc_test_tsk_1,loss_test_tsk_1,acc_test_tsk_2,loss_test_tsk_2";
    assert_eq!(found[0].join(","), header);
    assert_eq!(found.len(), 1 + 4, "the untrained network has no line");
    let leading = ["bnn", "task", "512-256", "bn", "0.005", "1.35", "0.0", "0.0", "1", "pMNIST1", "1"];
    assert_eq!(found[1][..11], leading);
    assert_eq!(found[1][11..], ["38.0", "0.3333333333333333", "45.0", "1001.0", "52.0", "1002.0"]);
    assert_eq!(found[3][4..11], ["0.0025", "1.35", "0.0", "0.0", "2", "pMNIST2", "1"]);
    assert!(found.iter().all(|line| line.len() == 17));
}

#[test]
fn the_authors_names_of_nets_rules_and_tasks() {
    let context = Context { tests: vec!["a, \"b\"".into(), "second".into()], epochs: 1 };
    let rows = [row((2, 1), Split::Test, 2, 0.5, 0.1)];
    let line = |text: &str| {
        let found = table(&whole(&AuthorsCsv::new(settings(text)), &context, &rows));
        assert_eq!(found[1][11..15], [""; 4], "what was not evaluated is empty");
        assert_eq!(found[1][15..], ["50.0", "0.1"]);
        [0, 1, 3, 5, 6, 7, 9].map(|column| found[1][column].clone())
    };
    let sequence = "data.sets = [\"mnist\", \"fashion-mnist\"]\ntasks = { stream = \"sequence\" }\n";
    let found = line(&format!("{sequence}rule = {{ name = \"ewc\", lambda = 5000 }}"));
    assert_eq!(found, ["bnn", "task", "bn", "0.0", "5000.0", "0.0", "FMNIST"]);
    let found = line("network.precision = \"full-precision\"\nrule = { name = \"si\", lambda = 0.1 }");
    assert_eq!(found, ["dnn", "task", "bn", "0.0", "0.0", "0.1", "pMNIST2"]);
    let subsets = "data.sets = [\"fashion-mnist\"]\ntasks = { stream = \"subsets\", count = 60, scenario = \"domain\" }";
    assert_eq!(line(subsets), ["bnn", "domain", "bn", "1.35", "0.0", "0.0", "sub_FMNIST_2/60"]);
    let found = line("data.sets = [\"glyphs\"]\nnorm.kind = \"instance\"\ntasks.scenario = \"domain\"");
    assert_eq!(found, ["bnn", "domain", "in", "1.35", "0.0", "0.0", "second"]);
    // A name that needs quotes stays one cell.
    let first = [row((1, 1), Split::Test, 1, 0.5, 0.1)];
    let glyphs = AuthorsCsv::new(settings("data.sets = [\"glyphs\"]"));
    assert_eq!(table(&whole(&glyphs, &context, &first))[1][9], "a, \"b\"");
}

#[test]
fn a_file_that_grows_is_the_one_written_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let formats = || -> Vec<Box<dyn Encoder>> {
        let csv = AuthorsCsv::new(settings("data.sets = [\"glyphs\"]"));
        vec![Box::new(JsonLines), Box::new(TensorBoard::afterwards(2.0)), Box::new(csv)]
    };
    let (context, rows) = (hostile(), rows(4));
    let moments: Vec<&[Evaluation]> =
        rows.chunk_by(|a, b| (a.task_trained, a.epoch) == (b.task_trained, b.epoch)).collect();
    let check = |done: usize| {
        let done = moments[..done].concat();
        for format in formats() {
            let found = fs::read(folder.path().join(format.file_name())).unwrap();
            assert!(found == whole(format.as_ref(), &context, &done), "{}", format.file_name());
        }
    };
    let mut live = Live::open(folder.path(), formats(), context.clone(), &[]).unwrap();
    check(0);
    for (index, moment) in moments.iter().enumerate() {
        live.append(moment).unwrap();
        check(index + 1);
    }
    drop(live);
    // Resumed after two moments: what came after them is gone, and what comes now follows them.
    let mut live = Live::open(folder.path(), formats(), context.clone(), &moments[..2].concat()).unwrap();
    check(2);
    live.append(moments[2]).unwrap();
    check(3);
    let names = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(names, 3, "nothing else is left");
}

#[test]
fn a_file_in_the_place_of_the_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("taken");
    fs::write(&taken, "").unwrap();
    let error = Live::open(&taken, vec![Box::new(JsonLines)], Context::default(), &[]).err().unwrap();
    assert!(matches!(error, ReportError::File { .. }));
    assert!(error.to_string().contains("taken/metrics.jsonl: cannot write"), "{error}");
}

#[test]
fn every_finished_run_is_exported() {
    let folder = tempfile::tempdir().unwrap();
    Sample { recipe: "sample".into(), ..Sample::default() }.write(folder.path()).unwrap();
    let results = read_results(folder.path()).unwrap();
    for (format, name) in
        [("jsonl", "metrics.jsonl"), ("tensorboard", "events.out.tfevents.0.metabnn"), ("csv", "metrics.csv")]
    {
        let format = EvaluationFormat::find(format).unwrap();
        let out = folder.path().join("out").join(name);
        let files = export(folder.path(), format, &out).unwrap();
        let expected: Vec<_> =
            results.runs.iter().map(|run| out.join(&run.summary.name).join(name)).collect();
        assert_eq!(files, expected);
        let bytes: Vec<Vec<u8>> = files.iter().map(|file| fs::read(file).unwrap()).collect();
        assert!(bytes.iter().all(|one| one.len() > 1000) && bytes[0] != bytes[1]);
        export(folder.path(), format, &out).unwrap();
        assert!(
            files.iter().zip(bytes).all(|(file, bytes)| fs::read(file).unwrap() == bytes),
            "the same again"
        );
    }
    let run = &results.runs[0];
    let events =
        folder.path().join("out/events.out.tfevents.0.metabnn/plain_seed=0/events.out.tfevents.0.metabnn");
    let last = scalars(&fs::read(events).unwrap()).pop().unwrap();
    assert_eq!((last.step, last.tag.as_str()), (20, "test/loss/permutation 5"));
    assert!((last.wall_time - run.summary.seconds).abs() < 1e-9, "the run ends when it ended");
}

#[test]
fn what_cannot_be_exported_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let results = folder.path().join("results");
    // The name of this recipe has a space, which no recipe may have: its settings cannot be read.
    Sample { seeds: 1, ..Sample::default() }.write(&results).unwrap();
    let out = folder.path().join("out");
    let fails = |format: &str, says: &str| {
        let format = EvaluationFormat::find(format).unwrap();
        let error = export(&results, format, &out).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
        assert!(!Path::new(&out).exists());
    };
    fails("csv", "recipe.toml:1: name: takes");
    let run = results.join("runs/plain_seed=0");
    let mut renamed = read_run(&run).unwrap();
    for name in ["../escaped", "a/b", "", ".", "metaplastic_seed=0"] {
        renamed.summary.name = name.into();
        write_run(&run, &renamed).unwrap();
        fails("jsonl", "the name of a run: expected one that fits a folder");
    }
}
