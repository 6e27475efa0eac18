/** Bytes of a v128, which are looked at together. */
export const VECTOR_BYTES: usize = 16;
