//! How much a parser allocates at most at one time.

use std::cell::Cell;

/// What a parser may have allocated at one time: `factor` bytes for each byte of input, and `constant` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Bytes per byte of input.
    pub factor: u64,
    /// Bytes whatever the input is: buffers for reading, tables that are made once.
    pub constant: u64,
}

thread_local! {
    static PEAK_SHARE: Cell<f64> = const { Cell::new(0.0) };
}

/// The largest share of its allowance that a parser took on this thread so far; 1: all of it.
pub fn peak_share() -> f64 {
    PEAK_SHARE.get()
}

impl Allowance {
    /// What `parse` makes of an input of `bytes` bytes.
    ///
    /// # Panics
    /// If it allocates more than it may. Only this thread's allocations count.
    pub(crate) fn within<T>(&self, bytes: usize, parse: impl FnOnce() -> T) -> T {
        let allowed = self.factor * bytes as u64 + self.constant;
        let mut parsed = None;
        let peak = allocation_counter::measure(|| parsed = Some(parse())).bytes_max;
        PEAK_SHARE.set(PEAK_SHARE.get().max(peak as f64 / allowed as f64));
        assert!(
            peak <= allowed,
            "{peak} bytes were allocated at one time for {bytes} bytes of input; {allowed} are allowed ({} for each \
             byte of input and {})",
            self.factor,
            self.constant
        );
        parsed.expect("the closure was run")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWANCE: Allowance = Allowance { factor: 2, constant: 100 };

    #[test]
    fn what_is_given_back_does_not_count() {
        let parse = || (0..100_u8).map(|byte| vec![byte; 110].len()).sum::<usize>();
        assert_eq!(ALLOWANCE.within(5, parse), 11_000);
    }

    #[test]
    #[should_panic(expected = "111 bytes were allocated at one time for 5 bytes of input; 110 are allowed")]
    fn one_byte_too_many_is_told() {
        ALLOWANCE.within(5, || vec![1_u8; 111]);
    }
}
