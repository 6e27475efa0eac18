/** The end of a chain. */
export const NO_LINK: i32 = -1;

/** A link is its key's hash, its number, and the next link. */
const AT_NUMBER: i32 = 1;
const AT_NEXT: i32 = 2;
const LINK: i32 = 3;
/** A power of two. */
const FIRST_HEADS: i32 = 16;

/**
 * Numbers by hashes of their keys, which are not kept: whoever asks compares them. So it takes 16 bytes for each, where a `Map` of
 * strings to numbers takes as many beside the strings and has to have these made.
 */
@final
export class HashChains {
  /** The first link of each hash's lower bits, or NO_LINK. */
  private heads: StaticArray<i32> = emptyHeads(FIRST_HEADS);
  private readonly links: i32[] = [];

  add(hash: u32, number: i32): void {
    const links = this.links;
    if (links.length >= this.heads.length * LINK) this.grow();
    links.push(<i32>hash);
    links.push(number);
    links.push(NO_LINK);
    this.enter(links.length - LINK);
  }

  /** A link of a key that has this hash, or NO_LINK. */
  first(hash: u32): i32 {
    return this.from(this.heads[this.headOf(hash)], hash);
  }

  /** The link behind this one, of the same hash, or NO_LINK. */
  behind(link: i32): i32 {
    return this.from(this.links[link + AT_NEXT], <u32>this.links[link]);
  }

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
