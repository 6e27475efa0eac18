/**
 * A transform of the AssemblyScript compiler that does not write how long the block of a constant string is. The compiler writes
 * this before each object (src/program.ts, `createBuffer`), for an allocator that frees it or lets it grow. A constant string is
 * neither freed (std/assembly/rt/itcms.ts, `free`) nor grown. The buffer of a constant array may grow, so it keeps its length:
 * `__renew` asks for it. Without the length there are only zeros before a string, and these need not be in the module. So each
 * string is one data segment instead of two, and all 550 of them are 4 KiB less.
 */
export default class StaticStrings {
  /** The compiler hands over its `program` before it writes any string. */
  afterInitialize({ stringInstance, OBJECTInstance }) {
    const { createBuffer } = stringInstance;
    stringInstance.createBuffer = (bytes) => {
      const buffer = createBuffer.call(stringInstance, bytes);
      const written = OBJECTInstance.writeField("mmInfo", 0, buffer, 0);
      if (!written)
        throw new Error("The compiler no longer has mmInfo: find out where it writes a block's length now.");
      return buffer;
    };
  }
}
