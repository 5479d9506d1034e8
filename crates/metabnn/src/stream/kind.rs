//! The macro that makes the enum of all kinds of task stream of their list, the registry, which is at the end of `mod.rs`.

/// What a kind of stream is, for whoever has to know before it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamTraits {
    /// Whether it has boundaries between tasks that somebody could tell.
    pub has_boundaries: bool,
    /// Whether it learns several data sets, one after the other; else it takes exactly one.
    pub takes_many_sets: bool,
    /// Whether the values of a sample are in another order in each task, so that an image is no picture any more.
    pub permutes: bool,
    /// Whether the training samples are divided among the tasks.
    pub divides: bool,
    /// Whether its tasks are groups of classes.
    pub groups_classes: bool,
}

impl StreamTraits {
    /// Boundaries, one data set, samples as they are.
    pub(super) const PLAIN: Self = Self {
        has_boundaries: true,
        takes_many_sets: false,
        permutes: false,
        divides: false,
        groups_classes: false,
    };
}

/// Makes the enum of all kinds of their list: `"name" => Variant in file`.
macro_rules! kinds {
    ($($(#[$doc:meta])* $name:literal => $Variant:ident in $file:ident,)*) => {
        /// Kind of task stream.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[non_exhaustive]
        pub enum StreamKind {
            $($(#[$doc])* #[serde(rename = $name)] $Variant,)*
        }

        impl StreamKind {
            /// The names of all kinds.
            pub const NAMES: &'static [&'static str] = &[$($name),*];

            /// The kind's name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$Variant => $name,)* }
            }

            /// What it is.
            pub fn traits(self) -> $crate::stream::StreamTraits {
                match self { $(Self::$Variant => $file::TRAITS,)* }
            }

            /// Its experiences and tests.
            fn make(self, sources: &builder::Sources) -> Result<(Vec<Experience>, Vec<Test>), StreamError> {
                match self { $(Self::$Variant => $file::make(sources),)* }
            }
        }
    };
}

pub(super) use kinds;
