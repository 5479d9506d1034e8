//! CRC-32C (Castagnoli), four bits at a time: 64 bytes of table, no hardware needed.

/// The remainders of four bits, reflected polynomial 0x82f63b78.
const REMAINDERS: [u32; 16] = {
    let mut table = [0; 16];
    let mut index = 0;
    while index < 16 {
        let (mut remainder, mut bit) = (index as u32, 0);
        while bit < 4 {
            remainder = (remainder >> 1) ^ if remainder & 1 == 1 { 0x82f6_3b78 } else { 0 };
            bit += 1;
        }
        table[index] = remainder;
        index += 1;
    }
    table
};

/// CRC-32C of `bytes`.
pub fn checksum(bytes: &[u8]) -> u32 {
    let four = |state: u32| (state >> 4) ^ REMAINDERS[(state & 15) as usize];
    !bytes.iter().fold(u32::MAX, |state, byte| four(four(state ^ u32::from(*byte))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_crc_32c() {
        // The check value of the catalogue of CRC algorithms, and test vectors of RFC 3720, B.4.
        assert_eq!(checksum(b"123456789"), 0xe306_9283);
        assert_eq!(checksum(&[0; 32]), 0x8a91_36aa);
        assert_eq!(checksum(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(checksum(&[]), 0);
    }
}
