/**
 * The state after `state` of a generator of random numbers (Numerical Recipes' constants). It is not a good one, and no secret:
 * only its upper bits are to be used, for what may be chosen in any way. Begin with any number.
 */
// @ts-ignore: decorator
@inline
export function nextChance(state: u32): u32 {
  return state * 1664525 + 1013904223;
}
