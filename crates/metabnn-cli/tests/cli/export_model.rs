//! `metabnn export`: trained models for devices and other programs.

use crate::support::{RUN, Workplace};

/// A run whose model can be packed: the path of its model.
fn model(place: &Workplace, set: &[&str]) -> String {
    place.run("pmnist", &[&["norm.statistics=recalibrated"], set].concat(), "out");
    format!("out/{RUN}/model.safetensors")
}

#[test]
fn a_model_goes_into_a_file_beside_it() {
    let place = Workplace::new();
    let model = model(&place, &[]);
    let before = place.files("out");
    for (format, ending, begins) in
        [("packed", "packed", &b"mbnn"[..]), ("c-header", "h", b"/* model: "), ("npz", "npz", b"PK")]
    {
        let file = format!("out/{RUN}/model.{ending}");
        let printed = place.output(&["export", &model, "--to", format]);
        let bytes = place.bytes(&file);
        assert!(bytes.starts_with(begins));
        let first = format!("{format}: {file}, {} bytes\n", bytes.len());
        assert!(printed.starts_with(&first), "{printed}");
        let json = place.json(&["export", &model, "--to", format, "--out", "else where/my-net.x", "--json"]);
        assert_eq!(
            (&json["file"], json["bytes"].as_u64()),
            (&"else where/my-net.x".into(), Some(place.bytes("else where/my-net.x").len() as u64))
        );
        if format != "c-header" {
            assert!(place.bytes("else where/my-net.x") == bytes);
        }
    }
    place.output(&["export", &model, "--to", "c-header", "--out", "my-net.h"]);
    assert!(
        place
            .read("my-net.h")
            .contains("static inline int my_net_classify(const uint8_t *pixels, int state)")
    );
    // What was exported is in nobody's way.
    assert_eq!(place.files("out").len(), before.len() + 3);
    let again = place.run("pmnist", &["norm.statistics=recalibrated"], "out");
    assert!(again.contains("done before"), "{again}");
    place.output(&["report", "out"]);
}

#[test]
fn what_it_takes_is_said() {
    let place = Workplace::new();
    let model = model(&place, &["network.hidden=[16, 40]"]);
    let json = place.json(&["export", &model, "--to", "packed", "--json"]);
    assert_eq!(
        json["states"],
        serde_json::json!(["permutation 1", "permutation 2", "permutation 1, no label"])
    );
    assert_eq!(json["images_checked"], 256);
    let (costs, weights) = (&json["costs"], 784 * 16 + 16 * 40 + 40 * 10);
    let parameters = weights + 4 * 2 * (16 + 40 + 10);
    let flash = serde_json::json!({
        "header": 24 + 3 * 8 + 3 * 4 + 4, "weights": 98 * 16 + 40 * 4 + 10 * 8, "thresholds": 2 * 4 * 56,
        "outputs": 2 * 16 * 10, "orders": 2 * 2 * 784,
    });
    assert_eq!(costs["flash"], flash);
    assert_eq!(costs["ram"], serde_json::json!({ "scratch": 4 * (16 + 2 * 2), "table": 512 }));
    assert_eq!(costs["operations"], serde_json::json!({ "binary": 1040, "pixels": 12_544, "real": 20 }));
    assert_eq!(
        (costs["parameters"].as_u64(), costs["float_bytes"].as_u64()),
        (Some(parameters), Some(4 * parameters))
    );
    assert_eq!(costs["footprint"], json["bytes"]);
    assert_eq!(costs["connection_sparsity"], 0.0);
    let synaptic = serde_json::json!({ "effective_MACs": 12_544, "effective_ACs": 1040, "dense": weights });
    assert_eq!(costs["synaptic_operations"], synaptic);
    let printed = place.output(&["export", &model, "--to", "c-header"]);
    for line in [
        "state   2  permutation 1, no label\n",
        "RAM          680 bytes beside the pixels: sums and signs 168, table of sums 512\n",
    ] {
        assert!(printed.contains(line), "no {line:?} in {printed}");
    }
    assert!(
        printed.contains(
            "12544 multiply-accumulates of pixels by bits, 1040 of bits by bits, 20 of real numbers"
        )
    );
}

#[test]
fn the_test_batch_s_statistics_cannot_be_packed() {
    let place = Workplace::new();
    place.run("pmnist", &["norm.statistics=batch"], "out");
    let model = format!("out/{RUN}/model.safetensors");
    for format in ["packed", "c-header"] {
        let says =
            [&*format!("{model}: it is tested with the statistics of the test batch"), "--statistics kept"];
        place.refuses(&["export", &model, "--to", format], 1, &says);
    }
    place.output(&["export", &model, "--to", "packed", "--statistics", "kept"]);
    assert!(place.bytes(&format!("out/{RUN}/model.packed")).starts_with(b"mbnn"));
    let says = [
        "it is tested with the statistics of the test batch",
        "train with norm.statistics = \"recalibrated\"",
    ];
    place.refuses(&["export", &model, "--to", "packed", "--statistics", "batch"], 1, &says);
}

#[test]
fn models_and_results_are_told_apart() {
    let place = Workplace::new();
    let model = model(&place, &["network.precision=full-precision"]);
    let says = [
        &*format!("{model}: it has real weights"),
        "what can be is a binary network of dense layers",
        "network.precision = \"full-precision\"; --to npz",
    ];
    place.refuses(&["export", &model, "--to", "packed"], 1, &says);
    place.output(&["export", &model, "--to", "npz", "--out", "real.npz"]);
    place.refuses(
        &["export", &model, "--to", "csv"],
        2,
        &["--to csv takes a folder of results; ", "is a file (a model goes --to packed, c-header or npz)"],
    );
    for format in ["packed", "c-header", "npz"] {
        let says = ["data: a folder without a model of a finished run"];
        place.refuses(&["export", "data", "--to", format], 2, &says);
        place.refuses(&["export", "nowhere", "--to", format], 1, &["nowhere: cannot read the model: "]);
        let recipe = format!("out/{RUN}/recipe.toml");
        let says = [&*format!("{recipe}: expected a model.safetensors of a finished run, got another")];
        place.refuses(&["export", &recipe, "--to", format], 1, &says);
    }
    place.refuses(
        &["export", "out", "--to", "csv", "--statistics", "kept"],
        2,
        &["--statistics is for models"],
    );
    place.refuses(
        &["export", &model, "--to", "npz", "--statistics", "kept"],
        2,
        &["--to npz takes all that"],
    );
}

#[test]
#[cfg(unix)]
fn a_full_disk_leaves_no_half_of_a_model() {
    let place = Workplace::new();
    let model = model(&place, &["network.hidden=[400]"]);
    let before = place.tree();
    for format in ["packed", "c-header", "npz"] {
        let error = place.error_of_full_disk(&["export", &model, "--to", format], 8);
        assert!(error.contains(": cannot write: "), "{error}");
        assert!(place.tree() == before, "something is left behind: {:?}", place.files("."));
    }
}
