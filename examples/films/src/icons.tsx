// The few drawings of the page. They are decoration: what they stand beside has words.
const PATHS = {
  add: 'M12 5v14M5 12h14',
  bin: 'M5 7h14M10 7V4.5h4V7M7 7l1 12.5h8L17 7M10.5 10.5v5.5M13.5 10.5v5.5',
  close: 'M6 6l12 12M18 6L6 18',
  up: 'M12 19V6M6.5 11.5L12 6l5.5 5.5',
  down: 'M12 5v13M6.5 12.5L12 18l5.5-5.5',
  device: 'M4 6h16v10H4zM9 20h6M12 16v4',
  outbox: 'M4 13l2.5-8h11L20 13v6H4zM4 13h5l1 2.5h4l1-2.5h5',
  alert: 'M12 4l9 16H3zM12 10v4.5M12 17.2v.3',
} as const;

/** One of the drawings, as large as the text. */
export function Icon({ name }: { readonly name: keyof typeof PATHS }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** The example's mark: an island and the tide. */
export function Logo() {
  return (
    <svg className="logo" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="8" />
      <path className="land" d="M7 19c3-7 7-9 10-9 4 0 7 4 8 9z" />
      <path className="tide" d="M6 23h20" />
    </svg>
  );
}
