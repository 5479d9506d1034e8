//! Recipes and arguments that are wrong: exit status 2, the place and the key, and what would be right.

use crate::support::{Workplace, run};

#[test]
fn an_unknown_recipe_gets_the_nearest() {
    let place = Workplace::new();
    place.refuses(
        &["run", "quikstart"],
        2,
        &["quikstart: no such recipe (did you mean quickstart?); `metabnn list` shows all (quickstart, "],
    );
    place.refuses(
        &["show", "zzzz"],
        2,
        &["zzzz: no such recipe; `metabnn list` shows all (quickstart, ", "./zzzz.toml"],
    );
    place.refuses(
        &["run", "./nowhere.toml"],
        2,
        &["./nowhere.toml: cannot be read as a recipe: No such file"],
    );
}

#[test]
fn a_wrong_setting_of_the_command_line_says_what_the_key_takes() {
    let place = Workplace::new();
    for (setting, takes) in [
        ("network.hiden=[16]", "network.hiden: no such key; did you mean network.hidden?"),
        ("lr=1", "lr: no such key; did you mean optimizer.lr?"),
        ("nothing.like.it=1", "nothing.like.it: no such key; takes "),
        ("rule.m=-1", "rule.m: takes a finite number >= 0, or a list of one per layer, got -1"),
        (
            "rule.m=[1, 2, 3]",
            "rule.m: takes one number, or 2 (hidden layers: 1, output layer: 1), or a list such as",
        ),
        ("rule.m=nan", "rule.m: takes a finite number >= 0, or a list of one per layer, got nan"),
        (
            "rule.name=hebb",
            "rule.name: takes \"metaplastic\" or \"ewc\" or \"random-consolidation\" or \"si\" or \"beakers\" or \"curve\", \
             got hebb",
        ),
        ("optimizer.lr=0", "optimizer.lr: takes a finite number > 0, got 0"),
        ("optimizer.lr=-0.1", "optimizer.lr: takes a finite number > 0, got -0.1"),
        ("optimizer.lr=nan", "optimizer.lr: takes a finite number > 0, got nan"),
        ("optimizer.lr=inf", "optimizer.lr: takes a finite number > 0, got inf"),
        ("optimizer.lr=1e39", "optimizer.lr: takes a finite number > 0, got 1e39"),
        ("optimizer.lr=fast", "optimizer.lr: takes a finite number > 0, got fast"),
        ("optimizer.beta1=1", "optimizer.beta1: takes a number in [0, 1), got 1"),
        (
            "network.hidden=[0]",
            "network.hidden: takes a list of at most 64 widths such as [512, 512], each from 1",
        ),
        ("network.hidden=wide", "network.hidden: takes a list of at most 64 widths"),
        ("network.init_width=nan", "network.init_width: takes a finite number > 0, got nan"),
        ("norm.momentum=0", "norm.momentum: takes a number in (0, 1], got 0"),
        ("norm.eps=nan", "norm.eps: takes a finite number > 0, got nan"),
        ("tasks.count=0", "tasks.count: takes at least 1 with tasks.stream = \"permuted\", got 0"),
        ("tasks.count=-3", "tasks.count: takes a whole number from 0 to"),
        (
            "data.sets=[\"mnist\", \"usps\"]",
            "data.sets: takes exactly one data set with tasks.stream = \"permuted\"",
        ),
        ("data.train_images=1", "data.train_images: takes 0 (all) or at least 2"),
        ("schedule.epochs=0", "schedule.epochs: takes a whole number from 1 to"),
        ("schedule.epochs=1.5", "schedule.epochs: takes a whole number from 1 to"),
        ("schedule.batch=0", "schedule.batch: takes a whole number from 1 to"),
        ("schedule.batch=1", "schedule.batch: takes at least 2 with norm.kind = \"batch\""),
        ("schedule.test_batch=1", "schedule.test_batch: takes at least 2 with norm.statistics = \"batch\""),
        ("optimizer.reset_per_task=1", "optimizer.reset_per_task: takes true or false, got 1"),
        ("optimizer.state=f16", "optimizer.state: takes \"f32\" or \"bf16\", got f16"),
        ("vary.rule.m=fast", "vary.rule.m: takes a list of at least one value"),
        ("vary.rule.m=[1, 1]", "vary.rule.m: 1 was given before"),
        ("name=a b", "name: takes letters, digits, '-' and '_'"),
    ] {
        let place_of = format!("--set {setting}: ");
        place.refuses(&run("pmnist", &[setting], "out"), 2, &[&place_of, takes]);
    }
    // The key to blame is the one named, wherever it was set.
    let says = "--set tasks.count=2: tasks.count: takes 0 or the number of data sets (1) with tasks.stream = \"sequence\"";
    place.refuses(&run("pmnist", &["tasks.stream=sequence"], "out"), 2, &[says]);
}

#[test]
fn a_wrong_setting_of_convolutions_or_norms_says_what_the_key_takes() {
    let place = Workplace::new();
    for (setting, takes) in [
        ("network.channels=[0]", "network.channels: takes a list of at most 64 widths"),
        ("network.kernel=0", "network.kernel: takes a whole number from 1 to 64, got 0"),
        ("network.stride=0", "network.stride: takes a whole number from 1 to 64, got 0"),
        ("network.padding=65", "network.padding: takes a whole number from 0 to 64, got 65"),
        ("network.pool=mean", "network.pool: takes \"none\" or \"average\" or \"max\", got mean"),
        ("network.pool_size=17", "network.pool_size: takes a whole number from 1 to 16, got 17"),
        ("network.pool_after=two", "network.pool_after: takes a list of convolutions, counted from 1"),
        (
            "network.pool_after=[1]",
            "network.pool_after: takes each of the 0 convolutions of network.channels once at most, got 1",
        ),
        ("network.dropout=1", "network.dropout: takes a number in [0, 1), got 1"),
        ("network.activation=relu", "network.activation: takes \"by-precision\" or \"hardtanh\", got relu"),
        ("network.init=xavier", "takes \"uniform\" or \"gaussian\" or \"xavier-normal\", got xavier"),
        ("norm.kind=group", "norm.kind: takes \"batch\" or \"layer\" or \"instance\", got group"),
        ("norm.affine=1", "norm.affine: takes true or false, got 1"),
    ] {
        let place_of = format!("--set {setting}: ");
        place.refuses(&run("pmnist", &[setting], "out"), 2, &[&place_of, takes]);
    }
}

#[test]
fn every_error_of_a_file_is_told_with_its_line() {
    let place = Workplace::new();
    let recipe = "name = \"mine\"\n[data]\nsets = [\"mnist\"]\n[network]\nhiden = [16]\n[rule]\nm = -1\n\
                  [optimizer]\nlr = \"a\"\n[schedule]\nbatch = 0\n";
    place.write("mine.toml", recipe);
    let before = place.tree();
    let done = place.metabnn(&["run", "mine.toml", "--out", "out"]).assert().code(2);
    let said = String::from_utf8(done.get_output().stderr.clone()).unwrap();
    let starts = [
        "error: mine.toml:5: network.hiden: no such key; did you mean network.hidden?",
        "error: mine.toml:7: rule.m: takes a finite number >= 0, or a list of one per layer, got -1",
        "error: mine.toml:9: optimizer.lr: takes a finite number > 0, got \"a\"",
        "error: mine.toml:11: schedule.batch: takes a whole number from 1 to",
    ];
    assert_eq!(said.lines().count(), starts.len(), "{said}");
    for (line, start) in said.lines().zip(starts) {
        assert!(line.starts_with(start), "{line}\nis not\n{start}");
    }
    assert!(place.tree() == before);
}

#[test]
fn a_file_that_is_no_recipe_is_refused() {
    let place = Workplace::new();
    for (bytes, says) in [
        (&b"name = \"x\"\n[data\n"[..], "mine.toml:2:6: not TOML: "),
        (b"\xff\xfe", "mine.toml: cannot be read as a recipe: "),
        (b"", "mine.toml: name: missing; takes letters, digits"),
        (b"name = \"x\"\nseed = 1\nseed = 2\n", "mine.toml:3"),
        (b"name = \"../x\"\n", "mine.toml:1: name: takes letters, digits"),
        (b"name = \"x\"\n[[arm]]\nname = \"../../x\"\n", "mine.toml:3: arm.name: takes letters, digits"),
    ] {
        place.write("mine.toml", bytes);
        place.refuses(&["run", "mine.toml"], 2, &[says]);
        place.refuses(&["show", "mine.toml"], 2, &[says]);
    }
    place.refuses(&["run", "."], 2, &[".: cannot be read as a recipe: "]);
}

#[test]
fn wrong_arguments_are_refused() {
    let place = Workplace::new();
    let kernels = ["run", "pmnist", "--kernels", "mmx"];
    place.refuses(&kernels, 2, &["--kernels mmx: this machine has portable"]);
    for (arguments, says) in [
        (&["run", "pmnist", "--threads", "0"][..], "invalid value '0' for '--threads <N>'"),
        (&["run", "pmnist", "--threads", "many"], "invalid value 'many' for '--threads <N>'"),
        (
            &["run", "pmnist", "--seed", "-1"],
            "'--seed <N>': takes a whole number from 0 to 9223372036854775807",
        ),
        (
            &["run", "pmnist", "--seed", "9223372036854775808"],
            "takes a whole number from 0 to 9223372036854775807",
        ),
        (&["run", "pmnist", "--set", "rule.m"], "takes KEY=VALUE, such as rule.m=1.35"),
        (&["run", "pmnist", "--out", ""], "a value is required for '--out <DIR>'"),
        (&["run"], "<RECIPE>"),
        (&["report"], "<DIR>"),
        (&["eval"], "<MODEL>"),
        (&["runs"], "a similar subcommand exists: 'run'"),
        (&["run", "pmnist", "--lr", "1"], "unexpected argument '--lr'"),
    ] {
        place.refuses(arguments, 2, &[says]);
    }
}
