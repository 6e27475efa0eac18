import { ByteRun } from "../bytes/byte-run";
import { equalBytes } from "../bytes/compare";
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
  TOKEN_HASH = 0,
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
 * Bits of a slot in the hash table that are the hash's own, so that hardly a node is looked at in vain. The others hold more nodes
 * than the longest configuration has tokens (config.ts).
 */
const TAG: u32 = 0xff000000;

/**
 * Subjects as one tree of tokens, which is walked without regard to how many there are: children are found in one hash table over
 * (node, token).
 */
@unmanaged
export class TokenTree {
  protected readonly nodes: Words = new Words();
  protected readonly links: Words = new Words();
  private nodeCount: i32 = 0;
  /** Texts of subjects, in which those of the nodes' tokens lie, and whatever else is kept beside them. */
  protected readonly texts: ByteRun = new ByteRun();
  /** Open addressing; 0 is free, else node + 1 with a TAG. */
  private table: usize = heap.alloc((<usize>FIRST_SLOTS) << 2);
  private mask: i32 = FIRST_SLOTS - 1;
  /** Some subject has a token that only begins with a wildcard (`*a`). */
  hasOdd: bool = false;

  constructor() {
    memory.fill(this.table, 0, (<usize>FIRST_SLOTS) << 2);
    this.addNode(NONE, 0, 0);
  }

  /** Gives back all memory of the tree, but not the object's own. */
  protected destroyTree(): void {
    this.nodes.destroy();
    this.links.destroy();
    this.texts.destroy();
    heap.free(this.table);
  }

  /** Gives back memory that the present nodes do not need. */
  protected trimTree(): void {
    this.nodes.trim(this.nodeCount * Node.STRIDE);
    this.links.trim(this.nodeCount * Link.STRIDE);
    this.texts.trim();
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

  /** The child of `node` whose token is these bytes, with this `quickHash`, or NONE. */
  protected child(node: i32, pointer: usize, length: i32, hash: u32): i32 {
    const key = keyOf(node, hash);
    let slot = <i32>(key & (<u32>this.mask));
    while (true) {
      const found = load<u32>(this.table + ((<usize>slot) << 2));
      if (found == 0) return NONE;
      const candidate = <i32>(found & ~TAG) - 1;
      const at = candidate * Node.STRIDE;
      if (
        ((found ^ key) & TAG) == 0 &&
        this.nodes.get(at + Node.PARENT) == node &&
        (this.nodes.get(at + Node.LENGTH) & ~HAS_CHILD) == length &&
        equalBytes(this.token(at, length), pointer, length)
      ) {
        return candidate;
      }
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
    const hash = tokens.hash(index);
    const known = this.child(node, pointer, length, hash);
    if (known != NONE) return known;
    const made = this.addNode(node, hash, length);
    if (length <= INLINE_BYTES) memory.copy(this.token(made * Node.STRIDE, length), pointer, <usize>length);
    else this.nodes.set(made * Node.STRIDE + Node.TOKEN, text + <i32>(pointer - tokens.subject));
    const isOdd = tokens.beginsWithWildcard(index);
    if (isOdd) this.hasOdd = true;
    const row = node * Link.STRIDE + (isOdd ? Link.FIRST_ODD : Link.FIRST_CHILD);
    this.links.set(made * Link.STRIDE + Link.NEXT_SIBLING, this.links.get(row));
    this.links.set(row, made);
    const lengthAt = node * Node.STRIDE + Node.LENGTH;
    this.nodes.set(lengthAt, this.nodes.get(lengthAt) | HAS_CHILD);
    if (this.nodeCount * 2 > this.mask + 1) this.rehash();
    else this.enter(made);
    return made;
  }

  /** The child of `node` for the token '*', made if there is none. */
  protected starOf(node: i32): i32 {
    const known = this.star(node);
    if (known != NONE) return known;
    const made = this.addNode(NONE, 0, 0);
    this.nodes.set(node * Node.STRIDE + Node.STAR, made);
    return made;
  }

  private addNode(parent: i32, hash: u32, length: i32): i32 {
    const node = this.nodeCount++;
    this.nodes.reserve(this.nodeCount * Node.STRIDE);
    const at = node * Node.STRIDE;
    this.nodes.set(at + Node.PARENT, parent);
    this.nodes.set(at + Node.LENGTH, length);
    for (let field: i32 = Node.STAR; field < Node.TOKEN; field++) this.nodes.set(at + field, NONE);
    this.links.reserve(this.nodeCount * Link.STRIDE);
    const linksAt = node * Link.STRIDE;
    this.links.set(linksAt + Link.TOKEN_HASH, <i32>hash);
    for (let field: i32 = Link.ENTRY; field < Link.STRIDE; field++) this.links.set(linksAt + field, NONE);
    return node;
  }

  private enter(node: i32): void {
    const key = keyOf(this.nodes.get(node * Node.STRIDE + Node.PARENT), <u32>this.link(node, Link.TOKEN_HASH));
    let slot = <i32>(key & (<u32>this.mask));
    while (load<i32>(this.table + ((<usize>slot) << 2)) != 0) slot = (slot + 1) & this.mask;
    store<u32>(this.table + ((<usize>slot) << 2), (key & TAG) | (<u32>(node + 1)));
  }

  private rehash(): void {
    const size = (this.mask + 1) * 2;
    heap.free(this.table);
    this.table = heap.alloc((<usize>size) << 2);
    memory.fill(this.table, 0, (<usize>size) << 2);
    this.mask = size - 1;
    for (let node = 0; node < this.nodeCount; node++) {
      if (this.nodes.get(node * Node.STRIDE + Node.PARENT) != NONE) this.enter(node);
    }
  }
}

// @ts-ignore: decorator
@inline
function keyOf(node: i32, hash: u32): u32 {
  return hash ^ (<u32>node * GOLDEN_32);
}
