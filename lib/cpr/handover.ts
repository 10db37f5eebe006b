/**
 * How CPR state gets over an exec (QEMU 11.1's protocol).
 *
 * ```
 * old   memfd QEMU_CPR_EXEC_STATE ◀ CPR state            close-on-exec
 *       …the migration completes…
 *       close-on-exec off: the memfd and every preserved descriptor
 *       execvp, QEMU_CPR_EXEC_STATE=<number of the memfd>
 *       it failed: close-on-exec on again, memfd closed
 * new   reads the variable, forgets it, reads the memfd from its start,
 *       close-on-exec on again, and only then makes its objects
 * ```
 *
 * Descriptors are open to a child only between the two last steps of the old
 * process, in which it forks nothing.
 *
 * @module
 */

import { execvp } from "../../ffi/exec.ts";
import { descriptorIsOpen, Fd, setCloexec } from "../../ffi/fd.ts";
import { createMemfd } from "../../ffi/memfd.ts";
import { CprError } from "./error.ts";
import { CprRegistry } from "./registry.ts";
import {
  type CprState,
  decodeCprState,
  decodeForeignCprState,
  encodeCprState,
  type ForeignCprState,
} from "./state.ts";

/** Names the environment variable and the memfd. */
export const CPR_EXEC_STATE = "QEMU_CPR_EXEC_STATE";

/** A table of 1024-byte names for every descriptor a process may have. */
const MAXIMUM_STATE_SIZE = 64 * 1024 * 1024;

/** The environment as the hand-over needs it; `Deno.env` is one. */
export interface Environment {
  get(name: string): string | undefined;
  delete(name: string): void;
  toObject(): Record<string, string>;
}

/** Writes a registry to a new memfd, which the caller owns. */
export function saveCprState(registry: CprRegistry): Fd {
  const memfd = createMemfd(CPR_EXEC_STATE);
  try {
    memfd.writeAll(encodeCprState(registry.toState()));
    return memfd;
  } catch (error) {
    memfd.close();
    throw error;
  }
}

/**
 * Executes a command in this process, handing over the preserved descriptors.
 * Does not return. If the exec fails, everything is as it was before.
 *
 * @throws {OsError} when the command cannot be executed
 */
export function execWithCprState(
  argv: readonly string[],
  registry: CprRegistry,
  memfd: Fd,
  environment: Environment = Deno.env,
): never {
  const survivors = [...registry.walk()].map((entry) => entry.descriptor);
  survivors.push(memfd.number);
  try {
    for (const descriptor of survivors) setCloexec(descriptor, false);
    return execvp(argv, {
      environment: {
        ...environment.toObject(),
        [CPR_EXEC_STATE]: String(memfd.number),
      },
    });
  } finally {
    for (const descriptor of survivors) setCloexec(descriptor, true);
  }
}

/**
 * Takes what the old process handed over; undefined where nothing was. The
 * variable is forgotten and the memfd closed: nothing of them is left.
 *
 * @throws {CprError} when the variable does not lead to CPR state
 * @throws {StreamError} when the state is torn or malformed
 */
export function takeCprState(
  environment: Environment = Deno.env,
): CprRegistry | undefined {
  const number = handedOver(environment);
  if (number === undefined) return undefined;
  environment.delete(CPR_EXEC_STATE);
  const state = readAndClose(number);
  // A table that names the memfd itself names what is closed by now.
  checkOpen(state);
  for (const { descriptor } of state.descriptors) setCloexec(descriptor, true);
  return CprRegistry.of(state);
}

function readAndClose(number: number): CprState {
  using memfd = Fd.adopt(number);
  return readCprState(memfd);
}

/**
 * The number of the memfd that the environment names; undefined without one.
 *
 * @throws {CprError} when it is not the number of an open descriptor
 */
export function handedOver(environment: Environment): number | undefined {
  const text = environment.get(CPR_EXEC_STATE);
  if (text === undefined) return undefined;
  const number = /^\d{1,9}$/.test(text) ? Number(text) : -1;
  if (number < 0 || !descriptorIsOpen(number)) {
    throw new CprError(
      "cpr-no-state",
      `Environment variable ${CPR_EXEC_STATE} is "${text}": ` +
        "no open descriptor has that number",
      { remedy: "A wrapper must pass the environment and descriptors on" },
    );
  }
  return number;
}

/** Reads CPR state from the start of a memfd, whatever its position. */
export function readCprState(memfd: Fd): CprState {
  return decodeCprState(bytesOf(memfd));
}

/** Likewise, for a program that is not this one. */
export function readForeignCprState(memfd: Fd): ForeignCprState {
  return decodeForeignCprState(bytesOf(memfd));
}

function bytesOf(memfd: Fd): Uint8Array {
  memfd.seek(0);
  return memfd.readAll(MAXIMUM_STATE_SIZE);
}

/**
 * Checks that every descriptor of a table is open, and none stands twice.
 *
 * @throws {CprError} naming the first that is not
 */
function checkOpen(state: CprState): void {
  const owners = new Map<number, string>();
  for (const { name, id, descriptor } of state.descriptors) {
    const owner = owners.get(descriptor);
    if (owner !== undefined) {
      throw new CprError(
        "cpr-shared-descriptor",
        `CPR state gives descriptor ${descriptor} to "${owner}" and "${name}"`,
      );
    }
    if (descriptor < 0 || !descriptorIsOpen(descriptor)) {
      throw new CprError(
        "cpr-not-open",
        `CPR state names descriptor ${descriptor} for "${name}" id ${id}: ` +
          "it is not open",
        { remedy: "A wrapper must not close or renumber descriptors" },
      );
    }
    owners.set(descriptor, name);
  }
}
