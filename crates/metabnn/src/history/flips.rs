//! How many binary weights change while a network learns.

use serde::{Deserialize, Serialize};

use metabnn_infer::BitMatrix;

use crate::network::Network;

/// Binary weights of one layer that an epoch changed: a row of `flips.csv`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Flips {
    /// Task in training, counted from 1.
    pub task_trained: usize,
    /// Epoch of that task, counted from 1.
    pub epoch: usize,
    /// Layer, counted from 1.
    pub layer: usize,
    /// Fraction of the layer's binary weights whose sign at the end of the epoch is not that of its beginning, in
    /// [0, 1].
    pub flipped: f64,
}

/// The binary weights of every layer at one moment; none of a layer in full precision.
#[derive(Clone, Debug)]
pub struct SignSnapshot(pub(crate) Vec<Option<BitMatrix>>);

impl SignSnapshot {
    /// Those of `network`, now.
    pub fn new(network: &Network) -> Self {
        Self(network.layers.iter().map(|layer| layer.linear.binary().cloned()).collect())
    }

    /// What has changed since; `at`: task in training and epoch of it, both counted from 1. The signs of now become
    /// those to compare with next.
    pub fn flips(&mut self, network: &Network, at: (usize, usize)) -> Vec<Flips> {
        let ((task_trained, epoch), now) = (at, Self::new(network));
        let before = std::mem::replace(self, now);
        let layers = before.0.iter().zip(&self.0).enumerate();
        let flips = layers.filter_map(|(index, (before, now))| {
            let (before, now) = (before.as_ref()?, now.as_ref()?);
            let flipped = before.distance(now) as f64 / (now.rows() * now.columns()) as f64;
            Some(Flips { task_trained, epoch, layer: index + 1, flipped })
        });
        flips.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Layer, Linear, Norm};
    use crate::network::{NormConfig, Precision};

    fn network(hidden: &[f32], precision: Precision) -> Network {
        let linear = Linear::new(3, hidden, precision == Precision::Binary);
        Network::from_layers(
            vec![Layer::dense(linear, Norm::new(vec![1.0; 2], &NormConfig::default()))],
            precision,
        )
    }

    #[test]
    fn the_signs_that_changed_are_counted() {
        let mut signs = SignSnapshot::new(&network(&[1.0, -1.0, 0.5, -0.5, 2.0, -2.0], Precision::Binary));
        // Two of six change their sign; one shrinks, one becomes zero from above, and keep theirs.
        let next = network(&[-1.0, -0.1, 0.0, 0.5, 2.0, -2.0], Precision::Binary);
        let expected = Flips { task_trained: 2, epoch: 3, layer: 1, flipped: 2.0 / 6.0 };
        assert_eq!(signs.flips(&next, (2, 3)), std::slice::from_ref(&expected));
        let again = Flips { epoch: 4, flipped: 0.0, ..expected };
        assert_eq!(signs.flips(&next, (2, 4)), [again], "compared with the last moment, not the first");
    }

    #[test]
    fn full_precision_has_no_signs_to_flip() {
        let network = network(&[1.0; 6], Precision::FullPrecision);
        assert_eq!(SignSnapshot::new(&network).flips(&network, (1, 1)), []);
    }
}
