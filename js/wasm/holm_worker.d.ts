// What wasm-bindgen makes of the crate holm-worker; the build puts the real one into dist/wasm.

/** Loads and starts the module, once. */
export default function init(options?: {
  readonly module_or_path: Uint8Array<ArrayBuffer> | URL;
}): Promise<unknown>;

/** The engine with its driver. */
export class Host {
  constructor(post: (bytes: Uint8Array) => void, options: { readonly storage: 'auto' | 'memory' });
  /** Takes one message of the page; answers through `post`. */
  receive(bytes: Uint8Array): void;
  free(): void;
}
