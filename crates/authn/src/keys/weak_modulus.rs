//! RSA moduli that can be factored because of how they were made (ROCA, CVE-2017-15361).
//!
//! In: a modulus. Out: whether it carries the fingerprint of Infineon's library: its primes are powers
//! of 65537 modulo every small prime, and so is their product. Called by [`super::jwk`] once per key.
//! M. Nemec et al., "The Return of Coppersmith's Attack", CCS 2017, §3.

/// The primes below 168, which divide the primorial used for every key size. A sound modulus passes
/// for a weak one about once in 2^60.
const PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103,
    107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];
const GENERATOR: u32 = 65537;

/// Whether `modulus`, big-endian, has the fingerprint.
pub(super) fn is_roca(modulus: &[u8]) -> bool {
    PRIMES.iter().all(|prime| is_power_of_generator(remainder(modulus, *prime), *prime))
}

fn remainder(number: &[u8], prime: u32) -> u32 {
    number.iter().fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime)
}

fn is_power_of_generator(residue: u32, prime: u32) -> bool {
    let step = GENERATOR % prime;
    let mut power = 1;
    // The order of any element is below the prime, so the loop ends.
    for _ in 0..prime {
        if power == residue {
            return true;
        }
        power = power * step % prime;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_of_the_generator_has_the_fingerprint_and_its_neighbor_has_not() {
        // 65537^4 = 0x0001_0004_0006_0004_0001
        let power = [1, 0, 4, 0, 6, 0, 4, 0, 1];
        assert!(is_roca(&power));
        let neighbor = [1, 0, 4, 0, 6, 0, 4, 0, 2];
        assert!(!is_roca(&neighbor));
    }
}
