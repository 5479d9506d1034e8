//! Colour images and features, from files to the report.

use crate::support::{RUN, Workplace, run};

/// What makes features a stream of one task.
const FEATURES: &[&str] = &["tasks.stream=sequence", "tasks.count=0", "schedule.epochs=4"];

/// An `.npy` file, as NumPy writes it.
pub fn npy(kind: &str, shape: &str, data: impl IntoIterator<Item = u8>) -> Vec<u8> {
    let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.into_bytes());
    bytes.extend(data);
    bytes
}

/// Writes features of `width` that tell three classes apart into `folder`.
pub fn write_features(place: &Workplace, folder: &str, width: usize) {
    for (split, count) in [("train", 120_usize), ("test", 60)] {
        let value = |i: usize| {
            let (sample, feature) = (i / width, i % width);
            (if feature % 3 == sample % 3 { 2.0_f32 } else { 0.5 })
                + ((sample * 7 + feature * 5) % 11) as f32 / 11.0
        };
        let values = (0..count * width).flat_map(|i| value(i).to_le_bytes());
        place.write(&format!("{folder}/{split}_x.npy"), npy("<f4", &format!("({count}, {width})"), values));
        let labels = (0..count).flat_map(|sample| ((sample % 3) as i64).to_le_bytes());
        place.write(&format!("{folder}/{split}_y.npy"), npy("<i8", &format!("({count},)"), labels));
    }
}

/// Accuracy of the last evaluation of the one run in `out`.
fn accuracy(place: &Workplace, out: &str) -> f64 {
    place.read_json(&format!("{out}/{RUN}/summary.json"))["average_accuracy"].as_f64().unwrap()
}

fn set<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [FEATURES, more].concat()
}

#[test]
fn features_of_one_s_own_are_learned_as_numbers_and_as_signs() {
    let place = Workplace::new();
    write_features(&place, "mine", 24);
    let usual = &["data.sets=mine"];
    let mut results = Vec::new();
    for (index, more) in [
        &[][..],
        &["data.normalise=sample"],
        &["data.normalise=sample", "network.input=sign"],
        &["network.precision=full-precision"],
    ]
    .iter()
    .enumerate()
    {
        let out = format!("out{index}");
        place.run("pmnist", &set(&[&usual[..], more].concat()), &out);
        assert!(accuracy(&place, &out) > 0.9, "{more:?}: {}", accuracy(&place, &out));
        let model = format!("{out}/{RUN}/model.safetensors");
        let scores = place.json(&["eval", &model, "--json"]);
        assert_eq!(
            (&scores[0]["test"], scores[0]["accuracy"].as_f64()),
            (&"mine".into(), Some(accuracy(&place, &out)))
        );
        results.push(place.bytes(&format!("{out}/{RUN}/hidden_weights.csv")));
        assert!(place.path(&format!("{out}/report.html")).is_file());
    }
    // Without normalisation every sign of these features is +1.
    place.run("pmnist", &set(&["data.sets=mine", "network.input=sign"]), "blind");
    assert!(accuracy(&place, "blind") < 0.5);
    results.dedup();
    assert_eq!(results.len(), 4, "each setting has its effect");
    // The folder is found beside the data, too, and with --data there alone.
    write_features(&place, "data/theirs", 24);
    place.run("pmnist", &set(&["data.sets=theirs"]), "theirs");
    let mut arguments = run("pmnist", &["data.sets=mine"], "other");
    arguments.extend(["--data", "data"]);
    place.refuses(&arguments, 1, &["no data set `mine`; there are: mnist, "]);
}

#[test]
fn features_and_images_that_do_not_go_together_are_refused() {
    let place = Workplace::new();
    write_features(&place, "mine", 24);
    write_features(&place, "wide", 30);
    let refuses = |more: &[&str], says: &str| place.refuses(&run("pmnist", &set(more), "out"), 1, &[says]);
    refuses(
        &["data.sets=[\"mine\", \"wide\"]"],
        "one network cannot take both mine (24 features) and wide (30 features): features of another width",
    );
    refuses(
        &["data.sets=[\"mnist\", \"mine\"]"],
        "mnist (28x28 pixels) and mine (24 features): pixels are no features",
    );
    refuses(
        &["data.normalise=sample"],
        "data.normalise: takes \"none\" with mnist, got \"sample\": it is for features",
    );
    refuses(
        &["data.sets=mine", "data.augment=flip-rotate-crop"],
        "data.augment: takes \"none\" with mine, got \"flip-rotate-crop\": features are no picture",
    );
    refuses(&["data.sets=none.npz"], "features `none.npz` are not here: looked for none.npz, ");
    place.refuses(&["data", "verify", "none.npz"], 1, &["`none.npz` is not of the catalogue"]);
    place.run("pmnist", &set(&["data.sets=mine"]), "mine-out");
    let model = format!("mine-out/{RUN}/model.safetensors");
    place.refuses(
        &["eval", &model, "--data-set", "wide"],
        1,
        &["the images of wide have 30 features, 3 classes; the model takes 24 features, 3 classes"],
    );
}

/// Writes 10 training images to each file of CIFAR-10 and 20 test images, of a colour per class.
fn write_cifar(place: &Workplace) {
    for file in ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"]
    {
        let images = if file == "test_batch" { 20 } else { 10 };
        let record = |image: usize| {
            let label = image % 10;
            let pixel = move |i: usize| {
                let (channel, row) = (i / 1024, i % 1024 / 32);
                let bright = row / 4 == (label + channel) % 8 || channel == label % 3;
                (if bright { 200 } else { 20 }) + ((i * 7 + image * 3) % 50) as u8
            };
            std::iter::once(label as u8).chain((0..3072).map(pixel))
        };
        let bytes: Vec<u8> = (0..images).flat_map(record).collect();
        place.write(&format!("data/cifar-10/cifar-10-batches-bin/{file}.bin"), bytes);
    }
}

#[test]
fn colour_images_are_learned_augmented_and_tested() {
    let place = Workplace::new();
    write_cifar(&place);
    let usual = [
        "data.sets=cifar-10",
        "tasks.stream=classes",
        "tasks.count=2",
        "data.train_images=0",
        "schedule.epochs=6",
    ];
    let with = |out: &str, augment: &str, threads: &str| {
        let augment = format!("data.augment={augment}");
        let set = [&usual[..], &[augment.as_str()]].concat();
        let mut arguments = run("pmnist", &set, out);
        arguments.extend(["--threads", threads]);
        place.output(&arguments);
        place.bytes(&format!("{out}/{RUN}/hidden_weights.csv"))
    };
    let plain = with("plain", "none", "1");
    let augmented = with("augmented", "flip-rotate-crop", "1");
    assert!(augmented == with("threads", "flip-rotate-crop", "2"), "the same at any number of threads");
    assert!(augmented != plain && augmented != with("either", "flip-rotate-or-crop", "1"));
    let summary = place.read_json(&format!("augmented/{RUN}/summary.json"));
    assert_eq!(summary["tests"], serde_json::json!(["classes 0-4", "classes 5-9"]));
    let learned = summary["accuracy_matrix"][0][0].as_f64().unwrap();
    assert!(learned > 0.5, "chance is 0.2: {learned}");
    let model = format!("augmented/{RUN}/model.safetensors");
    let scores = place.json(&["eval", &model, "--json"]);
    for (test, score) in scores.as_array().unwrap().iter().enumerate() {
        assert_eq!(score["accuracy"], summary["accuracy_matrix"][1][test], "tests are not augmented");
    }
    let grey = ["data.sets=[\"cifar-10\", \"mnist\"]", "tasks.stream=sequence", "tasks.count=0"];
    let says = "one network cannot take both cifar-10 (3x32x32 pixels) and mnist (28x28 pixels): padding changes rows";
    place.refuses(&run("pmnist", &grey, "grey"), 1, &[says]);
    let sets = place.json(&["data", "list", "--json"]);
    let here = sets.as_array().unwrap().iter().find(|set| set["name"] == "cifar-10").unwrap();
    assert_eq!(here["state"], "incomplete", "these files are smaller than the published ones");
    let done = place.metabnn(&["data", "verify", "cifar-10"]).assert().code(1);
    let said = String::from_utf8(done.get_output().stdout.clone()).unwrap();
    assert!(said.contains("data_batch_1.bin: different: 30730 unzipped bytes, not 30730000"), "{said}");
}

#[test]
fn a_truncated_file_of_colour_images_is_refused() {
    let place = Workplace::new();
    write_cifar(&place);
    let name = "data/cifar-10/cifar-10-batches-bin/data_batch_4.bin";
    let whole = place.bytes(name);
    place.write(name, &whole[..whole.len() - 5]);
    let set = ["data.sets=cifar-10", "tasks.stream=subsets"];
    let says =
        "data_batch_4.bin: record at byte 27657: expected 3073 bytes (label, 3072 pixels), got 3068 bytes";
    place.refuses(&run("pmnist", &set, "out"), 1, &[says]);
}

#[test]
fn drawn_features_are_there_without_files() {
    let place = Workplace::new();
    let set =
        ["data.sets=features-10", "tasks.stream=classes", "data.normalise=sample", "network.input=sign"];
    place.run("pmnist", &[&set[..], &["tasks.count=2", "data.train_images=600"]].concat(), "out");
    let summary = place.read_json(&format!("out/{RUN}/summary.json"));
    assert_eq!(summary["tests"], serde_json::json!(["classes 0-4", "classes 5-9"]));
    assert!(summary["accuracy_matrix"][0][0].as_f64().unwrap() > 0.5, "chance is 0.2: {summary}");
}
