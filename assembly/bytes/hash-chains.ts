/** The end of a chain. */
export const NO_LINK: i32 = -1;

/** A link is three i32: the hash of its key, its number, and the next link of its chain. */
const AT_NUMBER: i32 = 1;
const AT_NEXT: i32 = 2;
const LINK: i32 = 3;
/** Chains at first; always a power of two. */
const FIRST_HEADS: i32 = 16;

/**
 * Finds numbers by the hash of a key. Keys are not kept: the caller walks over all numbers of the hash (`first`, `behind`) and
 * compares the keys itself. So an entry takes 16 bytes, where a `Map` of strings takes as many beside the strings, which would
 * have to be made.
 */
@final
export class HashChains {
  /** The first link of each hash's lower bits, or NO_LINK. */
  private heads: StaticArray<i32> = emptyHeads(FIRST_HEADS);
  private readonly links: i32[] = [];

  /** Adds a number under the hash of its key, which may have others already. */
  add(hash: u32, number: i32): void {
    const links = this.links;
    if (links.length >= this.heads.length * LINK) this.grow();
    links.push(<i32>hash);
    links.push(number);
    links.push(NO_LINK);
    this.enter(links.length - LINK);
  }

  /** The first link of a key with this hash, that of the number added last, or NO_LINK. */
  first(hash: u32): i32 {
    return this.from(this.heads[this.headOf(hash)], hash);
  }

  /** The next link of the same hash, that of the number added before, or NO_LINK. */
  behind(link: i32): i32 {
    return this.from(this.links[link + AT_NEXT], <u32>this.links[link]);
  }

  /** The number of a link that `first` or `behind` answered. */
  number(link: i32): i32 {
    return this.links[link + AT_NUMBER];
  }

  private from(link: i32, hash: u32): i32 {
    const links = this.links;
    while (link != NO_LINK && links[link] != <i32>hash) link = links[link + AT_NEXT];
    return link;
  }

  private enter(link: i32): void {
    const head = this.headOf(<u32>this.links[link]);
    this.links[link + AT_NEXT] = this.heads[head];
    this.heads[head] = link;
  }

  private grow(): void {
    this.heads = emptyHeads(this.heads.length * 2);
    for (let link = 0; link < this.links.length; link += LINK) this.enter(link);
  }

  private headOf(hash: u32): i32 {
    return <i32>(hash & (<u32>(this.heads.length - 1)));
  }
}

function emptyHeads(count: i32): StaticArray<i32> {
  return new StaticArray<i32>(count).fill(NO_LINK);
}
