import { assert, assertStringIncludes } from "@std/assert";
import { FakePeer } from "./fake_peer.ts";

const PROGRAM = new URL("./programs/take_answers.ts", import.meta.url).pathname;
/** Of all that cprctl takes, whatever a monitor says. */
const MOST_MIB = 256;
/** As large as an answer may be, less what is around it. */
const BYTES = 8 * 1024 * 1024 - 100;
/** As many as an answer may have, less those around them. */
const VALUES = 256 * 1024 - 1100;

function list(element: string, values = 1): string {
  const most = Math.min(BYTES / element.length, VALUES / values);
  return `[${element.repeat(most)}0]`;
}

/** Objects with members of a thousand different names. */
function objects(): string {
  const members = Array.from({ length: 1000 }, (_, at) => `"k${at}":"v${at}"`);
  return list(`{${members.join()}},`, 1001);
}

/** One object with as many members as there is room for. */
function members(): string {
  let text = "";
  for (let at = 0; at < VALUES; at++) text += `"${at}a":0,`;
  return `{${text}"":0}`;
}

for (
  const [what, value] of [
    ["empty lists", list("[],", 2)],
    ["empty objects", list("{},", 2)],
    ["small texts", list('"ab",')],
    ["large integers", list("12345678901234567890,")],
    ["a long text of two bytes a letter", `"${"\u4e2d".repeat(BYTES / 3)}"`],
    ["objects", objects()],
    ["members", members()],
  ] as const
) {
  Deno.test(`answers full of ${what} take a bounded memory`, async () => {
    using peer = new FakePeer();
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "-A", PROGRAM, peer.address.path],
      stdout: "piped",
    }).spawn();
    using session = await peer.accept();
    await session.handshake();
    const serving = (async () => {
      for (;;) {
        const message = await session.message();
        if (message === undefined) return;
        const { id } = JSON.parse(message);
        await session.send(`{"return": ${value}, "id": ${id}}\r\n`);
      }
    })().catch((error) => {
      // The client need not take all of it.
      if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
    });
    const { stdout } = await child.output();
    await serving;
    const { end, peakMiB } = JSON.parse(new TextDecoder().decode(stdout));
    assertStringIncludes(end, "sent too many replies");
    assert(peakMiB < MOST_MIB, `it took ${peakMiB} MiB`);
  });
}
