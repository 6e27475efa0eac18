import { ByteRun } from "../bytes/byte-run";
import { equalBytes } from "../bytes/compare";
import { GOLDEN_32 } from "../bytes/golden-ratio";
import { Words } from "../bytes/words";
import { Tokens } from "../nats/subject";
import { NONE } from "./none";

const FIRST_SLOTS: i32 = 16;

/** One node of the tree, as i32 fields in one array: a node is a prefix of tokens that some subject has. */
export const enum Node {
  PARENT = 0,
  TOKEN_HASH = 1,
  TOKEN_OFFSET = 2,
  TOKEN_LENGTH = 3,
  /** The child for the token '*'. */
  STAR = 4,
  /** The owner's: its first entry that ends here. */
  ENTRY = 5,
  /** The owner's: its first entry that ends with '>' behind here. */
  GREATER_ENTRY = 6,
  /** The first child with a literal token. The others follow by NEXT_SIBLING, for the search for overlaps. */
  FIRST_CHILD = 7,
  NEXT_SIBLING = 8,
  /** The first child whose token only begins with a wildcard (`*a`), with the others behind it in the same way. */
  FIRST_ODD = 9,
  STRIDE = 10,
}

/**
 * Subjects as one tree of tokens, which is walked without regard to how many there are: children are found in one hash table over
 * (node, token).
 */
@unmanaged
export class TokenTree {
  protected readonly nodes: Words = new Words();
  private nodeCount: i32 = 0;
  /** Texts of subjects, in which those of the nodes' tokens lie, and whatever else is kept beside them. */
  protected readonly texts: ByteRun = new ByteRun();
  /** Open addressing; 0 is free, else node + 1. */
  private table: usize = heap.alloc((<usize>FIRST_SLOTS) << 2);
  private mask: i32 = FIRST_SLOTS - 1;
  /** Some subject has a token that only begins with a wildcard (`*a`). */
  hasOdd: bool = false;

  constructor() {
    memory.fill(this.table, 0, (<usize>FIRST_SLOTS) << 2);
    this.addNode(NONE, 0, 0, 0);
  }

  /** Gives back all memory of the tree, but not the object's own. */
  protected destroyTree(): void {
    this.nodes.destroy();
    this.texts.destroy();
    heap.free(this.table);
  }

  /** Gives back memory that the present nodes do not need. */
  protected trimTree(): void {
    this.nodes.trim(this.nodeCount * Node.STRIDE);
    this.texts.trim();
  }

  /**
   * Has the node a child whose token is not '*'? If not, a walk ends without a look at the next token, so that its answer holds
   * whatever that is (`Tokens.looked`). NONE is -1, all bits, so that the two together are NONE only if both are.
   */
  // @ts-ignore: decorator
  @inline
  protected hasChild(node: i32): bool {
    const at = node * Node.STRIDE;
    return (this.nodes.get(at + Node.FIRST_CHILD) & this.nodes.get(at + Node.FIRST_ODD)) != NONE;
  }

  /** The child of `node` whose token is these bytes, with this `quickHash`, or NONE. */
  protected child(node: i32, pointer: usize, length: i32, hash: u32): i32 {
    let slot = slotOf(node, hash) & this.mask;
    while (true) {
      const candidate = load<i32>(this.table + ((<usize>slot) << 2)) - 1;
      if (candidate < 0) return NONE;
      const at = candidate * Node.STRIDE;
      if (
        this.nodes.get(at + Node.TOKEN_HASH) == <i32>hash &&
        this.nodes.get(at + Node.PARENT) == node &&
        this.nodes.get(at + Node.TOKEN_LENGTH) == length &&
        equalBytes(this.texts.pointer + <usize>this.nodes.get(at + Node.TOKEN_OFFSET), pointer, length)
      ) {
        return candidate;
      }
      slot = (slot + 1) & this.mask;
    }
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
    const made = this.addNode(node, hash, text + <i32>(pointer - tokens.subject), length);
    const isOdd = tokens.beginsWithWildcard(index);
    if (isOdd) this.hasOdd = true;
    const row = node * Node.STRIDE + (isOdd ? Node.FIRST_ODD : Node.FIRST_CHILD);
    this.nodes.set(made * Node.STRIDE + Node.NEXT_SIBLING, this.nodes.get(row));
    this.nodes.set(row, made);
    if (this.nodeCount * 2 > this.mask + 1) this.rehash();
    else this.enter(made);
    return made;
  }

  /** The child of `node` for the token '*', made if there is none. */
  protected starOf(node: i32): i32 {
    const known = this.nodes.get(node * Node.STRIDE + Node.STAR);
    if (known != NONE) return known;
    const made = this.addNode(NONE, 0, 0, 0);
    this.nodes.set(node * Node.STRIDE + Node.STAR, made);
    return made;
  }

  private addNode(parent: i32, hash: u32, offset: i32, length: i32): i32 {
    const node = this.nodeCount++;
    this.nodes.reserve(this.nodeCount * Node.STRIDE);
    const at = node * Node.STRIDE;
    this.nodes.set(at + Node.PARENT, parent);
    this.nodes.set(at + Node.TOKEN_HASH, <i32>hash);
    this.nodes.set(at + Node.TOKEN_OFFSET, offset);
    this.nodes.set(at + Node.TOKEN_LENGTH, length);
    for (let field: i32 = Node.STAR; field < Node.STRIDE; field++) this.nodes.set(at + field, NONE);
    return node;
  }

  private enter(node: i32): void {
    let slot = slotOf(
      this.nodes.get(node * Node.STRIDE + Node.PARENT),
      <u32>this.nodes.get(node * Node.STRIDE + Node.TOKEN_HASH),
    );
    slot &= this.mask;
    while (load<i32>(this.table + ((<usize>slot) << 2)) != 0) slot = (slot + 1) & this.mask;
    store<i32>(this.table + ((<usize>slot) << 2), node + 1);
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
function slotOf(node: i32, hash: u32): i32 {
  return (<i32>((hash ^ (<u32>node * GOLDEN_32)) >> 1)) & 0x7fffffff;
}
