import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { Board } from "../../lib/machine/board.ts";
import { RAM_BASE } from "../../lib/machine/cpu/mod.ts";
import { AUX_RAM, type DigestState } from "../../lib/machine/devices/mod.ts";
import { STATUS, STATUS_WORD } from "../../lib/machine/guest/mod.ts";
import { MainLoop } from "../../lib/machine/main_loop.ts";
import { until } from "../../testing/program/until.ts";
import { DEADLINE_MS } from "../../testing/machine/deadline.ts";

const RAM_SIZE = 1024 * 1024;
/** Where the engine puts its digest. */
const RESULT = STATUS - RAM_BASE + STATUS_WORD.digestResult;

/** What a part of the board would have in the stream. */
function saved(board: Board, name: string): unknown {
  return board.devices().find(({ idstr }) => idstr === name)?.save();
}

Deno.test("a stopped board does not change memory when its state is saved", async () => {
  using loop = new MainLoop();
  const ram = new Uint8Array(RAM_SIZE);
  const board = new Board({
    loop,
    ram,
    auxRam: new Uint8Array(AUX_RAM.size),
    serial: () => {},
    onPowerOff: () => {},
  });
  board.loadProgram();
  board.start();
  let deadline: bigint | null = null;
  await until("the digest engine is at work", DEADLINE_MS, () => {
    ({ deadline } = saved(board, "digest") as DigestState);
    return deadline !== null;
  });
  const due = deadline ?? 0n;
  const view = new DataView(ram.buffer);
  view.setUint32(RESULT, 0);
  // A busy host: guest time passes, and the board has no turn in it.
  const now = () => (saved(board, "clock") as { nanoseconds: bigint });
  while (now().nanoseconds < due);
  board.stop();
  assertNotEquals(view.getUint32(RESULT), 0, "What was due was put off");
  const stopped = ram.slice();
  for (const { save } of board.devices()) save();
  assert(
    ram.every((byte, at) => byte === stopped[at]),
    "Memory changed after the stop",
  );
  assertEquals(board.guestStatus().error, 0);
});
