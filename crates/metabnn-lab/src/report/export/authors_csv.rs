//! CSV in the columns of the code published with the paper, for notebooks that read its files.

use super::{Context, Encoder, EvaluationFormat};
use crate::recipe::Recipe;
use crate::recipe::settings::{NormKind, Precision, Scenario, Settings, Stream};
use crate::report::tables::quoted;
use metabnn::metrics::{Evaluation, Split};
use metabnn::rule::{PerLayer, Rule, SynapticRule};
use serde_json::Value;

/// The format on the command line and in Python.
pub(super) static FORMAT: EvaluationFormat = EvaluationFormat {
    name: "csv",
    help: "CSV in the columns of the authors' code, for notebooks that read its files",
    encoder: |run, origin| {
        let runs = Recipe::from_toml(&run.recipe_toml, origin, &[], None)?.runs()?;
        let settings = runs.into_iter().next().map(|run| run.settings);
        Ok(Box::new(AuthorsCsv::new(settings.unwrap_or_default())))
    },
};

/// Columns before those of the tests.
const LEADING: [&str; 13] = [
    "net",
    "scenario",
    "arch",
    "norm",
    "lr",
    "meta",
    "ewc",
    "SI",
    "task_order",
    "tsk",
    "epoch",
    "acc_tr",
    "loss_tr",
];

/// `metrics.csv` in the columns that the authors' script for permuted MNIST writes (`main.py` in the folder
/// `Continual_Learning_Fig-2abcdefgh-3abcd-5cde` of the repository `Laborieux-Axel/SynapticMetaplasticityBNN`): one line
/// per epoch that was evaluated, nothing of the untrained network. Accuracies are in percent, rounded to two digits, losses
/// the mean cross-entropy of an image in nats.
///
/// | column | what |
/// |---|---|
/// | `net` | `bnn`, or `dnn` in full precision; with convolutions `bcnn` and `dcnn` |
/// | `scenario` | `task` or `domain` |
/// | `arch` | units of the dense hidden layers: `4096-4096` |
/// | `norm` | `bn` or `in`: batch or instance norm |
/// | `lr` | learning rate in this task |
/// | `meta` | m; where layers differ, all of them: `1.35-1.35-0.5`; 0.0 for rules without it |
/// | `ewc` | lambda of `ewc` and `random-consolidation`, else 0.0 |
/// | `SI` | lambda of `si`, else 0.0 |
/// | `task_order` | task in training, counted from 1 |
/// | `tsk` | its name: `pMNIST1`, `MNIST`, `FMNIST`, `USPS`, `sub_FMNIST_1/60`; other names are those of the tests |
/// | `epoch` | epochs done of this task, counted from 1 |
/// | `acc_tr`, `loss_tr` | on the training images of this task |
/// | `acc_test_tsk_J`, `loss_test_tsk_J` | on test J, counted from 1, in pairs |
///
/// What a run did not evaluate is left empty.
#[derive(Clone, Debug)]
pub struct AuthorsCsv {
    settings: Settings,
}

impl AuthorsCsv {
    /// For a run with these settings.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    /// The line of one epoch.
    fn line(&self, context: &Context, rows: &[Evaluation]) -> String {
        let Settings { network, norm, optimizer, tasks, .. } = &self.settings;
        let (task, epoch) = (rows[0].task_trained, rows[0].epoch);
        let net = match (network.precision, network.channels.is_empty()) {
            (Precision::Binary, true) => "bnn",
            (Precision::FullPrecision, true) => "dnn",
            (Precision::Binary, false) => "bcnn",
            (Precision::FullPrecision, false) => "dcnn",
        };
        let scenario = match tasks.scenario {
            Scenario::Task => "task",
            Scenario::Domain => "domain",
        };
        let norm = match norm.kind {
            NormKind::Batch => "bn",
            NormKind::Layer => "ln",
            NormKind::Instance => "in",
        };
        let widths: Vec<String> = network.hidden.iter().map(ToString::to_string).collect();
        let lr =
            decimal(optimizer.lr) * libm::pow(decimal(optimizer.lr_decay_per_task), -((task - 1) as f64));
        let [meta, ewc, si] = strengths(&self.settings.rule);
        let mut cells: Vec<String> = [net, scenario, &widths.join("-"), norm].map(String::from).into();
        cells.extend([format!("{lr:?}"), meta, ewc, si]);
        cells.extend([task.to_string(), quoted(&self.task(context, task)), epoch.to_string()]);
        let mut pair = |split: Split, evaluated: usize| {
            let found = rows.iter().find(|row| (row.split, row.task_evaluated) == (split, evaluated));
            cells.push(found.map_or(String::new(), |row| format!("{:?}", percent(row.accuracy))));
            cells.push(found.map_or(String::new(), |row| format!("{:?}", row.loss)));
        };
        pair(Split::Train, task);
        (1..=context.tests.len()).for_each(|test| pair(Split::Test, test));
        cells.join(",") + "\n"
    }

    /// What the authors call a task.
    fn task(&self, context: &Context, task: usize) -> String {
        let Settings { data, tasks, .. } = &self.settings;
        let theirs = |set: &String| match set.as_str() {
            "mnist" => "MNIST".to_string(),
            "fashion-mnist" => "FMNIST".into(),
            "usps" => "USPS".into(),
            other => other.into(),
        };
        match (tasks.stream, data.sets.as_slice()) {
            (Stream::Permuted | Stream::Interleaved, [set]) if set == "mnist" => format!("pMNIST{task}"),
            (Stream::Subsets, [set]) => format!("sub_{}_{task}/{}", theirs(set), tasks.count),
            (Stream::Sequence, sets) if (1..=sets.len()).contains(&task) => theirs(&sets[task - 1]),
            _ => context.test(task),
        }
    }
}

impl Encoder for AuthorsCsv {
    fn file_name(&self) -> &'static str {
        "metrics.csv"
    }

    fn header(&self, context: &Context) -> Vec<u8> {
        let tests =
            (1..=context.tests.len()).map(|test| format!(",acc_test_tsk_{test},loss_test_tsk_{test}"));
        (LEADING.join(",") + &tests.collect::<String>() + "\n").into_bytes()
    }

    fn encode(&self, context: &Context, rows: &[Evaluation]) -> Vec<u8> {
        let epochs = rows.chunk_by(|a, b| (a.task_trained, a.epoch) == (b.task_trained, b.epoch));
        let trained = epochs.filter(|rows| rows[0].task_trained > 0);
        trained.map(|rows| self.line(context, rows)).collect::<String>().into_bytes()
    }
}

/// m, lambda of elastic weight consolidation and lambda of synaptic intelligence.
fn strengths(rule: &Rule) -> [String; 3] {
    let parameters: Value = serde_json::from_str(&rule.to_json()).unwrap_or_default();
    let parameter = |name: &str| parameters.get(name).cloned();
    let m = parameter("m").and_then(|m| serde_json::from_value(m).ok()).unwrap_or(PerLayer::Same(0.0));
    let lambda = parameter("lambda").and_then(|lambda| lambda.as_f64()).unwrap_or(0.0);
    let (of_ewc, of_si) = if rule.name() == "si" { (0.0, lambda) } else { (lambda, 0.0) };
    [per_layer(&m), format!("{of_ewc:?}"), format!("{of_si:?}")]
}

fn per_layer(value: &PerLayer) -> String {
    let values = match value {
        PerLayer::Same(value) => std::slice::from_ref(value),
        PerLayer::Each(values) => values,
    };
    let alike = values.iter().all(|value| *value == values[0]);
    let shown = if alike { &values[..values.len().min(1)] } else { values };
    shown.iter().map(|value| format!("{:?}", decimal(*value))).collect::<Vec<_>>().join("-")
}

/// The number that was written in the recipe: 0.005, not 0.004999999888.
fn decimal(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::from(value))
}

/// A fraction in percent with two digits.
fn percent(fraction: f64) -> f64 {
    (fraction * 10_000.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_recipe() {
        assert_eq!([decimal(0.005), decimal(1e-7), decimal(1.35)], [0.005, 1e-7, 1.35]);
        assert_eq!([percent(0.97134), percent(1.0), percent(0.1)], [97.13, 100.0, 10.0]);
    }

    #[test]
    fn layers_that_differ_are_told() {
        assert_eq!(per_layer(&PerLayer::Same(1.35)), "1.35");
        assert_eq!(per_layer(&PerLayer::Each(vec![1.35, 1.35])), "1.35");
        assert_eq!(per_layer(&PerLayer::Each(vec![1.35, 0.0, 0.5])), "1.35-0.0-0.5");
    }
}
