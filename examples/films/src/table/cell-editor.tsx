// Edits one value in its cell: Enter saves, Escape does not, and leaving the cell saves too.
import { type KeyboardEvent, useId, useRef, useState } from 'react';
import type { Column } from '../columns.ts';
import type { Film } from '../schema.ts';
import type { CellActions } from './film-cells.tsx';

interface CellEditorProps {
  readonly column: Column;
  readonly film: Film;
  readonly actions: CellActions;
}

/** See the head of the file. */
export function CellEditor({ column, film, actions }: CellEditorProps) {
  const id = useId();
  const [text, setText] = useState(() => column.toInput(film));
  const [fault, setFault] = useState<string | null>(null);
  // Removing a focused input blurs it in some browsers; that must not save a second time.
  const isOver = useRef(false);

  /** Saves what was changed; false where the text is no value of this column. */
  const save = (): boolean => {
    const parsed = column.parse(text);
    if ('fault' in parsed) {
      setFault(parsed.fault);
      return false;
    }
    isOver.current = true;
    if (text !== column.toInput(film)) actions.save(film, parsed.change);
    return true;
  };
  const close = () => {
    isOver.current = true;
    actions.close(film.id, column.key);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    // An input method uses the same keys for its own choices.
    if (event.nativeEvent.isComposing) return;
    if (event.key === 'Enter' && save()) close();
    if (event.key === 'Escape') close();
    if (event.key === 'Enter' || event.key === 'Escape') event.preventDefault();
  };
  const onBlur = () => {
    if (isOver.current) return;
    if (!save()) {
      isOver.current = true;
      const reason = new Error(`"${text}" is not a value for ${column.label}.`);
      actions.report(`"${film.title}" was left as it was`, reason);
    }
    actions.leave();
  };

  return (
    <span className="editor">
      <input
        ref={focusAndSelect}
        type={column.kind === 'date' ? 'date' : 'text'}
        inputMode={column.kind === 'number' ? 'decimal' : undefined}
        list={column.choices}
        value={text}
        autoComplete="off"
        aria-label={`${column.label} of ${film.title}`}
        aria-invalid={fault !== null}
        aria-describedby={fault === null ? undefined : id}
        onChange={({ target }) => {
          setText(target.value);
          setFault(null);
        }}
        onKeyDown={onKeyDown}
        onBlur={onBlur}
      />
      {fault !== null && (
        <span id={id} className="fault" role="alert">
          {fault}
        </span>
      )}
    </span>
  );
}

/** As a ref: once, when the input appears. */
function focusAndSelect(input: HTMLInputElement | null): void {
  input?.focus({ preventScroll: true });
  if (input?.type === 'text') input.select();
}
