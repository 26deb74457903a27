// Asks before a film is deleted.
import { useReport } from '../faults.ts';
import type { Film, FilmsDatabase } from '../schema.ts';
import { Dialog } from './dialog.tsx';

interface DeleteFilmProps {
  readonly db: FilmsDatabase;
  readonly film: Film;
  readonly onClose: () => void;
}

/** See the head of the file. */
export function DeleteFilm({ db, film, onClose }: DeleteFilmProps) {
  const report = useReport();
  const remove = () => {
    const write = db.mutate.films.delete(film.id);
    write.saved.catch((error) => report(`"${film.title}" could not be deleted`, error));
    onClose();
  };
  return (
    <Dialog title="Delete this film?" shape="box" onClose={onClose}>
      <p>
        <strong>{film.title}</strong> will be gone here and on all other devices. This cannot be
        undone.
      </p>
      <div className="buttons">
        <button type="button" data-first onClick={onClose}>
          Cancel
        </button>
        <button type="button" className="danger" data-confirm="delete" onClick={remove}>
          Delete
        </button>
      </div>
    </Dialog>
  );
}
