//! Small changes to an input, the same on every run.

/// A stream of changes: of the same seeds, always the same ones.
#[derive(Clone, Debug)]
pub struct Mutator {
    state: u64,
}

/// Numbers at the edge of what formats allow.
const EXTREMES: [u64; 10] = [
    0,
    1,
    0x7f,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0xffff_ffff_ffff_ffff,
];

/// The same for numbers written in digits, and what stands where a number should.
const WORDS: [&str; 14] = [
    "0",
    "-1",
    "1",
    "255",
    "65536",
    "4294967296",
    "1000000000000",
    "9223372036854775807",
    "18446744073709551616",
    "1e308",
    "-1e-308",
    "nan",
    "inf",
    "",
];

impl Mutator {
    /// The stream of number `seed`.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next random number (splitmix64).
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 where that is 0.
    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    /// `input` with one to four changes; pieces of `other` come into it.
    pub fn change(&mut self, input: &[u8], other: &[u8]) -> Vec<u8> {
        let mut bytes = input.to_vec();
        for _ in 0..1 + self.below(4) {
            self.change_once(&mut bytes, other);
        }
        bytes
    }

    fn change_once(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        let at = self.below(bytes.len() + 1);
        let length = self.below(16).min(bytes.len() - at);
        match self.below(8) {
            0 | 1 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << self.below(8);
                }
            }
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..at + length)),
            4 => {
                let copied = bytes[at..at + length].to_vec();
                bytes.splice(at..at, copied);
            }
            5 => {
                let from = self.below(other.len() + 1);
                let length = self.below(64).min(other.len() - from);
                let end = at + length.min(bytes.len() - at);
                bytes.splice(at..end, other[from..from + length].iter().copied());
            }
            6 => {
                let (extreme, size) = (EXTREMES[self.below(EXTREMES.len())], 1 << self.below(4));
                let (little, big) = (extreme.to_le_bytes(), extreme.to_be_bytes());
                let number = if self.below(2) == 0 { &little[..size] } else { &big[8 - size..] };
                bytes.splice(at..(at + size).min(bytes.len()), number.iter().copied());
            }
            _ => self.change_digits(bytes, at),
        }
    }

    /// Another number in place of the next one in digits after `from`.
    fn change_digits(&mut self, bytes: &mut Vec<u8>, from: usize) {
        let Some(start) = bytes[from..].iter().position(u8::is_ascii_digit) else { return };
        let start = from + start;
        let digits = bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let word = WORDS[self.below(WORDS.len())];
        bytes.splice(start..start + digits, word.bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_changes_and_always_the_same() {
        let of = |seed| {
            let mut mutator = Mutator::new(seed);
            (0..200).map(|_| mutator.change(b"size = 12", b"other")).collect::<Vec<_>>()
        };
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
        let different = of(1).iter().filter(|changed| *changed != b"size = 12").count();
        assert!(different > 180, "{different} of 200 are other inputs");
        assert!(of(1).iter().any(|changed| changed.ends_with(b"1000000000000")));
        // An empty input is one as well.
        (0..200).for_each(|_| drop(Mutator::new(3).change(&[], &[])));
    }
}
