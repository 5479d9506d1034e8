//! Model files that are damaged, of another kind or do not fit the data: an error, never a wrong number.

use serde_json::{Value, json};

use crate::support::{RUN, Workplace};

/// A model file taken apart: its header and its data.
struct Model {
    header: Value,
    data: Vec<u8>,
}

impl Model {
    fn read(bytes: &[u8]) -> Self {
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let header = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
        Self { header, data: bytes[8 + length..].to_vec() }
    }

    fn bytes(&self) -> Vec<u8> {
        let header = self.header.to_string().into_bytes();
        [&(header.len() as u64).to_le_bytes()[..], &header, &self.data].concat()
    }

    /// With other numbers at the beginning of a tensor.
    fn with_words(mut self, tensor: &str, words: &[[u8; 4]]) -> Self {
        let at = self.header[tensor]["data_offsets"][0].as_u64().unwrap() as usize;
        self.data[at..at + 4 * words.len()].copy_from_slice(words.as_flattened());
        self
    }

    /// With another value in the description.
    fn with(mut self, pointer: &str, value: Value) -> Self {
        let text = self.header["__metadata__"]["metabnn"].as_str().unwrap();
        let mut description: Value = serde_json::from_str(text).unwrap();
        *description.pointer_mut(pointer).unwrap() = value;
        self.header["__metadata__"]["metabnn"] = description.to_string().into();
        self
    }

    /// What it says of itself.
    fn description(&self) -> Value {
        serde_json::from_str(self.header["__metadata__"]["metabnn"].as_str().unwrap()).unwrap()
    }

    /// With another header entry in place of one; `null` removes it.
    fn with_entry(mut self, name: &str, value: Value) -> Self {
        let entries = self.header.as_object_mut().unwrap();
        if value.is_null() {
            entries.remove(name)
        } else {
            entries.insert(name.into(), value)
        };
        self
    }
}

#[test]
fn a_file_that_is_no_model_is_refused() {
    let place = Workplace::new();
    place.run("pmnist", &[], "out");
    let right = place.bytes(&format!("out/{RUN}/model.safetensors"));
    let other = "damaged: expected a model.safetensors of a finished run, got another or a damaged file: ";
    let pickle = b"\x80\x02}q\x00X\x05\x00\x00\x00statesq\x01.";
    let zip = b"PK\x03\x04\x00\x00\x08\x08\x00\x00\x00\x00\x00\x00archive/data.pkl";
    let longer = [&right[..], b"x"].concat();
    for bytes in [&right[..right.len() - 4], &right[..100], b"", pickle, zip, &longer] {
        place.write("damaged", bytes);
        place.refuses(&["eval", "damaged"], 1, &[other]);
    }
    place.refuses(&["eval", "nowhere"], 1, &["nowhere: cannot read the model: "]);
    place.refuses(&["eval", "data"], 2, &["data: a folder without a model of a finished run"]);
    // Without its description it is anybody's safetensors file.
    place.write("damaged", Model::read(&right).with_entry("__metadata__", Value::Null).bytes());
    place.refuses(
        &["eval", "damaged"],
        1,
        &["damaged: not a metabnn model: its metadata have no key \"metabnn\""],
    );
}

#[test]
fn a_damaged_model_says_which_tensor() {
    let place = Workplace::new();
    place.run("pmnist", &["norm.statistics=running"], "out");
    let bytes = place.bytes(&format!("out/{RUN}/model.safetensors"));
    let right = || Model::read(&bytes);
    place.write("same", right().bytes());
    place.output(&["eval", "same"]);
    let weights = right().header["layer1.hidden_weight"].clone();
    let mut turned = weights.clone();
    turned["shape"] = json!([784, 16]);
    let hidden = "the tensor \"layer1.hidden_weight\" ";
    for (model, says) in [
        (
            right().with_words("layer1.hidden_weight", &[f32::NAN.to_le_bytes()]),
            format!("{hidden}holds NaN at position 0"),
        ),
        (
            right().with_words("task2.layer1.beta", &[f32::INFINITY.to_le_bytes()]),
            "\"task2.layer1.beta\" holds inf".into(),
        ),
        (
            right().with_words("layer2.variance", &[(-1f32).to_le_bytes()]),
            "holds -1 at position 0, expected a number >= 0".into(),
        ),
        (
            right().with_words("test1.permutation", &[[0; 4], [0; 4]]),
            "the tensor \"test1.permutation\" is no permutation".into(),
        ),
        (
            right().with_entry("layer1.hidden_weight", turned),
            format!("{hidden}is F32 [784, 16], not F32 [16, 784]"),
        ),
        (
            right().with_entry("layer1.hidden_weight", Value::Null).with_entry("other", weights),
            format!("{hidden}is missing"),
        ),
    ] {
        place.write("damaged", model.bytes());
        place.refuses(&["eval", "damaged"], 1, &["damaged: ", &says]);
    }
}

#[test]
fn a_description_that_does_not_hold_together_is_refused() {
    let place = Workplace::new();
    place.run("pmnist", &[], "out");
    let bytes = place.bytes(&format!("out/{RUN}/model.safetensors"));
    for (pointer, value, says) in [
        ("/format", json!(3), "not a metabnn model: its layout is version 3, this program reads 1 and 2"),
        ("/format", json!(1), "not a metabnn model: missing field `remembered`"),
        ("/settings/network/hidden", json!([17]), "is F32 [16, 784], not F32 [17, 784]"),
        ("/settings/schedule/test_batch", json!(0), "schedule.test_batch: takes a whole number from 1 to"),
        ("/settings/norm/eps", json!(-1), "norm.eps: takes a finite number > 0"),
        ("/settings/rule/m", json!("much"), "not a metabnn model: "),
        ("/settings/seed", json!(-1), "not a metabnn model: "),
        ("/image", json!([u64::MAX, u64::MAX]), "the tensor \"layer1.hidden_weight\" is F32 [16, 784], not "),
        ("/experiences/0/trainings", json!([]), "its trainings are not one experience each, counted from 1"),
        ("/experiences/0/trainings", json!([2]), "its trainings are not one experience each, counted from 1"),
        ("/experiences/0/trainings", json!([0]), "its trainings are not one experience each, counted from 1"),
        ("/experiences", json!([1]), "not a metabnn model: invalid type"),
        ("/tests/0/set", json!(99), "the test \"permutation 1\" is of another data set than its 1"),
        ("/data/sets/0/digest", json!("0123"), "the model was trained on another mnist: its digest is 0123"),
        ("/data/sets/0/digest", json!("0123"), "; --data-set NAME tests it on a set all the same"),
        ("/tests", json!([]), "not a metabnn model: it names no test"),
    ] {
        place.write("damaged", Model::read(&bytes).with(pointer, value).bytes());
        place.refuses(&["eval", "damaged"], 1, &["damaged: ", says]);
    }
}

#[test]
fn an_experience_that_is_there_twice_or_lacks_its_norms_is_refused() {
    let place = Workplace::new();
    place.run("pmnist", &[], "out");
    let right = || Model::read(&place.bytes(&format!("out/{RUN}/model.safetensors")));
    let one = right().description()["experiences"][0].clone();
    let twice = right().with("/experiences", json!([one, one]));
    place.write("damaged", twice.bytes());
    place.refuses(&["eval", "damaged"], 1, &["damaged: ", "\"permutation 1\" is there twice"]);
    let gamma = right().header["task2.layer1.gamma"].clone();
    let renamed = right().with_entry("task2.layer1.gamma", Value::Null).with_entry("other", gamma);
    place.write("damaged", renamed.bytes());
    place.refuses(&["eval", "damaged"], 1, &["damaged: ", "the tensor \"task2.layer1.gamma\" is missing"]);
}

#[test]
fn a_model_of_layout_1_is_tested_on_what_somebody_names() {
    let place = Workplace::new();
    place.run("pmnist", &[], "out");
    let path = format!("out/{RUN}/model.safetensors");
    let tests = json!([{"name": "permutation 1", "phase": 0}, {"name": "permutation 2", "phase": 1}]);
    let first = Model::read(&place.bytes(&path));
    let mut description = first.description();
    let keys = description.as_object_mut().unwrap();
    keys.remove("data");
    keys.remove("experiences");
    keys.extend([("format".into(), json!(1)), ("remembered".into(), json!(2)), ("tests".into(), tests)]);
    place.write("first", first.with("", description).bytes());
    let unsure = "the model's file is of layout 1, which does not say for sure what it was trained on; its settings \
                  name mnist; --data-set NAME";
    place.refuses(&["eval", "first"], 1, &["first: ", unsure]);
    let scores = |words: &[&str]| place.output(words);
    assert_eq!(scores(&["eval", "first", "--data-set", "mnist"]), scores(&["eval", &path]));
    place.write("late", Model::read(&place.bytes("first")).with("/remembered", json!(u64::MAX)).bytes());
    place.refuses(
        &["eval", "late"],
        1,
        &["late: ", "the tensor \"task18446744073709551615.layer1.gamma\" is missing"],
    );
}

#[test]
fn data_that_do_not_fit_the_model_are_refused() {
    let place = Workplace::new();
    place.write_set("usps", 16, 2);
    place.run("pmnist", &["data.sets=usps"], "small");
    let model = format!("small/{RUN}/model.safetensors");
    let says = "on mnist: the images of mnist have 28x28 pixels, 10 classes; the model takes 16x16 pixels, 10 classes";
    place.refuses(&["eval", &model, "--data-set", "mnist"], 1, &[&model, says]);
    place.refuses(
        &["eval", &model, "--data-set", "mnits"],
        1,
        &["no data set `mnits` (did you mean `mnist`?)"],
    );
    place.refuses(
        &["eval", &model, "--data", "nowhere"],
        1,
        &["data set `usps` is not here: looked in nowhere/usps"],
    );
}
