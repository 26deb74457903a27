// The form for a new film. It begins with what the filters ask for, so that the film is seen.
import { type FormEvent, useId, useState } from 'react';
import { type ColumnKey, columnOf } from '../columns.ts';
import { useReport } from '../faults.ts';
import type { FilmsDatabase, FilmUpdate } from '../schema.ts';
import type { View } from '../view.ts';
import { Dialog } from './dialog.tsx';

interface AddFilmProps {
  readonly db: FilmsDatabase;
  readonly view: View;
  readonly onAdded: (id: string) => void;
  readonly onClose: () => void;
}

const FIELDS = [
  'title',
  'director',
  'majorGenre',
  'releaseDate',
  'mpaaRating',
  'imdbRating',
] as const satisfies readonly ColumnKey[];

type Faults = Partial<Record<ColumnKey, string>>;

/** See the head of the file. */
export function AddFilm({ db, view, onAdded, onClose }: AddFilmProps) {
  const report = useReport();
  const [faults, setFaults] = useState<Faults>({});
  const first: Partial<Record<ColumnKey, string>> = {
    director: view.director,
    majorGenre: view.genre,
  };
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const { film, found } = readForm(new FormData(event.currentTarget));
    setFaults(found);
    if (film.title === undefined || Object.keys(found).length > 0) return;
    const { title } = film;
    const write = db.mutate.films.insert({ ...film, title });
    write.saved.catch((error) => report(`"${title}" could not be added`, error));
    onAdded(write.id);
    onClose();
  };
  return (
    <Dialog title="Add a film" shape="box" onClose={onClose}>
      <form onSubmit={submit} noValidate>
        <div className="fields">
          {FIELDS.map((key) => (
            <FormField key={key} name={key} first={first[key] ?? ''} fault={faults[key]} />
          ))}
        </div>
        <div className="buttons">
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="primary">
            Add film
          </button>
        </div>
      </form>
    </Dialog>
  );
}

interface FormFieldProps {
  readonly name: ColumnKey;
  readonly first: string;
  readonly fault: string | undefined;
}

function FormField({ name, first, fault }: FormFieldProps) {
  const id = useId();
  const { label, kind, choices } = columnOf(name);
  return (
    <div className={`field ${name}`}>
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        name={name}
        type={kind === 'date' ? 'date' : 'text'}
        inputMode={kind === 'number' ? 'decimal' : undefined}
        list={choices}
        defaultValue={first}
        autoComplete="off"
        required={name === 'title'}
        data-first={name === 'title' || undefined}
        aria-invalid={fault !== undefined}
        aria-describedby={`${id}fault`}
      />
      <span id={`${id}fault`} className="hint" role="alert">
        {fault}
      </span>
    </div>
  );
}

/** What the form holds as a film, and the faults of what is none. */
function readForm(form: FormData): { readonly film: FilmUpdate; readonly found: Faults } {
  let film: FilmUpdate = {};
  const found: Faults = {};
  for (const key of FIELDS) {
    const parsed = columnOf(key).parse(String(form.get(key) ?? ''));
    if ('fault' in parsed) found[key] = parsed.fault;
    else film = { ...film, ...parsed.change };
  }
  return { film, found };
}
