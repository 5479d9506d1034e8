//! Which settings keep most: all of a report, from the best to the worst.

use super::analyzed::{NOTHING, renderer};
use super::columns::TestColumns;
use super::grid::{Column, Grid};
use super::summary::MeanStd;
use super::table::{NO_LABEL, with_std};
use super::view::{GroupView, View};

/// The table of a report that is written beside it: the ranking; of analyses alone, what they found.
pub(super) fn grid(view: &View<'_>) -> Grid {
    if let (true, Some(renderer)) = (view.groups.is_empty(), renderer(&view.analyzed)) {
        return renderer.overview(&view.analyzed);
    }
    ranking(view, &TestColumns::of(view.groups.iter().flat_map(GroupView::summaries)))
}

/// All settings, ranked by their average accuracy at the end; those that are equal have the same rank. `tests`: the
/// columns of single tests.
pub(super) fn ranking(view: &View<'_>, tests: &TestColumns) -> Grid {
    let mut groups: Vec<&GroupView<'_>> = view.groups.iter().collect();
    groups.sort_by(|a, b| b.average.mean.total_cmp(&a.average.mean));
    let several = view.results.len() > 1;
    let unlabelled = groups.iter().any(|group| group.group.average_unlabelled.is_some());
    let mut columns = vec![Column::numbers("rank"), Column::text("setting")];
    columns.extend(several.then(|| Column::text("results")));
    columns.extend(["seeds", "average (%)", "to the best"].map(Column::numbers));
    columns.extend(unlabelled.then(|| Column::numbers(format!("{NO_LABEL} (%)"))));
    columns.push(Column::numbers("forgetting"));
    columns.extend(tests.titles.iter().map(Column::numbers));
    let row = |group: &&GroupView<'_>| {
        let rank = 1 + groups.iter().filter(|other| other.average.mean > group.average.mean).count();
        let cell = |value: &Option<MeanStd>| value.as_ref().map_or(NOTHING.into(), with_std);
        let mut row = vec![rank.to_string(), group.setting.clone()];
        row.extend(several.then(|| group.source.to_string()));
        row.extend([group.group.seeds.len().to_string(), with_std(&group.average)]);
        row.push(if rank == 1 { NOTHING.into() } else { behind(group, groups[0]) });
        row.extend(unlabelled.then(|| cell(&group.group.average_unlabelled)));
        row.push(cell(&group.group.forgetting));
        row.extend(tests.cells(group.summaries(), NOTHING));
        row
    };
    let rows = groups.iter().map(row).collect();
    Grid { columns, over: tests.over(), rows }
}

/// How far a setting is behind the best one, in points, with the standard error of the difference, sqrt(s_1^2 / n_1 +
/// s_2^2 / n_2), where both have at least two seeds.
fn behind(group: &GroupView<'_>, best: &GroupView<'_>) -> String {
    let variance = |group: &GroupView<'_>| Some(group.average.std?.powi(2) / group.group.seeds.len() as f64);
    let error = variance(group).zip(variance(best)).map(|(one, other)| (one + other).sqrt());
    with_std(&MeanStd { mean: group.average.mean - best.average.mean, std: error })
}

/// Whether the averages are over the same tests, so that a rank means something.
pub(super) fn is_fair(view: &View<'_>) -> bool {
    view.groups.iter().all(|group| group.tests() == view.groups[0].tests())
}
