// The last thing that went wrong, as the page shows it.
import type { HolmError } from 'holm';
import { createContext, use } from 'react';
import { asHolmError } from './use-opening.ts';

/** Something that did not work. */
export interface Fault {
  /** What was tried: `Could not save the film`. */
  readonly what: string;
  readonly error: HolmError;
  readonly at: number;
}

/** Shows a fault. */
export type Report = (what: string, thrown: unknown) => void;

/** Makes a fault of what was thrown. */
export function faultOf(what: string, thrown: unknown): Fault {
  return { what, error: asHolmError(thrown), at: Date.now() };
}

/** How components below the page report. */
export const ReportContext = createContext<Report>((what, thrown) => {
  throw new Error(what, { cause: thrown });
});

/** How this component reports. */
export function useReport(): Report {
  return use(ReportContext);
}
