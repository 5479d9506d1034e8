//! What no key alone can tell: settings that have to fit each other, and arms that have to fit the grid.

use serde_json::Value as Json;

use super::draft::{Draft, NAME_TAKES};
use super::flat::{Layer, flatten, unflatten};
use super::keys::{KEYS, Kind};
use super::render;
use super::settings::{Augment, NormKind, Pool, Settings, Statistics};
use super::{Recipe, RecipeError, RecipeErrors, expand, rule, spread};
use metabnn::config::Takes;

/// Settings at odds with each other.
#[derive(Debug, PartialEq)]
pub(crate) struct Fault {
    /// The key to blame.
    pub(crate) key: String,
    /// What it has.
    pub(crate) got: String,
    /// What it takes, given the others.
    pub(crate) takes: String,
    /// The other settings involved.
    pub(crate) with: &'static [&'static str],
}

impl Fault {
    /// The fault as an error in `arm` of the recipe.
    pub(super) fn locate(self, recipe: &Recipe, arm: Option<&str>) -> RecipeError {
        let Self { key, mut got, takes, with } = self;
        let (key, at) = recipe.place(arm, &key);
        // The key may be fine elsewhere, and wrong only beside what the arm sets.
        let by_arm = |arm: &&str| {
            let prefix = format!("arm.{arm}.");
            !key.starts_with(&prefix)
                && with.iter().any(|other| recipe.place(Some(arm), other).0.starts_with(&prefix))
        };
        if let Some(arm) = arm.filter(by_arm) {
            got.push_str(&format!(" in the arm {arm:?}"));
        }
        RecipeError::Value { at, key, got, takes }
    }
}

impl Draft {
    /// The recipe, if nothing is wrong with it.
    ///
    /// # Errors
    /// All that was found wrong on the way, and settings at odds with each other.
    pub(super) fn finish(mut self) -> Result<Recipe, RecipeErrors> {
        if !self.words.contains_key("name") && !self.errors.iter().any(concerns_name) {
            let (at, key) = (self.origin.clone(), "name".into());
            self.errors.push(RecipeError::Missing { at, key, takes: NAME_TAKES.into() });
        }
        self.check_arms_against_grid();
        let (mut layer, mut faults) = expand::fold(&[&self.settings, &self.picked, &self.pinned]);
        rule::complete(&mut layer, &self.axes);
        let of_any_depth = !spread::spread_all(&layer, &mut self.arms, &mut self.axes);
        let mut lists = spread::spread(&mut layer);
        lists.retain(|_, _| of_any_depth);
        let base = settings(&layer).or_else(|fault| {
            // Without them, to find all that is wrong besides; silent on what depends on them.
            let at_odds = rule::at_odds(&mut layer, &fault);
            if at_odds.iter().all(|key| !self.unknown.contains(*key)) {
                faults.push(fault);
            }
            self.unknown.extend(at_odds.iter().map(|key| (*key).to_owned()));
            settings(&layer)
        });
        let base = base.map_err(|fault| RecipeError::Value {
            at: self.origin.clone(),
            key: fault.key,
            got: fault.got,
            takes: fault.takes,
        })?;
        // The seed varies fastest, so that the runs of one setting stay together.
        self.axes.sort_by_key(|axis| axis.key == "seed");
        let presets = self.preset_names();
        let mut word = |key: &str| self.words.remove(key).unwrap_or_default();
        let recipe = Recipe {
            name: word("name"),
            title: word("title"),
            shows: word("shows"),
            cost: word("cost"),
            base,
            arms: self.arms,
            vary: self.axes,
            presets,
            origin: self.origin,
            places: self.places,
            pinned: self.pinned,
            changes: self.changes,
            lists,
        };
        let mut errors = self.errors;
        errors.extend(faults.into_iter().map(|fault| fault.locate(&recipe, None)));
        let is_right_so_far = errors.is_empty() && self.unknown.is_empty();
        errors.extend(expand::check(&recipe, &self.unknown, is_right_so_far));
        if errors.is_empty() { Ok(recipe) } else { Err(RecipeErrors(errors)) }
    }

    /// A grid over a key that an arm sets would undo the arm.
    fn check_arms_against_grid(&mut self) {
        for axis in &self.axes {
            let key = format!("vary.{}", axis.key);
            // What the command line varies goes before the arm that it picks.
            let picked = self.picked_arm.iter().filter(|_| !self.varied.contains(&axis.key));
            for arm in self.arms.iter().chain(picked).filter(|arm| arm.set.contains_key(&axis.key)) {
                self.errors.push(RecipeError::Conflict {
                    at: self.places.get(&key).unwrap_or(&self.origin).clone(),
                    key: key.clone(),
                    got: format!("the arm {:?} sets {} too", arm.name, axis.key),
                    remedy: "leave it out of the arm or of [vary]".into(),
                });
            }
        }
    }
}

impl Settings {
    /// Whether a recipe could have given these settings: for settings from elsewhere, such as a model file.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn check(&self) -> Result<(), RecipeErrors> {
        let text = format!("name = \"settings\"\n{}", render::settings(self));
        Recipe::from_toml(&text, "settings", &[], None).map(|_| ())
    }
}

fn concerns_name(error: &RecipeError) -> bool {
    matches!(error, RecipeError::Value { key, .. } if key == "name")
}

/// The typed settings of a layer.
pub(super) fn settings(layer: &Layer) -> Result<Settings, Fault> {
    if let Some(fault) = rule::curve(layer) {
        return Err(fault);
    }
    unflatten(layer).map_err(|reason| Fault {
        key: "settings".into(),
        got: reason,
        takes: "the keys that `metabnn show` prints".into(),
        with: &[],
    })
}

/// All that is at odds in the settings of one run.
pub(super) fn across(settings: &Settings) -> Vec<Fault> {
    let layer = flatten(settings);
    let mut faults = stream(settings, &layer);
    faults.extend(network(settings, &layer));
    faults.extend(rule::across(settings, &layer));
    faults.extend(classes(settings));
    faults.extend(augment(settings, &layer));
    let (hidden, convolutions) = (settings.network.hidden.len(), settings.network.channels.len());
    let layers = settings.network.depth();
    for key in KEYS.iter().filter(|key| matches!(key.kind, Kind::Plain(Takes::PerLayer(_)))) {
        let Some(values) = layer.get(key.path).and_then(Json::as_array) else { continue };
        if values.len() != layers {
            let first =
                if convolutions > 0 { format!("convolutions: {convolutions}, ") } else { String::new() };
            faults.push(Fault {
                key: key.path.into(),
                got: format!("{} values", values.len()),
                takes: format!(
                    "one number, or {layers} ({first}hidden layers: {hidden}, output layer: 1), or a list such as \
                     [2, \"..\", 1], which goes with any number of layers"
                ),
                with: &["network.channels", "network.hidden"],
            });
        }
    }
    if settings.schedule.batch == 1 && settings.norm.kind == NormKind::Batch {
        faults.push(Fault {
            key: "schedule.batch".into(),
            got: "1".into(),
            takes: "at least 2 with norm.kind = \"batch\": one image alone has no variance".into(),
            with: &["norm.kind"],
        });
    }
    let of_batch = settings.norm.kind == NormKind::Batch && settings.norm.statistics == Statistics::Batch;
    if settings.schedule.test_batch == 1 && of_batch {
        faults.push(Fault {
            key: "schedule.test_batch".into(),
            got: "1".into(),
            takes: "at least 2 with norm.statistics = \"batch\": one image alone has no variance".into(),
            with: &["norm.statistics"],
        });
    }
    faults.extend(analysis(settings, &layer));
    faults
}

/// A setting as a recipe has it.
pub(super) fn shown(layer: &Layer, key: &str) -> String {
    layer.get(key).map(render::value).unwrap_or_default()
}

/// What an analysis needs of its own settings and of the others.
fn analysis(settings: &Settings, layer: &Layer) -> Vec<Fault> {
    let Some((name, analysis)) = settings.analysis.get() else { return Vec::new() };
    let mut faults = analysis.check(settings, &|key| shown(layer, key));
    // A setting without effect would be taken for one that had no effect.
    let defaults = flatten(&Settings::default());
    let idle = layer.iter().filter(|(key, _)| !render::is_used(key, settings));
    let idle = idle.filter(|(key, value)| defaults.get(*key) != Some(value)).map(|(key, _)| Fault {
        key: key.clone(),
        got: shown(layer, key),
        takes: format!(
            "no other value than its default with analysis.kind = {name:?}, which trains no network"
        ),
        with: &["analysis.kind"],
    });
    faults.extend(idle);
    faults
}

/// Pooling against the convolutions, statistics against the kind of norm.
fn network(settings: &Settings, layer: &Layer) -> Vec<Fault> {
    let (network, mut faults) = (&settings.network, Vec::new());
    let convolutions = network.channels.len();
    let wrong = |(index, place): &(usize, &usize)| {
        **place > convolutions || network.pool_after[..*index].contains(place)
    };
    if let Some((_, place)) = network.pool_after.iter().enumerate().find(wrong) {
        faults.push(Fault {
            key: "network.pool_after".into(),
            got: place.to_string(),
            takes: format!("each of the {convolutions} convolutions of network.channels once at most"),
            with: &["network.channels"],
        });
    } else if network.pool == Pool::None && !network.pool_after.is_empty() {
        faults.push(Fault {
            key: "network.pool_after".into(),
            got: format!("{:?}", network.pool_after),
            takes: "[] with network.pool = \"none\"".into(),
            with: &["network.pool"],
        });
    }
    if settings.norm.kind != NormKind::Batch && settings.norm.statistics != Statistics::Batch {
        faults.push(Fault {
            key: "norm.statistics".into(),
            got: shown(layer, "norm.statistics"),
            takes: format!(
                "\"batch\" (as it is if left out) with norm.kind = {:?}: every sample has statistics of its own, in \
                 training and at test",
                settings.norm.kind.name()
            ),
            with: &["norm.kind"],
        });
    }
    faults
}

/// Data sets, count and images against the kind of stream.
fn stream(settings: &Settings, layer: &Layer) -> Vec<Fault> {
    let (sets, count) = (settings.data.sets.len(), settings.tasks.count);
    let traits = settings.tasks.stream.traits();
    let word = shown(layer, "tasks.stream");
    let mut faults = Vec::new();
    let mut fault = |key: &str, got: usize, takes: String| {
        let with = &["tasks.stream", "tasks.count", "data.sets", "data.train_images"];
        faults.push(Fault { key: key.into(), got: got.to_string(), takes, with });
    };
    if traits.takes_many_sets {
        if count != sets {
            let takes = format!("0 or the number of data sets ({sets}) with tasks.stream = {word}");
            fault("tasks.count", count, takes);
        }
        return faults;
    }
    let groups = settings.tasks.classes.len();
    if traits.groups_classes && groups > 0 && count != groups {
        let takes =
            format!("0 or the number of groups in tasks.classes ({groups}) with tasks.stream = {word}");
        fault("tasks.count", count, takes);
    }
    if sets != 1 {
        fault("data.sets", sets, format!("exactly one data set with tasks.stream = {word}"));
    }
    if count == 0 {
        fault("tasks.count", count, format!("at least 1 with tasks.stream = {word}"));
    }
    let (images, parts) = (settings.data.train_images, if traits.divides { count } else { 1 });
    // Batch norm needs two images to train on.
    if images != 0 && images / 2 < parts {
        let takes = format!("0 (all) or at least {}, two images for each task", parts.saturating_mul(2));
        fault("data.train_images", images, takes);
    }
    faults
}

/// Groups of classes against the kind of stream and each other.
fn classes(settings: &Settings) -> Option<Fault> {
    let groups = &settings.tasks.classes;
    let (mut seen, classes) = ([false; 1 + u8::MAX as usize], groups.iter().flatten());
    let twice = classes.copied().find(|class| std::mem::replace(&mut seen[usize::from(*class)], true));
    let (got, takes) = match twice {
        _ if !groups.is_empty() && !settings.tasks.stream.traits().groups_classes => {
            (format!("{} groups", groups.len()), "[] unless tasks.stream = \"classes\"")
        }
        Some(class) => (format!("the class {class} twice"), "each class in one group at most"),
        None => return None,
    };
    Some(Fault { key: "tasks.classes".into(), got, takes: takes.into(), with: &["tasks.stream"] })
}

/// Augmentation against the kind of stream.
fn augment(settings: &Settings, layer: &Layer) -> Option<Fault> {
    let (stream, augment) = (settings.tasks.stream, settings.data.augment);
    (stream.traits().permutes && augment != Augment::None).then(|| Fault {
        key: "data.augment".into(),
        got: shown(layer, "data.augment"),
        takes: format!(
            "\"none\" with tasks.stream = {}: permuted pixels are no picture to flip or rotate",
            shown(layer, "tasks.stream")
        ),
        with: &["tasks.stream"],
    })
}
