// A modal dialog of the browser: it keeps the focus, Escape closes it, and the focus goes back.
// What carries `data-first` has the focus at first.
import { type ReactNode, useEffect, useId, useLayoutEffect, useRef } from 'react';
import { Icon } from '../icons.tsx';

interface DialogProps {
  readonly title: string;
  readonly shape: 'box' | 'drawer';
  readonly onClose: () => void;
  readonly children: ReactNode;
}

/** See the head of the file. */
export function Dialog({ title, shape, onClose, children }: DialogProps) {
  const id = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const { current } = dialog;
    current?.showModal();
    current?.querySelector<HTMLElement>('[data-first]')?.focus();
    return () => current?.close();
  }, []);
  useEffect(() => {
    const { current } = dialog;
    const onCancel = (event: Event) => {
      event.preventDefault();
      onClose();
    };
    current?.addEventListener('cancel', onCancel);
    return () => current?.removeEventListener('cancel', onCancel);
  }, [onClose]);
  return (
    <dialog ref={dialog} className={shape} aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        <button type="button" className="icon-button" aria-label="Close" onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      {children}
    </dialog>
  );
}
