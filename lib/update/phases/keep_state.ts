import type { UpdateContext } from "../context.ts";

/** What is known of a state that was read, or why it could not be. */
export interface KeptState {
  /** Why it cannot be verified to its last byte; undefined if it was. */
  readonly doubt?: string | undefined;
  /** Why it is not whole. */
  readonly error?: unknown;
}

/** Reads the saved state, and takes the VM's run state from it. */
export function keepState(context: UpdateContext): KeptState {
  const { source, state } = context.ready;
  try {
    const doubt = state.keep(source.completed);
    context.takeSavedRunState();
    return { doubt };
  } catch (error) {
    return { error };
  }
}
