//! Settings that are right by themselves and do not fit each other.

use super::of;
use crate::recipe::Recipe;

#[test]
fn settings_of_convolutions_and_norms_fit_each_other() {
    let three = "[network]\nchannels = [4, 4, 4]\n";
    let cases = [
        (
            format!("{three}pool = 'max'\npool_after = [4]"),
            "x.toml:5: network.pool_after: takes each of the 3 convolutions of network.channels once at most, got 4",
        ),
        (
            format!("{three}pool = 'max'\npool_after = [2, 2]"),
            "x.toml:5: network.pool_after: takes each of the 3 convolutions of network.channels once at most, got 2",
        ),
        (
            format!("{three}pool_after = [2, 1]"),
            "x.toml:4: network.pool_after: takes [] with network.pool = \"none\", got [2, 1]",
        ),
        (
            format!("{three}[rule]\nm = [1, 2]"),
            "x.toml:5: rule.m: takes one number, or 6 (convolutions: 3, hidden layers: 2, output layer: 1), or a list such as [2, \"..\", 1], which goes with any number of layers, got 2 values",
        ),
        (
            "[norm]\nkind = 'instance'\nstatistics = 'running'".to_owned(),
            "x.toml:4: norm.statistics: takes \"batch\" (as it is if left out) with norm.kind = \"instance\": every \
             sample has statistics of its own, in training and at test, got \"running\"",
        ),
    ];
    for (settings, message) in cases {
        assert_eq!(of(&settings), message, "{settings}");
    }
    // What fits is taken: one image at a time with instance norm, m layer by layer.
    let fits = "name = 'x'\n[network]\nchannels = [4, 4]\npool = 'max'\npool_after = [2]\n[norm]\nkind = 'instance'\n\
                [schedule]\ntest_batch = 1\n[rule]\nm = [1, 2, 3, 4, 5]";
    assert!(Recipe::from_toml(fits, "x.toml", &[], None).is_ok());
}

#[test]
fn settings_that_do_not_fit_each_other() {
    let cases = [
        (
            "rule.m = [0, 1]",
            "x.toml:2: rule.m: takes one number, or 3 (hidden layers: 2, output layer: 1), or a list such as [2, \"..\", 1], which goes with any number of layers, got 2 values",
        ),
        (
            "network.hidden = []\nrule.m = [0, 1]",
            "x.toml:3: rule.m: takes one number, or 1 (hidden layers: 0, output layer: 1), or a list such as [2, \"..\", 1], which goes with any number of layers, got 2 values",
        ),
        (
            "schedule.test_batch = 1",
            "x.toml:2: schedule.test_batch: takes at least 2 with norm.statistics = \"batch\": one image alone has \
             no variance, got 1",
        ),
        (
            "tasks.count = 0",
            "x.toml:2: tasks.count: takes at least 1 with tasks.stream = \"permuted\", got 0",
        ),
        (
            "data.sets = ['a', 'b']\ntasks.stream = 'subsets'",
            "x.toml:2: data.sets: takes exactly one data set with tasks.stream = \"subsets\", got 2",
        ),
        (
            "data.sets = ['a', 'b']\ntasks.stream = 'sequence'\ntasks.count = 3",
            "x.toml:4: tasks.count: takes 0 or the number of data sets (2) with tasks.stream = \"sequence\", got 3",
        ),
        (
            "rule.name = 'ewc'\ntasks.stream = 'subsets'",
            "x.toml:2: rule.name: takes \"metaplastic\" or \"beakers\" or \"curve\" with tasks.stream = \"subsets\": that stream has no \
             boundaries between tasks, and this rule consolidates at the end of a task, got \"ewc\"",
        ),
        (
            "rule.name = 'random-consolidation'\ntasks.stream = 'interleaved'",
            "x.toml:2: rule.name: takes \"metaplastic\" or \"beakers\" or \"curve\" with tasks.stream = \"interleaved\": that stream has no \
             boundaries between tasks, and this rule consolidates at the end of a task, got \"random-consolidation\"",
        ),
        (
            "tasks.stream = 'subsets'\n[[arm]]\nname = 'a'\n[[arm]]\nname = 'b'\nset = { rule.name = 'si' }",
            "x.toml:7: arm.b.rule.name: takes \"metaplastic\" or \"beakers\" or \"curve\" with tasks.stream = \"subsets\": that stream has \
             no boundaries between tasks, and this rule consolidates at the end of a task, got \"si\"",
        ),
        (
            "network.precision = 'full-precision'\nrule = { name = 'si', path = 'binary' }",
            "x.toml:3: rule.path: takes \"hidden\" with network.precision = \"full-precision\": there are no binary weights, \
             got \"binary\"",
        ),
        (
            "rule = { name = 'beakers', areas = [1, 2, 4] }",
            "x.toml:2: rule.areas: takes 4 numbers, as many as rule.ratios, got 3 values",
        ),
        (
            "rule = { name = 'ewc', m = [0, 1] }",
            "x.toml:2: rule.m: takes one number, or 3 (hidden layers: 2, output layer: 1), or a list such as [2, \"..\", 1], which goes with any number of layers, got 2 values",
        ),
        (
            "tasks.classes = [[0, 1], [2]]",
            "x.toml:2: tasks.classes: takes [] unless tasks.stream = \"classes\", got 2 groups",
        ),
        (
            "tasks.stream = 'classes'\ntasks.classes = [[0, 1], [2, 1]]",
            "x.toml:3: tasks.classes: takes each class in one group at most, got the class 1 twice",
        ),
        (
            "tasks.stream = 'classes'\ntasks.classes = [[0], [1]]\ntasks.count = 3",
            "x.toml:4: tasks.count: takes 0 or the number of groups in tasks.classes (2) with tasks.stream = \
             \"classes\", got 3",
        ),
        (
            "data.augment = 'flip-rotate-crop'",
            "x.toml:2: data.augment: takes \"none\" with tasks.stream = \"permuted\": permuted pixels are no picture \
             to flip or rotate, got \"flip-rotate-crop\"",
        ),
        (
            "data.train_images = 1",
            "x.toml:2: data.train_images: takes 0 (all) or at least 2, two images for each task, got 1",
        ),
        (
            "data.train_images = 9\ntasks.stream = 'subsets'\ntasks.count = 5",
            "x.toml:2: data.train_images: takes 0 (all) or at least 10, two images for each task, got 9",
        ),
        (
            "[[arm]]\nname = 'a'\n[[arm]]\nname = 'b'\nset = { \"schedule.test_batch\" = 1 }",
            "x.toml:6: arm.b.schedule.test_batch: takes at least 2 with norm.statistics = \"batch\": one image alone \
             has no variance, got 1",
        ),
        (
            "rule.m = [0, 1, 1]\n[[arm]]\nname = 'a'\n[[arm]]\nname = 'b'\nset = { network.hidden = [8] }",
            "x.toml:2: rule.m: takes one number, or 2 (hidden layers: 1, output layer: 1), or a list such as [2, \"..\", 1], which goes with any number of layers, got 3 values in the arm \"b\"",
        ),
    ];
    for (settings, message) in cases {
        assert_eq!(of(settings), message, "{settings}");
    }
    super::recipe("name = 'x'\nschedule.test_batch = 1\nnorm.statistics = 'running'\nnetwork.hidden = []");
}
