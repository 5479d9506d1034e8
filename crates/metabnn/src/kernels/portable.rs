//! The bodies as every machine of the architecture can run them.

use super::{Kernels, Platform, adam, product, signed};

pub(super) fn kernels() -> Kernels {
    Kernels {
        platform: Platform::Portable,
        xnor_product: |input, row, weights, output| metabnn_infer::xnor_product(input, row, weights, output),
        pack: |values, words| metabnn_infer::pack(values, words),
        signed_product: |s, first, m, n, y| signed::signed_product::<32>(s, first, m, n, y),
        product: |x, m, depth, y| product::product::<8>(x, m, depth, y),
        sparse_product: |x, first, m, n, y| product::sparse_product::<32>(x, first, m, n, y),
        adam_tile: |step, m, gradient, hidden, mean, square| {
            adam::adam_tile(step, m, gradient, hidden, mean, square);
        },
    }
}
