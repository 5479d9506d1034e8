//! A table as such: columns, cells, and how it is written in Markdown and in LaTeX.

use metabnn::text;

/// A table of text. Every row has a cell for every column.
pub(crate) struct Grid {
    /// The columns, from left to right.
    pub columns: Vec<Column>,
    /// What the titles of the last columns have in common, and how many they are: "permutation" over 1, 2, 3.
    pub over: Option<(String, usize)>,
    /// The rows, from top to bottom.
    pub rows: Vec<Vec<String>>,
}

/// A column of a [`Grid`].
pub(crate) struct Column {
    /// What stands above it.
    pub title: String,
    /// Whether it holds text, to the left, and not numbers, to the right.
    pub text: bool,
}

impl Column {
    /// A column of text.
    pub fn text(title: impl Into<String>) -> Self {
        Self { title: title.into(), text: true }
    }

    /// A column of numbers.
    pub fn numbers(title: impl Into<String>) -> Self {
        Self { title: title.into(), text: false }
    }
}

impl Grid {
    /// A table of Markdown, as most programs that read it know it.
    pub fn markdown(&self) -> String {
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let (word, first) = match &self.over {
            Some((word, count)) => (format!("{word} "), self.columns.len() - count),
            None => (String::new(), self.columns.len()),
        };
        // There are no headings over several columns: each of them says all of it.
        let title = |(index, column): (usize, &Column)| {
            let word = if index < first { "" } else { word.as_str() };
            markdown(&format!("{word}{}", column.title))
        };
        let mut text = line(self.columns.iter().enumerate().map(title).collect());
        let rule = |column: &Column| if column.text { ":--" } else { "--:" }.to_string();
        text += &line(self.columns.iter().map(rule).collect());
        for row in &self.rows {
            text += &line(row.iter().map(|cell| markdown(cell)).collect());
        }
        text
    }

    /// A `tabular` of LaTeX with the rules of the package booktabs.
    pub fn latex(&self) -> String {
        let line = |cells: Vec<String>| format!("{} \\\\\n", cells.join(" & "));
        let kinds: String = self.columns.iter().map(|column| if column.text { 'l' } else { 'r' }).collect();
        let mut text = String::from("% \\usepackage{booktabs}\n");
        text += &format!("\\begin{{tabular}}{{{kinds}}}\n\\toprule\n");
        if let Some((word, count)) = &self.over {
            let (last, before) = (self.columns.len(), self.columns.len() - count);
            let heading = format!("\\multicolumn{{{count}}}{{c}}{{{}}}", latex(word));
            text +=
                &format!("{}{heading} \\\\\n\\cmidrule(lr){{{}-{last}}}\n", "& ".repeat(before), before + 1);
        }
        text += &line(self.columns.iter().map(|column| latex(&column.title)).collect());
        text += "\\midrule\n";
        for row in &self.rows {
            let cell = |(cell, column): (&String, &Column)| match cell.strip_prefix('-') {
                // A minus is longer than a hyphen.
                Some(number) if !column.text => format!("$-${}", latex(number)),
                _ => latex(cell),
            };
            text += &line(row.iter().zip(&self.columns).map(cell).collect());
        }
        text + "\\bottomrule\n\\end{tabular}\n"
    }
}

/// `text` in one line, with a backslash before every character that Markdown may give a meaning.
fn markdown(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in one_line(text).chars() {
        match character {
            '\\' | '|' | '`' | '*' | '_' | '~' | '<' | '>' | '[' | ']' | '&' | '#' | '$' | '!' => {
                safe.extend(['\\', character]);
            }
            other => safe.push(other),
        }
    }
    safe
}

/// `text` in one line, with everything written out that LaTeX would give a meaning.
fn latex(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in one_line(text).chars() {
        match character {
            '\\' => safe += "\\textbackslash{}",
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => safe.extend(['\\', character]),
            '~' => safe += "\\textasciitilde{}",
            '^' => safe += "\\textasciicircum{}",
            '|' => safe += "\\textbar{}",
            '<' => safe += "\\textless{}",
            '>' => safe += "\\textgreater{}",
            // Pairs of these are drawn as another sign; these two mean something at the start of a row.
            '\'' | '`' | '[' | '*' => safe.extend(['{', character, '}']),
            // A language may give it a meaning.
            '"' => safe += "{''}",
            '-' if safe.ends_with('-') => safe += "{}-",
            '±' => safe += "$\\pm$",
            '–' => safe += "--",
            other => safe.push(other),
        }
    }
    safe
}

/// `text` without what acts on anything, not longer than anybody reads in a cell.
fn one_line(text: &str) -> String {
    let seen: String =
        text.chars().map(|character| if text::is_acting(character) { ' ' } else { character }).collect();
    text::name(&seen).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid {
        Grid {
            columns: vec![
                Column::text("set_ting"),
                Column::numbers("average (%)"),
                Column::numbers("1"),
                Column::numbers("2"),
            ],
            over: Some(("a|b".into(), 2)),
            rows: vec![
                vec!["m = 1, x | y & z".into(), "91.2 ± 0.4".into(), "–".into(), "2".into()],
                vec!["-a\nb\\".into(), "-3.0 ± 0.1".into(), "1".into(), "2".into()],
            ],
        }
    }

    #[test]
    fn markdown_has_a_cell_for_every_column() {
        let expected = "| set\\_ting | average (%) | a\\|b 1 | a\\|b 2 |\n\
                        | :-- | --: | --: | --: |\n\
                        | m = 1, x \\| y \\& z | 91.2 ± 0.4 | – | 2 |\n\
                        | -a b\\\\ | -3.0 ± 0.1 | 1 | 2 |\n";
        assert_eq!(grid().markdown(), expected);
    }

    #[test]
    fn latex_is_one_tabular_of_booktabs() {
        let expected = "% \\usepackage{booktabs}\n\
                        \\begin{tabular}{lrrr}\n\
                        \\toprule\n\
                        & & \\multicolumn{2}{c}{a\\textbar{}b} \\\\\n\
                        \\cmidrule(lr){3-4}\n\
                        set\\_ting & average (\\%) & 1 & 2 \\\\\n\
                        \\midrule\n\
                        m = 1, x \\textbar{} y \\& z & 91.2 $\\pm$ 0.4 & -- & 2 \\\\\n\
                        -a b\\textbackslash{} & $-$3.0 $\\pm$ 0.1 & 1 & 2 \\\\\n\
                        \\bottomrule\n\
                        \\end{tabular}\n";
        assert_eq!(grid().latex(), expected);
    }

    #[test]
    fn no_sign_keeps_a_meaning() {
        let signs = "[*\\{}$&#%_^~|<>\"'`---";
        let expected = "{[}{*}\\textbackslash{}\\{\\}\\$\\&\\#\\%\\_\\textasciicircum{}\\textasciitilde{}\\textbar{}\
                        \\textless{}\\textgreater{}{''}{'}{`}-{}-{}-";
        assert_eq!(latex(signs), expected);
        assert_eq!(markdown("a\u{7}b\r\n<i>`*_~[x](y)|\\"), "a b  \\<i\\>\\`\\*\\_\\~\\[x\\](y)\\|\\\\");
    }
}
