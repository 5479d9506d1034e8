//! Results as a report shows them: groups of runs with a name that a reader understands.

use serde_json::Value;

use super::analyzed::AnalyzedGroup;
use super::folder::{Results, RunResults};
use super::summary::{Group, MeanStd, RunSummary, Settings};

/// Runs that differ in their seed alone, under one name.
#[derive(Clone)]
pub(super) struct GroupView<'a> {
    /// "plain (m = 0)"; side by side with other results, after the name of its own.
    pub label: String,
    /// The same without that name.
    pub setting: String,
    /// Folder of the results that it comes from, as far as it tells them from others; of one alone, empty.
    pub source: &'a str,
    /// Mean and deviation over the runs.
    pub group: &'a Group,
    /// Average accuracy over the runs.
    pub average: MeanStd,
    /// At least one.
    pub runs: Vec<&'a RunResults>,
}

/// Results under a name that tells them from those that they are compared with.
pub(super) struct Named {
    /// The recipe's, else the folder's.
    pub name: String,
    /// Name of the folder, or its path where folders have the same name.
    pub folder: String,
    /// What was read from it.
    pub results: Results,
}

/// What a report shows: the groups of one recipe, or of several side by side.
pub(super) struct View<'a> {
    /// Name of the recipe, or the names of all.
    pub title: String,
    /// Those of trained networks, in the order of the recipe.
    pub groups: Vec<GroupView<'a>>,
    /// What analyses found, in the order of the recipe.
    pub analyzed: Vec<AnalyzedGroup<'a>>,
    /// What the groups come from, with the name of each.
    pub results: Vec<(String, &'a Results)>,
}

impl<'a> View<'a> {
    /// Of one recipe.
    pub fn of(results: &'a Results) -> Self {
        let title = results.summary.recipe.clone();
        let groups = groups(results, ("", &results.summary.recipe), |group| label(group, &title)).collect();
        let analyzed = AnalyzedGroup::groups(&results.summary, &title);
        Self { groups, analyzed, results: vec![(title.clone(), results)], title }
    }

    /// Of several, each with the name that tells it from the others: it precedes the names of its groups.
    pub fn side_by_side(named: &'a [Named]) -> Self {
        let names: Vec<&str> = named.iter().map(|one| one.name.as_str()).collect();
        let of_one = |Named { name, folder, results }: &'a Named| {
            let several = results.summary.groups.len() > 1;
            // A name that begins as the recipe's says more.
            let recipe = &results.summary.recipe;
            let otherwise = if name.starts_with(recipe.as_str()) { name } else { recipe };
            groups(results, (folder, otherwise), move |group| match (several, label(group, "")) {
                (true, label) if !label.is_empty() => format!("{name}: {label}"),
                _ => name.clone(),
            })
        };
        let analyzed = |Named { name, results, .. }: &'a Named| {
            let of_one = AnalyzedGroup::groups(&results.summary, "").into_iter();
            of_one.map(move |group| match group.label.as_str() {
                "" => AnalyzedGroup { label: name.clone(), ..group },
                label => AnalyzedGroup { label: format!("{name}: {label}"), ..group },
            })
        };
        Self {
            title: names.join(" and "),
            groups: named.iter().flat_map(of_one).collect(),
            analyzed: named.iter().flat_map(analyzed).collect(),
            results: named.iter().map(|one| (one.name.clone(), &one.results)).collect(),
        }
    }
}

impl<'a> View<'a> {
    /// The same with at most so many settings: those with the best averages, and what the first analyses found.
    pub fn best(&self, most: usize) -> Self {
        let mut order: Vec<usize> = (0..self.groups.len()).collect();
        order.sort_by(|a, b| self.groups[*b].average.mean.total_cmp(&self.groups[*a].average.mean));
        order.truncate(most);
        order.sort_unstable();
        Self {
            title: self.title.clone(),
            groups: order.into_iter().map(|index| self.groups[index].clone()).collect(),
            analyzed: self.analyzed.iter().take(most).cloned().collect(),
            results: self.results.clone(),
        }
    }
}

impl GroupView<'_> {
    /// Names of the tests.
    pub fn tests(&self) -> &[String] {
        &self.runs[0].summary.tests
    }

    /// What its runs say of themselves.
    pub fn summaries(&self) -> impl Iterator<Item = &RunSummary> {
        self.runs.iter().map(|run| &run.summary)
    }

    /// Training phases.
    pub fn phases(&self) -> usize {
        self.runs[0].summary.accuracy_matrix.len()
    }

    /// For each training phase the test, counted from 0, whose experience was trained, if it was one.
    pub fn trained(&self) -> Vec<Option<usize>> {
        self.runs[0].summary.matrix().trained
    }

    /// Whether test j belongs to training phase j, as in a sequence of tasks.
    pub fn is_square(&self) -> bool {
        let tests = self.tests().len();
        self.trained().into_iter().eq((0..tests).map(Some))
    }

    /// Accuracy matrix, averaged over the runs.
    pub fn mean_matrix(&self) -> Vec<Vec<f64>> {
        let matrices: Vec<_> = self.runs.iter().map(|run| &run.summary.accuracy_matrix).collect();
        let mean = |row: usize, column: usize| {
            matrices.iter().map(|matrix| matrix[row][column]).sum::<f64>() / matrices.len() as f64
        };
        (0..self.phases())
            .map(|row| (0..self.tests().len()).map(|column| mean(row, column)).collect())
            .collect()
    }

    /// "seed 0" or "mean of 3 seeds"
    pub fn seeds(&self) -> String {
        match self.group.seeds.as_slice() {
            [seed] => format!("seed {seed}"),
            seeds => format!("mean of {} seeds", seeds.len()),
        }
    }
}

/// The groups of one folder; `named` makes their labels, and `otherwise` is the name of one without arm and settings.
fn groups<'a>(
    results: &'a Results,
    (source, otherwise): (&'a str, &'a str),
    named: impl Fn(&Group) -> String,
) -> impl Iterator<Item = GroupView<'a>> {
    results.summary.groups.iter().filter_map(move |group| {
        let of_group = |run: &&RunResults| {
            // Runs of one group learn and test the same; averages and figures rely on it.
            run.summary.arm == group.arm && run.summary.settings == group.settings
        };
        let runs: Vec<&RunResults> = results.runs.iter().filter(of_group).collect();
        let average = group.average_accuracy?;
        let setting = label(group, otherwise);
        (!runs.is_empty()).then(|| GroupView { label: named(group), setting, source, group, average, runs })
    })
}

/// The arm and the settings, or `otherwise` if there is neither.
pub(super) fn label(group: &Group, otherwise: &str) -> String {
    let settings = settings(&group.settings);
    match (&group.arm, settings.is_empty()) {
        (Some(arm), true) => arm.clone(),
        (Some(arm), false) => format!("{arm} ({settings})"),
        (None, true) => otherwise.into(),
        (None, false) => settings,
    }
}

/// "m = 1.35, epochs = 20": the last part of each key, as long as that tells the keys apart.
pub(super) fn settings(settings: &Settings) -> String {
    let short = |key: &str| key.rsplit('.').next().unwrap_or(key).to_string();
    let name = |key: &String| {
        let alone = settings.keys().filter(|other| short(other) == short(key)).count() == 1;
        if alone { short(key) } else { key.clone() }
    };
    let all: Vec<String> =
        settings.iter().map(|(key, given)| format!("{} = {}", name(key), value(given))).collect();
    all.join(", ")
}

/// A value as a reader writes it: 1.35, 512-512, "mnist, fashion-mnist".
pub(super) fn value(given: &Value) -> String {
    match given {
        Value::String(text) => text.clone(),
        // Whole numbers without ".0": m = 0, as the paper writes it.
        Value::Number(number) => {
            number.as_f64().map_or_else(|| number.to_string(), |number| number.to_string())
        }
        Value::Array(values) => {
            let between = if values.iter().any(Value::is_string) { ", " } else { "-" };
            values.iter().map(value).collect::<Vec<_>>().join(between)
        }
        other => other.to_string(),
    }
}

/// Names of tests short enough for a column: the number alone where all are "permutation 1", "permutation 2", …
/// With the word they share, if any.
pub(super) fn short_names(tests: &[String]) -> (Vec<String>, Option<String>) {
    let split = |name: &String| {
        let (word, number) = name.rsplit_once(' ')?;
        number.bytes().all(|byte| byte.is_ascii_digit()).then(|| (word.to_string(), number.to_string()))
    };
    let parts: Option<Vec<(String, String)>> = tests.iter().map(split).collect();
    match parts {
        Some(parts) if tests.len() > 1 && parts.iter().all(|(word, _)| *word == parts[0].0) => {
            let word = parts[0].0.clone();
            (parts.into_iter().map(|(_, number)| number).collect(), Some(word))
        }
        _ => (tests.to_vec(), None),
    }
}

/// A fraction as percent: "91.2"
pub(super) fn percent(fraction: f64) -> String {
    // -0.0 is not a number to show.
    format!("{:.1}", fraction * 100.0 + 0.0).replace("-0.0", "0.0")
}
