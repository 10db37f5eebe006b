/**
 * What is done before the guest is stopped, because it would take longer
 * afterwards: reading the new program from disk, since a start from a cold page
 * cache more than doubles the downtime, and compiling our own code.
 *
 * @module
 */

import { createMemfd } from "../../../ffi/memfd.ts";
import { PriorityBooster } from "../../../ffi/priority_boost.ts";
import { PidFd } from "../../../ffi/process.ts";
import { UnixSocket } from "../../../ffi/socket.ts";
import { CPR_EXEC_STATE, encodeCprState } from "../../cpr/mod.ts";
import { Command } from "../../migration/stream/framing.ts";
import { StreamWriter } from "../../migration/stream/writer.ts";
import { OwnPriority } from "../process/own_priority.ts";
import { Hold } from "./hold.ts";
import { SavedState } from "./saved_state.ts";
import type { Fd } from "../../../ffi/fd.ts";
import {
  foreignStatus,
  openForeignFile,
  openRoot,
} from "../../../ffi/foreign_file.ts";
import type { Credentials } from "../../../ffi/identity.ts";
import { ifPossible } from "../../../ffi/libc.ts";
import { printedBy, ProbeError } from "../programs/probe.ts";
import type { Choice } from "../programs/safe_run.ts";
import { identityOf, isSameIdentity } from "../../proc/file_identity.ts";
import type { Facts } from "../vm/facts.ts";

const BLOCK = "warm-up";
const BLOCK_BYTES = 4096;
/** The size of a real state: only long loops are compiled right away. */
const STATE_BYTES = 256 * 1024;
const TIMEOUT_MS = 1_000;
const BOOST_MS = 1;

/**
 * Runs once, on dummy data, the code that later runs within the downtime. The
 * runtime compiles a function, and each call into the C library, on first use,
 * which takes longer than the work itself.
 */
export async function warmUp(): Promise<void> {
  using memfd = createMemfd(CPR_EXEC_STATE);
  memfd.writeAll(encodeCprState({
    descriptors: [{ name: BLOCK, id: 0, descriptor: memfd.number }],
    vfioDevices: [],
  }));
  using file = createMemfd("vm.state");
  file.writeAll(stream());
  file.truncate(STATE_BYTES);
  using state = new SavedState("", file.dup());
  using process = PidFd.open(Deno.pid);
  using hold = Hold.take(process, []);
  state.checkRam(hold, () => false);
  state.keep(true);
  state.restore();
  await send(memfd.number);
  await boost();
}

/** The migration stream of a machine without devices. */
function stream(): Uint8Array {
  const writer = new StreamWriter();
  writer.header();
  writer.configuration({ machine: "none" });
  writer.ramSetup([{ name: BLOCK, usedLength: BLOCK_BYTES }]);
  writer.command(Command.SWITCHOVER_START);
  writer.ramEnd();
  writer.end();
  return writer.sink.toBytes();
}

async function send(descriptor: number): Promise<void> {
  const [left, right] = UnixSocket.pair();
  using sender = left;
  using receiver = right;
  await sender.send(Uint8Array.of(0), TIMEOUT_MS, [descriptor]);
  const { descriptors } = await receiver.receiveWithDescriptors(1, TIMEOUT_MS);
  for (const received of descriptors) received.close();
}

async function boost(): Promise<void> {
  using own = OwnPriority.raise();
  if (own === undefined) return;
  using booster = new PriorityBooster();
  await booster.boost(Deno.pid, BOOST_MS);
}

/** As ldd does: the dynamic loader lists the libraries and does not start. */
const TELL_LIBRARIES = { LD_TRACE_LOADED_OBJECTS: "1" };
/** If the program starts nevertheless, it ends at once. */
const HARMLESS = ["-version"];

const CHUNK_BYTES = 1024 * 1024;
/** For a slow disk; reading ahead is optional. */
const READ_TIMEOUT_MS = 10_000;

/** QEMU has about a hundred libraries. */
const MOST_FILES = 512;

/**
 * Reads a program and its libraries into the page cache, as far as the VM's
 * user may read them. If some cannot be read, the start is only slower.
 *
 * @param program absolute path, as the VM sees it
 * @param user the user of the VM
 */
export async function readAhead(
  facts: Facts,
  program: string,
  user: Credentials,
  choice: Choice,
): Promise<void> {
  using view = new View(facts.pid, user);
  const file = view.open(program);
  if (file === undefined || isExecuted(file, facts)) return; // it is cached
  const libraries = isOurs(file, program)
    ? await librariesOf(program, choice)
    : [];
  await view.readAll([program, ...libraries]);
}

/** Files as the VM's process sees them, with the rights of its user. */
export class View implements Disposable {
  readonly #root: Fd;
  readonly #opened = new DisposableStack();

  constructor(pid: number, private readonly user: Credentials) {
    this.#root = openRoot(`/proc/${pid}/root`);
  }

  /** Undefined if it is no regular file, or the user may not read it. */
  open(path: string): Fd | undefined {
    const [root, user] = [this.#root, this.user];
    return this.#opened.use(
      ifPossible(() => openForeignFile(path, { followLink: true, root, user })),
    );
  }

  /** Reads as many files as the time allows, and skips unreadable ones. */
  async readAll(paths: readonly string[]): Promise<void> {
    const files = paths.slice(0, MOST_FILES).map((path) => this.open(path))
      .filter((file) => file !== undefined);
    for (const file of files) file.willNeed();
    const deadline = performance.now() + READ_TIMEOUT_MS;
    for (const file of files) await readUntil(file, deadline);
  }

  [Symbol.dispose](): void {
    this.#opened[Symbol.dispose]();
    this.#root.close();
  }
}

function isExecuted(file: Fd, { executable }: Facts): boolean {
  return isSameIdentity(identityOf(file.stat()), executable);
}

/** Whether the path is the same file for us as for the VM. */
function isOurs(file: Fd, path: string): boolean {
  const ours = ifPossible(() => foreignStatus(path, { followLink: true }));
  return ours !== undefined && isSameIdentity(ours, file.stat());
}

/** The libraries that the dynamic loader would load. */
async function librariesOf(
  program: string,
  { sandbox, namedByOperator }: Choice,
): Promise<string[]> {
  try {
    return librariesIn(
      await printedBy(program, HARMLESS, {
        ...{ sandbox, namedByOperator },
        variables: TELL_LIBRARIES,
      }),
    );
  } catch (error) {
    if (error instanceof ProbeError) return []; // its start will report why
    throw error;
  }
}

/** Lines such as "libz.so.1 => /lib/libz.so.1 (0x00007f…)". */
export function librariesIn(printed: string): string[] {
  const found = printed.matchAll(/^\t(?:\S+ => )?(\/\S+) \(0x[\da-f]+\)$/gm);
  return [...found].map(([, path = ""]) => path);
}

/** Reads a whole file, or until the time is over. */
async function readUntil(file: Fd, deadline: number): Promise<void> {
  const chunk = new Uint8Array(CHUNK_BYTES);
  const late = Promise.withResolvers<number>();
  const timer = setTimeout(
    () => late.resolve(0),
    Math.max(0, deadline - performance.now()),
  );
  try {
    for (;;) {
      const count = await Promise.race([
        file.readOnThread(chunk),
        late.promise,
      ]);
      if (count <= 0) return;
    }
  } finally {
    clearTimeout(timer);
  }
}
