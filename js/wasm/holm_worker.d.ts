// What wasm-bindgen makes of the crate holm-worker; the build puts the real one into dist/wasm.
import type { Platform } from '../platform.ts';

/** Starts the module, once. */
export function initSync(options: { readonly module: WebAssembly.Module }): unknown;

/** The engine with its driver. What a call or a callback throws means that it is lost. */
export class Host {
  constructor(post: (bytes: Uint8Array) => void, platform: Platform);
  /** Takes one message of the page; answers through `post`. */
  receive(bytes: Uint8Array): void;
  free(): void;
}
