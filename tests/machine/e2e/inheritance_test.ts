/** What the new program, and other children, find of the old one's process. */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { signalNumber } from "../../../ffi/signals.ts";
import { run, standardSignals } from "../../ffi/processes.ts";
import { GuestRam, Lab } from "../../../testing/machine/mod.ts";

const FIXTURE = new URL("fork_fixture.ts", import.meta.url).pathname;

/** Who of the fixture's processes has which memfds. */
async function heirs(kind: string) {
  const { stdout, stderr } = await run([
    ...[Deno.execPath(), "run", "--allow-all", FIXTURE, kind],
  ]);
  assertEquals(stderr, "");
  const of = (who: string) =>
    stdout.split("\n").flatMap((line) =>
      new RegExp(`^${who} /memfd:(.*) \\(deleted\\)$`).exec(line)?.[1] ?? []
    ).toSorted();
  assert(stdout.includes("child /") && stdout.includes("new /"), stdout);
  return { child: of("child"), new: of("new") };
}

Deno.test("a child forked just before the exec inherits nothing preserved", async () => {
  const preserved = ["QEMU_CPR_EXEC_STATE", "ram0", "virt.aux"];
  assertEquals(await heirs("tight"), { child: [], new: preserved });
  // And if they had not been close-on-exec, the child would have shown it.
  assertEquals(await heirs("leaky"), {
    child: ["ram0", "virt.aux"],
    new: preserved,
  });
});

/** Writes down what it is started with, then executes the rest of its words. */
function noting(file: string): string[] {
  const script = '{ ulimit -Sn; ulimit -Hn; grep "^SigIgn" /proc/$$/status; ' +
    'env | grep "^QEMU_"; pwd; umask; } > "$0"; exec "$@"';
  return ["/bin/sh", "-c", script, file];
}

async function signalsOf(pid: number): Promise<Record<string, bigint>> {
  return standardSignals(await Deno.readTextFile(`/proc/${pid}/status`));
}

Deno.test("limits and signals of the new program are those the old one began with", async () => {
  await using lab = await Lab.open();
  const [before, after] = [lab.path("before"), lab.path("after")];
  const vm = lab.start({
    wrapper: [
      // The limit's witness is the machine's parent, so it may not exec.
      ...["/bin/sh", "-c", 'umask 027; ulimit -Sn 512; "$@"; exit $?', "sh"],
      ...["env", "--ignore-signal=QUIT"],
      ...noting(before),
      // A shell would unblock it.
      ...["env", "--block-signal=USR1"],
    ],
  });
  const first = await vm.connect();
  const pid = first.peer?.pid ?? 0;
  assertNotEquals(pid, vm.pid);
  using ram = new GuestRam(pid);
  const whileItRan = await signalsOf(pid);
  assertEquals(whileItRan["SigBlk"], 1n << BigInt(signalNumber("SIGUSR1") - 1));

  const second = await vm.update(first);
  assertEquals((await signalsOf(pid))["SigBlk"], whileItRan["SigBlk"]);
  const third = await vm.update(second, [...noting(after), ...vm.successor]);
  assertEquals(third.peer?.pid, pid);
  await ram.ticked(2);

  const said = await Deno.readTextFile(before);
  const heard = await Deno.readTextFile(after);
  const ignored = standardSignals(said);
  assertEquals(ignored, { SigIgn: 1n << BigInt(signalNumber("SIGQUIT") - 1) });
  assertEquals(standardSignals(heard), ignored);
  const rest = (text: string) => text.replaceAll(/^(SigIgn|QEMU_).*\n/gm, "");
  assertEquals(rest(heard), rest(said));
  assertEquals(said.split("\n")[0], "512");
  // The test would be idle if the runtime changed nothing by itself.
  assertNotEquals(whileItRan["SigIgn"], ignored["SigIgn"]);
});
