/**
 * 2^32 and 2^64 divided by the golden ratio, odd. A number that is multiplied by one of them spreads over all bits, of which the
 * upper ones are the best mixed: numbers given in a row lie apart (Knuth, The Art of Computer Programming, 6.4). Nobody is kept by
 * that from choosing numbers that fall together: hash.ts is for what clients choose.
 */
export const GOLDEN_32: u32 = 0x9e3779b1;
export const GOLDEN_64: u64 = 0x9e3779b97f4a7c15;
