//! Results on disk and the report made from them.
//!
//! A run leaves its files with [`folder::write_run`]; [`write_report`] makes figures and page from the folder alone.

mod analysed;
pub mod error;
pub mod export;
mod finding;
pub mod folder;
mod html;
mod plots;
pub mod summary;
mod table;
mod tables;
mod view;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub use error::ReportError;
pub use table::table;

use folder::{Results, read_results, sweep, write_atomically, write_summary};
use view::View;

/// What a report consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportPaths {
    /// `report.html`
    pub html: PathBuf,
    /// The figures, as SVG and as PNG.
    pub figures: Vec<PathBuf>,
}

/// Makes the report of the results in `out`, from what is there: gathers the finished runs, writes `summary.json`
/// anew, the figures and `report.html`.
///
/// # Errors
/// [`ReportError`] if no run is finished, a file is missing or does not hold what it should, or `out` cannot be
/// written.
pub fn write_report(out: &Path) -> Result<ReportPaths, ReportError> {
    let results = read_results(out)?;
    sweep(out);
    write_summary(out, &results.recipe_toml, &results.summary)?;
    write_page(&View::of(&results), out)
}

/// Makes one report of several results side by side into `out`: figures and `report.html`, where groups carry the name
/// of their recipe; where recipes have the same name, that of their folder, or its path where even those are the same.
///
/// # Errors
/// As [`write_report`], and [`ReportError::NoRuns`] if `folders` is empty.
pub fn compare(folders: &[PathBuf], out: &Path) -> Result<ReportPaths, ReportError> {
    if folders.is_empty() {
        return Err(ReportError::NoRuns { path: out.into() });
    }
    let results = folders.iter().map(|folder| read_results(folder)).collect::<Result<Vec<_>, _>>()?;
    let recipes: BTreeSet<&str> = results.iter().map(|one| one.summary.recipe.as_str()).collect();
    let distinct = recipes.len() == results.len();
    let short = |folder: &PathBuf| folder.file_name().unwrap_or(folder.as_os_str()).to_owned();
    let short_tells = folders.iter().map(short).collect::<BTreeSet<_>>().len() == folders.len();
    let name = |(folder, results): (&PathBuf, Results)| {
        let name = match (distinct, short_tells) {
            (true, _) => results.summary.recipe.clone(),
            (false, true) => short(folder).to_string_lossy().into_owned(),
            (false, false) => folder.display().to_string(),
        };
        (name, results)
    };
    let named: Vec<(String, Results)> = folders.iter().zip(results.clone()).map(name).collect();
    write_page(&View::side_by_side(&named), out)
}

/// The figures, then the page that shows them.
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
    let html = out.join("report.html");
    write_atomically(&html, html::page(view, &figures).as_bytes())?;
    Ok(ReportPaths { html, figures: paths })
}
