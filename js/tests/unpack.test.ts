// The module as pages load it is the one that Node loads.
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { unpack } from '../unpack.ts';
import './built.ts';

const read = async (name: string) =>
  Uint8Array.from(await readFile(new URL(`../../dist/wasm/${name}`, import.meta.url)));

test('the module is unpacked byte for byte', async () => {
  const compile = WebAssembly.compile;
  let compiled: unknown;
  WebAssembly.compile = (bytes) => {
    compiled = Uint8Array.from(bytes as Uint8Array);
    return compile(bytes);
  };
  try {
    const packed = await read('holm_worker_bg.packed.wasm');
    await unpack(packed.buffer);
  } finally {
    WebAssembly.compile = compile;
  }
  expect(compiled).toEqual(await read('holm_worker_bg.wasm'));
});

test('what is no module is refused', async () => {
  await expect(unpack(new TextEncoder().encode('<!doctype html>').buffer)).rejects.toThrow();
});
