//! Lists of the command line as a shell takes them without quotes: `256,256`, `ones,uniform`.

use toml::de::DeValue;

use super::keys;
use super::render;

/// A list that `key` takes, as TOML, if `text` is one without brackets or quotes, and no value that it takes as it is.
pub(super) fn list(key: &str, text: &str) -> Option<String> {
    let axis = key.strip_prefix("vary.");
    let kind = &keys::find(axis.unwrap_or(key))?.kind;
    let takes = |value: &DeValue<'_>| match axis {
        Some(_) => value.as_array().is_some_and(|values| {
            !values.is_empty() && values.iter().all(|value| kind.read(value.get_ref()).is_some())
        }),
        None => kind.read(value).is_some(),
    };
    let is_value = |text: &str| DeValue::parse(text).is_ok_and(|value| takes(value.get_ref()));
    let is_word = !text.contains([',', '[']) && takes(&DeValue::String(text.into()));
    if is_value(text) || is_word {
        return None;
    }
    let all = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    // The brackets of `[1, 2], [3]` are not those of one list.
    let candidates = all.into_iter().chain([text]).map(|inner| {
        let parts: Vec<String> = split(inner).into_iter().map(part).collect();
        format!("[{}]", parts.join(", "))
    });
    candidates.into_iter().find(|list| is_value(list))
}

/// The parts between commas that are outside of brackets and quotes.
fn split(text: &str) -> Vec<&str> {
    let (mut depth, mut quote, mut start, mut parts) = (0_i32, None, 0, Vec::new());
    for (place, c) in text.char_indices() {
        match (c, quote) {
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            ('[' | '{', None) => depth += 1,
            (']' | '}', None) => depth -= 1,
            (',', None) if depth == 0 => {
                parts.push(text[start..place].trim());
                start = place + 1;
            }
            _ => {}
        }
    }
    let last = text[start..].trim();
    if !last.is_empty() {
        parts.push(last);
    }
    parts
}

/// A part as TOML; what is none is a text.
fn part(text: &str) -> String {
    match DeValue::parse(text) {
        Ok(_) => text.to_owned(),
        Err(_) => render::value(&text.into()),
    }
}
