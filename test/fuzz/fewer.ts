/** Removes from a failing list everything that is not needed for `fails`, many items at a time first. */
export async function fewer<T>(all: readonly T[], fails: (some: T[]) => boolean | Promise<boolean>): Promise<T[]> {
  let left = [...all];
  for (let size = left.length >> 1; size >= 1; size >>= 1) {
    for (let at = 0; at < left.length;) {
      const some = left.toSpliced(at, size);
      if (await fails(some)) left = some;
      else at += size;
    }
  }
  return left;
}
