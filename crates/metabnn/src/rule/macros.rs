//! The macro that makes the enum of all built-in rules of their list, the registry, which is at the end of `mod.rs`.

/// Makes the enum [`Rule`](super::Rule) of the list of all built-in rules: `"name" => Variant(Type)`.
macro_rules! rules {
    ($($(#[$doc:meta])* $name:literal => $Variant:ident($Type:ty),)*) => {
        /// A built-in rule, chosen by its name.
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(tag = "name", deny_unknown_fields)]
        #[non_exhaustive]
        pub enum Rule {
            $($(#[$doc])* #[serde(rename = $name)] $Variant($Type),)*
        }

        impl Rule {
            /// The names of all rules.
            pub const NAMES: &'static [&'static str] = &[$($name),*];

            /// The name of this rule.
            pub(crate) fn registered_name(&self) -> &'static str {
                match self { $(Self::$Variant(_) => $name,)* }
            }

            /// Checks what no parameter alone can tell.
            ///
            /// # Errors
            /// [`ConfigError`](crate::config::ConfigError) names a parameter that does not fit the others.
            pub fn check_together(&self) -> Result<(), $crate::config::ConfigError> {
                match self { $(Self::$Variant(rule) => $crate::rule::BuiltIn::check_together(rule),)* }
            }

            /// The parameters of the rule of this name; none where there is no such rule.
            pub fn parameters(name: &str) -> &'static [$crate::config::Parameter] {
                match name {
                    $($name => <$Type as $crate::rule::BuiltIn>::PARAMETERS,)*
                    _ => &[],
                }
            }
        }

        impl $crate::rule::SynapticRule for Rule {
            fn scale(&self, layer: usize, hidden: f32, update: f32) -> f32 {
                match self { $(Self::$Variant(rule) => rule.scale(layer, hidden, update),)* }
            }

            fn state(&self) -> &[$crate::rule::Start] {
                match self { $(Self::$Variant(rule) => rule.state(),)* }
            }

            fn update(&self, step: &$crate::optim::OptimizerStep, layer: usize, tile: $crate::optim::Tile<'_>) {
                match self { $(Self::$Variant(rule) => rule.update(step, layer, tile),)* }
            }

            fn end_of_experience(&self, end: &mut $crate::rule::EndOfExperience<'_>) {
                match self { $(Self::$Variant(rule) => rule.end_of_experience(end),)* }
            }

            fn needs_boundaries(&self) -> bool {
                match self { $(Self::$Variant(rule) => rule.needs_boundaries(),)* }
            }

            fn validate(&self, layers: usize) -> Result<(), $crate::config::ConfigError> {
                match self { $(Self::$Variant(rule) => rule.validate(layers),)* }
            }

            fn name(&self) -> &str {
                self.registered_name()
            }

            fn to_json(&self) -> String {
                serde_json::to_string(self).expect("rules are plain data with text for keys")
            }
        }

        $(impl From<$Type> for Rule {
            fn from(rule: $Type) -> Self {
                Self::$Variant(rule)
            }
        })*
    };
}

pub(super) use rules;
