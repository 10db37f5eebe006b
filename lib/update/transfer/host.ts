/** What a cpr-transfer does on the host. */

import { withRightsOf } from "../../../ffi/file_rights.ts";
import type { Credentials } from "../../../ffi/identity.ts";
import type { ProcessHandle } from "../../../ffi/process.ts";
import { messageOf } from "../../errors.ts";
import { ifThereSync } from "../../gone.ts";
import { QmpClient } from "../../qmp/mod.ts";
import type { VmRecord } from "../vm/facts.ts";
import { shellWords } from "../command/draft.ts";
import type { Move } from "../command/transfer_command.ts";
import { capital, UpdateProblem } from "../error.ts";
import { howItEnded } from "../process/ending.ts";
import type { Preserved } from "../standby/holdings.ts";
import type { StandardStreams } from "../system.ts";
import { WrongPeerProblem } from "../transaction/destination.ts";
import { duplicateFrom, STANDARD_STREAMS } from "../transaction/hold.ts";

const POLL_MS = 2;
const STDERR = 2;

/** Duplicates of the standard streams, for the new program. */
export function standardStreams(process: ProcessHandle): StandardStreams {
  using stack = new DisposableStack();
  const preserved = STANDARD_STREAMS.map((number): Preserved => ({
    role: { number },
    fd: stack.use(duplicateFrom(process, number)),
  }));
  const kept = stack.move();
  return {
    preserved,
    stderr: preserved[STDERR]?.fd,
    [Symbol.dispose]: () => kept.dispose(),
  };
}

/**
 * Polls, since the kernel has no notification for a bound socket. The VM's RAM
 * is handed over there, so a socket of another user is refused.
 */
export async function appears(
  path: string,
  process: ProcessHandle,
  { uid }: Credentials,
  timeoutMs: number,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const there = ifThereSync(() => Deno.lstatSync(path));
    if (there?.isSocket && there.uid === uid) return;
    if (there !== undefined) {
      throw new UpdateProblem(
        "path-taken",
        `"${path}" is not a socket of the VM's user ${uid}: user ` +
          `${there.uid} made it`,
        { remedy: "Find out who can write there, and remove it" },
      );
    }
    if (await process.exited(POLL_MS)) {
      throw new UpdateProblem(
        "new-program-silent",
        `The new program does not start: ${await howItEnded(process)}`,
      );
    }
    if (performance.now() < deadline) continue;
    throw new UpdateProblem(
      "new-program-silent",
      `The new program does not start: process ${process.pid} does not listen ` +
        `at "${path}"`,
    );
  }
}

/** Root renames nothing that the VM's user could not. */
export function moveFiles(
  moves: readonly Move[],
  user: Credentials,
): string[] {
  return moves.flatMap(({ from, to }) => {
    try {
      withRightsOf(user, () => Deno.renameSync(from, to));
      return [];
    } catch (error) {
      const command = shellWords(["mv", from, to]);
      return [`${capital(messageOf(error))}; run ${command}`];
    }
  });
}

/** Root removes nothing that the VM's user could not. */
export function removeFiles(
  paths: readonly string[],
  user: Credentials,
): string[] {
  return paths.flatMap((path) => {
    try {
      ifThereSync(() => withRightsOf(user, () => Deno.removeSync(path)));
      return [];
    } catch (error) {
      return [`"${path}" is in the way: ${messageOf(error)}; remove it`];
    }
  });
}

/** Connects to the monitor of the VM's own process. */
export async function reconnect(
  { address, pid }: VmRecord,
  timeoutMs: number,
): Promise<QmpClient> {
  const client = await QmpClient.connectAgain(address, { timeoutMs });
  if (client.peer?.pid === pid) return client;
  await client.close();
  throw new WrongPeerProblem(client.peer?.pid, pid);
}
