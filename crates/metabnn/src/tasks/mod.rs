//! Task streams: what is learned, in what order, and on what it is tested.

mod augment;
mod error;
mod fit;
mod groups;
mod loader;
mod stream;
mod view;

pub use augment::Change;
pub use error::TaskError;
pub(crate) use groups::groups;
pub use loader::Loader;
pub use stream::{TaskStream, Test};
pub use view::{Split, View, batches};
