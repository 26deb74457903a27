// How much of the module one part of the engine is: the code of its functions, by the names that
// lie beside the module (`index:name` a line).
//
// An estimate. What was inlined counts for the function it went into, generic code for the part
// whose types it was made for. Constants and messages are not counted: nothing tells whose they
// are.

const HEADER_BYTES = 8;
/** The section that holds the bodies of functions. */
const CODE = 10;

/** `{ functions, bytes, rest }`: how many there are, their code, and the module without it. */
export function shareOf(isPart, module, names) {
  const { imported, bodies } = functionsOf(module);
  const lines = names.trim().split('\n');
  const nameOf = new Map(
    lines.map((line) => [Number.parseInt(line, 10), line.slice(line.indexOf(':') + 1)]),
  );
  const part = [];
  const rest = [];
  let kept = 0;
  bodies.forEach(([from, to], at) => {
    if (!isPart(nameOf.get(imported + at) ?? '')) return;
    part.push(module.subarray(from, to));
    rest.push(module.subarray(kept, from));
    kept = to;
  });
  rest.push(module.subarray(kept));
  return { functions: part.length, bytes: Buffer.concat(part), rest: Buffer.concat(rest) };
}

/** How many functions are imported, and where in the module the code of the others lies. */
function functionsOf(module) {
  const imports = WebAssembly.Module.imports(new WebAssembly.Module(module));
  const imported = imports.filter(({ kind }) => kind === 'function').length;
  const reader = { bytes: module, at: HEADER_BYTES };
  for (;;) {
    const id = reader.bytes[reader.at++];
    const length = varint(reader);
    if (id === CODE) return { imported, bodies: bodiesOf(reader) };
    reader.at += length;
  }
}

/** Where each body begins and ends. */
function bodiesOf(reader) {
  return Array.from({ length: varint(reader) }, () => {
    const length = varint(reader);
    const from = reader.at;
    reader.at += length;
    return [from, reader.at];
  });
}

function varint(reader) {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = reader.bytes[reader.at++];
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return value;
  }
}
