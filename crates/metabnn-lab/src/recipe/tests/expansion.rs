//! What recipes expand to: runs, names, layers, overrides, and the files that give the same runs again.

use serde_json::{Value as Json, json};

use super::{names, recipe, with};
use crate::recipe::expand::fold;
use crate::recipe::flat::{Layer, flatten};
use crate::recipe::settings::{GammaInit, Optimizer, Settings, State, Stream};
use crate::recipe::{Recipe, Run, builtin};

fn runs(text: &str, overrides: &[(&str, &str)]) -> Vec<Run> {
    with(text, overrides).runs().unwrap()
}

fn strength(run: &Run) -> Json {
    flatten(&run.settings)["rule.m"].clone()
}

const ARMS: &str =
    "name = 'x'\n[[arm]]\nname = 'plain'\nset = { \"rule.m\" = 0 }\n[[arm]]\nname = 'metaplastic'\n";

#[test]
fn a_bare_recipe_is_one_run_of_the_defaults() {
    let runs = runs("name = 'x'", &[]);
    assert_eq!(names(&runs), ["seed=0"]);
    assert_eq!((runs[0].arm.as_ref(), runs[0].varied.len()), (None, 0));
    assert_eq!(runs[0].settings, Settings::default());
}

#[test]
fn arms_and_axes_multiply_in_order_with_the_seed_fastest() {
    let text = format!("{ARMS}[vary]\nseed = [1, 0]\nnetwork.hidden = [[512, 512], []]\n");
    let runs = runs(&text, &[]);
    let expected = [
        "plain_hidden=512-512_seed=1",
        "plain_hidden=512-512_seed=0",
        "plain_hidden=none_seed=1",
        "plain_hidden=none_seed=0",
        "metaplastic_hidden=512-512_seed=1",
        "metaplastic_hidden=512-512_seed=0",
        "metaplastic_hidden=none_seed=1",
        "metaplastic_hidden=none_seed=0",
    ];
    assert_eq!(names(&runs), expected);
    assert_eq!(runs[1].arm.as_deref(), Some("plain"));
    assert_eq!(runs[1].varied, [("network.hidden".to_owned(), json!([512, 512]))].into());
    assert_eq!((strength(&runs[1]), strength(&runs[5])), (json!(0.0), json!(1.35)));
    assert_eq!((runs[2].settings.seed, runs[2].settings.network.hidden.len()), (1, 0));
}

#[test]
fn names_use_the_last_part_of_a_key_unless_two_axes_share_it() {
    let text = "name = 'x'\n[vary]\nnorm.eps = [1e-5]\noptimizer.eps = [0.001]\nrule.m = [[0, 1.5, 0.25]]\n";
    assert_eq!(names(&runs(text, &[])), ["norm.eps=1e-5_optimizer.eps=0.001_m=0-1.5-0.25_seed=0"]);
    let deep = format!("name = 'x'\n[vary]\nnetwork.hidden = [{:?}, {:?}]", [1000; 60], [1000; 61]);
    let long = runs(&deep, &[]);
    assert!(
        long.iter().all(|run| run.name.len() == 167 && run.name.ends_with("_seed=0")),
        "{:?}",
        names(&long)
    );
}

#[test]
fn numbers_are_those_of_the_file() {
    let runs = runs("name = 'x'\n[vary]\nrule.m = [0, 1.35, 0.1]", &[]);
    let varied: Vec<_> = runs.iter().map(|run| run.varied["rule.m"].to_string()).collect();
    assert_eq!(varied, ["0.0", "1.35", "0.1"]);
    let text = runs[2].to_toml();
    for line in ["m = 0.1\n", "lr = 0.005\n", "weight_decay = 1e-7\n", "eps = 1e-5\n", "beta2 = 0.999\n"] {
        assert!(text.contains(line), "{line:?} not in\n{text}");
    }
}

#[test]
fn a_sequence_counts_its_sets() {
    let text = "name = 'x'\ndata.sets = ['a', 'b']\ntasks.stream = 'sequence'\n";
    assert_eq!(runs(text, &[])[0].settings.tasks.count, 2);
    assert_eq!(runs(&format!("{text}tasks.count = 0"), &[])[0].settings.tasks.count, 2);
    let arms = "[[arm]]\nname = 'three'\nset.data.sets = ['a', 'b', 'c']\n\
                [[arm]]\nname = 'one'\nset.data.sets = 'a'\nset.tasks.stream = 'permuted'";
    let first = recipe(&format!("{text}tasks.count = 2\n{arms}"));
    let counts = |recipe: &Recipe| -> Vec<_> {
        recipe.runs().unwrap().iter().map(|run| run.settings.tasks.count).collect()
    };
    // Three sets count anew; a permuted stream takes the default, not the number of sets of another stream.
    assert_eq!(counts(&first), [3, 6]);
    assert_eq!(counts(&recipe(&first.to_toml())), [3, 6]);
    // The count of a permuted stream is kept by its interleaved arm.
    let bound = "name = 'x'\ntasks.count = 10\n[[arm]]\nname = 'a'\nset.tasks.stream = 'interleaved'";
    assert_eq!(counts(&recipe(bound)), [10]);
}

#[test]
fn given_groups_of_classes_are_counted() {
    let text = "name = 'x'\ntasks.stream = 'classes'\n";
    let count = |settings: &str| runs(&format!("{text}{settings}"), &[])[0].settings.tasks.count;
    assert_eq!(count("tasks.classes = [[0, 1, 8, 9], [2, 3], [5]]"), 3);
    assert_eq!(count("tasks.count = 2"), 2, "no groups: as many as count says");
    let arm = "tasks.classes = [[0], [1]]\n[[arm]]\nname = 'three'\nset.tasks.classes = [[0], [1], [2]]\n";
    assert_eq!(count(arm), 3);
    let text = format!("{text}[vary]\ntasks.classes = [[[0, 1], [2]], [[0], [1, 2]], []]\n");
    let all = runs(&text, &[]);
    assert_eq!(names(&all), ["classes=0-1.2_seed=0", "classes=0.1-2_seed=0", "classes=none_seed=0"]);
    assert_eq!(all[1].settings.tasks.classes, [vec![0], vec![1, 2]]);
    assert_eq!(recipe(&recipe(&text).to_toml()).runs().unwrap(), all);
}

#[test]
fn another_rule_drops_the_settings_of_the_last_one() {
    let layer = |pairs: &[(&str, Json)]| -> Layer {
        pairs.iter().map(|(key, value)| (key.to_string(), value.clone())).collect()
    };
    let base = layer(&[("rule.name", json!("metaplastic")), ("rule.m", json!(1.0))]);
    let (same, faults) = fold(&[&base, &layer(&[("rule.name", json!("metaplastic"))])]);
    assert_eq!((same.get("rule.m"), faults.len()), (Some(&json!(1.0)), 0));
    let (other, faults) = fold(&[&base, &layer(&[("rule.name", json!("other"))])]);
    assert_eq!((other.get("rule.m"), faults.len()), (None, 0));
    let (mixed, faults) = fold(&[&layer(&[("rule.name", json!("other")), ("rule.m", json!(1.0))])]);
    assert_eq!(mixed.get("rule.m"), None);
    assert_eq!(faults[0].key, "rule.m");
    assert_eq!(faults[0].got, "rule.name = \"other\"");
    let rules = "(metaplastic or ewc or random-consolidation or beakers)";
    assert!(faults[0].takes.ends_with(rules), "{}", faults[0].takes);
}

#[test]
fn overrides_pin_settings_and_replace_axes() {
    let text = "name = 'x'\n[vary]\nrule.m = [0, 1]\nseed = [0, 1, 2]\n";
    assert_eq!(names(&runs(text, &[("rule.m", "0.5"), ("seed", "7")])), ["seed=7"]);
    assert_eq!(names(&runs(text, &[("vary.rule.m", "[2]"), ("vary.seed", "[4]")])), ["m=2_seed=4"]);
    assert_eq!(
        names(&runs(
            text,
            &[("vary.norm.gamma_init", "['ones', 'uniform']"), ("seed", "0"), ("rule.m", "0")]
        )),
        ["gamma_init=ones_seed=0", "gamma_init=uniform_seed=0"]
    );
    // Of two for the same key, the last one holds.
    assert_eq!(names(&runs(text, &[("seed", "7"), ("vary.seed", "[8]"), ("rule.m", "0")])), ["seed=8"]);
    let pinned = Recipe::from_toml(text, "x.toml", &[], Some(9)).unwrap().runs().unwrap();
    assert_eq!(names(&pinned), ["m=0_seed=9", "m=1_seed=9"]);
}

#[test]
fn override_values_are_toml_or_else_text() {
    let set = [
        ("norm.gamma_init", "ones"),
        ("tasks.stream", "'interleaved'"),
        ("data.sets", "fashion-mnist"),
        ("network.hidden", "[8, 9]"),
        ("optimizer", "{ lr = 0.25, reset_per_task = false }"),
        ("optimizer.state", "bf16"),
        ("name", "2021"),
        ("title", "Two words"),
    ];
    let recipe = with("name = 'x'", &set);
    let base = &recipe.base;
    assert_eq!((base.norm.gamma_init, base.tasks.stream), (GammaInit::Ones, Stream::Interleaved));
    assert_eq!(
        (base.data.sets.as_slice(), &base.network.hidden),
        (["fashion-mnist".into()].as_slice(), &vec![8, 9])
    );
    let Optimizer { lr, reset_per_task, state, .. } = base.optimizer;
    assert_eq!((lr, reset_per_task, state), (0.25, false, State::Bf16));
    assert_eq!((recipe.name.as_str(), recipe.title.as_str()), ("2021", "Two words"));
}

#[test]
fn an_arm_keeps_its_settings_unless_it_is_picked() {
    let both = runs(ARMS, &[("rule.m", "2")]);
    assert_eq!((strength(&both[0]), strength(&both[1])), (json!(0.0), json!(2.0)));
    let picked = runs(ARMS, &[("rule.m", "2"), ("arm", "plain")]);
    assert_eq!((names(&picked), strength(&picked[0])), (vec!["plain_seed=0"], json!(2.0)));
    let varied = runs(ARMS, &[("arm", "plain"), ("vary.rule.m", "[1, 3]")]);
    assert_eq!(names(&varied), ["plain_m=1_seed=0", "plain_m=3_seed=0"]);
    // A grid of the file itself over what an arm sets stays a conflict, picked or not.
    let text = format!("{ARMS}[vary]\nrule.m = [1, 3]");
    for overrides in [&[][..], &[("arm", "plain")]] {
        let says =
            "x.toml:8: vary.rule.m: the arm \"plain\" sets rule.m too; leave it out of the arm or of [vary]";
        assert_eq!(super::errors_with(&text, overrides), says);
    }
    assert_eq!(runs(&text, &[("arm", "plain"), ("vary.rule.m", "[1, 3]")]).len(), 2);
    // A setting of the arm's own rule can be changed, though the recipe's base has another rule.
    let ewc = format!("{ARMS}[[arm]]\nname = 'ewc'\nset = {{ rule.name = 'ewc' }}");
    let picked = runs(&ewc, &[("arm", "ewc"), ("rule.lambda", "7")]);
    assert_eq!(flatten(&picked[0].settings)["rule.lambda"], json!(7.0));
}

#[test]
fn the_hash_is_that_of_the_settings() {
    let hash = |text: &str| runs(text, &[])[0].hash.clone();
    let plain = hash("name = 'x'");
    assert_eq!(plain.len(), 16);
    assert!(plain.chars().all(|c| c.is_ascii_hexdigit() && !c.is_ascii_uppercase()), "{plain}");
    assert_eq!(
        plain,
        hash("name = 'y'\ntitle = 'other words, same settings'\noptimizer.lr = 5e-3\nseed = 0x0")
    );
    assert_ne!(plain, hash("name = 'x'\nseed = 1"));
    assert_ne!(plain, hash("name = 'x'\nrule.m = 0"));
}

#[test]
fn the_built_in_recipes_expand_as_they_say() {
    let expected = [
        ("quickstart", vec!["plain_seed=0", "metaplastic_seed=0"]),
        ("pmnist", vec!["seed=0"]),
        ("fig1a", vec!["seed=0"]),
        ("fig2", vec!["m=0_seed=0", "m=0.5_seed=0", "m=1_seed=0", "m=1.35_seed=0"]),
        ("fig2f", vec!["m=0_seed=0", "m=0.5_seed=0", "m=1_seed=0", "m=1.35_seed=0"]),
        ("fig2gh", vec!["m=0_seed=0", "m=1.35_seed=0"]),
        ("table1", vec!["plain_seed=0", "random-consolidation_seed=0", "ewc_seed=0", "metaplastic_seed=0"]),
        (
            "fig3ab",
            vec![
                "metaplastic_hidden=512-512_seed=0",
                "metaplastic_hidden=1024-1024_seed=0",
                "metaplastic_hidden=2048-2048_seed=0",
                "metaplastic_hidden=4096-4096_seed=0",
                "ewc_hidden=512-512_seed=0",
                "ewc_hidden=1024-1024_seed=0",
                "ewc_hidden=2048-2048_seed=0",
                "ewc_hidden=4096-4096_seed=0",
            ],
        ),
        (
            "fig3cd",
            vec![
                "hidden=512-512_m=0_seed=0",
                "hidden=512-512_m=1.35_seed=0",
                "hidden=1024-1024_m=0_seed=0",
                "hidden=1024-1024_m=1.35_seed=0",
                "hidden=2048-2048_m=0_seed=0",
                "hidden=2048-2048_m=1.35_seed=0",
                "hidden=4096-4096_m=0_seed=0",
                "hidden=4096-4096_m=1.35_seed=0",
            ],
        ),
        ("fig4ab", vec!["plain_seed=0", "metaplastic_seed=0"]),
        ("s6cd", vec!["plain_seed=0", "metaplastic_seed=0"]),
        ("stream-fmnist", vec!["plain_seed=0", "metaplastic_seed=0", "at-once_seed=0"]),
        (
            "fig4cd",
            vec![
                "plain_seed=0",
                "metaplastic_seed=0",
                "metaplastic-narrow_seed=0",
                "mnist-alone_seed=0",
                "usps-alone_seed=0",
            ],
        ),
        ("fig4ef", vec!["plain_seed=0", "metaplastic_seed=0"]),
        ("fig4gh", vec!["plain_seed=0", "metaplastic_seed=0"]),
        ("stream-cifar10", vec!["plain_seed=0", "metaplastic_seed=0"]),
        ("fig5a", vec!["seed=0"]),
        (
            "fig5b",
            vec![
                "seed=0", "seed=1", "seed=2", "seed=3", "seed=4", "seed=5", "seed=6", "seed=7", "seed=8",
                "seed=9",
            ],
        ),
        ("fig5cde", vec!["seed=0"]),
        (
            "boundary-free",
            vec![
                "plain_seed=0",
                "learned_seed=0",
                "fixed_seed=0",
                "instance-plain_seed=0",
                "instance_seed=0",
            ],
        ),
    ];
    // A grid whose names would fill a page: four widths, two scales, two optimizers, two strengths.
    let (text, origin) = builtin::find("retention").unwrap();
    assert_eq!(Recipe::from_toml(&text, &origin, &[], None).unwrap().runs().unwrap().len(), 4 * 2 * 2 * 2);
    assert_eq!(builtin::builtin().len(), expected.len() + 1);
    for (name, runs) in expected {
        let (text, origin) = builtin::find(name).unwrap();
        let recipe = Recipe::from_toml(&text, &origin, &[], None).unwrap();
        assert_eq!(recipe.name, name);
        assert!([&recipe.title, &recipe.shows, &recipe.cost].iter().all(|word| !word.is_empty()), "{name}");
        assert_eq!(names(&recipe.runs().unwrap()), runs, "{name}");
        super::properties::assert_round_trip(&recipe);
    }
}

#[test]
fn a_path_is_a_recipe_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    std::fs::write(&path, "name = 'mine'").unwrap();
    let path = path.to_str().unwrap();
    let (text, origin) = builtin::find(path).unwrap();
    assert_eq!((text.as_ref(), origin.as_str()), ("name = 'mine'", path));
}

#[test]
fn the_resolved_recipe_is_readable() {
    let text = with("name = 'x'\ntitle = 'A \"title\"'\n[vary]\nseed = [0, 1]\nrule.m = [0]", &[]).to_toml();
    let start = "name = \"x\"\ntitle = \"A \\\"title\\\"\"\nseed = 0\n\n[data]\nsets = [\"mnist\"]\ntrain_images = 0\n";
    assert!(text.starts_with(start), "{text}");
    assert!(text.contains("\n[tasks]\nstream = \"permuted\"\ncount = 6\nclasses = []\n"), "{text}");
    assert!(text.ends_with("evaluate_train = \"task\"\n\n[vary]\nrule.m = [0.0]\nseed = [0, 1]\n"), "{text}");
    let arms = recipe(ARMS).to_toml();
    let end = "\n[[arm]]\nname = \"plain\"\nset = { rule.m = 0.0 }\n\n[[arm]]\nname = \"metaplastic\"\n";
    assert!(arms.ends_with(end), "{arms}");
}
