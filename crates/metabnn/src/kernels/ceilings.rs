//! What this machine can do at most: the numbers beside which the time of a step is to be read.
//!
//! Four plain loops, each held up by one thing alone, compiled once per instruction set like the kernels. Every thread
//! runs the same loop on its own data, and the best of many repetitions counts, whatever its instruction set.

use std::array;
use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;

#[cfg(target_arch = "x86_64")]
use super::Platform;
use super::Pool;

/// Rates of all threads together, which no kernel that is held up by the same thing can exceed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Ceilings {
    /// Bytes read and bytes written, 10^9 per second, where three arrays far larger than the caches are changed in
    /// place, as by the update of the weights.
    pub memory_gb_per_s: f64,
    /// Multiply-accumulates of +-1 by XOR and popcount on registers, 10^12 per second.
    pub popcount_tmac_per_s: f64,
    /// Multiply-accumulates of f32 on registers, product and sum not fused, 10^9 per second.
    pub multiply_add_gmac_per_s: f64,
    /// Multiply-accumulates that are done by adding up rows of tables in the first-level cache, 10^9 per second.
    pub lookup_gmac_per_s: f64,
}

/// Measures the ceilings for the threads of `pool`, which nothing else uses meanwhile: about 1.5 s, 192 MiB.
pub fn measure(pool: &Pool) -> Ceilings {
    measure_with(pool, 1.0)
}

/// Seconds for each of the four loops.
const SECONDS: f64 = 0.35;
/// Values of each of the three arrays of `memory`, over all threads: 64 MiB.
const PLACES: usize = 1 << 24;
/// Bytes that `memory` reads and writes for one place of its three arrays.
const BYTES_PER_PLACE: f64 = 24.0;
/// Rounds of the other three loops in one repetition: a few milliseconds.
const ROUNDS: usize = 1 << 16;
/// Steps of a round.
const STEPS: usize = 16;
/// Multiply-accumulates of +-1 that one popcount of 512 bits does.
const MACS_PER_POPCOUNT: f64 = 512.0;
/// Multiply-accumulates that the addition of one row of a table does: 16 lanes, and three rows for 16 signs.
const MACS_PER_ROW: f64 = 16.0 * 16.0 / 3.0;

/// [`measure`] with its time and memory multiplied by `effort`, in (0, 1].
fn measure_with(pool: &Pool, effort: f64) -> Ceilings {
    let scaled = |count: usize| ((count as f64 * effort) as usize).max(1);
    let crew = Crew { pool, loops: Loops::available(), least: Duration::from_secs_f64(SECONDS * effort) };
    let (places, rounds) = (scaled(PLACES).div_ceil(pool.threads()), scaled(ROUNDS));
    let memory = crew.rate(|| Streams::new(places), |loops, streams| (loops.memory)(streams));
    let popcount = crew.rate(|| (), |loops, ()| (loops.popcount)(rounds));
    let multiply_add = crew.rate(|| (), |loops, ()| (loops.multiply_add)(rounds));
    let lookup = crew.rate(Tables::new, |loops, tables| (loops.lookup)(tables, rounds));
    Ceilings {
        memory_gb_per_s: memory * 1e-9,
        popcount_tmac_per_s: popcount * 1e-12,
        multiply_add_gmac_per_s: multiply_add * 1e-9,
        lookup_gmac_per_s: lookup * 1e-9,
    }
}

/// One thread's part of a repetition: when it started and ended, and the units of work that it did.
type Part = (Instant, Instant, f64);

/// Threads that measure together.
struct Crew<'a> {
    pool: &'a Pool,
    /// What they run, one instruction set after the other.
    loops: Vec<Loops>,
    /// How long they repeat it; each instruction set has at least two turns.
    least: Duration,
}

impl Crew<'_> {
    /// Units of work per second of all threads in the fastest repetition. `work` does one thread's part of it on
    /// what `prepare` gave to that thread, and gives the number of units.
    fn rate<D>(&self, prepare: impl Fn() -> D + Sync, work: impl Fn(&Loops, &mut D) -> f64 + Sync) -> f64 {
        let (barrier, end) = (Barrier::new(self.pool.threads()), AtomicUsize::new(usize::MAX));
        let member = |leads: bool| {
            // Prepared by the thread that uses it: the pages are there, and near to it, before the clock starts.
            let mut data = prepare();
            let (begun, mut parts) = (Instant::now(), Vec::<Part>::new());
            loop {
                if leads && parts.len() >= 2 * self.loops.len() && begun.elapsed() >= self.least {
                    end.store(parts.len(), Ordering::Relaxed);
                }
                // Beyond it all see the same end: one that the leader sets later is that of a later repetition.
                barrier.wait();
                if parts.len() >= end.load(Ordering::Relaxed) {
                    return parts;
                }
                let start = Instant::now();
                let units = work(&self.loops[parts.len() % self.loops.len()], &mut data);
                parts.push((start, Instant::now(), units));
            }
        };
        // As many members as threads: each waits for all others, so that no thread has two of them.
        let of_threads: Vec<Vec<Part>> = self.pool.map(0..self.pool.threads(), |index| member(index == 0));
        let repetitions = 0..of_threads[0].len();
        repetitions.map(|index| together(of_threads.iter().map(|parts| parts[index]))).fold(0.0, f64::max)
    }
}

/// Units per second of a repetition, from its threads' parts.
fn together(parts: impl Iterator<Item = Part>) -> f64 {
    let whole = parts.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1), a.2 + b.2));
    // No clock here ticks in less than a nanosecond; without the bound a coarse one could give infinity.
    whole.map_or(0.0, |(start, end, units)| units / (end - start).as_secs_f64().max(1e-9))
}

/// Three arrays, changed like hidden weights and their two moments.
struct Streams {
    places: usize,
    arrays: [Vec<f32>; 3],
}

impl Streams {
    fn new(places: usize) -> Self {
        Self { places, arrays: array::from_fn(|_| vec![0.5; places + 1024]) }
    }

    /// The array of this index from where it is aligned to cache lines, and a third of a page further than the one
    /// before: a load can be held up by an earlier store to the same place in another page.
    fn array(array: &mut [f32], index: usize, places: usize) -> &mut [f32] {
        let start = array.as_ptr().align_offset(64) + 336 * index;
        &mut array[start..start + places]
    }
}

/// Reads, changes and writes every value; gives the bytes moved.
#[inline(always)]
fn memory(Streams { places, arrays: [hidden, mean, square] }: &mut Streams) -> f64 {
    let places = *places;
    let hidden = Streams::array(hidden, 0, places);
    let mean = Streams::array(mean, 1, places);
    let square = Streams::array(square, 2, places);
    for i in 0..places {
        mean[i] = 0.9 * mean[i] + 0.05;
        square[i] = 0.999 * square[i] + 0.0005;
        hidden[i] -= 1e-6 * mean[i];
    }
    places as f64 * BYTES_PER_PLACE
}

// In the next three loops, SETS results do not wait for each other, so that it is not the latency that is measured.
// An empty `black_box(())` after each of them keeps the compiler from vectorising over them instead of the lanes.

/// Popcounts of 512 bits, added up; gives the multiply-accumulates of +-1.
#[inline(always)]
fn popcount<const SETS: usize>(rounds: usize) -> f64 {
    let inputs = [[0x5a5a_0ff0_1234_8765_u64; 8]; STEPS];
    let weight: u64 = black_box(0x9e37_79b9_7f4a_7c15);
    let weights: [[u64; 8]; SETS] = array::from_fn(|set| array::from_fn(|lane| weight << (8 * set + lane)));
    let mut sums = [[0_u64; 8]; SETS];
    for _ in 0..rounds {
        // Unknown anew in each round: what it adds cannot be computed once for all of them.
        for input in black_box(&inputs) {
            for (sums, weights) in sums.iter_mut().zip(&weights) {
                for ((sum, weight), input) in sums.iter_mut().zip(weights).zip(input) {
                    *sum += u64::from((input ^ weight).count_ones());
                }
                black_box(());
            }
        }
    }
    for sums in sums {
        black_box(sums);
    }
    (rounds * STEPS * SETS) as f64 * MACS_PER_POPCOUNT
}

/// Values multiplied and added to, again and again; gives the multiply-accumulates.
#[inline(always)]
fn multiply_add<const SETS: usize, const LANES: usize>(rounds: usize) -> f64 {
    let (factor, addend) = black_box((0.75_f32, 0.25_f32));
    let mut values: [[f32; LANES]; SETS] = array::from_fn(|set| [set as f32 * addend; LANES]);
    for _ in 0..rounds * STEPS {
        for values in &mut values {
            for value in values {
                *value = *value * factor + addend;
            }
            black_box(());
        }
    }
    for values in values {
        black_box(values);
    }
    (rounds * STEPS * SETS * LANES) as f64
}

/// Sixteen lanes of a signed sum; aligned, for what crosses two lines of the cache takes twice as long to load.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Row([f32; 16]);

/// Tables of 24 KiB, and words whose bits name their rows.
struct Tables {
    rows: Box<[[Row; 32]; 12]>,
    words: [u64; STEPS],
}

impl Tables {
    fn new() -> Self {
        let word = |step: usize| (step as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self { rows: Box::new([[Row([0.5; 16]); 32]; 12]), words: array::from_fn(word) }
    }
}

/// Rows of all tables, added up, where one index serves `SETS` tables; gives the multiply-accumulates that they do.
#[inline(always)]
fn lookup<const SETS: usize>(Tables { rows, words }: &Tables, rounds: usize) -> f64 {
    let mut sums = [[0.0_f32; 16]; SETS];
    for _ in 0..rounds {
        for word in black_box(words) {
            let mut bits = *word;
            for tables in rows.chunks_exact(SETS) {
                let index = bits as usize % 32;
                for (sums, table) in sums.iter_mut().zip(tables) {
                    let Row(values) = &table[index];
                    for (sum, value) in sums.iter_mut().zip(values) {
                        *sum += value;
                    }
                    // And no gathering of values from several rows.
                    black_box(());
                }
                bits >>= 5;
            }
        }
    }
    for sums in sums {
        black_box(sums);
    }
    (rounds * STEPS * rows.len()) as f64 * MACS_PER_ROW
}

/// The four loops, compiled for one instruction set. Each gives the units of work that it did.
struct Loops {
    memory: fn(&mut Streams) -> f64,
    popcount: fn(rounds: usize) -> f64,
    multiply_add: fn(rounds: usize) -> f64,
    lookup: fn(&Tables, rounds: usize) -> f64,
}

impl Loops {
    /// Those for every instruction set that this machine has.
    fn available() -> Vec<Self> {
        let portable = Self {
            memory,
            popcount: popcount::<2>,
            multiply_add: multiply_add::<12, 4>,
            lookup: lookup::<2>,
        };
        #[allow(unused_mut)]
        let mut loops = vec![portable];
        #[cfg(target_arch = "x86_64")]
        {
            if Platform::Avx2.is_available() {
                loops.push(avx2());
            }
            if Platform::Avx512.is_available() {
                loops.push(avx512());
            }
        }
        loops
    }
}

/// Compiles the loops with `$features`; the numbers are the sets of popcount, the sets and lanes of multiply_add, and
/// the sets of lookup: as many as there are registers for.
#[cfg(target_arch = "x86_64")]
macro_rules! loops_with {
    ($name:ident, $features:literal, $popcount:literal, [$sets:literal, $lanes:literal], $lookup:literal) => {
        fn $name() -> Loops {
            #[target_feature(enable = $features)]
            fn memory(streams: &mut Streams) -> f64 {
                super::ceilings::memory(streams)
            }
            #[target_feature(enable = $features)]
            fn popcount(rounds: usize) -> f64 {
                super::ceilings::popcount::<$popcount>(rounds)
            }
            #[target_feature(enable = $features)]
            fn multiply_add(rounds: usize) -> f64 {
                super::ceilings::multiply_add::<$sets, $lanes>(rounds)
            }
            #[target_feature(enable = $features)]
            fn lookup(tables: &Tables, rounds: usize) -> f64 {
                super::ceilings::lookup::<$lookup>(tables, rounds)
            }
            Loops {
                // SAFETY (all): reached only through `Loops::available`, which checks that the machine has the
                // features; the functions themselves are safe code.
                memory: |streams| unsafe { memory(streams) },
                popcount: |rounds| unsafe { popcount(rounds) },
                multiply_add: |rounds| unsafe { multiply_add(rounds) },
                lookup: |tables, rounds| unsafe { lookup(tables, rounds) },
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
loops_with!(avx2, "avx2,popcnt,bmi1,bmi2", 2, [12, 8], 4);
#[cfg(target_arch = "x86_64")]
loops_with!(
    avx512,
    "avx2,popcnt,bmi1,bmi2,avx512f,avx512vl,avx512bw,avx512dq,avx512vpopcntdq",
    8,
    [20, 16],
    12
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ceiling_is_a_positive_number() {
        for threads in [1, 2] {
            let ceilings = measure_with(&Pool::new(threads).unwrap(), 0.002);
            let Ceilings { memory_gb_per_s, popcount_tmac_per_s, multiply_add_gmac_per_s, lookup_gmac_per_s } =
                ceilings;
            for rate in [memory_gb_per_s, popcount_tmac_per_s, multiply_add_gmac_per_s, lookup_gmac_per_s] {
                assert!(rate.is_finite() && rate > 0.0, "{ceilings:?}");
            }
        }
    }

    #[test]
    fn a_repetition_lasts_from_the_first_start_to_the_last_end() {
        let start = Instant::now();
        let after = |seconds: f64| start + Duration::from_secs_f64(seconds);
        let rate = together([(after(1.0), after(3.0), 10.0), (after(2.0), after(5.0), 6.0)].into_iter());
        assert!((rate - 4.0).abs() < 1e-6, "16 units in 4 s, not {rate} per second");
    }
}
