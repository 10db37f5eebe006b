/** An update in a terminal that nobody reads any more. */

import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { Base } from "../../testing/program/base.ts";
import { SELF } from "../../testing/update/cprctl.ts";
import { exists } from "../../testing/program/exists.ts";
import {
  PLAIN,
  until,
  VirtualMachine,
  Witness,
} from "../../testing/qemu/mod.ts";

const builds = await qemuBuilds();
const TIMEOUT_MS = 30_000;
/** ^S, which holds a terminal's output. */
const XOFF = Uint8Array.of(0x13);

/** Waits until nobody is at the other end of its terminal. */
const WHEN_GONE = `
trap '' HUP
: >"$STARTED"
while kill -0 "$TERMINAL" 2>/dev/null; do sleep 0.05; done
exec $COMMAND
`;

/** Waits until its terminal takes nothing. */
const WHEN_HELD = `
: >"$STARTED"
while timeout --foreground 0.2 sh -c 'printf . >&2'; do :; done
exec $COMMAND
`;

/** A shell in a terminal of its own, which is to update a VM. */
function terminal(
  vm: VirtualMachine,
  started: string,
  script: string,
): Deno.ChildProcess {
  const words = ["update", "--qmp", vm.files.qmp, "--binary"];
  return new Deno.Command("/bin/sh", {
    args: [
      "-c",
      'TERMINAL=$$ exec script --quiet --command "$0" /dev/null',
      script,
    ],
    env: {
      STARTED: started,
      COMMAND: [...SELF, ...words, builds.new.binary].join(" "),
      TERM: "xterm",
    },
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();
}

async function updateIn(
  script: string,
  act: (shell: Deno.ChildProcess) => void | Promise<void>,
): Promise<void> {
  await using _base = await Base.make();
  await using vm = await VirtualMachine.boot(builds.old, PLAIN, "tcg");
  const witness = await Witness.of(vm);
  const started = `${vm.folder}/started`;
  const shell = terminal(vm, started, script);
  try {
    await until("the shell is there", TIMEOUT_MS, () => exists(started));
    await act(shell);
    const { binary } = builds.new;
    await until("it is moved", TIMEOUT_MS, () => vm.executable() === binary);
    await witness.assertLivesOn();
  } finally {
    await shell.stdin.abort();
    end(shell);
    await shell.status;
  }
}

function end(shell: Deno.ChildProcess): void {
  try {
    shell.kill("SIGKILL");
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // it has ended
  }
}

Deno.test("an update continues when its terminal is closed", async () => {
  await updateIn(WHEN_GONE, (shell) => shell.kill("SIGKILL"));
});

Deno.test("no guest waits for a stopped terminal", async () => {
  await updateIn(WHEN_HELD, async (shell) => {
    const writer = shell.stdin.getWriter();
    await writer.write(XOFF);
    writer.releaseLock();
  });
});
