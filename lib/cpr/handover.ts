/**
 * The hand-over of CPR state over an exec (QEMU 11.1's protocol).
 *
 * ```
 * old   memfd QEMU_CPR_EXEC_STATE ◀ CPR state            close-on-exec
 *       …the migration completes…
 *       close-on-exec off: the memfd and every preserved descriptor
 *       execvp, QEMU_CPR_EXEC_STATE=<number of the memfd>
 *       if it fails: close-on-exec on again, memfd closed
 * new   reads and deletes the variable, reads the memfd from its start,
 *       close-on-exec on again, and only then creates its objects
 * ```
 *
 * A child would inherit the descriptors only between the last two steps of the
 * old process, which does not fork there.
 *
 * @module
 */

import { execvp } from "../../ffi/exec.ts";
import { descriptorIsOpen, Fd, setCloexec } from "../../ffi/fd.ts";
import { createMemfd } from "../../ffi/memfd.ts";
import { CprError, notOpen } from "./error.ts";
import { CprRegistry } from "./registry.ts";
import {
  CPR_EXEC_STATE,
  type CprState,
  decodeCprState,
  decodeForeignCprState,
  encodeCprState,
  type ForeignCprState,
  MAXIMUM_STATE_SIZE,
} from "./state.ts";

/** An environment, such as `Deno.env`. */
export interface Environment {
  /** The value of a variable. */
  get(name: string): string | undefined;
  /** Removes a variable. */
  delete(name: string): void;
  /** All variables. */
  toObject(): Record<string, string>;
}

/**
 * Writes a registry to a new memfd, which the caller owns.
 *
 * @throws {OsError} when the memfd cannot be created or written
 *
 * @example
 * ```ts
 * import { CprRegistry, readCprState, saveCprState } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const registry = new CprRegistry();
 * registry.save("ram0", 0, 7);
 * using memfd = saveCprState(registry);
 * assertEquals(readCprState(memfd).descriptors, [
 *   { name: "ram0", id: 0, descriptor: 7 },
 * ]);
 * ```
 */
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
 * Executes a command in this process and hands the preserved descriptors over
 * to it. Does not return. If the exec fails, the descriptors and the
 * environment are as before.
 *
 * @throws {OsError} when the command cannot be executed
 *
 * @example
 * ```ts
 * import { OsError } from "../../ffi/libc.ts";
 * import { CprRegistry, execWithCprState, saveCprState } from "./mod.ts";
 * import { assertThrows } from "@std/assert";
 *
 * const registry = new CprRegistry();
 * using memfd = saveCprState(registry);
 * assertThrows(
 *   () => execWithCprState(["/no/such/program"], registry, memfd),
 *   OsError,
 *   "ENOENT",
 * );
 * ```
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
 * Takes over what the old process handed over; undefined if there is nothing.
 * Deletes the variable and closes the memfd.
 *
 * @throws {CprError} when the variable does not name an open descriptor, or the
 * state names one that is not open
 * @throws {StreamError} when the state is torn or malformed
 *
 * @example
 * ```ts
 * import { takeCprState } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * // This process was started, not executed by another version of itself.
 * assertEquals(takeCprState(), undefined);
 * ```
 */
export function takeCprState(
  environment: Environment = Deno.env,
): CprRegistry | undefined {
  const number = handedOver(environment);
  if (number === undefined) return undefined;
  environment.delete(CPR_EXEC_STATE);
  const state = readAndClose(number);
  // After the memfd is closed: a table that names it is refused too.
  checkOpen(state);
  for (const { descriptor } of state.descriptors) setCloexec(descriptor, true);
  return CprRegistry.of(state);
}

function readAndClose(number: number): CprState {
  using memfd = Fd.adopt(number);
  return readCprState(memfd);
}

/**
 * The number of the memfd that the environment names; undefined if it names
 * none. Unlike {@linkcode takeCprState} it changes nothing.
 *
 * @throws {CprError} when it is not the number of an open descriptor
 *
 * @example
 * ```ts
 * import { handedOver } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(handedOver(Deno.env), undefined);
 * ```
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

/**
 * Reads CPR state from the start of a memfd, regardless of its file position;
 * see {@linkcode decodeCprState}.
 *
 * @throws {StreamError} when it is torn or malformed
 *
 * @example
 * ```ts
 * import { CprRegistry, readCprState, saveCprState } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * using memfd = saveCprState(new CprRegistry());
 * assertEquals(readCprState(memfd).descriptors, []);
 * ```
 */
export function readCprState(memfd: Fd): CprState {
  return decodeCprState(bytesOf(memfd));
}

/**
 * Reads the CPR state of another program; see
 * {@linkcode decodeForeignCprState}.
 *
 * @throws {StreamError} when it is torn, or its list malformed
 *
 * @example
 * ```ts
 * import { CprRegistry, readForeignCprState, saveCprState } from "./mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * using memfd = saveCprState(new CprRegistry());
 * assertEquals(readForeignCprState(memfd).oddity, undefined);
 * ```
 */
export function readForeignCprState(memfd: Fd): ForeignCprState {
  return decodeForeignCprState(bytesOf(memfd));
}

function bytesOf(memfd: Fd): Uint8Array {
  memfd.seek(0);
  return memfd.readAll(MAXIMUM_STATE_SIZE);
}

/**
 * Checks that every descriptor of a table is open, and that none is shared.
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
      throw notOpen(descriptor, `"${name}"`, id);
    }
    owners.set(descriptor, name);
  }
}
