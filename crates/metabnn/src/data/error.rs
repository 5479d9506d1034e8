//! Why values and labels make no samples.

/// Why values and labels make no samples.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SampleError {
    /// The values are not those of whole samples.
    #[error("{values} values are no whole number of samples of {width}")]
    Ragged {
        /// Number of values.
        values: usize,
        /// Values of a sample.
        width: usize,
    },
    /// A feature is NaN or infinite.
    #[error("{value} in row {row}, column {column} (counting from 0)")]
    NotFinite {
        /// The value.
        value: f32,
        /// The sample.
        row: usize,
        /// The feature.
        column: usize,
    },
    /// There are not as many labels as images.
    #[error("{images} images but {labels} labels")]
    CountMismatch {
        /// Number of images.
        images: usize,
        /// Number of labels.
        labels: usize,
    },
    /// A label is not below the number of classes.
    #[error("label {label} of image {index} (counting from 0) is out of range: labels go from 0 to {}", classes - 1)]
    LabelOutOfRange {
        /// The label found.
        label: u8,
        /// Position of the image.
        index: usize,
        /// Number of classes.
        classes: usize,
    },
}
