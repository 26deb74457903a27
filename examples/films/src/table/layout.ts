// How much of a film the width of the window has room for.
import { useSyncExternalStore } from 'react';
import { type Column, type ColumnKey, columns } from '../columns.ts';

/** A table with all columns, with some, or a list of cards. */
export type Layout = 'wide' | 'medium' | 'cards';

const queries = {
  cards: globalThis.matchMedia?.('(max-width: 719px)'),
  medium: globalThis.matchMedia?.('(max-width: 1079px)'),
};

/** The layout for the window as it is. */
export function useLayout(): Layout {
  return useSyncExternalStore(subscribe, currentLayout);
}

function currentLayout(): Layout {
  if (queries.cards?.matches) return 'cards';
  return queries.medium?.matches ? 'medium' : 'wide';
}

function subscribe(listener: () => void): () => void {
  const lists = Object.values(queries);
  for (const list of lists) list?.addEventListener('change', listener);
  return () => {
    for (const list of lists) list?.removeEventListener('change', listener);
  };
}

const LEFT_OUT: readonly ColumnKey[] = ['mpaaRating', 'rottenTomatoesRating'];
const fewer = columns.filter(({ key }) => !LEFT_OUT.includes(key));

/** The columns that are shown; the same list each time. */
export const columnsIn: Readonly<Record<Layout, readonly Column[]>> = {
  wide: columns,
  medium: fewer,
  cards: fewer,
};

/** The height of a row in pixels; the style sheet has the same numbers. */
export const rowHeight: Readonly<Record<Layout, number>> = { wide: 44, medium: 44, cards: 108 };

/** The height of the header in pixels; cards have none. */
export const headerHeight: Readonly<Record<Layout, number>> = { wide: 42, medium: 42, cards: 0 };
