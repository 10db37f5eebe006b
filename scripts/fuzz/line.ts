/** What a worker of fuzz.ts says. */

import type { Taken } from "../../testing/meter.ts";
import type { Looked } from "../../testing/streams/fuzz_inspect.ts";

/** What a run came to. */
export type Ran = Looked & Taken & {
  /** Why it is none that may be. */
  readonly problem?: string | undefined;
};

/** What the worker says. */
export type FuzzLine =
  | { readonly begins: number }
  | { readonly run: number; readonly ran: Ran };

/**
 * The exit code of a worker that has left memory, or whose last run is to be made
 * again by itself: another one goes on.
 */
export const AGAIN = 75;
