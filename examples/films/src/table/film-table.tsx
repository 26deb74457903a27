// All films of a query as a grid. Only the rows in sight are in the document; each keeps its place
// on the row element, so that the cells of a film render only when the film, its mark or its focus
// changes.
import { defaultRangeExtractor, type Range, useVirtualizer } from '@tanstack/react-virtual';
import { useCallback, useEffect, useMemo, useRef } from 'react';
import { useReport } from '../faults.ts';
import type { Mark } from '../marks.ts';
import type { Film, FilmsDatabase, FilmUpdate } from '../schema.ts';
import type { View } from '../view.ts';
import { type CellActions, FilmCells } from './film-cells.tsx';
import { columnsIn, headerHeight, type Layout, rowHeight } from './layout.ts';
import { TableHeader } from './table-header.tsx';
import { useGrid } from './use-grid.ts';

interface FilmTableProps {
  readonly db: FilmsDatabase;
  readonly films: readonly Film[];
  readonly marks: ReadonlyMap<string, Mark>;
  readonly view: View;
  readonly layout: Layout;
  /** A film that was just added: it is gone to when it is among the films. */
  readonly newId: string | null;
  readonly onView: (view: View) => void;
  readonly onDelete: (film: Film) => void;
}

const OVERSCAN = 8;

/** See the head of the file. */
export function FilmTable(props: FilmTableProps) {
  const { db, films, marks, view, layout, newId, onView, onDelete } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const shown = columnsIn[layout];
  const ids = useMemo(() => films.map(({ id }) => id), [films]);
  const names = useMemo(() => [...shown.map(({ key }) => key), 'delete'], [shown]);
  const focusedRow = useRef(-1);
  const rows = useRows({ ids, layout, scroller, focusedRow });
  const grid = useGrid({
    ids,
    columns: names,
    container: scroller,
    scrollTo: (at) => rows.scrollToIndex(at),
    pageRows: () => Math.max(1, Math.floor((rows.scrollRect?.height ?? 0) / rowHeight[layout]) - 1),
  });
  focusedRow.current = grid.row;
  const { place, isEditing, goTo } = grid;
  const actions = useActions({ db, onDelete, grid });
  useNewFilm({ newId, ids, goTo, scrollTo: (at) => rows.scrollToIndex(at, { align: 'center' }) });
  useTopAfter(view, scroller);
  const items = rows.getVirtualItems();
  // Someone who tabs into the table comes to the cell they left, or to the first one in sight.
  const stopId = grid.row >= 0 ? place?.id : ids[items[0]?.index ?? 0];
  const stopColumn =
    grid.row >= 0 && names.includes(place?.column ?? '') ? place?.column : names[0];
  return (
    <div className="scroller" ref={scroller}>
      <table
        // biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: it is edited in place
        role="grid"
        aria-label="Films"
        aria-rowcount={films.length + 1}
        className={layout}
        onKeyDown={grid.onKeyDown}
      >
        {layout !== 'cards' && <TableHeader columns={shown} {...{ view, onView }} />}
        <tbody style={{ height: rows.getTotalSize() }}>
          {items.map(({ index, start }) => {
            const film = films[index];
            if (!film) return null;
            const stop = film.id === stopId ? (stopColumn ?? null) : null;
            return (
              <tr
                key={film.id}
                data-id={film.id}
                aria-rowindex={index + 2}
                style={{ transform: `translateY(${start - headerHeight[layout]}px)` }}
              >
                <FilmCells
                  film={film}
                  columns={shown}
                  mark={marks.get(film.id)}
                  stop={stop}
                  focus={stop !== null && isEditing ? 'editor' : 'value'}
                  actions={actions}
                />
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

interface RowsOptions {
  readonly ids: readonly string[];
  readonly layout: Layout;
  readonly scroller: React.RefObject<HTMLDivElement | null>;
  readonly focusedRow: React.RefObject<number>;
}

/** The rows in sight, and the one that has the focus wherever it is: an editor must not go away. */
function useRows({ ids, layout, scroller, focusedRow }: RowsOptions) {
  const rangeExtractor = useCallback(
    (range: Range) => {
      const inSight = defaultRangeExtractor(range);
      const row = focusedRow.current;
      if (row < 0 || row >= range.count || inSight.includes(row)) return inSight;
      return [...inSight, row].sort((a, b) => a - b);
    },
    [focusedRow],
  );
  const rows = useVirtualizer({
    count: ids.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight[layout],
    getItemKey: (at) => ids[at] ?? at,
    overscan: OVERSCAN,
    scrollMargin: headerHeight[layout],
    scrollPaddingStart: headerHeight[layout],
    rangeExtractor,
  });
  // Sizes are remembered by row, and another layout has others.
  // biome-ignore lint/correctness/useExhaustiveDependencies: when the layout changes
  useEffect(() => rows.measure(), [layout]);
  return rows;
}

interface ActionOptions {
  readonly db: FilmsDatabase;
  readonly onDelete: (film: Film) => void;
  readonly grid: ReturnType<typeof useGrid>;
}

/** What cells can do; the same object for as long as the database is. */
function useActions({ db, onDelete, grid }: ActionOptions): CellActions {
  const report = useReport();
  const { setPlace, setEditing, goTo } = grid;
  return useMemo(
    () => ({
      enter: (id: string, column: string) => {
        setPlace((old) => (old?.id === id && old.column === column ? old : { id, column }));
      },
      edit: (id: string, column: string) => {
        setPlace({ id, column });
        setEditing(true);
      },
      leave: () => setEditing(false),
      close: (id: string, column: string) => goTo({ id, column }),
      save: (film: Film, change: FilmUpdate) => {
        const write = db.mutate.films.update(film.id, change);
        write.saved.catch((error) => report(`"${film.title}" could not be saved`, error));
      },
      remove: onDelete,
      report,
    }),
    [db, onDelete, report, setPlace, setEditing, goTo],
  );
}

interface NewFilmOptions {
  readonly newId: string | null;
  readonly ids: readonly string[];
  readonly goTo: (place: { readonly id: string; readonly column: string }) => void;
  readonly scrollTo: (at: number) => void;
}

/** Goes to a film that was added, once, as soon as the query has it. */
function useNewFilm({ newId, ids, goTo, scrollTo }: NewFilmOptions) {
  const gone = useRef<string | null>(null);
  useEffect(() => {
    if (newId === null || gone.current === newId) return;
    const at = ids.indexOf(newId);
    if (at < 0) return;
    gone.current = newId;
    scrollTo(at);
    goTo({ id: newId, column: 'title' });
  });
}

/** Another view begins at its first film. */
function useTopAfter(view: View, scroller: React.RefObject<HTMLDivElement | null>) {
  // biome-ignore lint/correctness/useExhaustiveDependencies: when the view changes
  useEffect(() => {
    scroller.current?.scrollTo({ top: 0 });
  }, [view, scroller]);
}
