//! How much of its results a report draws and lists. What goes beyond is summarised, with a line that says how much that is
//! and where all of it is: a report of thousands of tests or runs is for readers, too.

/// Panels of a figure: one for each setting, or for each layer of each.
pub(super) const PANELS: usize = 24;
/// Curves of a panel, one for each test; with more there are those of the first, the last, and of all together.
pub(super) const CURVES: usize = 60;
/// Points of a curve: more than there are pixels.
pub(crate) const POINTS: usize = 1500;
/// Cells of all heat maps together.
pub(super) const CELLS: usize = 20_000;
/// Rows or columns of a heat map, at most and, however many maps there are, at least.
pub(super) const SIDE: (usize, usize) = (100, 16);
/// Moments at which hidden weights are drawn.
pub(super) const MOMENTS: usize = 60;
/// Characters of the name that results have beside others.
pub(super) const NAME: usize = 100;
/// Lines of a table on the page.
pub(super) const LINES: usize = 200;

/// "24 of 3000 settings are drawn here; all are in table.md." where there are more than `shown`.
pub(super) fn rest(shown: usize, all: usize, what: &str, place: &str) -> String {
    if all <= shown { String::new() } else { format!(" {shown} of {all} {what}; all are in {place}.") }
}

/// At most `most` of `count` places: the first, the last, and others as far apart as can be.
pub(super) fn spread_out(count: usize, most: usize) -> impl Iterator<Item = usize> {
    let shown = count.min(most);
    (0..shown).map(move |place| if shown < 2 { 0 } else { place * (count - 1) / (shown - 1) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_begin_and_end_with_all_of_them() {
        for (count, most) in [(0, 3), (1, 3), (3, 3), (4, 3), (1500, 60), (7, 1)] {
            let places: Vec<usize> = spread_out(count, most).collect();
            assert_eq!(places.len(), count.min(most));
            assert!(places.windows(2).all(|pair| pair[0] < pair[1]));
            assert!(places.first().is_none_or(|first| *first == 0));
            assert!(most < 2 || places.last().is_none_or(|last| *last == count - 1));
        }
    }
}
