import { createMemfd } from "../../../ffi/memfd.ts";
import { PriorityBooster } from "../../../ffi/priority_boost.ts";
import { PidFd } from "../../../ffi/process.ts";
import { UnixSocket } from "../../../ffi/socket.ts";
import { CPR_EXEC_STATE, encodeCprState } from "../../cpr/mod.ts";
import { Command, StreamWriter } from "../../migration/mod.ts";
import { OwnPriority } from "../process/own_priority.ts";
import { Hold } from "./hold.ts";
import { SavedState } from "./saved_state.ts";

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
