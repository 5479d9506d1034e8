//! The report as one HTML file that needs nothing else: no network, no other files.

use std::collections::BTreeSet;
use std::fmt::Write;

use metabnn::text;

use super::columns::TestColumns;
use super::finding::sentence;
use super::grid::{Column, Grid};
use super::most::{LINES, PANELS, rest};
use super::plots::Figure;
use super::ranking;
use super::summary::MeanStd;
use super::table::{NO_LABEL, with_std};
use super::view::{GroupView, View, percent, value};
use crate::recipe::differences;

const TEMPLATE: &str = include_str!("report.html");
const STYLE: &str = include_str!("report.css");

/// With more groups than this, big numbers say less than the comparison and the table do.
const MANY_GROUPS: usize = 8;

const ACCURACY_NOTE: &str = "<p class=\"note\">Percent, mean ± standard deviation over seeds. Average: test accuracy \
    over all tasks when training has ended. No label: the same if nobody tells which task an image belongs to. \
    Forgetting: how far a task fell from its best. Backward transfer: what later training did to a task. Forward \
    transfer: what earlier training did to a task before its own, against the untrained network.</p>\n";
const RANKING_NOTE: &str = "<p class=\"note\">By the average test accuracy when training has ended; percent, mean ± \
    standard deviation over seeds. To the best: the difference of the averages, in points, ± its standard error where \
    both have at least two seeds, taken as independent. For a paper, with single tests where they are few: <a href=\"table.tex\">LaTeX</a>, \
    <a href=\"table.md\">Markdown</a>.</p>\n";
const UNFAIR_NOTE: &str = "<p class=\"note\">Not all of them had the same tests: their averages are over different \
    tasks.</p>\n";
const ANALYSIS_NOTE: &str = "<p class=\"note\">Mean ± standard deviation: over seeds, or over the draws of a single \
    run.</p>\n";

/// The whole page.
pub(super) fn page(view: &View<'_>, figures: &[Figure]) -> String {
    let groups = view.results.iter().map(|(_, results)| results.summary.groups.len()).sum::<usize>();
    let runs = view.results.iter().map(|(_, results)| results.runs.len()).sum::<usize>();
    let count = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let kicker = format!("{}, {}", count(groups, "setting"), count(runs, "run"));
    fill(
        TEMPLATE,
        &[
            ("style", STYLE.into()),
            ("title", escaped(&view.title)),
            ("kicker", kicker),
            ("finding", escaped(&sentence(view))),
            ("left_out", left_out(view)),
            ("cards", cards(view)),
            ("figures", figures.iter().map(figure).collect()),
            ("ranking", ranked(view)),
            ("numbers", numbers(view)),
            ("conditions", conditions(view)),
            ("runs", run_table(view)),
            ("recipes", recipes(view)),
            ("version", escaped(env!("CARGO_PKG_VERSION"))),
        ],
    )
}

/// What is in the results and not on the page.
fn left_out(view: &View<'_>) -> String {
    let lines: String = view
        .results
        .iter()
        .flat_map(|(_, results)| &results.left_out)
        .map(|line| format!("<li>{}</li>\n", escaped(line)))
        .collect();
    if lines.is_empty() { lines } else { format!("<ul class=\"note\">\n{lines}</ul>\n") }
}

/// `template` with every `{{name}}` replaced, in one pass: what is put in is not searched again.
fn fill(template: &str, values: &[(&str, String)]) -> String {
    let mut page = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").unwrap_or((after, ""));
        page += before;
        page += values.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value);
        rest = after;
    }
    page + rest
}

/// `text` with the characters that HTML gives a meaning replaced, and those written out that nobody sees.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text::lines(text).chars() {
        match character {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            '\'' => safe += "&#39;",
            other => safe.push(other),
        }
    }
    safe
}

/// One big number per group.
fn cards(view: &View<'_>) -> String {
    if view.groups.is_empty() || view.groups.len() > MANY_GROUPS {
        return String::new();
    }
    let card = |group: &GroupView<'_>| {
        let average = group.average;
        let std = average.std.map_or(String::new(), |std| format!("<small>\u{a0}± {}</small>", percent(std)));
        let forgetting = group.group.forgetting.map_or(String::new(), |forgetting| {
            let points = percent(forgetting.mean);
            // Below nothing: later tasks made earlier ones better.
            let lost = if forgetting.mean <= 0.0 || points == "0.0" {
                "nothing".into()
            } else {
                format!("{points} points")
            };
            format!("<p>forgets {lost} of what it knew</p>")
        });
        format!(
            "<article class=\"card\"><h3>{}</h3><p class=\"number\">{}<small>\u{202f}%</small>{std}</p>\
             <div class=\"bar\"><i style=\"width:{:.1}%\"></i></div>{forgetting}</article>\n",
            escaped(&group.label),
            percent(average.mean),
            average.mean * 100.0,
        )
    };
    let cards: String = view.groups.iter().map(card).collect();
    format!("<section class=\"cards\" aria-label=\"Average accuracy\">\n{cards}</section>")
}

fn figure(figure: &Figure) -> String {
    let (title, caption) = (escaped(figure.title), escaped(&figure.caption));
    // The drawing names itself to those who cannot see it.
    let label = format!("<svg role=\"img\" aria-label=\"{title}\" ");
    let svg = figure.drawing.svg().replacen("<svg ", &label, 1);
    format!(
        "<figure id=\"{name}\"><h2>{title}</h2><div class=\"drawing\">{svg}</div>\
         <figcaption>{caption} <span class=\"files\"><a href=\"{name}.svg\">SVG</a> <a href=\"{name}.png\">PNG</a></span>\
         </figcaption></figure>\n",
        name = figure.name
    )
}

/// The tables: of accuracies, where a network was trained, and of what analyses found.
fn numbers(view: &View<'_>) -> String {
    let mut tables = String::new();
    if !view.groups.is_empty() {
        let _ = write!(tables, "<div class=\"wide\">{}</div>{ACCURACY_NOTE}", group_table(view));
    }
    for group in view.analyzed.iter().take(PANELS) {
        let Some(renderer) = group.renderer() else { continue };
        let (label, wide) = (escaped(&group.label), table(&renderer.details(group)));
        let _ = write!(tables, "<h3>{label}</h3><div class=\"wide\">{wide}</div>{ANALYSIS_NOTE}");
    }
    tables + &note(&rest(PANELS, view.analyzed.len(), "settings are listed, the first", "table.md"))
}

/// Averages, forgetting and transfer of every group, and the accuracy on each task at the end.
fn group_table(view: &View<'_>) -> String {
    let tests = TestColumns::of(view.groups.iter().flat_map(GroupView::summaries));
    let header = ["seeds", "average", NO_LABEL, "forgetting", "backward transfer", "forward transfer"];
    let header = header.into_iter().map(String::from).chain(tests.titles.iter().cloned());
    let columns = [Column::text("setting")].into_iter().chain(header.map(Column::numbers)).collect();
    let cell = |value: &Option<MeanStd>| value.as_ref().map_or("–".into(), with_std);
    let line = |view: &GroupView<'_>| {
        let group = view.group;
        let mut cells = vec![
            view.label.clone(),
            group.seeds.len().to_string(),
            with_std(&view.average),
            cell(&group.average_unlabelled),
            cell(&group.forgetting),
            cell(&group.backward_transfer),
            cell(&group.forward_transfer),
        ];
        cells.extend(tests.cells(view.summaries(), "–"));
        cells
    };
    let rows = view.groups.iter().take(LINES).map(line).collect();
    let rest = note(&rest(LINES, view.groups.len(), "settings are listed, the first", "table.md"));
    table(&Grid { columns, over: tests.over(), rows }) + &rest
}

/// All settings from the best to the worst, where there are several.
fn ranked(view: &View<'_>) -> String {
    if view.groups.len() < 2 {
        return String::new();
    }
    let fair = if ranking::is_fair(view) { "" } else { UNFAIR_NOTE };
    // Single tests are in the table of numbers; here they would not leave room for the rest.
    let mut ranking = ranking::ranking(view, &TestColumns::default());
    ranking.rows.truncate(LINES);
    let rest = note(&rest(LINES, view.groups.len(), "settings are listed, the best", "table.md"));
    format!(
        "<section id=\"ranking\">\n<h2>Ranking</h2>\n<div class=\"wide\">{}</div>{rest}{RANKING_NOTE}{fair}</section>\n",
        table(&ranking)
    )
}

fn table(grid: &Grid) -> String {
    let mut table = String::from("<table><thead>");
    if let Some((word, count)) = &grid.over {
        let (lead, word) = (grid.columns.len() - count, escaped(word));
        let _ = write!(table, "<tr><th colspan=\"{lead}\"></th><th colspan=\"{count}\">{word}</th></tr>");
    }
    let row = |tag: &str, cells: &mut dyn Iterator<Item = &String>| {
        let cell = |(cell, column): (&String, &Column)| {
            let class = if column.text { " class=\"text\"" } else { "" };
            format!("<{tag}{class}>{}</{tag}>", escaped(cell))
        };
        format!("<tr>{}</tr>\n", cells.zip(&grid.columns).map(cell).collect::<String>())
    };
    table += &row("th", &mut grid.columns.iter().map(|column| &column.title));
    table += "</thead><tbody>";
    for cells in &grid.rows {
        table += &row("td", &mut cells.iter());
    }
    table + "</tbody></table>"
}

fn run_table(view: &View<'_>) -> String {
    let header = ["run", "seed", "average", "steps", "seconds", "hash", "version"];
    let mut table = format!("<table><thead>{}</thead><tbody>", row("th", &header.map(String::from)));
    let is_one = view.results.len() == 1;
    let runs = || {
        view.results
            .iter()
            .flat_map(|(name, results)| results.runs.iter().map(move |run| (name, &run.summary)))
    };
    for (name, run) in runs().take(LINES) {
        let cells = [
            if is_one { run.name.clone() } else { format!("{name}: {}", run.name) },
            run.seed.to_string(),
            run.average_accuracy.map_or("–".into(), percent),
            run.steps.to_string(),
            format!("{:.1}", run.seconds),
            run.hash.chars().take(12).collect(),
            run.version.clone(),
        ];
        table += &row("td", &cells);
    }
    let rest = rest(LINES, runs().count(), "runs are listed, the first", "summary.json");
    table + "</tbody></table>" + &note(&rest)
}

/// What is left out, where something is.
fn note(rest: &str) -> String {
    if rest.is_empty() { String::new() } else { format!("<p class=\"note\">{}</p>\n", escaped(rest.trim())) }
}

fn row(tag: &str, cells: &[String]) -> String {
    let cells: String = cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell))).collect();
    format!("<tr>{cells}</tr>\n")
}

/// What accuracies depend on besides the rule: said wherever they are reported.
fn conditions(view: &View<'_>) -> String {
    let recipes = view.groups.iter().flat_map(|group| &group.runs).map(|run| &run.recipe_toml);
    // Thousands of runs are of few recipes, but for their seeds.
    let recipes: BTreeSet<String> = recipes.map(|text| without_seed(text)).collect();
    let recipes: Vec<toml::Table> = recipes.iter().map(|text| text.parse().unwrap_or_default()).collect();
    let values = |section: &str, key: &str| -> BTreeSet<String> {
        let found = recipes.iter().filter_map(|recipe| recipe.get(section)?.get(key));
        found.map(|value| value.as_str().map_or_else(|| value.to_string(), String::from)).collect()
    };
    let mut items = Vec::new();
    for statistics in values("norm", "statistics") {
        items.push(match statistics.as_str() {
            "batch" => {
                let sizes: Vec<String> = values("schedule", "test_batch").into_iter().collect();
                format!(
                    "Batch norm uses the statistics of the test batch itself, so accuracy depends on its size: test \
                     batch {}.",
                    if sizes.is_empty() { "not stated".into() } else { sizes.join(" and ") }
                )
            }
            "running" => "Batch norm uses running statistics: averages over training batches.".into(),
            "recalibrated" => {
                "Batch norm uses exact statistics of the task's training images; accuracy does not depend on the test \
                 batch."
                    .into()
            }
            other => format!("Batch-norm statistics: {other}."),
        });
    }
    for scenario in values("tasks", "scenario") {
        items.push(match scenario.as_str() {
            "task" => {
                "Each task is tested with its own batch-norm state: the task must be known at test time."
                    .into()
            }
            "domain" => {
                "One batch-norm state serves all tasks: the task need not be known at test time.".into()
            }
            other => format!("Scenario: {other}."),
        });
    }
    for gamma in values("norm", "gamma_init") {
        items.push(match gamma.as_str() {
            "ones" => "Batch-norm scales start at 1.".into(),
            "uniform" => "Batch-norm scales start uniform in [0, 1).".into(),
            other => format!("Batch-norm scales start as {other}."),
        });
    }
    let runs = view.groups.iter().flat_map(GroupView::summaries);
    items.extend(runs.flat_map(|run| run.notes.iter().cloned()).collect::<BTreeSet<_>>());
    if items.is_empty() {
        return String::new();
    }
    let items: String = items.iter().map(|item| format!("<li>{}</li>", escaped(item))).collect();
    format!("<h2>How it was tested</h2><ul>{items}</ul>")
}

/// A recipe without the line of its seed.
fn without_seed(recipe: &str) -> String {
    recipe.lines().filter(|line| !line.starts_with("seed =")).map(|line| format!("{line}\n")).collect()
}

/// The recipes, and the command that runs them again; of several, first the settings in which they differ.
fn recipes(view: &View<'_>) -> String {
    let one = |(name, results): &(String, &super::folder::Results)| {
        format!(
            "<details><summary>Recipe <b>{}</b></summary><pre>{}</pre></details>\n",
            escaped(name),
            escaped(results.recipe_toml.trim_end()),
        )
    };
    differing(view) + &view.results.iter().map(one).collect::<String>()
}

/// A table of the settings in which the recipes differ, one column for each; nothing if there is one recipe, or they are the
/// same.
fn differing(view: &View<'_>) -> String {
    let texts: Vec<&str> = view.results.iter().map(|(_, results)| results.recipe_toml.as_str()).collect();
    let found = differences(&texts);
    if found.is_empty() {
        return String::new();
    }
    let columns = view.results.iter().map(|(name, _)| Column::text(name));
    let row = |(key, values): (String, Vec<Option<serde_json::Value>>)| {
        let given = values.iter().map(|given| given.as_ref().map_or("\u{2013}".into(), value));
        std::iter::once(key).chain(given).collect()
    };
    let columns = std::iter::once(Column::text("setting")).chain(columns).collect();
    let rows = found.into_iter().map(row).collect();
    format!(
        "<h3>What differs</h3>\n<div class=\"wide\">{}</div>\n",
        table(&Grid { columns, over: None, rows })
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_is_not_searched_again() {
        let values = [("a", "{{b}}".to_string()), ("b", "secret".to_string())];
        assert_eq!(fill("x {{a}} y {{b}} z", &values), "x {{b}} y secret z");
    }

    #[test]
    fn markup_in_text_stays_text() {
        assert_eq!(escaped("<script>'&\""), "&lt;script&gt;&#39;&amp;&quot;");
    }
}
