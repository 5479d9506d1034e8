//! Places in a recipe: what errors say of where they are.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

/// Offsets of the line breaks in a text.
pub(super) fn breaks(text: &str) -> Vec<usize> {
    text.match_indices('\n').map(|(offset, _)| offset).collect()
}

/// Where a piece of TOML comes from.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) origin: &'a str,
    pub(super) text: &'a str,
    /// Where its lines end; `None` where places have no line numbers, as in an option of the command line.
    pub(super) breaks: Option<&'a [usize]>,
}

impl Source<'_> {
    pub(super) fn at(&self, span: Range<usize>) -> String {
        match self.breaks {
            Some(breaks) => {
                format!("{}:{}", self.origin, 1 + breaks.partition_point(|end| *end < span.start))
            }
            None => self.origin.to_owned(),
        }
    }

    /// The text as given, on one line and not too long.
    pub(super) fn quote(&self, value: &Spanned<DeValue<'_>>) -> String {
        const LONGEST: usize = 60;
        // Of words without number, the first ones say enough.
        let words = self.text.get(value.span()).unwrap_or_default().split_whitespace().take(LONGEST);
        let mut text = words.collect::<Vec<_>>().join(" ");
        if let Some((end, _)) = text.char_indices().nth(LONGEST) {
            text.truncate(end);
            text.push_str("...");
        }
        if text.is_empty() { "nothing".into() } else { text }
    }
}
