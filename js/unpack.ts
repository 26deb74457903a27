// The engine's module as it ships: packed, in a small module that puts it back. How is said in
// xtask/src/pack.rs.

interface Unpacker {
  readonly memory: WebAssembly.Memory;
  /** Where it puts the module. */
  readonly start: WebAssembly.Global<'i32'>;
  /** Gives the end of the module. */
  unpack(): number;
}

/** The engine's module, compiled. */
export async function unpack(packed: ArrayBuffer): Promise<WebAssembly.Module> {
  const { instance } = await WebAssembly.instantiate(packed);
  const { memory, start, unpack } = instance.exports as unknown as Unpacker;
  return WebAssembly.compile(new Uint8Array(memory.buffer, start.value, unpack() - start.value));
}
