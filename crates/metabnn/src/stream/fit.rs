//! Data sets made ready for one network: cut, padded, normalized, and refused where they do not fit.

use super::{Augment, StreamError};
use crate::data::{Dataset, Normalize, Shape};

/// The first samples of each set, as many (training, test) as `samples` say, 0: all; images padded with black to the
/// largest rows and columns, features normalized.
///
/// # Errors
/// [`StreamError::Shapes`], [`StreamError::NotForSamples`].
pub(super) fn fit_to_one_shape(
    sets: &[Dataset],
    samples: (usize, usize),
    normalize: Normalize,
    augment: Augment,
) -> Result<Vec<Dataset>, StreamError> {
    let Some(first) = sets.first() else { return Ok(Vec::new()) };
    let mut shape = first.train.shape();
    for set in sets {
        fits(first, set)?;
        check_kind(normalize, augment, set)?;
        let Shape { rows, columns, .. } = set.train.shape();
        shape = Shape { rows: shape.rows.max(rows), columns: shape.columns.max(columns), ..shape };
    }
    let fit = |set: &Dataset| Dataset {
        name: set.name.clone(),
        train: set.train.fitted(samples.0, shape, normalize),
        test: set.test.fitted(samples.1, shape, normalize),
    };
    Ok(sets.iter().map(fit).collect())
}

/// Whether a set has samples enough to learn and to test.
pub(super) fn has_samples(set: &Dataset) -> Result<(), StreamError> {
    for (split, samples) in [("training", set.train.len()), ("test", set.test.len())] {
        if samples < 2 {
            return Err(StreamError::Empty { set: set.name.clone(), split, samples });
        }
    }
    Ok(())
}

/// Whether padding can make the two alike.
fn fits(first: &Dataset, second: &Dataset) -> Result<(), StreamError> {
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
    Err(StreamError::Shapes { first: describe(first), second: describe(second), reason })
}

/// Whether what is to be done with the samples is for samples of this kind.
fn check_kind(normalize: Normalize, augment: Augment, set: &Dataset) -> Result<(), StreamError> {
    let is_images = set.train.images().is_some();
    let refuse =
        |what, got, reason| Err(StreamError::NotForSamples { what, got, set: set.name.clone(), reason });
    if is_images && normalize == Normalize::Sample {
        return refuse("normalize", "sample", "it is for features; pixels enter as p / 255");
    }
    match augment {
        Augment::FlipRotateCrop if !is_images => {
            refuse("augment", "flip-rotate-crop", "features are no picture to flip or rotate")
        }
        Augment::FlipRotateOrCrop if !is_images => {
            refuse("augment", "flip-rotate-or-crop", "features are no picture to flip or rotate")
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

    const AS_IT_IS: (Normalize, Augment) = (Normalize::None, Augment::None);

    fn error((normalize, augment): (Normalize, Augment), samples: [Samples; 2]) -> String {
        let [first, second] = samples;
        let sets = [set("a", first), set("b", second)];
        fit_to_one_shape(&sets, (0, 0), normalize, augment).unwrap_err().to_string()
    }

    #[test]
    fn images_of_one_number_of_channels_become_as_large_as_the_largest() {
        for channels in [1, 3] {
            let sets = [set("a", images(channels, 4, 2)), set("b", images(channels, 3, 5))];
            let sets = fit_to_one_shape(&sets, (0, 0), Normalize::None, Augment::None).unwrap();
            let expected = Shape { channels, rows: 4, columns: 5 };
            assert!(sets.iter().all(|set| set.train.shape() == expected && set.test.shape() == expected));
        }
    }

    #[test]
    fn sets_that_no_network_takes_together_are_refused_with_both_shapes() {
        assert_eq!(
            error(AS_IT_IS, [images(1, 28, 28), images(3, 32, 32)]),
            "one network cannot take both a (28x28 pixels) and b (3x32x32 pixels): \
             padding changes rows and columns, not the number of channels"
        );
        assert_eq!(
            error(AS_IT_IS, [features(512), features(64)]),
            "one network cannot take both a (512 features) and b (64 features): \
             features of another width cannot be padded"
        );
        let mixed = "one network cannot take both a (4 features) and b (2x2 pixels): pixels are no features";
        assert_eq!(error(AS_IT_IS, [features(4), images(1, 2, 2)]), mixed);
    }

    #[test]
    fn what_is_for_the_other_kind_of_samples_is_refused() {
        assert_eq!(
            error((Normalize::Sample, Augment::None), [images(1, 2, 2), images(1, 2, 2)]),
            "normalize: takes \"none\" with a, got \"sample\": it is for features; pixels enter as p / 255"
        );
        for (augment, word) in [
            (Augment::FlipRotateCrop, "flip-rotate-crop"),
            (Augment::FlipRotateOrCrop, "flip-rotate-or-crop"),
        ] {
            let says = error((Normalize::None, augment), [features(4), features(4)]);
            assert!(says.contains(&format!("augment: takes \"none\" with a, got {word:?}: ")), "{says}");
        }
    }

    #[test]
    fn features_are_cut_and_normalized_when_asked() {
        let of =
            |normalize| fit_to_one_shape(&[set("a", features(2))], (1, 0), normalize, Augment::None).unwrap();
        let sets = of(Normalize::Sample);
        assert_eq!((sets[0].train.len(), sets[0].test.len()), (1, 2));
        assert_eq!(sets[0].test.features().unwrap().sample(1), [-1.0, 1.0]);
        let plain =
            fit_to_one_shape(&[set("a", features(2))], (0, 0), Normalize::None, Augment::None).unwrap();
        assert_eq!(plain[0].train, features(2));
    }
}
