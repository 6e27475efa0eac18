/** A stream as it arrived, latin-1. */
export type Chunks = readonly string[];

function joinedAt(chunks: Chunks, i: number): Chunks {
  return [...chunks.slice(0, i), chunks[i]! + chunks[i + 1]!, ...chunks.slice(i + 2)];
}

function without(chunks: Chunks, i: number, from: number, to: number): Chunks {
  const rest = chunks[i]!.slice(0, from) + chunks[i]!.slice(to);
  return [...chunks.slice(0, i), ...(rest === "" ? [] : [rest]), ...chunks.slice(i + 1)];
}

/** Everything that is simpler by one step, with the largest steps first. */
function* simpler(chunks: Chunks): Generator<Chunks> {
  for (let i = 0; i < chunks.length; i++) yield [...chunks.slice(0, i), ...chunks.slice(i + 1)];
  if (chunks.length > 2) yield [chunks.join("")];
  for (let i = 0; i + 1 < chunks.length; i++) yield joinedAt(chunks, i);
  for (let i = 0; i < chunks.length; i++) {
    const length = chunks[i]!.length;
    for (let size = length >> 1; size >= 1; size >>= 1) {
      for (let from = 0; from + size <= length; from += size) yield without(chunks, i, from, from + size);
    }
  }
}

/** The smallest stream found for which `fails` is still true. `fails` is called at most `trials` times. */
export function minimise(chunks: Chunks, fails: (chunks: Chunks) => boolean, trials = 3000): Chunks {
  let best = chunks;
  let left = trials;
  for (let progress = true; progress && left > 0;) {
    progress = false;
    for (const candidate of simpler(best)) {
      if (left-- <= 0) break;
      if (candidate.length === 0 || !fails(candidate)) continue;
      best = candidate;
      progress = true;
      break;
    }
  }
  return best;
}
