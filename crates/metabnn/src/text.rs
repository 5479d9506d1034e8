//! Text that comes from elsewhere (names in files, messages of other programs, addresses) on its way out: what a terminal, a
//! page or a source file would act on is written as an escape, and what is too long for a reader is cut.

use std::borrow::Cow;
use std::error::Error;

/// Characters of a name that are shown.
const NAME: usize = 120;
/// Characters of a message that are shown.
const MESSAGE: usize = 8000;
/// Names of a list that are shown.
const LIST: usize = 16;

/// Whether a character may act on what it is shown in: a control character, one that turns the direction of writing, or one
/// that nobody sees.
pub fn is_acting(character: char) -> bool {
    let invisible = matches!(character, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}');
    character.is_control() || invisible
}

/// `text` with everything but line feeds escaped that may act on a terminal.
pub fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, |character| character != '\n')
}

/// `text` on one line, with everything escaped that may act on a terminal.
pub fn line(text: &str) -> Cow<'_, str> {
    escaped(text, |_| true)
}

fn escaped(text: &str, also: impl Fn(char) -> bool) -> Cow<'_, str> {
    let acts = |character| is_acting(character) && also(character);
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if acts(character) { safe.extend(character.escape_default()) } else { safe.push(character) }
    }
    Cow::Owned(safe)
}

/// JSON with everything escaped in its strings that may act on a terminal: the same document.
pub fn json(document: &str) -> Cow<'_, str> {
    let acts = |character| is_acting(character) && character != '\n';
    if !document.contains(acts) {
        return Cow::Borrowed(document);
    }
    let mut safe = String::with_capacity(document.len());
    for character in document.chars() {
        if acts(character) {
            let mut units = [0; 2];
            safe.extend(character.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            safe.push(character);
        }
    }
    Cow::Owned(safe)
}

/// A name on one line, its middle left out if it is long.
pub fn name(text: &str) -> Cow<'_, str> {
    shortened(line(text), NAME)
}

/// The first names of a list, and how many more there are.
pub fn list<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> String {
    let mut names = names.into_iter();
    let first: Vec<String> = names.by_ref().take(LIST).map(|text| name(text.as_ref()).into_owned()).collect();
    match names.count() {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// A message for a person: escaped, without what addresses say of a user, its middle left out if it is very long.
pub fn message(text: &str) -> String {
    shortened(lines(&without_user(text)), MESSAGE).into_owned()
}

/// An error with its causes, as a message. A cause that the text before already says is not said twice.
pub fn of_error(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.contains(&said) {
            text += &format!(": {said}");
        }
        source = cause.source();
    }
    message(&text)
}

/// `text` without what comes before `@` in its addresses (`scheme://user:password@host`).
pub fn without_user(text: &str) -> Cow<'_, str> {
    let mut parts = text.split("://");
    let mut safe = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let ends = |character: char| character.is_whitespace() || "/?#\"'`<>".contains(character);
        let host = part.find(ends).unwrap_or(part.len());
        let start = part[..host].rfind('@').map_or(0, |at| at + 1);
        safe += "://";
        safe += &part[start..];
    }
    Cow::Owned(safe)
}

/// The beginning and the end of what has more than `most` characters.
fn shortened(text: Cow<'_, str>, most: usize) -> Cow<'_, str> {
    let count = text.chars().count();
    if count <= most {
        return text;
    }
    let (first, last) = (most * 2 / 3, most / 3);
    let begin: String = text.chars().take(first).collect();
    let end: String = text.chars().skip(count - last).collect();
    Cow::Owned(format!("{begin}… ({} more characters) …{end}", count - first - last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_written_out() {
        assert_eq!(line("a\u{1b}[31mb\n\u{9b}2J\u{202e}ü"), "a\\u{1b}[31mb\\n\\u{9b}2J\\u{202e}ü");
        assert_eq!(lines("a\nb\r"), "a\nb\\r");
        assert!(matches!(line("plain – text ±"), Cow::Borrowed(_)));
    }

    #[test]
    fn json_stays_the_same_document() {
        let value = serde_json::json!({"na\u{9b}me": "\u{1b}[2J\u{202e}\u{e0041}\n", "list": [1, "ü"]});
        let text = serde_json::to_string_pretty(&value).unwrap();
        let safe = json(&text);
        assert!(!safe.contains(|character| is_acting(character) && character != '\n'));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), value);
    }

    #[test]
    fn long_text_keeps_its_beginning_and_its_end() {
        let long = format!("begin{}end", "x".repeat(10_000));
        let short = name(&long);
        assert!(short.starts_with("begin") && short.ends_with("end") && short.chars().count() < 160);
        assert_eq!(list((0..20).map(|i| format!("n{i}"))).matches(", ").count(), 15);
        assert!(list((0..20).map(|i| format!("n{i}"))).ends_with("n15 and 4 more"));
        assert_eq!(list(["a", "b"]), "a, b");
    }

    #[test]
    fn addresses_keep_no_user() {
        let text = "tried http://user:se@cret@host/a?b=c@d, ftp://x@y; and mail@host";
        assert_eq!(without_user(text), "tried http://host/a?b=c@d, ftp://y; and mail@host");
    }
}
