/**
 * A transform of the AssemblyScript compiler that keeps the optimiser from writing these functions into the places that call them, of
 * which there are many: 57 of the allocator, and 33 of what asks for the time. Calling them makes the module 6,400 bytes smaller.
 * None is called for each message that goes a short way, except for sizes of five digits or more, where that takes no time that can
 * be told.
 */
const CALLED = [
  "~lib/rt/tlsf/__alloc",
  "~lib/staticarray/StaticArray<~lib/string/String>#__uset",
  "~lib/string/String.UTF8.byteLength",
  "~lib/util/hash/HASH<u32>",
  "assembly/bytes/block-table/BlockTable#nextBlock",
  "assembly/bytes/budget/setBounds",
  "assembly/bytes/json-values/isInteger",
  "assembly/bytes/json/JsonScanner#digits",
  "assembly/bytes/json/JsonScanner#fail",
  "assembly/bytes/json/JsonScanner#literal",
  "assembly/bytes/linear-memory/gapBehind",
  "assembly/bytes/linear-memory/hasFreeBlock",
  "assembly/connection/callback-time/askNow",
  "assembly/connection/holdings/ownBytes",
  "assembly/connection/plain-judgement/unpickedEnd",
  "assembly/connection/shedding/isInVain",
  "assembly/nats/plain-size/readLongSize",
  "assembly/nats/quote/writeHex",
  "assembly/nats/words/firstOf",
];

/** Binaryen's pass, whose argument is a function's name. */
const PASS = "no-inline";

export default class CalledFunctions {
  /** The compiler has put its `binaryen` on the prototype. */
  afterCompile(module) {
    const { binaryen } = this;
    for (const name of CALLED) {
      if (!module.getFunction(name))
        throw new Error(`The filter no longer has ${name}: find out what it is called now.`);
      binaryen.setPassArgument(PASS, name);
      module.runPasses([PASS]);
    }
    binaryen.setPassArgument(PASS, null);
  }
}
