// Where the keyboard is in the table: one cell is the tab stop, the arrows move it, and a cell can
// be open for editing. Knows positions and keys, not what films are.
import {
  type KeyboardEvent,
  type RefObject,
  useCallback,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from 'react';

/** A cell: the id of its row and the name of its column. */
export interface Place {
  readonly id: string;
  readonly column: string;
}

interface Grid {
  /** The rows' ids, in order. */
  readonly ids: readonly string[];
  /** The columns' names, in order. */
  readonly columns: readonly string[];
  readonly container: RefObject<HTMLElement | null>;
  readonly scrollTo: (at: number) => void;
  /** How many rows a page is. */
  readonly pageRows: () => number;
}

/** See the head of the file. */
export function useGrid({ ids, columns, container, scrollTo, pageRows }: Grid) {
  const [place, setPlace] = useState<Place | null>(null);
  const [isEditing, setEditing] = useState(false);
  const wantsFocus = useRef(false);
  const rowById = useMemo(() => new Map(ids.map((id, at) => [id, at])), [ids]);
  const row = place === null ? -1 : (rowById.get(place.id) ?? -1);

  // After every rendering: the cell may only be there once its row was scrolled to.
  useLayoutEffect(() => {
    if (!wantsFocus.current || !place) return;
    const selector = `[data-id="${CSS.escape(place.id)}"] [data-column="${place.column}"]`;
    const cell = container.current?.querySelector<HTMLElement>(selector);
    if (!cell) return;
    wantsFocus.current = false;
    cell.focus({ preventScroll: true });
  });

  const goTo = useCallback((next: Place) => {
    wantsFocus.current = true;
    setPlace(next);
    setEditing(false);
  }, []);

  const onKeyDown = (event: KeyboardEvent) => {
    const column = (event.target as HTMLElement).dataset.column;
    if (!column || row < 0 || event.altKey || event.metaKey) return;
    const target = step(event.key, event.ctrlKey ? 'far' : 'near', {
      row,
      column: columns.indexOf(column),
      rows: ids.length,
      columns: columns.length,
      page: pageRows(),
    });
    if (!target) return;
    event.preventDefault();
    const id = ids[target.row];
    const name = columns[target.column];
    if (id === undefined || name === undefined) return;
    scrollTo(target.row);
    goTo({ id, column: name });
  };

  return { place, row, isEditing, setPlace, setEditing, goTo, onKeyDown };
}

interface Position {
  readonly row: number;
  readonly column: number;
}

interface Extent extends Position {
  readonly rows: number;
  readonly columns: number;
  readonly page: number;
}

/** Where a key leads; nothing if it is not a key of the grid. */
function step(key: string, reach: 'near' | 'far', now: Extent): Position | undefined {
  const { row, column, rows, columns, page } = now;
  const at = (nextRow: number, nextColumn: number) => ({
    row: Math.max(0, Math.min(rows - 1, nextRow)),
    column: Math.max(0, Math.min(columns - 1, nextColumn)),
  });
  switch (key) {
    case 'ArrowUp':
      return at(row - 1, column);
    case 'ArrowDown':
      return at(row + 1, column);
    case 'ArrowLeft':
      return at(row, column - 1);
    case 'ArrowRight':
      return at(row, column + 1);
    case 'PageUp':
      return at(row - page, column);
    case 'PageDown':
      return at(row + page, column);
    case 'Home':
      return at(reach === 'far' ? 0 : row, 0);
    case 'End':
      return at(reach === 'far' ? rows - 1 : row, columns - 1);
    default:
      return undefined;
  }
}
