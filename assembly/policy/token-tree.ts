import { ByteRun } from "../bytes/byte-run";
import { equalBytes } from "../bytes/compare";
import { copyShort } from "../bytes/copy";
import { GOLDEN_32 } from "../bytes/golden-ratio";
import { Words } from "../bytes/words";
import { Tokens } from "../nats/subject";
import { NONE } from "./none";

const FIRST_SLOTS: i32 = 16;

/**
 * What a walk needs of one node, as i32 fields. A node is a prefix of tokens that some subject has. It is half a line of the
 * processor's cache (`Words`): under a large policy a walk waits for memory more than for anything else.
 */
export const enum Node {
  PARENT = 0,
  /** Its token's, with HAS_CHILD. */
  LENGTH = 1,
  /** The child for the token '*'. */
  STAR = 2,
  /** The owner's: the rule of an entry that ends here. */
  RULE = 3,
  /** The owner's: the rule of an entry that ends with '>' behind here. */
  GREATER_RULE = 4,
  /** The token's bytes up to the end of the node, or, of more than INLINE_BYTES, their offset in `texts`. */
  TOKEN = 5,
  STRIDE = 8,
}

/** The other fields of a node, which lie apart, so that no walk fetches them. */
export const enum Link {
  /** The node's key (`keyBelow`). */
  KEY = 0,
  /** The owner's: its first entry that ends here. */
  ENTRY = 1,
  /** The owner's: its first entry that ends with '>' behind here. */
  GREATER_ENTRY = 2,
  /** The first child with a literal token. The others follow by NEXT_SIBLING, for the search for overlaps. */
  FIRST_CHILD = 3,
  NEXT_SIBLING = 4,
  /** The first child whose token only begins with a wildcard (`*a`), with the others behind it in the same way. */
  FIRST_ODD = 5,
  STRIDE = 6,
}

/** A bit of Node.LENGTH: the node has a child whose token is not '*'. */
const HAS_CHILD: i32 = 1 << 30;
/** Bytes of the longest token that lies in its node. */
const INLINE_BYTES: i32 = 12;
/**
 * Bits of a slot that are the key's own, so that hardly a node is looked at in vain. The others hold more nodes than the longest
 * configuration has tokens (config.ts).
 */
const TAG: u32 = 0xff000000;
/** At least so many slots of the sealed tree for each node, so that what no node has seldom meets one. */
const SPARSENESS: i32 = 4;
/** The slots of a group. */
const GROUP_SHIFT: i32 = 6;
const GROUP_SLOTS: i32 = 1 << GROUP_SHIFT;
/** A group has a bit for each of its slots that is taken, u64, and the number of the first node in them, i32. */
const GROUP_TAKEN: usize = 0;
const GROUP_FIRST: usize = 8;
const GROUP_BYTES_SHIFT: usize = 4;

/** The root and its key. */
export const ROOT: i32 = 0;
export const ROOT_KEY: u32 = 0;
/** In place of a token's hash, of '*'. */
const STAR_HASH: u32 = GOLDEN_32;

/**
 * Subjects as one tree of tokens, which is walked without regard to how many there are. Children are found by hash, first in a table
 * with a number for each slot. When all is there, the tree is sealed: its nodes are put into the order of their slots, of which
 * then a bit each suffices, and the number of a node is that of the bits before its own. Under 10,000 rules these are 16 KiB
 * instead of 128, so that a step of a walk waits for the memory of the node alone.
 */
@unmanaged
export class TokenTree {
  protected nodes: Words = new Words();
  protected links: Words = new Words();
  private nodeCount: i32 = 0;
  /** Texts of subjects, in which those of the nodes' tokens lie, and whatever else is kept beside them. */
  protected readonly texts: ByteRun = new ByteRun();
  /** Open addressing; 0 is free, else node + 1 with a TAG. There until the tree is sealed. */
  private table: usize = newTable(FIRST_SLOTS);
  /** The slots of the sealed tree. */
  private groups: usize = 0;
  private mask: i32 = FIRST_SLOTS - 1;
  /** Some subject has a token that only begins with a wildcard (`*a`). */
  hasOdd: bool = false;

  constructor() {
    this.addNode(NONE, ROOT_KEY, 0);
  }

  /** Gives back all memory of the tree, but not the object's own. */
  protected destroyTree(): void {
    this.nodes.destroy();
    this.links.destroy();
    this.texts.destroy();
    heap.free(this.table);
    heap.free(this.groups);
  }

  /**
   * To be called once, when all has been added and before anything is looked for. Gives back memory that the present nodes do not
   * need.
   */
  protected sealTree(): void {
    let slots = GROUP_SLOTS;
    while (slots < this.nodeCount * SPARSENESS) slots <<= 1;
    if (slots > this.mask + 1) this.rehash(slots);
    const numbers = new Words();
    numbers.reserve(this.nodeCount);
    this.makeGroups(numbers);
    heap.free(this.table);
    this.table = 0;
    // In the order in which the nodes were made, most of these numbers are near each other.
    for (let node = 0; node < this.nodeCount; node++) {
      renumber(this.nodes, node * Node.STRIDE + Node.PARENT, numbers);
      renumber(this.nodes, node * Node.STRIDE + Node.STAR, numbers);
      renumber(this.links, node * Link.STRIDE + Link.FIRST_CHILD, numbers);
      renumber(this.links, node * Link.STRIDE + Link.NEXT_SIBLING, numbers);
      renumber(this.links, node * Link.STRIDE + Link.FIRST_ODD, numbers);
    }
    this.nodes = this.reordered(this.nodes, Node.STRIDE, numbers);
    this.links = this.reordered(this.links, Link.STRIDE, numbers);
    numbers.destroy();
    this.texts.trim();
  }

  /** Leaves the future number of each node in `numbers`. */
  private makeGroups(numbers: Words): void {
    const slots = this.mask + 1;
    this.groups = heap.alloc((<usize>(slots >> GROUP_SHIFT)) << GROUP_BYTES_SHIFT);
    numbers.set(ROOT, ROOT);
    let next = ROOT + 1;
    for (let first = 0; first < slots; first += GROUP_SLOTS) {
      const group = this.groupOf(first);
      store<i32>(group, next, GROUP_FIRST);
      let taken: u64 = 0;
      for (let i = 0; i < GROUP_SLOTS; i++) {
        const found = load<u32>(this.table + ((<usize>(first + i)) << 2));
        if (found == 0) continue;
        taken |= (<u64>1) << i;
        numbers.set(nodeIn(found), next++);
      }
      store<u64>(group, taken, GROUP_TAKEN);
    }
    // The others are those of '*', which are in no slot.
    for (let node = ROOT + 1; node < this.nodeCount; node++) {
      if (this.nodes.get(node * Node.STRIDE + Node.PARENT) == NONE) numbers.set(node, next++);
    }
  }

  /** The rows of `words`, which it gives back, each at its node's future number. */
  private reordered(words: Words, stride: i32, numbers: Words): Words {
    const made = new Words();
    made.reserve(this.nodeCount * stride);
    for (let node = 0; node < this.nodeCount; node++) {
      const to = made.pointer + ((<usize>(numbers.get(node) * stride)) << 2);
      copyShort(to, words.pointer + ((<usize>(node * stride)) << 2), stride << 2);
    }
    words.destroy();
    return made;
  }

  // @ts-ignore: decorator
  @inline
  private groupOf(slot: i32): usize {
    return this.groups + ((<usize>(slot >> GROUP_SHIFT)) << GROUP_BYTES_SHIFT);
  }

  /** The child of a node for the token '*', or NONE. */
  // @ts-ignore: decorator
  @inline
  protected star(node: i32): i32 {
    return this.nodes.get(node * Node.STRIDE + Node.STAR);
  }

  /** A field of a node, of those that lie apart (`Link`). */
  // @ts-ignore: decorator
  @inline
  protected link(node: i32, field: i32): i32 {
    return this.links.get(node * Link.STRIDE + field);
  }

  /**
   * Has the node a child whose token is not '*'? If not, a walk ends without a look at the next token, so that its answer holds
   * whatever that is (`Tokens.looked`).
   */
  // @ts-ignore: decorator
  @inline
  protected hasChild(node: i32): bool {
    return (this.nodes.get(node * Node.STRIDE + Node.LENGTH) & HAS_CHILD) != 0;
  }

  /** The child of `node` in the sealed tree whose token is the one at `index` and whose key this is, or NONE. */
  protected child(node: i32, key: u32, tokens: Tokens, index: i32): i32 {
    let slot = <i32>(key & (<u32>this.mask));
    while (true) {
      const group = this.groupOf(slot);
      const taken = load<u64>(group, GROUP_TAKEN);
      const bit = (<u64>1) << (slot & (GROUP_SLOTS - 1));
      if ((taken & bit) == 0) return NONE;
      const candidate = load<i32>(group, GROUP_FIRST) + <i32>popcnt(taken & (bit - 1));
      if (this.isChild(candidate, node, tokens.pointer(index), tokens.length(index))) return candidate;
      slot = (slot + 1) & this.mask;
    }
  }

  /** The same of a node whose key is not at hand. */
  protected childOf(node: i32, tokens: Tokens, index: i32): i32 {
    return this.child(node, keyBelow(this.keyOf(node), tokens.hash(index)), tokens, index);
  }

  // @ts-ignore: decorator
  @inline
  private keyOf(node: i32): u32 {
    return <u32>this.link(node, Link.KEY);
  }

  // @ts-ignore: decorator
  @inline
  private isChild(candidate: i32, node: i32, pointer: usize, length: i32): bool {
    const at = candidate * Node.STRIDE;
    return (
      this.nodes.get(at + Node.PARENT) == node &&
      (this.nodes.get(at + Node.LENGTH) & ~HAS_CHILD) == length &&
      equalBytes(this.token(at, length), pointer, length)
    );
  }

  /** The `child` of a node in a tree that is not sealed. */
  private childYet(node: i32, key: u32, pointer: usize, length: i32): i32 {
    let slot = <i32>(key & (<u32>this.mask));
    while (true) {
      const found = load<u32>(this.table + ((<usize>slot) << 2));
      if (found == 0) return NONE;
      const candidate = nodeIn(found);
      if (((found ^ key) & TAG) == 0 && this.isChild(candidate, node, pointer, length)) return candidate;
      slot = (slot + 1) & this.mask;
    }
  }

  /** Where the token lies of the node whose fields begin at `at`. */
  // @ts-ignore: decorator
  @inline
  private token(at: i32, length: i32): usize {
    return length <= INLINE_BYTES
      ? this.nodes.pointer + ((<usize>(at + Node.TOKEN)) << 2)
      : this.texts.pointer + <usize>this.nodes.get(at + Node.TOKEN);
  }

  /**
   * The child of `node` for the token at `index` of the entry whose text begins at the offset `text`, made if there is none.
   */
  protected childOrNew(node: i32, tokens: Tokens, index: i32, text: i32): i32 {
    const pointer = tokens.pointer(index);
    const length = tokens.length(index);
    const key = keyBelow(this.keyOf(node), tokens.hash(index));
    const known = this.childYet(node, key, pointer, length);
    if (known != NONE) return known;
    const made = this.addNode(node, key, length);
    if (length <= INLINE_BYTES) memory.copy(this.token(made * Node.STRIDE, length), pointer, <usize>length);
    else this.nodes.set(made * Node.STRIDE + Node.TOKEN, text + <i32>(pointer - tokens.subject));
    const isOdd = tokens.beginsWithWildcard(index);
    if (isOdd) this.hasOdd = true;
    const row = node * Link.STRIDE + (isOdd ? Link.FIRST_ODD : Link.FIRST_CHILD);
    this.links.set(made * Link.STRIDE + Link.NEXT_SIBLING, this.links.get(row));
    this.links.set(row, made);
    const lengthAt = node * Node.STRIDE + Node.LENGTH;
    this.nodes.set(lengthAt, this.nodes.get(lengthAt) | HAS_CHILD);
    if (this.nodeCount * 2 > this.mask + 1) this.rehash((this.mask + 1) * 2);
    else this.enter(made);
    return made;
  }

  /** The child of `node` for the token '*', made if there is none. */
  protected starOf(node: i32): i32 {
    const known = this.star(node);
    if (known != NONE) return known;
    const made = this.addNode(NONE, keyBelowStar(this.keyOf(node)), 0);
    this.nodes.set(node * Node.STRIDE + Node.STAR, made);
    return made;
  }

  private addNode(parent: i32, key: u32, length: i32): i32 {
    const node = this.nodeCount++;
    this.nodes.reserve(this.nodeCount * Node.STRIDE);
    const at = node * Node.STRIDE;
    this.nodes.set(at + Node.PARENT, parent);
    this.nodes.set(at + Node.LENGTH, length);
    for (let field: i32 = Node.STAR; field < Node.TOKEN; field++) this.nodes.set(at + field, NONE);
    this.links.reserve(this.nodeCount * Link.STRIDE);
    const linksAt = node * Link.STRIDE;
    this.links.set(linksAt + Link.KEY, <i32>key);
    for (let field: i32 = Link.ENTRY; field < Link.STRIDE; field++) this.links.set(linksAt + field, NONE);
    return node;
  }

  private enter(node: i32): void {
    const key = this.keyOf(node);
    let slot = <i32>(key & (<u32>this.mask));
    while (load<i32>(this.table + ((<usize>slot) << 2)) != 0) slot = (slot + 1) & this.mask;
    store<u32>(this.table + ((<usize>slot) << 2), (key & TAG) | (<u32>(node + 1)));
  }

  private rehash(slots: i32): void {
    heap.free(this.table);
    this.table = newTable(slots);
    this.mask = slots - 1;
    for (let node = 0; node < this.nodeCount; node++) {
      if (this.nodes.get(node * Node.STRIDE + Node.PARENT) != NONE) this.enter(node);
    }
  }
}

function newTable(slots: i32): usize {
  const bytes = (<usize>slots) << 2;
  const table = heap.alloc(bytes);
  memory.fill(table, 0, bytes);
  return table;
}

/** The node in a slot that is taken. */
// @ts-ignore: decorator
@inline
function nodeIn(slot: u32): i32 {
  return <i32>(slot & ~TAG) - 1;
}

/** Puts its future number in place of a node's present one. */
// @ts-ignore: decorator
@inline
function renumber(words: Words, at: i32, numbers: Words): void {
  const node = words.get(at);
  if (node != NONE) words.set(at, numbers.get(node));
}

/**
 * The key of a node's child by the hash of its token. It follows from the tokens alone, so that a walk need not wait for the memory of
 * a node to find where the next one lies.
 */
// @ts-ignore: decorator
@inline
export function keyBelow(key: u32, hash: u32): u32 {
  return rotl<u32>(key * GOLDEN_32, 15) ^ hash;
}

/** The key of a node's child for the token '*'. */
// @ts-ignore: decorator
@inline
export function keyBelowStar(key: u32): u32 {
  return keyBelow(key, STAR_HASH);
}
