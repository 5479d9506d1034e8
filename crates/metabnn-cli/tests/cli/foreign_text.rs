//! What files, arguments and addresses call themselves does nothing to a terminal, a page, a figure or a source file, and is
//! not longer than anybody reads.

use std::io::Write;

use metabnn::random::{Purpose, Stream};
use metabnn::text::is_acting;
use zip::write::SimpleFileOptions;

use crate::kinds_of_data::{npy, write_features};
use crate::support::Workplace;

/// Text that means something to somebody it is not for.
const HOSTILE: &[&str] = &[
    "\u{1b}[2J",
    "\u{1b}]0;title\u{7}",
    "\u{9b}31m",
    "\r",
    "\u{8}",
    "\u{7f}",
    "\u{202e}",
    "\u{200b}",
    "\u{2028}",
    "\u{feff}",
    "\u{e0041}",
    "<script>alert(1)</script>",
    "</svg><img src=x onerror=alert(1)>",
    "{{title}}",
    "*/ #include \"x\" /*",
    "??/",
    "$\\input{x}$",
    "%\\end{tabular}",
    "|`[a](b)",
    "=1+1",
    "'\"&",
];

/// Names of pieces of that, as they are drawn.
fn names(count: u32) -> impl Iterator<Item = String> {
    (0..count).map(|index| {
        let mut stream = Stream::new(18, Purpose::Subsets, index);
        let pieces = 1 + stream.below(4);
        let piece = |_| HOSTILE[stream.below(HOSTILE.len() as u32) as usize].to_owned() + "name";
        (0..pieces).map(piece).collect::<String>()
    })
}

fn assert_harmless(text: &str, what: &str) {
    let acting = text.chars().find(|character| is_acting(*character) && *character != '\n');
    assert_eq!(acting, None, "{what}: {text:?}");
    let longest = text.lines().map(str::len).max().unwrap_or(0);
    assert!(longest < 12_000, "{what}: a line of {longest} bytes");
}

/// What the program says of these arguments, whether it takes them or not.
fn said(place: &Workplace, arguments: &[&str]) -> String {
    let output = place.metabnn(arguments).output().unwrap();
    assert!(output.status.code().is_some_and(|code| code <= 2), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}

#[test]
fn two_hundred_names_in_arguments() {
    let place = Workplace::new();
    for (index, name) in names(200).enumerate() {
        let path = name.replace('/', "_");
        let arguments: &[&str] = match index % 10 {
            0 => &["run", &path],
            1 => &["show", "quickstart", "--set", &format!("{name}=1")],
            2 => &["show", "quickstart", "--set", &format!("rule.name={name}")],
            3 => &["show", "quickstart", "--set", &format!("data.sets={name}")],
            4 => &["eval", &path],
            5 => &["report", &path],
            6 => &["data", "fetch", &name],
            7 => &["export", &path, "--to", &name],
            8 => &[&name],
            _ => &["run", "quickstart", &format!("--{name}")],
        };
        assert_harmless(&said(&place, arguments), &format!("{arguments:?}"));
    }
}

/// A name goes from the folder of a data set to the recipe, the results, the page, the figures, the model and the export.
#[cfg(unix)]
#[test]
fn names_of_data_sets_reach_everything_that_is_written() {
    let place = Workplace::new();
    for (index, name) in names(12).enumerate() {
        // Recipes take no control characters; two hundred of those are refused above.
        let folder = name.replace('/', "_").replace(char::is_control, "");
        write_features(&place, &folder, 24);
        let (set, out) = (
            format!("data.sets=[{}]", serde_json::Value::from(format!("./{folder}"))),
            format!("out{index}"),
        );
        let settings =
            [&set, "tasks.stream=sequence", "tasks.count=0", "network.hidden=[6]", "network.input=sign"];
        let settings: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
        let run = [
            &["run", "pmnist", "--set", "schedule.epochs=1", "--set", "norm.gamma_init=ones"],
            &settings[..],
        ];
        let arguments = [&run.concat()[..], &["--out", &out]].concat();
        let output = place.metabnn(&arguments).output().unwrap();
        assert!(output.status.success(), "{folder:?}: {output:?}");
        assert_harmless(&String::from_utf8(output.stdout).unwrap(), &folder);

        let files = place.files(&out);
        assert!(files.len() > 12, "{files:?}");
        for file in files.iter().filter(|file| !file.ends_with(".png") && !file.ends_with(".safetensors")) {
            let text = place.read(&format!("{out}/{file}"));
            let (_, kind) = file.rsplit_once('.').unwrap();
            let is_for_people = ["html", "svg", "tex", "md"].contains(&kind);
            if is_for_people {
                assert_eq!(
                    text.chars().find(|c| is_acting(*c) && !"\n\u{feff}".contains(*c)),
                    None,
                    "{file} {folder:?}"
                );
            }
            if kind == "svg" {
                roxmltree::Document::parse(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
            }
            if kind == "html" {
                assert!(!text.contains("<script>alert") && !text.contains("<img src=x"), "{folder:?}");
            }
        }
        let model = format!("{out}/runs/seed=0/model.safetensors");
        assert_harmless(&said(&place, &["eval", &model]), &folder);
        for to in ["c-header", "packed", "npz"] {
            let file = format!("{out}/exported.{}", &to[..1]);
            assert_harmless(&said(&place, &["export", &model, "--to", to, "--out", &file]), &folder);
        }
        if let Ok(header) = std::fs::read_to_string(place.path(&format!("{out}/exported.c"))) {
            assert_eq!(header.chars().find(|c| is_acting(*c) && *c != '\n'), None, "{folder:?}");
            assert!(!header.contains("#include \"x\""), "{folder:?}");
        }
        for what in [&["show", "pmnist", "--json"][..], &["show", "pmnist"]] {
            assert_harmless(&said(&place, &[what, &settings].concat()), &folder);
        }
    }
}

#[test]
fn names_inside_models_are_escaped() {
    let place = Workplace::new();
    place.run("pmnist", &[], "out");
    let mut bytes = place.bytes("out/runs/seed=0/model.safetensors");
    // In JSON within JSON, of the same length.
    let (name, other) = (b"\\\"permutation 1\\\"", b"\\\"\\\\u001b[31m..\\\"");
    assert_eq!(name.len(), other.len());
    let places: Vec<usize> =
        (0..bytes.len() - name.len()).filter(|at| bytes[*at..].starts_with(name)).collect();
    assert!(!places.is_empty());
    places.iter().for_each(|at| bytes[*at..*at + other.len()].copy_from_slice(other));
    place.write("hostile.safetensors", bytes);
    let text = said(&place, &["eval", "hostile.safetensors"]);
    assert_harmless(&text, "a model");
    assert!(text.contains("\\u{1b}[31m.."), "{text}");
}

/// What is left out is named by its folder, whatever that is called.
#[cfg(unix)]
#[test]
fn names_of_folders_in_warnings_are_escaped() {
    let place = Workplace::new();
    place.run("pmnist", &[], "out");
    let copy = place.path("out/runs/copy\u{1b}[31m\u{202e}");
    std::fs::create_dir(&copy).unwrap();
    std::fs::write(copy.join("summary.json"), "{}").unwrap();
    for arguments in [&["report", "out"][..], &["export", "out", "--to", "jsonl"]] {
        let text = said(&place, arguments);
        assert!(text.contains("warning: ") && text.contains("copy\\u{1b}[31m"), "{text}");
        assert_harmless(&text, "a warning");
    }
}

#[test]
fn names_inside_files_are_escaped_and_counted() {
    let place = Workplace::new();
    let mut archive = zip::ZipWriter::new(std::fs::File::create(place.path("many.npz")).unwrap());
    for index in 0..5000 {
        archive.start_file(format!("\u{1b}[31mname{index}.npy"), SimpleFileOptions::default()).unwrap();
        archive.write_all(b"x").unwrap();
    }
    archive.finish().unwrap();
    let settings =
        ["--set", "data.sets=many.npz", "--set", "tasks.stream=sequence", "--set", "tasks.count=0"];
    let text = said(&place, &[&["run", "pmnist", "--out", "out"], &settings[..]].concat());
    assert_harmless(&text, "an archive");
    assert!(text.contains("more") && text.len() < 4000, "{text}");

    place.write("bad/train_x.npy", npy(&format!("<f4\u{1b}[2J{}", "x".repeat(5000)), "(4, 2)", [0; 32]));
    for file in ["train_y", "test_x", "test_y"] {
        place.write(&format!("bad/{file}.npy"), npy("<i8", "(4,)", [0; 32]));
    }
    let settings = ["--set", "data.sets=./bad", "--set", "tasks.stream=sequence", "--set", "tasks.count=0"];
    let text = said(&place, &[&["run", "pmnist", "--out", "out"], &settings[..]].concat());
    assert_harmless(&text, "a header");
    assert!(text.starts_with("error: ") && text.len() < 4000, "{text}");
}

#[test]
fn addresses_show_no_password() {
    let place = Workplace::new();
    for address in [
        "http://user:se@cret@127.0.0.1:1",
        "http://user:secret@127.0.0.1:1/path",
        "http://secret@127.0.0.1:1",
    ] {
        let text = said(&place, &["data", "fetch", "usps", "--mirror", address, "--data", "new"]);
        assert!(text.contains("127.0.0.1:1") && !text.contains("cret"), "{text}");
    }
}
