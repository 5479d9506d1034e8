//! The bodies as every machine of the architecture can run them.

use metabnn_infer::kernels::lookup::Plain;

use super::mask::put_signs;
use super::{Kernels, Platform, adam, compact, curve, norm, product, signed};

pub(super) fn kernels(bits: metabnn_infer::kernels::Kernels) -> Kernels {
    Kernels {
        platform: Platform::Portable,
        bits,
        put_signs: |values, used, place, words| put_signs::<Plain>(values, used, place, words),
        // SAFETY: the plain way needs nothing.
        signed_product: |s, m, y, columns| unsafe { signed::signed_product::<Plain>(s, m, y, columns) },
        product: |x, m, y, columns| product::product::<4, 1>(x, m, y, columns),
        sparse_product: |x, first, m, y, tiles| product::sparse_product(x, first, m, y, tiles),
        adam_tile: |step, m, gradient, hidden, mean, square| {
            adam::adam_tile(step, m, gradient, hidden, mean, square);
        },
        adam_curve_tile: |step, table, gradient, hidden, mean, square| {
            curve::adam_curve_tile(step, table, gradient, hidden, mean, square);
        },
        widen: |bits, values| compact::widen(bits, values),
        narrow: |values, key, bits| compact::narrow(values, key, bits),
        statistics: |y| norm::statistics(y),
        normalise: |y, mean, inverse| norm::normalise(y, mean, inverse),
        norm_signs: |normed, gamma, beta, words| norm::norm_signs::<Plain>(normed, gamma, beta, words),
        norm_backward: |gate, row, normed, d| norm::norm_backward(gate, row, normed, d),
    }
}
