import type { ModuleOrder } from "./protocol.ts";
import type { ProcessContext } from "./process_context.ts";

/** The word that makes this program become another one in a VM's sandbox. */
export const SANDBOX_WORD = "run-confined";

/**
 * What is to run in a sandbox, as JSON in a memfd. The numbers are descriptors that
 * this program was given.
 */
export interface SandboxOrder {
  readonly context: ProcessContext;
  /** Whether it ends where it cannot be confined as the VM is. */
  readonly strict: boolean;
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Null where argv says it. */
  readonly executable: number | null;
  readonly cwd: number;
  /** In the order of entering. */
  readonly namespaces: readonly number[];
  /** Where the modules are to be found; null where argv says the program. */
  readonly moduleFolder: string | null;
  readonly modules: readonly ModuleOrder[];
}
