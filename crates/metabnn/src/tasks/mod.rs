//! Task streams: what is learned, in what order, and on what it is tested.

mod loader;
mod stream;
mod view;

pub use loader::Loader;
pub use stream::{TaskError, TaskStream, Test};
pub use view::{Split, View, batches};
