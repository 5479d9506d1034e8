//! Every target on its seeds, on what a fuzzer once found, and on mutations of the seeds.

use metabnn_fuzz::mutation::Mutator;
use metabnn_fuzz::seeds::{corpus, regressions};
use metabnn_fuzz::{TARGETS, Target, peak_share};

/// Mutations of each target.
const MUTATIONS: usize = 4000;

fn of(name: &str) -> &'static Target {
    metabnn_fuzz::find(name).expect("a target of this name")
}

/// Seeds are accepted, and mutations of them break no contract.
fn check(name: &str, mutations: usize) {
    let (target, seeds) = (of(name), corpus(of(name)));
    assert!(seeds.len() >= 2, "too few seeds in corpus/{name}");
    for seed in &seeds {
        assert!(target.run(&seed.bytes), "the seed {name}/{} is refused", seed.name);
    }
    for found in regressions(target) {
        target.run(&found.bytes);
    }
    let mut mutator = Mutator::new(0);
    let mut accepted = 0;
    for index in 0..mutations {
        let (seed, other) = (&seeds[index % seeds.len()], &seeds[(index / seeds.len()) % seeds.len()]);
        accepted += usize::from(target.run(&mutator.change(&seed.bytes, &other.bytes)));
    }
    println!("{name}: accepted {accepted} of {mutations}; at most {:.3} of the memory allowed", peak_share());
    assert!(0 < accepted && accepted < mutations, "{accepted} of {mutations} were accepted");
}

macro_rules! targets {
    ($($function:ident: $name:literal, $mutations:expr;)*) => {
        $(#[test]
        fn $function() {
            check($name, $mutations);
        })*

        #[test]
        fn no_target_is_left_out() {
            let tested = [$($name),*];
            assert_eq!(tested.to_vec(), TARGETS.iter().map(|target| target.name).collect::<Vec<_>>());
        }
    };
}

targets! {
    idx: "idx", MUTATIONS;
    idx_gzip: "idx-gzip", MUTATIONS;
    records: "records", MUTATIONS;
    npy: "npy", MUTATIONS;
    npz: "npz", MUTATIONS;
    model: "model", MUTATIONS;
    checkpoint: "checkpoint", MUTATIONS / 2;
    packed: "packed", 25 * MUTATIONS;
    recipe: "recipe", MUTATIONS / 2;
    results: "results", MUTATIONS;
}
