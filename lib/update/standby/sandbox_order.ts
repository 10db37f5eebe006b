import type { ModuleOrder } from "./protocol.ts";
import type { ProcessContext } from "./process_context.ts";

/** The internal subcommand that executes a program in a sandbox. */
export const SANDBOX_WORD = "run-confined";

/**
 * The input of that subcommand, as JSON in a memfd. The numbers are descriptors
 * that it inherits.
 */
export interface SandboxOrder {
  readonly context: ProcessContext;
  /** Whether to fail if the program cannot be confined like the VM. */
  readonly strict: boolean;
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Null for argv[0]. */
  readonly executable: number | null;
  readonly cwd: number;
  /** In the order in which they are entered. */
  readonly namespaces: readonly number[];
  /** For the modules of the running program; null for argv[0]. */
  readonly moduleFolder: string | null;
  readonly modules: readonly ModuleOrder[];
}
