// The documents of these tests: the real films of vega-datasets, and odd ones. Runs in the page
// and in Node, so that a test knows outside the browser what must be there.

/** All films, with the number of their row as id. */
export function filmsFrom(rows) {
  return rows.map((row, at) => ({
    id: String(at).padStart(4, '0'),
    title: String(row.Title ?? 'Untitled'),
    director: row.Director ?? null,
    genre: row['Major Genre'] ?? null,
    rating: row['IMDB Rating'] ?? null,
    votes: row['IMDB Votes'] ?? null,
    source: row,
  }));
}

/** Documents with values and names that plain JSON or plain objects do not keep. */
export function odds() {
  const hostile = '{"__proto__":{"admin":true},"constructor":1,"$":"bytes","v":"AAEC","":null}';
  return [
    {
      id: '__proto__',
      bytes: Uint8Array.of(0, 1, 127, 128, 255),
      json: JSON.parse(hostile),
      list: ['', 'constructor', '\u{1f3ac}', '\ufffd', '\u2028'],
      when: -1,
      mood: 'bad',
    },
    {
      id: 'constructor',
      bytes: new Uint8Array(70_000).map((_, at) => at * 7),
      json: [Uint8Array.of(9), { deep: { bytes: new Uint8Array(0) } }, 2 ** 53, -1e-300, 'x'],
      list: [],
      when: null,
      mood: 'good',
    },
  ];
}

/** A text that is the same for equal values, whatever the order of their members. */
export function textOf(value) {
  return JSON.stringify(value, (_key, inner) => {
    if (inner instanceof Uint8Array) return { bytes: [...inner] };
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/** SHA-256 of that text. */
export async function digestOf(value) {
  const bytes = new TextEncoder().encode(textOf(value));
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** How many documents each numbered write of the durability tests inserts. */
export const DOCUMENTS_PER_WRITE = 3;

/** The documents of write `n`: mostly small, some of many kilobytes. */
export function marksOf(n) {
  return Array.from({ length: DOCUMENTS_PER_WRITE }, (_, k) => {
    const length = n % 16 === 0 ? 20_000 + (n % 977) : (n * 7919) % 700;
    return { n, k, text: `${n}/${k} `.repeat(Math.ceil(length / 8)) };
  });
}
