// Counts how often each row is rendered, for tests: only with `?count-renders` in the address.
import { settings } from './settings.ts';

const rendersById = new Map<string, number>();

/** Counts one more; nothing where nobody counts. */
export function countRender(id: string): number | undefined {
  if (!settings.countsRenders) return undefined;
  const renders = (rendersById.get(id) ?? 0) + 1;
  rendersById.set(id, renders);
  return renders;
}
