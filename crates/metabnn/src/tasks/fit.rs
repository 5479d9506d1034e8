//! Data sets made ready for one network: cut, padded, normalised, and refused where they do not fit.

use super::TaskError;
use crate::data::{Dataset, Shape};
use crate::recipe::settings::{Augment, Data, Normalise};

/// The first samples of each set, as many as `settings` say; images padded with black to the largest rows and columns,
/// features normalised.
///
/// # Errors
/// [`TaskError::Shapes`], [`TaskError::NotForSamples`].
pub(super) fn to_one_shape(settings: &Data, sets: &[Dataset]) -> Result<Vec<Dataset>, TaskError> {
    let Some(first) = sets.first() else { return Ok(Vec::new()) };
    let mut shape = first.train.shape();
    for set in sets {
        fits(first, set)?;
        check_kind(settings, set)?;
        let Shape { rows, columns, .. } = set.train.shape();
        shape = Shape { rows: shape.rows.max(rows), columns: shape.columns.max(columns), ..shape };
    }
    let fit = |set: &Dataset| Dataset {
        name: set.name.clone(),
        train: set.train.fitted(settings.train_images, shape, settings.normalise),
        test: set.test.fitted(settings.test_images, shape, settings.normalise),
    };
    Ok(sets.iter().map(fit).collect())
}

/// Whether padding can make the two alike.
fn fits(first: &Dataset, second: &Dataset) -> Result<(), TaskError> {
    let reason = match (&first.train.images(), &second.train.images()) {
        (Some(one), Some(other)) if one.shape().channels != other.shape().channels => {
            "padding changes rows and columns, not the number of channels"
        }
        (None, None) if first.train.width() != second.train.width() => {
            "features of another width cannot be padded"
        }
        (None, Some(_)) | (Some(_), None) => "pixels are no features",
        _ => return Ok(()),
    };
    let describe = |set: &Dataset| format!("{} ({})", set.name, set.train.describe());
    Err(TaskError::Shapes { first: describe(first), second: describe(second), reason })
}

/// Whether the settings are for samples of this kind.
fn check_kind(settings: &Data, set: &Dataset) -> Result<(), TaskError> {
    let is_images = set.train.images().is_some();
    let refuse = |key, got, reason| Err(TaskError::NotForSamples { key, got, set: set.name.clone(), reason });
    if is_images && settings.normalise == Normalise::Sample {
        return refuse("data.normalise", "sample", "it is for features; pixels enter as p / 255");
    }
    match settings.augment {
        Augment::FlipRotateCrop if !is_images => {
            refuse("data.augment", "flip-rotate-crop", "features are no picture to flip or rotate")
        }
        Augment::FlipRotateOrCrop if !is_images => {
            refuse("data.augment", "flip-rotate-or-crop", "features are no picture to flip or rotate")
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Features, Images, Samples};

    fn set(name: &str, samples: Samples) -> Dataset {
        Dataset { name: name.into(), train: samples.clone(), test: samples }
    }

    fn images(channels: usize, rows: usize, columns: usize) -> Samples {
        let shape = Shape { channels, rows, columns };
        Images::of_shape(shape, 2, vec![9; 2 * shape.width()], vec![0, 1]).unwrap().into()
    }

    fn features(width: usize) -> Samples {
        let values = (0..2 * width).map(|value| value as f32).collect();
        Features::new(width, 2, values, vec![0, 1]).unwrap().into()
    }

    fn error(settings: &Data, samples: [Samples; 2]) -> String {
        let [first, second] = samples;
        to_one_shape(settings, &[set("a", first), set("b", second)]).unwrap_err().to_string()
    }

    #[test]
    fn images_of_one_number_of_channels_become_as_large_as_the_largest() {
        for channels in [1, 3] {
            let sets = [set("a", images(channels, 4, 2)), set("b", images(channels, 3, 5))];
            let sets = to_one_shape(&Data::default(), &sets).unwrap();
            let expected = Shape { channels, rows: 4, columns: 5 };
            assert!(sets.iter().all(|set| set.train.shape() == expected && set.test.shape() == expected));
        }
    }

    #[test]
    fn sets_that_no_network_takes_together_are_refused_with_both_shapes() {
        let data = Data::default();
        assert_eq!(
            error(&data, [images(1, 28, 28), images(3, 32, 32)]),
            "one network cannot take both a (28x28 pixels) and b (3x32x32 pixels): \
             padding changes rows and columns, not the number of channels"
        );
        assert_eq!(
            error(&data, [features(512), features(64)]),
            "one network cannot take both a (512 features) and b (64 features): \
             features of another width cannot be padded"
        );
        let mixed = "one network cannot take both a (4 features) and b (2x2 pixels): pixels are no features";
        assert_eq!(error(&data, [features(4), images(1, 2, 2)]), mixed);
    }

    #[test]
    fn settings_for_the_other_kind_of_samples_are_refused() {
        let normalise = Data { normalise: Normalise::Sample, ..Data::default() };
        assert_eq!(
            error(&normalise, [images(1, 2, 2), images(1, 2, 2)]),
            "data.normalise: takes \"none\" with a, got \"sample\": it is for features; pixels enter as p / 255"
        );
        for (augment, word) in [
            (Augment::FlipRotateCrop, "flip-rotate-crop"),
            (Augment::FlipRotateOrCrop, "flip-rotate-or-crop"),
        ] {
            let augment = Data { augment, ..Data::default() };
            let says = error(&augment, [features(4), features(4)]);
            assert!(says.contains(&format!("data.augment: takes \"none\" with a, got {word:?}: ")), "{says}");
        }
    }

    #[test]
    fn features_are_cut_and_normalised_when_asked() {
        let data = Data { train_images: 1, normalise: Normalise::Sample, ..Data::default() };
        let sets = to_one_shape(&data, &[set("a", features(2))]).unwrap();
        assert_eq!((sets[0].train.len(), sets[0].test.len()), (1, 2));
        assert_eq!(sets[0].test.features().unwrap().sample(1), [-1.0, 1.0]);
        let plain = to_one_shape(&Data::default(), &[set("a", features(2))]).unwrap();
        assert_eq!(plain[0].train, features(2));
    }
}
