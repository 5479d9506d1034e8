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
/// of their recipe; where recipes have the same name, that of their folder, or its path where even those are the same.
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
    let recipes: BTreeSet<&str> = results.iter().map(|one| one.summary.recipe.as_str()).collect();
    let distinct = recipes.len() == results.len();
    let short = |folder: &PathBuf| folder.file_name().unwrap_or(folder.as_os_str()).to_owned();
    let short_tells = folders.iter().map(short).collect::<BTreeSet<_>>().len() == folders.len();
    let name = |(path, results): (&PathBuf, Results)| {
        let folder =
            if short_tells { short(path).to_string_lossy().into() } else { path.display().to_string() };
        let name = if distinct { results.summary.recipe.clone() } else { folder.clone() };
        Named { name, folder, results }
    };
    let named: Vec<Named> = folders.iter().zip(results.clone()).map(name).collect();
    write_page(&View::side_by_side(&named), out)
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
