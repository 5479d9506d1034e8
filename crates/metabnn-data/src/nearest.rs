//! What somebody who misspelt a name probably meant.

/// Longest text, in bytes, that a name is looked for: comparing takes room in proportion to it.
const LONGEST: usize = 100;

/// Of `known`, the one that `given` most resembles, if any is at least `alike` like it (0: nothing in common, 1: the
/// same). A right last part in the wrong section counts: `lr` is near to `optimizer.lr`.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>, alike: f64) -> Option<String> {
    let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_lowercase();
    let likeness = |name: &str| {
        let whole = strsim::normalized_damerau_levenshtein(&given.to_lowercase(), name);
        let same_last = name.contains('.') && last(given) == last(name);
        if same_last { 1.0 + whole } else { whole }
    };
    known
        .into_iter()
        .filter(|_| given.len() <= LONGEST)
        .map(|name| (likeness(name), name))
        .filter(|(likeness, _)| *likeness >= alike)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name.to_owned())
}
