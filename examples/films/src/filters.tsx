// The filters, how many films they leave, and the order where the table has no header.
import { type KeyboardEvent, useEffect, useId, useState } from 'react';
import { type ColumnKey, columns } from './columns.ts';
import { choiceFor, type Facets } from './facets.ts';
import { Icon } from './icons.tsx';
import type { Layout } from './table/layout.ts';
import { isFiltered, unfiltered, type View } from './view.ts';

interface FiltersProps {
  readonly view: View;
  readonly facets: Facets;
  readonly found: number;
  /** Whether the films have come. */
  readonly isCounted: boolean;
  readonly layout: Layout;
  readonly onView: (view: View) => void;
}

const RATINGS = [9, 8, 7, 6, 5, 4];

/** See the head of the file. */
export function Filters({ view, facets, found, isCounted, layout, onView }: FiltersProps) {
  const id = useId();
  return (
    <search className="filters" aria-label="Films">
      <div className="field">
        <label htmlFor={`${id}genre`}>Genre</label>
        <select
          id={`${id}genre`}
          name="genre"
          value={view.genre}
          onChange={({ target }) => onView({ ...view, genre: target.value })}
        >
          <option value="">All genres</option>
          {facets.genres.map((genre) => (
            <option key={genre} value={genre}>
              {genre}
            </option>
          ))}
        </select>
      </div>
      <DirectorFilter {...{ view, onView }} directors={facets.directors} />
      <div className="field">
        <label htmlFor={`${id}rating`}>IMDb rating</label>
        <select
          id={`${id}rating`}
          name="rating"
          value={view.rating}
          onChange={({ target }) => onView({ ...view, rating: Number(target.value) })}
        >
          <option value="0">Any rating</option>
          {RATINGS.map((rating) => (
            <option key={rating} value={rating}>
              {rating} and higher
            </option>
          ))}
        </select>
      </div>
      {layout === 'cards' && <Order {...{ view, onView }} />}
      <p className="found">
        <output aria-live="polite">{isCounted && countOf(found, facets.total)}</output>
        {isFiltered(view) && (
          <button type="button" className="quiet" onClick={() => onView(unfiltered(view))}>
            Clear filters
          </button>
        )}
      </p>
    </search>
  );
}

function countOf(found: number, total: number): string {
  const all = total.toLocaleString('en-US');
  if (found === total) return total === 1 ? '1 film' : `${all} films`;
  return `${found.toLocaleString('en-US')} of ${all} films`;
}

interface DirectorProps extends Pick<FiltersProps, 'view' | 'onView'> {
  readonly directors: readonly string[];
}

/** Filters as soon as the text is a director; Enter, or leaving, takes the nearest one. */
function DirectorFilter({ view, directors, onView }: DirectorProps) {
  const id = useId();
  const [text, setText] = useState(view.director);
  useEffect(() => setText(view.director), [view.director]);
  const take = (director: string) => {
    if (director !== view.director) onView({ ...view, director });
  };
  const change = (typed: string) => {
    setText(typed);
    if (typed === '' || directors.includes(typed)) take(typed);
  };
  const settle = () => {
    const choice = text.trim() === '' ? '' : (choiceFor(text, directors) ?? view.director);
    setText(choice);
    take(choice);
  };
  const onKeyDown = ({ key }: KeyboardEvent) => {
    if (key === 'Enter') settle();
    if (key === 'Escape') change('');
  };
  const isUnknown = text.trim() !== '' && choiceFor(text, directors) === undefined;
  return (
    <div className="field director">
      <label htmlFor={id}>Director</label>
      <input
        id={id}
        name="director"
        list="directors"
        placeholder="All directors"
        autoComplete="off"
        value={text}
        aria-invalid={isUnknown}
        aria-describedby={`${id}hint`}
        onChange={({ target }) => change(target.value)}
        onKeyDown={onKeyDown}
        onBlur={settle}
      />
      <span id={`${id}hint`} className="hint" aria-live="polite">
        {isUnknown && 'No director has this name'}
      </span>
    </div>
  );
}

function Order({ view, onView }: Pick<FiltersProps, 'view' | 'onView'>) {
  const id = useId();
  const isUp = view.direction === 'asc';
  return (
    <div className="field order">
      <label htmlFor={id}>Sort by</label>
      <span className="joined">
        <select
          id={id}
          name="sort"
          value={view.sortBy}
          onChange={({ target }) => onView({ ...view, sortBy: target.value as ColumnKey })}
        >
          {columns.map(({ key, label }) => (
            <option key={key} value={key}>
              {label}
            </option>
          ))}
        </select>
        <button
          type="button"
          aria-label={isUp ? 'Ascending; change to descending' : 'Descending; change to ascending'}
          onClick={() => onView({ ...view, direction: isUp ? 'desc' : 'asc' })}
        >
          <Icon name={isUp ? 'up' : 'down'} />
        </button>
      </span>
    </div>
  );
}
