//! What the numbers say, in a sentence.

use super::view::{GroupView, View};

/// "metaplastic keeps 91.2 % on average over 5 tasks; plain keeps 48.3 %."
pub(super) fn sentence(view: &View<'_>) -> String {
    if let Some((group, renderer)) = view.analyzed.first().and_then(|group| Some((group, group.renderer()?)))
    {
        return renderer.sentence(group);
    }
    let mean = |group: &&GroupView<'_>| group.average.mean;
    let order = |a: &&GroupView<'_>, b: &&GroupView<'_>| mean(a).total_cmp(&mean(b));
    let (Some(best), Some(worst)) = (view.groups.iter().max_by(order), view.groups.iter().min_by(order))
    else {
        return String::new();
    };
    let (most, least) = (percent(mean(&best)), percent(mean(&worst)));
    if view.groups.len() == 1 {
        let learned = match learned(best) {
            Some(learned) => format!(" ({} right after training on each)", percent(learned)),
            None => String::new(),
        };
        return format!("{} {} {most}{}{learned}.", best.label, verb(best), scope(best));
    }
    if most == least {
        return format!("All {} settings end at {most}{}.", view.groups.len(), scope(best));
    }
    format!("{} {} {most}{}; {} {} {least}.", best.label, verb(best), scope(best), worst.label, verb(worst))
}

/// "91.2 %", never torn apart at the end of a line.
fn percent(fraction: f64) -> String {
    super::view::percent(fraction) + "\u{a0}%"
}

/// Only where one task follows another is there something to keep.
fn verb(group: &GroupView<'_>) -> &'static str {
    if group.is_square() && group.phases() > 1 { "keeps" } else { "reaches" }
}

fn scope(group: &GroupView<'_>) -> String {
    match (group.tests(), group.phases()) {
        ([test], 1) => format!(" on {test}"),
        ([test], phases) => format!(" on {test} after {phases} training phases"),
        (tests, _) => format!(" on average over {} tasks", tests.len()),
    }
}

/// Mean over tasks of the accuracy right after training on each.
fn learned(group: &GroupView<'_>) -> Option<f64> {
    let matrix = group.mean_matrix();
    let diagonal = matrix.iter().enumerate().map(|(task, row)| row[task]);
    (group.is_square() && group.phases() > 1).then(|| diagonal.sum::<f64>() / matrix.len() as f64)
}
