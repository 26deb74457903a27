// The cells of one film: values that open an editor, and the button that deletes.
import { memo } from 'react';
import type { Column } from '../columns.ts';
import { countRender } from '../count-renders.ts';
import type { Report } from '../faults.ts';
import { Icon } from '../icons.tsx';
import { MARK_LABELS, type Mark } from '../marks.ts';
import type { Film, FilmUpdate } from '../schema.ts';
import { CellEditor } from './cell-editor.tsx';

/** What cells can do. */
export interface CellActions {
  /** The focus has come to a cell. */
  readonly enter: (id: string, column: string) => void;
  readonly edit: (id: string, column: string) => void;
  /** Editing is over, and the focus is elsewhere. */
  readonly leave: () => void;
  /** Editing is over, and the focus belongs to the cell. */
  readonly close: (id: string, column: string) => void;
  readonly save: (film: Film, change: FilmUpdate) => void;
  readonly remove: (film: Film) => void;
  readonly report: Report;
}

interface FilmCellsProps {
  readonly film: Film;
  readonly columns: readonly Column[];
  readonly mark: Mark | undefined;
  /** The column that is the tab stop, if it is in this row. */
  readonly stop: string | null;
  /** Whether the tab stop is the value or an editor for it. */
  readonly focus: 'value' | 'editor';
  readonly actions: CellActions;
}

/** Renders when one of its properties is another object: films that did not change never are. */
export const FilmCells = memo(function FilmCells(props: FilmCellsProps) {
  const { film, columns, mark, stop, focus, actions } = props;
  const renders = countRender(film.id);
  return (
    <>
      {columns.map((column) => (
        <td key={column.key} className={`${column.key} ${column.kind}`}>
          {stop === column.key && focus === 'editor' ? (
            <CellEditor {...{ column, film, actions }} />
          ) : (
            <Value {...{ column, film, actions, mark, stop }} />
          )}
        </td>
      ))}
      <td className="delete" data-renders={renders}>
        <button
          type="button"
          className="icon-button"
          data-column="delete"
          tabIndex={stop === 'delete' ? 0 : -1}
          aria-label={`Delete ${film.title}`}
          title="Delete"
          onFocus={() => actions.enter(film.id, 'delete')}
          onClick={() => actions.remove(film)}
        >
          <Icon name="bin" />
        </button>
      </td>
    </>
  );
});

interface ValueProps extends Pick<FilmCellsProps, 'film' | 'actions' | 'mark' | 'stop'> {
  readonly column: Column;
}

function Value({ column, film, actions, mark, stop }: ValueProps) {
  const { key, label } = column;
  const text = column.show(film);
  const shownMark = key === 'title' ? mark : undefined;
  const words = shownMark ? `, ${MARK_LABELS[shownMark].toLowerCase()}` : '';
  return (
    <button
      type="button"
      className="value"
      data-column={key}
      tabIndex={stop === key ? 0 : -1}
      aria-label={`${label}: ${text || 'none'}${words}`}
      title={key === 'title' || key === 'director' ? text : undefined}
      onFocus={() => actions.enter(film.id, key)}
      onClick={() => actions.edit(film.id, key)}
    >
      {shownMark && <span className="mark" data-mark={shownMark} title={MARK_LABELS[shownMark]} />}
      <span className="text">{text || <span className="none">{'\u2013'}</span>}</span>
    </button>
  );
}
