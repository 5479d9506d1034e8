//! Results on disk and the report made from them.
//!
//! A run leaves its files with [`folder::write_run`]; [`write_report`] makes figures and page from the folder alone.

pub(crate) mod analyzed;
pub(crate) mod atomic;
mod columns;
pub mod error;
pub mod export;
mod finding;
pub mod folder;
pub(crate) mod gather;
pub(crate) mod grid;
mod html;
pub mod listing;
pub(crate) mod manifest;
pub(crate) mod most;
pub(crate) mod plots;
mod ranking;
pub mod summary;
mod table;
mod tables;
mod view;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub use error::ReportError;
pub use plots::curves;
pub use table::table;

use atomic::sweep;
use folder::{Results, Verify, read_results_verified, write_atomically, write_summary};
use view::{Named, View};

use crate::recipe::differences;

/// What a report consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportPaths {
    /// `report.html`
    pub html: PathBuf,
    /// `table.md`: the settings ranked, as a table of Markdown; of analyses, what they found.
    pub markdown: PathBuf,
    /// `table.tex`: the same as a `tabular` of LaTeX, with the rules of the package booktabs.
    pub latex: PathBuf,
    /// The figures, as SVG and as PNG.
    pub figures: Vec<PathBuf>,
    /// What is in the results and not in the report, a line each: see [`Results::left_out`].
    pub left_out: Vec<String>,
}

/// Makes the report of the results in `out`, from what is there: gathers the finished runs that are whole, writes
/// `summary.json` anew, the figures, the tables and `report.html`.
///
/// # Errors
/// [`ReportError`] if no run is finished and whole, or `out` cannot be written.
pub fn write_report(out: &Path) -> Result<ReportPaths, ReportError> {
    write_report_verified(out, Verify::Quick)
}

/// [`write_report`], with as much of the runs' files read as `verify` says.
///
/// # Errors
/// As [`write_report`].
pub fn write_report_verified(out: &Path, verify: Verify) -> Result<ReportPaths, ReportError> {
    let results = read_results_verified(out, verify)?;
    sweep(out);
    write_summary(out, &results.recipe_toml, &results.summary)?;
    write_page(&View::of(&results), out)
}

/// Makes one report of several results side by side into `out`: figures, tables and `report.html`, where groups carry the name
/// of their recipe; where recipes have the same name, the settings in which they differ as well, or the name of their folder,
/// or its path, whatever tells them apart.
///
/// # Errors
/// As [`write_report`], and [`ReportError::NoRuns`] if `folders` is empty.
pub fn compare(folders: &[PathBuf], out: &Path) -> Result<ReportPaths, ReportError> {
    compare_verified(folders, out, Verify::Quick)
}

/// [`compare`], with as much of the runs' files read as `verify` says.
///
/// # Errors
/// As [`compare`].
pub fn compare_verified(folders: &[PathBuf], out: &Path, verify: Verify) -> Result<ReportPaths, ReportError> {
    if folders.is_empty() {
        return Err(ReportError::NoRuns { path: out.into() });
    }
    let results =
        folders.iter().map(|folder| read_results_verified(folder, verify)).collect::<Result<Vec<_>, _>>()?;
    let by_recipe = names_of_recipes(&results);
    let short = |folder: &PathBuf| folder.file_name().unwrap_or(folder.as_os_str()).to_owned();
    let short_tells = folders.iter().map(short).collect::<BTreeSet<_>>().len() == folders.len();
    let name = |(index, (path, results)): (usize, (&PathBuf, Results))| {
        let folder =
            if short_tells { short(path).to_string_lossy().into() } else { path.display().to_string() };
        let name = by_recipe.as_ref().map_or_else(|| folder.clone(), |names| names[index].clone());
        Named { name, folder, results }
    };
    let named: Vec<Named> = folders.iter().zip(results).enumerate().map(name).collect();
    write_page(&View::side_by_side(&named), out)
}

/// Names of recipes and, behind those of the same name, the settings in which these differ; `None` where that does not tell
/// all of them apart.
fn names_of_recipes(results: &[Results]) -> Option<Vec<String>> {
    let texts: Vec<&str> = results.iter().map(|one| one.recipe_toml.as_str()).collect();
    let name = |(index, one): (usize, &Results)| {
        let recipe = &one.summary.recipe;
        let same: Vec<usize> =
            (0..results.len()).filter(|other| results[*other].summary.recipe == *recipe).collect();
        let place = same.iter().position(|other| *other == index).unwrap_or(0);
        let own = differences(&same.iter().map(|other| texts[*other]).collect::<Vec<_>>()).into_iter();
        let own = own.filter_map(|(key, values)| Some((key, values.into_iter().nth(place)??))).collect();
        match view::settings(&own) {
            settings if settings.is_empty() => recipe.clone(),
            settings => format!("{recipe}, {settings}"),
        }
    };
    let names: Vec<String> = results.iter().enumerate().map(name).collect();
    let shortest = |name: &String| name.chars().count() <= most::NAME;
    let tells = names.iter().collect::<BTreeSet<_>>().len() == names.len();
    (tells && names.iter().all(shortest)).then_some(names)
}

/// The figures and the tables, then the page that shows them.
fn write_page(view: &View<'_>, out: &Path) -> Result<ReportPaths, ReportError> {
    let figures = plots::figures(view);
    let mut paths = Vec::new();
    for figure in &figures {
        let svg = out.join(figure.name).with_extension("svg");
        write_atomically(&svg, figure.drawing.svg().as_bytes())?;
        let png = svg.with_extension("png");
        let bytes =
            figure.drawing.png().map_err(|reason| ReportError::Figure { path: png.clone(), reason })?;
        write_atomically(&png, &bytes)?;
        paths.extend([svg, png]);
    }
    let (markdown, latex) = (out.join("table.md"), out.join("table.tex"));
    let table = ranking::grid(view);
    write_atomically(&markdown, table.markdown().as_bytes())?;
    write_atomically(&latex, table.latex().as_bytes())?;
    let html = out.join("report.html");
    write_atomically(&html, html::page(view, &figures).as_bytes())?;
    let left_out = view.results.iter().flat_map(|(_, results)| results.left_out.clone()).collect();
    Ok(ReportPaths { html, markdown, latex, figures: paths, left_out })
}
