//! Products: exact on numbers whose sums are, within the bound of their roundings on others.

use metabnn_infer::BitMatrix;
use metabnn_infer::kernels::Pixels;

use super::*;

/// Kinds of numbers: whether their sums are exact in f32.
const KINDS: [bool; 2] = [true, false];

/// Random numbers of a kind.
fn numbers(n: usize, index: u32, exact: bool) -> Vec<f32> {
    let values = random(n, index).into_iter();
    values.map(|value| if exact { coarse(value) } else { value }).collect()
}

/// Asserts that `value` is the sum of `terms`, exactly or, where each went through at most `roundings` roundings to a
/// share of 2^-24 each, within these: roundings 2^-24 (sum of |terms|), and 1 % for their products.
fn assert_sum(what: &str, value: f32, terms: impl Iterator<Item = f64>, exact: bool, roundings: usize) {
    let (sum, magnitude) = terms.fold((0.0, 0.0), |(sum, all), term: f64| (sum + term, all + term.abs()));
    let allowed =
        if exact { 0.0 } else { 1.01 * roundings as f64 * f64::from(f32::EPSILON) / 2.0 * magnitude };
    let off = (f64::from(value) - sum).abs();
    assert!(off <= allowed, "{what}: {value} is {off:e} from {sum}, allowed are {allowed:e}");
}

/// Rows by depth of signs, before which there are two rows more.
fn signs(rows: usize, depth: usize) -> BitMatrix {
    BitMatrix::from_signs(rows + 2, depth, &random((rows + 2) * depth, 9))
}

/// `signs` times random numbers on every platform, in both orders of the words.
fn check_signed(rows: usize, depth: usize, columns: usize, exact: bool) {
    let what = format!("signs {rows} x {depth} x {columns}");
    let (bits, first) = (signs(rows, depth), 2);
    let m = numbers(depth * columns, 8, exact);
    let m = Guarded::new(depth, columns, LANES, |k, j| m[k * columns + j]);
    let stride = bits.stride();
    let by_row = bits.words()[first * stride..].to_vec();
    let by_word: Vec<u64> = (0..stride)
        .flat_map(|word| (0..rows).map(move |row| (row, word)))
        .map(|(r, w)| by_row[r * stride + w])
        .collect();
    let product = |kernels: Kernels, s: Signs<'_>| {
        let mut y = Guarded::new(rows, columns, LANES, |_, _| f32::NAN);
        (kernels.signed_product)(s, m.matrix(), y.matrix_mut(), columns);
        y.taken(columns)
    };
    let bits_of_y = on_every_platform(&what, |kernels| {
        let rows_first = product(kernels, Signs { words: &by_row, row: stride, word: 1, depth });
        let words_first = product(kernels, Signs { words: &by_word, row: 1, word: rows, depth });
        [bits_of(&rows_first), bits_of(&words_first)]
    });
    assert_eq!(bits_of_y[0], bits_of_y[1], "{what}: the order of words");
    let mut sign = vec![0.0; depth];
    for row in 0..rows {
        metabnn_infer::unpack(bits.row(first + row), &mut sign);
        for column in 0..columns {
            let terms = (0..depth).map(|k| f64::from(sign[k]) * f64::from(m.slice()[k * m.stride + column]));
            // A row goes through 6 + 6 additions in its table, then through one for each group of a word.
            let roundings = 12 + 3 * depth.div_ceil(16);
            let value = f32::from_bits(bits_of_y[0][row * columns + column]);
            assert_sum(&format!("{what} at {row}, {column}"), value, terms, exact, roundings);
        }
    }
}

#[test]
fn products_with_signs() {
    for exact in KINDS {
        for columns in BATCHES {
            for (rows, depth) in [(3, 1), (1, 17), (2, 64), (5, 65), (3, 100), (1, 257), (2, 513)] {
                check_signed(rows, depth, columns, exact);
            }
        }
        for depth in BATCHES.into_iter().chain(WIDTHS).chain([5, 6, 10, 11, 21, 22, 26, 27, 48]) {
            check_signed(4, depth, LANES, exact);
        }
    }
}

/// A matrix of reals times another on every platform, in each order of the left one's numbers that is in use.
fn check_dense(rows: usize, depth: usize, columns: usize, exact: bool) {
    let what = format!("reals {rows} x {depth} x {columns}");
    let (x, m, before) = (
        numbers(rows * depth, 0, exact),
        numbers(depth * columns, 1, exact),
        numbers(rows * columns, 2, exact),
    );
    let m = Guarded::new(depth, columns, LANES, |k, j| m[k * columns + j]);
    let by_row = Guarded::new(rows, depth, 1, |r, k| x[r * depth + k]);
    let by_column = Guarded::new(depth, rows, 1, |k, r| x[r * depth + k]);
    let product = |kernels: Kernels, left: Left<'_>| {
        let mut y = Guarded::new(rows, columns, LANES, |r, j| before[r * columns + j]);
        (kernels.product)(left, m.matrix(), y.matrix_mut(), columns);
        y.taken(columns)
    };
    let bits_of_y = on_every_platform(&what, |kernels| {
        let left = Left { values: by_row.slice(), row: by_row.stride, step: 1, depth };
        let turned = Left { values: by_column.slice(), row: 1, step: by_column.stride, depth };
        [bits_of(&product(kernels, left)), bits_of(&product(kernels, turned))]
    });
    assert_eq!(bits_of_y[0], bits_of_y[1], "{what}: the order of the left matrix");
    for (i, &bits) in bits_of_y[0].iter().enumerate() {
        let (row, column) = (i / columns, i % columns);
        let term = |k: usize| f64::from(x[row * depth + k]) * f64::from(m.slice()[k * m.stride + column]);
        let terms = [f64::from(before[i])].into_iter().chain((0..depth).map(term));
        // One multiplication, and the additions from there on.
        assert_sum(&format!("{what} at {row}, {column}"), f32::from_bits(bits), terms, exact, depth + 1);
    }
}

#[test]
fn products_of_reals() {
    for exact in KINDS {
        for columns in BATCHES {
            for (rows, depth) in
                [(1, 1), (2, 64), (3, 7), (4, 16), (5, 33), (15, 2), (16, 63), (17, 65), (33, 10), (64, 3)]
            {
                check_dense(rows, depth, columns, exact);
            }
        }
        for depth in WIDTHS {
            check_dense(5, depth, 33, exact);
        }
    }
}

/// Zeros left out change no bit of the sum.
#[test]
fn products_of_sparse_reals_are_those_of_dense_ones() {
    for depth in BATCHES {
        for (rows, tiles) in [(1, 1), (5, 2), (16, 3), (7, 4), (33, 4), (4, 5)] {
            let what = format!("sparse {rows} x {depth} x {tiles} tiles");
            let first = 3;
            let x: Vec<f32> = random((first + rows) * depth, 10).iter().map(|v| f32::max(*v, 0.0)).collect();
            let m = Guarded::new(depth, tiles * LANES, LANES, |k, j| random(1, (k * 80 + j) as u32)[0]);
            let mut sparse = SparseRows::default();
            sparse.refill(x.chunks(depth));
            assert_eq!(sparse.rows(), first + rows);
            let sums = on_every_platform(&what, |kernels| {
                let (sums, ()) = guarded(&vec![f32::NAN; tiles * rows * LANES], |y| {
                    (kernels.sparse_product)(&sparse, first, m.matrix(), y, tiles);
                });
                bits_of(&sums)
            });
            for (tile, sums) in sums.chunks_exact(rows * LANES).enumerate() {
                let mut y = vec![0.0; rows * LANES];
                let left = Left { values: &x[first * depth..], row: depth, step: 1, depth };
                let m = Matrix { values: &m.slice()[tile * LANES..], stride: m.stride };
                let dense = MatrixMut { values: &mut y, stride: LANES };
                (Kernels::of(Platform::Portable).product)(left, m, dense, LANES);
                assert_eq!(sums, bits_of(&y), "{what}, tile {tile}");
            }
        }
    }
}

#[test]
fn sparse_rows_of_pixels_are_those_of_their_shares_of_255() {
    for batch in BATCHES {
        let mut pixels = Pixels::new(9, batch);
        let stride = pixels.stride();
        for (i, value) in random(9 * batch, 12).iter().enumerate() {
            // One in two is black; 255 and 1 are among the others.
            let value = (value * 300.0).clamp(0.0, 255.0).ceil();
            pixels.values_mut()[i / batch * stride + i % batch] = value as u8;
        }
        let rows: Vec<Vec<f32>> =
            (0..9).map(|row| pixels.row(row).iter().map(|&p| f32::from(p) / 255.0).collect()).collect();
        let (mut expected, mut sparse) = (SparseRows::default(), SparseRows::default());
        expected.refill(rows.iter().map(Vec::as_slice));
        for _ in 0..2 {
            sparse.refill_pixels(&pixels);
            assert_eq!(sparse, expected, "batch {batch}");
        }
    }
}
