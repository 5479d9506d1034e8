//! A recipe in the making: the TOML document walked key by key, everything wrong with it noted on the way.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::nearest;
use super::expand::MAX_RUNS;
use super::flat::Layer;
use super::keys::{self, KEYS, Key};
use super::label::Change;
use super::preset::Changes;
use super::source::{Source, breaks};
use super::{Arm, Axis, RecipeError, RecipeErrors};

/// Keys at the top of a file that are no settings.
pub(super) const WORDS: [&str; 4] = ["name", "title", "shows", "cost"];
pub(super) const NAME_TAKES: &str = "letters, digits, '-' and '_', at most 64 of them";

/// Longest text of a recipe in bytes: what it takes in memory is some hundred times as much.
pub(super) const MAX_TEXT: usize = 1 << 20;
/// Most errors that are told: nobody reads more, and each names all keys that could stand there.
pub(super) const MAX_ERRORS: usize = 100;

/// A settings key found in a table, with its value still raw.
pub(super) struct Leaf<'t, 'i> {
    pub(super) key: &'static Key,
    pub(super) value: &'t Spanned<DeValue<'i>>,
    pub(super) at: String,
}

/// What has been read so far.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) origin: String,
    pub(super) words: BTreeMap<String, String>,
    pub(super) settings: Layer,
    /// Settings of the command line, over those of the file.
    pub(super) pinned: Layer,
    pub(super) arms: Vec<Arm>,
    /// Their names, in lower case.
    names_of_arms: HashSet<String>,
    pub(super) axes: Vec<Axis>,
    pub(super) presets: BTreeMap<String, Changes>,
    /// Settings of the preset and of the arm that were picked, over those of the file.
    pub(super) picked: Layer,
    /// The arm that was picked, with the settings it had.
    pub(super) picked_arm: Option<Arm>,
    /// Keys that the command line varies.
    pub(super) varied: BTreeSet<String>,
    pub(super) places: BTreeMap<String, String>,
    /// What overrides set, by key.
    pub(super) changes: BTreeMap<String, Change>,
    pub(super) errors: Vec<RecipeError>,
    /// Keys whose value is unknown because of an error: what depends on them cannot be judged.
    pub(super) unknown: BTreeSet<String>,
}

impl Draft {
    /// Walks the file.
    ///
    /// # Errors
    /// Text that is too long or not TOML; all other errors are collected in the draft.
    pub(super) fn read(text: &str, origin: &str) -> Result<Self, RecipeErrors> {
        if text.len() > MAX_TEXT {
            let (at, bytes) = (origin.to_owned(), text.len() as u64);
            return Err(RecipeError::TooLong { at, bytes, most: MAX_TEXT as u64 }.into());
        }
        let breaks = breaks(text);
        let source = Source { origin, text, breaks: Some(&breaks) };
        let (document, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            return Err(RecipeErrors(
                errors.iter().take(MAX_ERRORS).map(|error| syntax(&source, error)).collect(),
            ));
        }
        let mut draft = Self { origin: origin.to_owned(), ..Self::default() };
        let mut leaves = Vec::new();
        for (key, value) in in_order(document.get_ref()) {
            match key.get_ref().as_ref() {
                word if WORDS.contains(&word) => draft.word(&source, word, source.at(key.span()), value),
                "arm" => draft.arms(&source, source.at(key.span()), value),
                "vary" => draft.vary(&source, source.at(key.span()), value),
                "preset" => draft.presets(&source, source.at(key.span()), value),
                path => draft.leaf(&source, ("", path), source.at(key.span()), value, &mut leaves),
            }
        }
        draft.settings = draft.layer(&source, "", leaves);
        draft.check_presets();
        Ok(draft)
    }

    /// Notes that something is wrong.
    pub(super) fn note(&mut self, error: RecipeError) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(error);
        }
    }

    /// A word at the top: `name`, `title`, ...
    pub(super) fn word(&mut self, source: &Source<'_>, key: &str, at: String, value: &Spanned<DeValue<'_>>) {
        if let Some(text) = self.text(source, key, at, value) {
            self.words.insert(key.to_owned(), text);
        }
    }

    /// What a word at the top says, if it is fit.
    pub(super) fn text(
        &mut self,
        source: &Source<'_>,
        key: &str,
        at: String,
        value: &Spanned<DeValue<'_>>,
    ) -> Option<String> {
        let (takes, fits): (_, fn(&str) -> bool) =
            if key == "name" { (NAME_TAKES, is_name) } else { ("a text of one line", is_line) };
        let text = value.get_ref().as_str().filter(|text| fits(text)).map(str::to_owned);
        if text.is_none() {
            self.refuse(source, (at, key.to_owned()), value, takes);
        }
        text
    }

    fn arms(&mut self, source: &Source<'_>, at: String, value: &Spanned<DeValue<'_>>) {
        let Some(arms) = value.get_ref().as_array() else {
            return self.refuse(source, (at, "arm".into()), value, "tables headed [[arm]]");
        };
        for arm in arms {
            match arm.get_ref().as_table() {
                Some(table) => self.arm(source, source.at(arm.span()), table),
                None => {
                    self.refuse(source, (source.at(arm.span()), "arm".into()), arm, "tables headed [[arm]]")
                }
            }
        }
    }

    fn arm(&mut self, source: &Source<'_>, at: String, table: &DeTable<'_>) {
        let name = self.arm_name(source, &at, table);
        let scope = format!("arm.{}.", name.as_deref().unwrap_or("?"));
        let mut leaves = Vec::new();
        for (key, value) in in_order(table) {
            let at = source.at(key.span());
            match (key.get_ref().as_ref(), value.get_ref().as_table()) {
                ("name", _) => {}
                ("set", Some(set)) => self.leaves(source, (&scope, ""), set, &mut leaves),
                ("set", None) => self.refuse(
                    source,
                    (at, format!("{scope}set")),
                    value,
                    "a table of settings such as { \"rule.m\" = 0 }",
                ),
                (other, _) => self.unknown_in_arm(&scope, other, at),
            }
        }
        let set = self.layer(source, &scope, leaves);
        if let Some(name) = name {
            self.places.insert(format!("arm.{name}"), at);
            self.arms.push(Arm { name, set });
        }
    }

    fn unknown_in_arm(&mut self, scope: &str, key: &str, at: String) {
        // A setting put straight under [[arm]] is meant to be in `set`.
        let inside: Vec<_> = KEYS.iter().map(|key| key.path).chain(keys::sections()).collect();
        let near = nearest(key, ["name", "set"]);
        self.note(RecipeError::UnknownKey {
            at,
            key: format!("{scope}{key}"),
            nearest: near.or_else(|| nearest(key, inside).map(|key| format!("set.{key}"))),
            known: vec!["name".into(), "set".into()],
        });
    }

    /// The name of an arm, if it has one that is fit and new.
    fn arm_name(&mut self, source: &Source<'_>, at: &str, table: &DeTable<'_>) -> Option<String> {
        let Some(given) = table.get("name") else {
            let (at, takes) = (at.to_owned(), NAME_TAKES.into());
            self.note(RecipeError::Missing { at, key: "arm.name".into(), takes });
            return None;
        };
        let Some(name) = given.get_ref().as_str().filter(|name| is_name(name)) else {
            self.refuse(source, (source.at(given.span()), "arm.name".into()), given, NAME_TAKES);
            return None;
        };
        // Arms become folders, and some file systems take no note of case.
        if !self.names_of_arms.insert(name.to_ascii_lowercase()) {
            let (at, got) = (source.at(given.span()), format!("an arm {name:?}"));
            self.note(RecipeError::Twice { at, key: "arm.name".into(), got });
            return None;
        }
        Some(name.to_owned())
    }

    fn vary(&mut self, source: &Source<'_>, at: String, value: &Spanned<DeValue<'_>>) {
        let Some(table) = value.get_ref().as_table() else {
            let takes = "a table of settings, each with a list of values";
            return self.refuse(source, (at, "vary".into()), value, takes);
        };
        self.places.insert("vary".into(), at);
        let mut leaves = Vec::new();
        self.leaves(source, ("vary.", ""), table, &mut leaves);
        for leaf in leaves {
            if let Some(axis) = self.axis(source, "vary.", &leaf) {
                self.axes.push(axis);
            }
        }
    }

    /// An axis of the grid from its list of values. `scope` is what errors put before its key.
    pub(super) fn axis(&mut self, source: &Source<'_>, scope: &str, leaf: &Leaf<'_, '_>) -> Option<Axis> {
        let (path, before) = (format!("{scope}{}", leaf.key.path), self.errors.len());
        let Some(given) = leaf.value.get_ref().as_array().filter(|values| !values.is_empty()) else {
            let takes = format!("a list of at least one value, each {}", leaf.key.kind.takes());
            self.refuse(source, (leaf.at.clone(), path), leaf.value, &takes);
            return None;
        };
        if given.len() > MAX_RUNS {
            let (at, got) = (leaf.at.clone(), format!("{} values", given.len()));
            let takes = format!("a list of at most {MAX_RUNS} values");
            self.note(RecipeError::Value { at, key: path, got, takes });
            return None;
        }
        let (mut values, mut known) = (Vec::new(), HashSet::new());
        for value in given {
            let at = source.at(value.span());
            match leaf.key.kind.read(value.get_ref()) {
                None => self.refuse(source, (at, path.clone()), value, &leaf.key.kind.takes()),
                Some(new) if !known.insert(new.clone()) => {
                    self.note(RecipeError::Twice { at, key: path.clone(), got: source.quote(value) });
                }
                Some(new) => values.push(new),
            }
        }
        self.places.insert(path, leaf.at.clone());
        (self.errors.len() == before).then(|| Axis { key: leaf.key.path.into(), values })
    }

    /// The settings in a table, its tables flattened. `scope` is what errors put before a key.
    pub(super) fn leaves<'t, 'i>(
        &mut self,
        source: &Source<'_>,
        (scope, section): (&str, &str),
        table: &'t DeTable<'i>,
        leaves: &mut Vec<Leaf<'t, 'i>>,
    ) {
        for (key, value) in in_order(table) {
            let dot = if section.is_empty() { "" } else { "." };
            let path = format!("{section}{dot}{}", key.get_ref());
            self.leaf(source, (scope, &path), source.at(key.span()), value, leaves);
        }
    }

    /// One entry of a table of settings: a key, or a section with more of them.
    pub(super) fn leaf<'t, 'i>(
        &mut self,
        source: &Source<'_>,
        (scope, path): (&str, &str),
        at: String,
        value: &'t Spanned<DeValue<'i>>,
        leaves: &mut Vec<Leaf<'t, 'i>>,
    ) {
        match (keys::find(path), value.get_ref().as_table()) {
            (Some(key), _) if leaves.iter().any(|leaf| leaf.key.path == key.path) => {
                let (key, got) = (format!("{scope}{path}"), "this key".into());
                self.note(RecipeError::Twice { at, key, got });
            }
            (Some(key), _) => leaves.push(Leaf { key, value, at }),
            (None, Some(table)) if keys::is_section(path) => {
                self.leaves(source, (scope, path), table, leaves);
            }
            (None, None) if keys::is_section(path) => {
                let of_section = KEYS.iter().filter(|key| keys::section(key.path) == path);
                let names: Vec<_> = of_section.map(|key| key.path).collect();
                let takes = format!("a table of settings ({})", names.join(", "));
                self.refuse(source, (at, format!("{scope}{path}")), value, &takes);
            }
            (None, _) => self.unknown_key(scope, path, at),
        }
    }

    fn unknown_key(&mut self, scope: &str, path: &str, at: String) {
        if self.errors.len() >= MAX_ERRORS {
            return;
        }
        let outer = keys::section(path);
        let siblings: Vec<_> =
            KEYS.iter().map(|key| key.path).filter(|key| keys::section(key) == outer).collect();
        // A misspelt table is compared with tables first: [optimiser] means [optimizer].
        let mut known = if outer.is_empty() { keys::sections() } else { siblings };
        if outer.is_empty() {
            known.push("seed");
            if scope.is_empty() {
                known.extend(WORDS.iter().chain(&["arm", "vary", "preset"]));
            }
        }
        let near = nearest(path, known.iter().copied().chain(KEYS.iter().map(|key| key.path)));
        self.unknown.extend(near.clone());
        self.note(RecipeError::UnknownKey {
            at,
            key: format!("{scope}{path}"),
            nearest: near
                .map(|near| if WORDS.contains(&near.as_str()) { near } else { format!("{scope}{near}") }),
            known: known.into_iter().map(str::to_owned).collect(),
        });
    }

    /// The values of these keys, each in its one form.
    pub(super) fn layer(&mut self, source: &Source<'_>, scope: &str, leaves: Vec<Leaf<'_, '_>>) -> Layer {
        let mut layer = Layer::new();
        for leaf in leaves {
            let path = format!("{scope}{}", leaf.key.path);
            match leaf.key.kind.read(leaf.value.get_ref()) {
                Some(value) => {
                    self.places.insert(path, leaf.at);
                    layer.insert(leaf.key.path.into(), value);
                }
                None => self.refuse(source, (leaf.at, path), leaf.value, &leaf.key.kind.takes()),
            }
        }
        layer
    }

    pub(super) fn refuse(
        &mut self,
        source: &Source<'_>,
        (at, key): (String, String),
        value: &Spanned<DeValue<'_>>,
        takes: &str,
    ) {
        self.unknown
            .extend(KEYS.iter().map(|known| known.path).filter(|p| key.ends_with(p)).map(str::to_owned));
        self.note(RecipeError::Value { at, key, got: source.quote(value), takes: takes.to_owned() });
    }
}

fn syntax(source: &Source<'_>, error: &toml::de::Error) -> RecipeError {
    let start = error.span().map_or(0, |span| span.start);
    let before = source.text.get(..start).unwrap_or_default();
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let at = format!("{}:{column}", source.at(start..start));
    RecipeError::Syntax { at, reason: error.message().split_whitespace().collect::<Vec<_>>().join(" ") }
}

/// A table's entries in the order of the file.
pub(super) fn in_order<'t, 'i>(
    table: &'t DeTable<'i>,
) -> Vec<(&'t Spanned<std::borrow::Cow<'i, str>>, &'t Spanned<DeValue<'i>>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

pub(super) fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (1..=64).contains(&name.len()) && name.chars().all(fits)
}

fn is_line(text: &str) -> bool {
    !text.contains(char::is_control)
}
