//! Inputs that claim far more than they hold, one by one: each is refused, within the memory that its size allows.

use metabnn_fuzz::join;
use metabnn_fuzz::seeds::corpus;

fn refused(target: &str, input: &[u8]) {
    let target = metabnn_fuzz::find(target).expect("a target of this name");
    assert!(!target.run(input), "accepted");
}

/// A seed in which the first `from` is replaced.
fn with(target: &str, seed: &str, from: &str, to: &str) -> Vec<u8> {
    let seeds = corpus(metabnn_fuzz::find(target).expect("a target of this name"));
    let seed = seeds.iter().find(|known| known.name == seed).expect("a seed of this name");
    let at = seed.bytes.windows(from.len()).position(|window| window == from.as_bytes());
    let at = at.unwrap_or_else(|| panic!("{from} is not in the seed {}", seed.name));
    [&seed.bytes[..at], to.as_bytes(), &seed.bytes[at + from.len()..]].concat()
}

#[test]
fn a_million_million_images() {
    // 10^6 images of 1000 x 1000 pixels, as many labels, and none of either.
    let images = [0, 0, 8, 3, 0, 15, 0x42, 0x40, 0, 0, 3, 0xe8, 0, 0, 3, 0xe8];
    let labels = [0, 0, 8, 1, 0, 15, 0x42, 0x40];
    refused("idx", &join([&labels, &images]));
    refused("idx", &join([&[0, 0, 8, 1, 0, 0, 0, 1, 0], &images]));
    refused("idx", &join([&[0, 0, 8, 1, 0, 0, 0, 1, 0], &[&[0, 0, 8, 3][..], &[0xff; 12]].concat()]));
}

#[test]
fn shapes_of_arrays_whose_product_overflows() {
    let sizes =
        ["18446744073709551615", "4294967296, 4294967296", "9223372036854775807, 2", "1000000, 1000000"];
    for sizes in sizes {
        refused("npy", &with("npy", "floats-and-integers", "(2, 3)", &format!("({sizes})")));
        refused("npy", &with("npy", "floats-and-integers", "(2,)", &format!("({sizes})")));
    }
    refused("npy", &with("npy", "floats-and-integers", "(2, 3)", &format!("({})", "9,".repeat(1000))));
}

#[test]
fn deep_nesting() {
    for open in ["[", "{a=", "[{a="] {
        refused("recipe", format!("name = 'a'\nx = {}", open.repeat(20_000)).as_bytes());
    }
    refused("recipe", format!("{} = 1", "a.".repeat(20_000)).as_bytes());
    refused("recipe", format!("[{}a]", "a.".repeat(20_000)).as_bytes());
    for open in ["[", "{\"a\":"] {
        let nested = open.repeat(50_000);
        refused("results", format!("0{nested}").as_bytes());
        refused("results", format!("5{nested}").as_bytes());
        let header = format!("{{\"__metadata__\":{nested}");
        refused("model", &[&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat());
    }
}

#[test]
fn models_that_claim_much() {
    for claimed in [100_000_000, 99_999_999, u64::MAX, 1 << 40] {
        refused("model", &[&claimed.to_le_bytes()[..], b"{}"].concat());
    }
    let (hidden, image) = ("\\\"hidden\\\":[3]", "\\\"image\\\":[4,4]");
    let replaced = |from: &str, to: &str| {
        let mut bytes = with("model", "dense", from, to);
        let longer = (to.len() - from.len()) as u64;
        let length = u64::from_le_bytes(*bytes.first_chunk().expect("a header"));
        bytes[..8].copy_from_slice(&(length + longer).to_le_bytes());
        bytes
    };
    refused("model", &replaced(hidden, "\\\"hidden\\\":[1000000000]"));
    refused("model", &replaced(hidden, "\\\"hidden\\\":[1048576]"));
    refused("model", &replaced(image, "\\\"image\\\":[4294967296,4294967296]"));
    refused("model", &replaced(image, "\\\"image\\\":[9223372036854775807,1,3]"));
    refused("model", &replaced("\\\"set\\\":0", "\\\"set\\\":18446744073709551615"));
    refused("model", &replaced("\\\"trainings\\\":[1]", "\\\"trainings\\\":[18446744073709551615]"));
    // The same as the first layout says it: a number of experiences without their tensors.
    let first = replaced("\\\"format\\\":2", "\\\"format\\\":1,\\\"remembered\\\":18446744073709551615");
    refused("model", &first);
}

#[test]
fn recipes_without_end() {
    let many: Vec<String> = (0..100_000).map(|seed| seed.to_string()).collect();
    refused("recipe", format!("name = 'a'\nvary.seed = [{}]", many.join(",")).as_bytes());
    let million: Vec<String> = (0..1_000_000).map(|seed| seed.to_string()).collect();
    refused("recipe", format!("name = 'a'\nvary.seed = [{}]", million.join(",")).as_bytes());
    let hundred = many[..100].join(",");
    let grid = format!("rule.m = [{hundred}]\nseed = [{hundred}]\noptimizer.weight_decay = [{hundred}]");
    refused("recipe", format!("name = 'a'\n[vary]\n{grid}").as_bytes());
    let arms: String = (0..50_000).map(|arm| format!("[[arm]]\nname='{arm}'\n")).collect();
    refused("recipe", format!("name = 'a'\nvary.seed = [1, 2]\n{arms}").as_bytes());
    let keys: String = many.iter().map(|key| format!("k{key}=1\n")).collect();
    refused("recipe", keys.as_bytes());
    refused("recipe", format!("{}=1", "k".repeat(500_000)).as_bytes());
    refused("recipe", format!("name = '{}'", "k".repeat(500_000)).as_bytes());
    refused("recipe", "\u{1}".repeat(500_000).as_bytes());
    refused("recipe", "a=\n".repeat(100_000).as_bytes());
}

#[test]
fn tables_of_one_giant_line() {
    let header = "1task_trained,epoch,split,task_evaluated,accuracy,loss\n";
    refused("results", format!("{header}{}\n", "1".repeat(1 << 20)).as_bytes());
    refused("results", format!("{header}{}\n", "1,".repeat(1 << 19)).as_bytes());
    refused("results", format!("{header}{},1,test,1,1,1\n", "9".repeat(1 << 20)).as_bytes());
    refused("results", format!("{header}\"{}\n", "\n".repeat(1 << 20)).as_bytes());
    refused("results", format!("{header}{}", "1\n".repeat(1 << 19)).as_bytes());
    refused("results", format!("1{}\n", "task,".repeat(1 << 18)).as_bytes());
    refused("results", format!("4task_trained{}\n", ",a".repeat(1 << 18)).as_bytes());
}
