//! Pooling: squares of a convolution's sums become one number each.

use serde::{Deserialize, Serialize};

use super::Convolution;

/// Pooling of a convolution's sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pool {
    /// None.
    None,
    /// The mean of each square.
    Average,
    /// The largest of each square; among equals the first, row by row, receives the gradient.
    Max,
}

impl Convolution {
    /// Pools one channel of some samples: the mean of each square, or its largest, whose place in the square, row by row,
    /// goes to `winners` (the first among equals). Shapes: sums (samples, positions of the sums), pooled and winners
    /// (samples, positions of the output).
    pub(in crate::layer) fn pool(&self, sums: &[f32], pooled: &mut [f32], winners: &mut [u8]) {
        match self.pool {
            Pool::None => pooled.copy_from_slice(sums),
            Pool::Average => {
                for (pooled, corner) in pooled.iter_mut().zip(self.corners()) {
                    let sum: f32 = self.square().map(|at| sums[corner + at]).sum();
                    *pooled = sum / self.in_square();
                }
            }
            Pool::Max => {
                for ((pooled, winner), corner) in pooled.iter_mut().zip(winners).zip(self.corners()) {
                    (*pooled, *winner) = (sums[corner], 0);
                    for (place, at) in self.square().enumerate() {
                        if sums[corner + at] > *pooled {
                            (*pooled, *winner) = (sums[corner + at], place as u8);
                        }
                    }
                }
            }
        }
    }

    /// The gradient of the sums from that of what [`Convolution::pool`] made of them: a mean's is shared out, that of the
    /// largest is the winner's.
    pub(in crate::layer) fn unpool(&self, pooled: &[f32], winners: &[u8], sums: &mut [f32]) {
        // What is left over at the far edges has none.
        sums.fill(0.0);
        match self.pool {
            Pool::None => sums.copy_from_slice(pooled),
            Pool::Average => {
                for (pooled, corner) in pooled.iter().zip(self.corners()) {
                    self.square().for_each(|at| sums[corner + at] = pooled / self.in_square());
                }
            }
            Pool::Max => {
                for ((pooled, winner), corner) in pooled.iter().zip(winners).zip(self.corners()) {
                    let (row, column) =
                        (*winner as usize / self.pool_size, *winner as usize % self.pool_size);
                    sums[corner + row * self.sums.1 + column] = *pooled;
                }
            }
        }
    }

    /// Where the pooled squares begin in the sums, sample after sample.
    fn corners(&self) -> impl Iterator<Item = usize> {
        let starts = (0..).map(|sample| sample * self.positions());
        starts.flat_map(move |start| {
            let row = move |row| start + row * self.pool_size * self.sums.1;
            let column = |column| column * self.pool_size;
            (0..self.output.rows).flat_map(move |r| (0..self.output.columns).map(move |c| row(r) + column(c)))
        })
    }

    /// Where the sums of a square are, from its corner on.
    fn square(&self) -> impl Iterator<Item = usize> {
        let row = move |row| (0..self.pool_size).map(move |column| row * self.sums.1 + column);
        (0..self.pool_size).flat_map(row)
    }

    /// Sums in a square.
    fn in_square(&self) -> f32 {
        (self.pool_size * self.pool_size) as f32
    }
}
