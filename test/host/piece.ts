import { readFile } from "node:fs/promises";
import asc from "assemblyscript/asc";
import { inRoot } from "../../tools/paths.ts";

/** A piece of assembly/ that is compiled alone, with memory of its own for inputs. */
export class Piece {
  private readonly memory: WebAssembly.Memory;
  /** The first byte after everything that the module itself uses. */
  readonly free: number;

  constructor(
    readonly exports: Record<string, (...args: number[]) => number>,
    memory: WebAssembly.Memory,
    pages: number,
  ) {
    this.memory = memory;
    this.free = memory.buffer.byteLength;
    memory.grow(pages);
  }

  write(pointer: number, bytes: Uint8Array): void {
    new Uint8Array(this.memory.buffer).set(bytes, pointer);
  }

  read(pointer: number, length: number): Buffer {
    return Buffer.from(this.memory.buffer.slice(pointer, pointer + length));
  }
}

/** Compiles AssemblyScript, which may import from "./assembly/…", to a module. Rejects if the compiler complains. */
export async function compileSource(source: string): Promise<WebAssembly.Module> {
  let binary: Uint8Array | undefined;
  const complaints: string[] = [];
  const { error } = await asc.main(
    // Without an abort function, a failed assertion is a trap.
    ["piece.ts", "-o", "piece.wasm", "-O3", "--runtime", "stub", "--use", "abort=", "--enable", "simd,bulk-memory"],
    {
      readFile: async (name) => {
        if (name === "piece.ts") return source;
        // The filter's own configuration would add its entry file.
        if (name === "asconfig.json") return null;
        return readFile(inRoot(name), "utf8").catch(() => null);
      },
      writeFile: (_name, contents) => {
        if (contents instanceof Uint8Array) binary = contents;
      },
      listFiles: () => [],
      stderr: { write: (chunk) => complaints.push(String(chunk)) },
    },
  );
  if (error || !binary) throw new Error(`the piece does not compile: ${complaints.join("")}`, { cause: error });
  return new WebAssembly.Module(binary as Uint8Array<ArrayBuffer>);
}

/** `compileSource`, instantiated, with `pages` pages of 64 KiB for the test's own use. */
export async function compilePiece(source: string, pages: number): Promise<Piece> {
  const instance = await WebAssembly.instantiate(await compileSource(source));
  const { memory, ...functions } = instance.exports;
  return new Piece(functions as unknown as Piece["exports"], memory as WebAssembly.Memory, pages);
}
