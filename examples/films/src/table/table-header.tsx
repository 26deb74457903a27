// The header: each column's button sorts by it, and a second click turns the order round.
import type { Column } from '../columns.ts';
import { Icon } from '../icons.tsx';
import type { View } from '../view.ts';

interface TableHeaderProps {
  readonly columns: readonly Column[];
  readonly view: View;
  readonly onView: (view: View) => void;
}

/** See the head of the file. */
export function TableHeader({ columns, view, onView }: TableHeaderProps) {
  const sort = ({ key, firstDirection }: Column) => {
    const other = view.direction === 'asc' ? 'desc' : 'asc';
    onView({ ...view, sortBy: key, direction: view.sortBy === key ? other : firstDirection });
  };
  return (
    <thead>
      <tr aria-rowindex={1}>
        {columns.map((column) => {
          const isSorted = view.sortBy === column.key;
          const order = view.direction === 'asc' ? 'ascending' : 'descending';
          return (
            <th
              key={column.key}
              scope="col"
              className={column.kind}
              aria-sort={isSorted ? order : 'none'}
            >
              <button type="button" data-sort={column.key} onClick={() => sort(column)}>
                {column.label}
                {isSorted && <Icon name={view.direction === 'asc' ? 'up' : 'down'} />}
              </button>
            </th>
          );
        })}
        <th scope="col">
          <span className="unseen">Delete</span>
        </th>
      </tr>
    </thead>
  );
}
