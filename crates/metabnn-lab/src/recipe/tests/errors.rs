//! Every error names the place, the key, what was given and what the key takes.

use super::{errors, errors_with, of};
use crate::recipe::{Recipe, RecipeError, builtin};

#[test]
fn unknown_keys_come_with_the_nearest_one() {
    let cases = [
        ("[tasks]\ncuont = 3", "x.toml:3: tasks.cuont: no such key; did you mean tasks.count?"),
        ("[optimiser]\nlr = 1", "x.toml:2: optimiser: no such key; did you mean optimizer?"),
        ("lr = 0.1", "x.toml:2: lr: no such key; did you mean optimizer.lr?"),
        ("titel = 'a'", "x.toml:2: titel: no such key; did you mean title?"),
        ("rule.n = 1", "x.toml:2: rule.n: no such key; did you mean rule.m?"),
        (
            "[rule.m]\nx = 1",
            "x.toml:2: rule.m: takes a finite number >= 0, or a list of one per layer, got [rule.m]",
        ),
        (
            "[tasks]\nzzz = 1",
            "x.toml:3: tasks.zzz: no such key; takes tasks.stream, tasks.count, tasks.classes, tasks.scenario",
        ),
        (
            "[[arm]]\nname = 'a'\nset = { \"norm.gama_init\" = 'ones' }",
            "x.toml:4: arm.a.norm.gama_init: no such key; did you mean arm.a.norm.gamma_init?",
        ),
        ("[[arm]]\nname = 'a'\nsett = {}", "x.toml:4: arm.a.sett: no such key; did you mean set?"),
        ("[[arm]]\nname = 'a'\nrule.m = 0", "x.toml:4: arm.a.rule: no such key; did you mean set.rule?"),
        ("[vary]\nrule.k = [1]", "x.toml:3: vary.rule.k: no such key; did you mean vary.rule.m?"),
        ("[vary]\nseeds = [1]", "x.toml:3: vary.seeds: no such key; did you mean vary.seed?"),
    ];
    for (settings, message) in cases {
        assert_eq!(of(settings), message, "{settings}");
    }
}

const GROUPS: &str = "groups of classes such as [[0, 1], [2, 3]], each class from 0 to 255";

#[test]
fn values_out_of_range_or_of_the_wrong_type() {
    let number = "a finite number > 0";
    let cases = [
        ("rule.m = -1", "rule.m", "a finite number >= 0, or a list of one per layer", "-1"),
        ("rule.m = nan", "rule.m", "a finite number >= 0, or a list of one per layer", "nan"),
        ("rule.m = [0, 1, inf]", "rule.m", "a finite number >= 0, or a list of one per layer", "[0, 1, inf]"),
        (
            "rule.name = 'ewk'",
            "rule.name",
            "\"metaplastic\" or \"ewc\" or \"random-consolidation\" or \"si\" or \"beakers\" or \"curve\"",
            "'ewk'",
        ),
        ("rule = { name = 'ewc', lambda = -1 }", "rule.lambda", "a finite number >= 0", "-1"),
        ("rule = { name = 'ewc', samples = 0 }", "rule.samples", "a whole number from 1 to 1073741824", "0"),
        ("rule = { name = 'si', epsilon = 0 }", "rule.epsilon", number, "0"),
        (
            "rule = { name = 'si', path = 'real' }",
            "rule.path",
            "\"hidden\" or \"binary\" or \"published\"",
            "'real'",
        ),
        ("rule = { name = 'beakers', feedback = -1 }", "rule.feedback", "a finite number >= 0", "-1"),
        ("optimizer.lr_decay_per_task = 0.9", "optimizer.lr_decay_per_task", "a finite number >= 1", "0.9"),
        ("optimizer.lr = 0", "optimizer.lr", number, "0"),
        ("optimizer.lr = -0.1", "optimizer.lr", number, "-0.1"),
        ("optimizer.lr = +inf", "optimizer.lr", number, "+inf"),
        ("optimizer.lr = 1e39", "optimizer.lr", number, "1e39"),
        ("optimizer.lr = 'fast'", "optimizer.lr", number, "'fast'"),
        ("optimizer.lr = 2024-01-01", "optimizer.lr", number, "2024-01-01"),
        ("optimizer.beta1 = 1", "optimizer.beta1", "a number in [0, 1)", "1"),
        ("optimizer.beta2 = -0.1", "optimizer.beta2", "a number in [0, 1)", "-0.1"),
        ("optimizer.beta2 = 0.999999999", "optimizer.beta2", "a number in [0, 1)", "0.999999999"),
        ("optimizer.eps = 0.0", "optimizer.eps", number, "0.0"),
        ("optimizer.weight_decay = -1e-7", "optimizer.weight_decay", "a finite number >= 0", "-1e-7"),
        ("optimizer.reset_per_task = 1", "optimizer.reset_per_task", "true or false", "1"),
        ("optimizer.state = 'f64'", "optimizer.state", "\"f32\" or \"bf16\"", "'f64'"),
        ("optimizer.state = 16", "optimizer.state", "\"f32\" or \"bf16\"", "16"),
        ("norm.eps = 1e-60", "norm.eps", number, "1e-60"),
        ("norm.momentum = 0", "norm.momentum", "a number in (0, 1]", "0"),
        ("norm.momentum = 1.5", "norm.momentum", "a number in (0, 1]", "1.5"),
        ("norm.gamma_init = 'one'", "norm.gamma_init", "\"ones\" or \"uniform\"", "'one'"),
        ("network.init_width = 0", "network.init_width", number, "0"),
        ("tasks.count = -3", "tasks.count", "a whole number from 0 to 65536", "-3"),
        ("tasks.count = 65537", "tasks.count", "a whole number from 0 to 65536", "65537"),
        ("tasks.count = 1.5", "tasks.count", "a whole number from 0 to 65536", "1.5"),
        ("schedule.epochs = 0", "schedule.epochs", "a whole number from 1 to 1073741824", "0"),
        ("schedule.batch = 0", "schedule.batch", "a whole number from 1 to 1073741824", "0"),
        ("schedule.test_batch = 0", "schedule.test_batch", "a whole number from 1 to 1073741824", "0"),
        ("tasks.classes = [[0], []]", "tasks.classes", GROUPS, "[[0], []]"),
        ("tasks.classes = [0, 1]", "tasks.classes", GROUPS, "[0, 1]"),
        ("tasks.classes = [[256]]", "tasks.classes", GROUPS, "[[256]]"),
        ("data.normalise = 'batch'", "data.normalise", "\"none\" or \"sample\"", "'batch'"),
        ("schedule.evaluate = 'step'", "schedule.evaluate", "\"epoch\" or \"task\"", "'step'"),
        ("schedule.evaluate_train = 'all'", "schedule.evaluate_train", "\"task\" or \"stream\"", "'all'"),
        ("seed = -1", "seed", "a whole number from 0 to 9223372036854775807", "-1"),
        ("data.train_images = true", "data.train_images", "a whole number from 0 to 1073741824", "true"),
    ];
    for (settings, key, takes, got) in cases {
        assert_eq!(of(settings), format!("x.toml:2: {key}: takes {takes}, got {got}"), "{settings}");
    }
}

#[test]
fn lists_have_to_hold_what_they_are_lists_of() {
    let widths = "a list of at most 64 widths such as [512, 512], each from 1 to 1048576";
    let sets = "the name of a data set, or a list of names such as [\"mnist\"]";
    let cases = [
        ("network.hidden = [512, 0]", "network.hidden", widths, "[512, 0]"),
        ("network.hidden = 512", "network.hidden", widths, "512"),
        ("network.hidden = [1048577]", "network.hidden", widths, "[1048577]"),
        ("network.hidden = [-1]", "network.hidden", widths, "[-1]"),
        ("data.sets = []", "data.sets", sets, "[]"),
        ("data.sets = ['']", "data.sets", sets, "['']"),
        ("data.sets = [1]", "data.sets", sets, "[1]"),
        (
            "rule = { name = 'beakers', ratios = [1] }",
            "rule.ratios",
            "a list of 2 to 8 numbers, each a finite number >= 0",
            "[1]",
        ),
        (
            "rule = { name = 'beakers', ratios = 1 }",
            "rule.ratios",
            "a list of 2 to 8 numbers, each a finite number >= 0",
            "1",
        ),
        (
            "rule = { name = 'beakers', areas = [1, 0, 1, 1] }",
            "rule.areas",
            "a list of 2 to 8 numbers, each a finite number > 0",
            "[1, 0, 1, 1]",
        ),
    ];
    for (settings, key, takes, got) in cases {
        assert_eq!(of(settings), format!("x.toml:2: {key}: takes {takes}, got {got}"), "{settings}");
    }
    let many = of(&format!("network.hidden = {:?}", [1; 65]));
    assert_eq!(many.lines().count(), 1);
    assert!(many.starts_with("x.toml:2: network.hidden: takes a list of at most 64 widths"), "{many}");
    assert!(many.ends_with("1, 1,..."), "{many}");
}

#[test]
fn sections_arms_and_grids_of_the_wrong_shape() {
    let name = "letters, digits, '-' and '_', at most 64 of them";
    let cases = [
        (
            "rule = 3",
            "x.toml:2: rule: takes a table of settings (rule.name, rule.lambda, rule.samples, rule.ratios, rule.areas, \
             rule.feedback, rule.m, rule.epsilon, rule.path, rule.hidden, rule.up, rule.down), got 3"
                .to_owned(),
        ),
        ("arm = 3", "x.toml:2: arm: takes tables headed [[arm]], got 3".into()),
        ("arm = [3]", "x.toml:2: arm: takes tables headed [[arm]], got 3".into()),
        ("[arm]\nname = 'a'", "x.toml:2: arm: takes tables headed [[arm]], got [arm]".into()),
        ("[[arm]]\nset = {}", format!("x.toml:2: arm.name: missing; takes {name}")),
        ("[[arm]]\nname = 'a b'", format!("x.toml:3: arm.name: takes {name}, got 'a b'")),
        (
            "[[arm]]\nname = 'a'\n[[arm]]\nname = 'A'",
            "x.toml:5: arm.name: an arm \"A\" was given before; give it once".into(),
        ),
        (
            "[[arm]]\nname = 'a'\nset = 1",
            "x.toml:4: arm.a.set: takes a table of settings such as { \"rule.m\" = 0 }, got 1".into(),
        ),
        ("vary = 3", "x.toml:2: vary: takes a table of settings, each with a list of values, got 3".into()),
        (
            "[vary]\nseed = []",
            "x.toml:3: vary.seed: takes a list of at least one value, each a whole number from 0 to \
             9223372036854775807, got []"
                .into(),
        ),
        (
            "[vary]\nrule.m = 0.5",
            "x.toml:3: vary.rule.m: takes a list of at least one value, each a finite number >= 0, or a list of one \
             per layer, got 0.5"
                .into(),
        ),
        (
            "[vary]\nnorm.eps = [1e-5,\n 'a']",
            "x.toml:4: vary.norm.eps: takes a finite number > 0, got 'a'".into(),
        ),
        (
            "[vary]\nrule.m = [0, 1, 0.0]",
            "x.toml:3: vary.rule.m: 0.0 was given before; give it once".into(),
        ),
        (
            "\"rule.m\" = 1\n[rule]\nm = 2",
            "x.toml:4: rule.m: this key was given before; give it once".into(),
        ),
        (
            "[[arm]]\nname = 'a'\nset = { \"rule.m\" = 0 }\n[vary]\nrule.m = [1, 2]",
            "x.toml:6: vary.rule.m: the arm \"a\" sets rule.m too; leave it out of the arm or of [vary]".into(),
        ),
        (
            "[vary]\ntasks.stream = ['permuted']\ndata.sets = ['a/b', 'a:b']",
            "x.toml:2: vary: the run stream=permuted_sets=a-b_seed=0 was given before; give it once".into(),
        ),
    ];
    for (settings, message) in cases {
        assert_eq!(of(settings), message, "{settings}");
    }
}

#[test]
fn a_grid_beyond_reason_is_refused_before_it_is_built() {
    let seeds: Vec<u32> = (0..300).collect();
    let message =
        of(&format!("[vary]\nseed = {seeds:?}\ndata.test_images = {seeds:?}\nschedule.epochs = [1, 2]"));
    assert_eq!(message, "x.toml:2: vary: takes a grid of at most 65536 runs, arms included, got 180000 runs");
}

#[test]
fn names_and_titles() {
    let name = "letters, digits, '-' and '_', at most 64 of them";
    assert_eq!(errors(""), format!("x.toml: name: missing; takes {name}"));
    assert_eq!(errors("name = '../x'"), format!("x.toml:1: name: takes {name}, got '../x'"));
    assert_eq!(of("title = \"a\\nb\""), "x.toml:2: title: takes a text of one line, got \"a\\nb\"");
}

#[test]
fn text_that_is_not_toml_has_line_and_column() {
    let duplicate = of("seed = 1\nseed = 2");
    assert_eq!(duplicate, "x.toml:3:1: not TOML: duplicate key");
    let open = of("rule.m = [1");
    assert!(open.starts_with("x.toml:2:12: not TOML: "), "{open}");
}

#[test]
fn all_errors_are_reported_but_not_what_follows_from_them() {
    let text =
        "name = 'x'\n[network]\nhidden = [0]\n[rule]\nm = [1, 2]\n[schedule]\nbatch = 0\ntest_batch = 1";
    let lines: Vec<_> =
        errors(text).lines().map(|line| line[..line.find(": takes").unwrap()].to_owned()).collect();
    // rule.m depends on network.hidden, which is unknown; schedule.test_batch does not.
    assert_eq!(
        lines,
        ["x.toml:3: network.hidden", "x.toml:7: schedule.batch", "x.toml:8: schedule.test_batch"]
    );
}

#[test]
fn errors_on_the_command_line_name_the_option() {
    let text =
        "name = 'x'\n[[arm]]\nname = 'a'\nset = { \"rule.m\" = 0 }\n[[arm]]\nname = 'b'\nset.rule.m = 1";
    let cases = [
        (
            ("optimizer.lr", "fast"),
            "--set optimizer.lr=fast: optimizer.lr: takes a finite number > 0, got fast",
        ),
        (("optimizer.lr", ""), "--set optimizer.lr=: optimizer.lr: takes a finite number > 0, got nothing"),
        (("rule.mm", "1"), "--set rule.mm=1: rule.mm: no such key; did you mean rule.m?"),
        (("vary.sed", "[1]"), "--set vary.sed=[1]: vary.sed: no such key; did you mean vary.seed?"),
        (
            ("vary.norm.eps", "fast"),
            "--set vary.norm.eps=fast: vary.norm.eps: takes a list of at least one value, each a finite number > 0, got fast",
        ),
        (("arm", "c"), "--set arm=c: arm: takes \"a\" or \"b\", got \"c\""),
        (
            ("rule.m", "2"),
            "--set rule.m=2: rule.m: every arm sets it (a, b), so this would change nothing; pick one arm, --set \
             arm=a, or set another key",
        ),
        (
            ("tasks.count", "0"),
            "--set tasks.count=0: tasks.count: takes at least 1 with tasks.stream = \"permuted\", got 0",
        ),
        (
            ("name", "a/b"),
            "--set name=a/b: name: takes letters, digits, '-' and '_', at most 64 of them, got a/b",
        ),
    ];
    for (option, message) in cases {
        assert_eq!(errors_with(text, &[option]), message);
    }
    let seed = Recipe::from_toml("name = 'x'", "x.toml", &[], Some(u64::MAX)).unwrap_err().to_string();
    assert!(
        seed.starts_with("--seed 18446744073709551615: seed: takes a whole number from 0 to 92"),
        "{seed}"
    );
}

#[test]
fn recipes_that_are_not_there() {
    let unknown = builtin::find("quikstart").unwrap_err();
    assert!(
        unknown.to_string().starts_with(
            "quikstart: no such recipe (did you mean quickstart?); `metabnn list` shows all (quickstart, "
        ),
        "{unknown}"
    );
    let stranger = builtin::find("zzzz").unwrap_err().to_string();
    assert!(
        stranger.contains("no such recipe; `metabnn list` shows all (quickstart, pmnist, "),
        "{stranger}"
    );
    for path in ["no/such", "missing.toml"] {
        let missing = builtin::find(path).unwrap_err();
        assert!(matches!(&missing, RecipeError::Unreadable { path: p, .. } if p == path), "{missing}");
        assert!(
            missing.to_string().starts_with(&format!("{path}: cannot be read as a recipe: ")),
            "{missing}"
        );
    }
}
