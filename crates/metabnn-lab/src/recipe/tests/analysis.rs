//! What an analysis takes, and what it refuses.

use super::errors;
use crate::analysis::NAMES;

#[test]
fn an_analysis_takes_settings_that_fit_it() {
    let quadratic = "analysis.kind = 'quadratic'\n";
    let switching = "analysis.kind = 'sign-switching'\n";
    let names = NAMES.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(" or ");
    let matrix = "a symmetric matrix, row by row, such as [[2, 1], [1, 3]], or [] to have it drawn";
    let cases = [
        ("analysis.kind = 'cubic'".to_owned(), format!("2: analysis.kind: takes {names}, got 'cubic'")),
        (
            "analysis.steps = 5".into(),
            "2: analysis.steps: takes an analysis that has this setting (quadratic), got analysis.kind = \"none\"".into(),
        ),
        (
            format!("{switching}analysis.start = 0"),
            "3: analysis.start: takes an analysis that has this setting (quadratic), got analysis.kind = \
             \"sign-switching\""
                .into(),
        ),
        (
            format!("{quadratic}analysis.hessian = [[1, 2], [3, 4]]"),
            format!("3: analysis.hessian: takes {matrix}, got [[1, 2], [3, 4]]"),
        ),
        (
            format!("{quadratic}analysis.hessian = [[1, 0]]"),
            format!("3: analysis.hessian: takes {matrix}, got [[1, 0]]"),
        ),
        (
            format!("{quadratic}analysis.dimensions = 2\nanalysis.hessian = [[1, 2], [2, 1]]"),
            "4: analysis.hessian: takes a positive definite matrix: its loss has no minimum otherwise, got \
             [[1.0, 2.0], [2.0, 1.0]]"
                .into(),
        ),
        (
            format!("{quadratic}analysis.optimum = [1, 2, 3]"),
            "3: analysis.optimum: takes 500 of them with analysis.dimensions = 500, got 3".into(),
        ),
        (
            format!("{quadratic}analysis.eigenvalues = [3, 1]"),
            "3: analysis.eigenvalues: takes two numbers such as [10.5, 29.5], the least and the greatest, each a finite \
             number > 0, got [3, 1]"
                .into(),
        ),
    ];
    check(&cases);
}

#[test]
fn an_analysis_takes_other_settings_that_fit_it() {
    let quadratic = "analysis.kind = 'quadratic'\n";
    let switching = "analysis.kind = 'sign-switching'\n";
    let cases = [
        (
            format!("{quadratic}rule.m = 1"),
            "3: rule.m: takes no other value than its default with analysis.kind = \"quadratic\", which trains no \
             network, got 1.0"
                .into(),
        ),
        (
            format!("{switching}network.hidden = [8]"),
            "analysis.switched: takes 2 whole numbers, one per layer (the output layer is the last), or a list such as [1000, \"..\", 100], which goes with any number of layers, got 3 of them"
                .into(),
        ),
        (
            format!("{switching}network.precision = 'full-precision'"),
            "2: analysis.kind: takes \"none\" with network.precision = \"full-precision\": it has no binary weights, got \
             \"sign-switching\""
                .into(),
        ),
        (
            format!("{switching}analysis.images = 1"),
            "3: analysis.images: takes 0 (all) or at least 2: batch norm needs two images, got 1".into(),
        ),
    ];
    check(&cases);
}

/// Every error ends as it should, and is the only one.
fn check(cases: &[(String, String)]) {
    for (settings, message) in cases {
        let said = errors(&format!("name = \"x\"\n{settings}"));
        assert!(said.starts_with("x.toml:") && said.ends_with(message), "{settings}\n{said}\n{message}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}
