import type { UpdateContext } from "../context.ts";

/** The result of reading the saved state. */
export interface KeptState {
  /** Why it could not be verified to its last byte; undefined if it was. */
  readonly unverified?: string | undefined;
  /** Why it is not complete. */
  readonly error?: unknown;
}

/** Reads the saved state, and takes the VM's run state from it. */
export function keepState(context: UpdateContext): KeptState {
  const { source, state } = context.ready;
  try {
    const unverified = state.keep(source.completed);
    context.takeSavedRunState();
    return { unverified };
  } catch (error) {
    return { error };
  }
}
