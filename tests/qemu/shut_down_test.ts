/** A VM that is shut down during an update, by its guest or by its host. */

import { assertEquals, assertMatch } from "@std/assert";
import { PidFd } from "../../ffi/process.ts";
import { recover } from "../../lib/update/recover/recover.ts";
import type { PhaseName } from "../../lib/update/phase.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { Base } from "../../testing/program/base.ts";
import { orderOf, SELF, updateHere } from "../../testing/update/cprctl.ts";
import { runDirectories } from "../../testing/update/fixture.ts";
import {
  commandOfAnother,
  PANICS,
  PLAIN,
  POWERS_OFF,
  RESETS,
  SECOND_MONITOR,
  VirtualMachine,
} from "../../testing/qemu/mod.ts";
import type { PortWrite } from "../../testing/qemu/guest_ram.ts";

const builds = await qemuBuilds();
const TIMEOUT_MS = 30_000;

interface Act {
  readonly name: string;
  readonly extra?: readonly string[];
  readonly does: (vm: VirtualMachine) => Promise<void> | void;
  readonly says: RegExp;
  readonly at: readonly PhaseName[];
}

const whileItRuns: readonly PhaseName[] = ["preflight", "prepare", "migrate"];

function guest(write: PortWrite): Act["does"] {
  return (vm) => {
    using ram = vm.ram();
    ram.order(write);
  };
}

const ACTS: readonly Act[] = [
  {
    name: "its guest powers off",
    does: guest(POWERS_OFF),
    says: /its guest powered it off/,
    at: whileItRuns,
  },
  {
    name: "its guest panics",
    extra: ["-device", "pvpanic"],
    does: guest(PANICS),
    says: /its guest panicked/,
    at: whileItRuns,
  },
  {
    name: "its guest resets under -no-reboot",
    extra: ["-no-reboot"],
    does: guest(RESETS),
    says: /its guest reset it/,
    at: ["prepare"],
  },
  {
    name: "its process gets SIGTERM",
    does: ({ pid }) => Deno.kill(pid, "SIGTERM"),
    says: /ended by a signal/,
    at: [...whileItRuns, "hold", "switchover"],
  },
  {
    name: "a client quits",
    does: (vm) => commandOfAnother(vm, "quit"),
    says: /told it to quit/,
    at: ["prepare", "hold"],
  },
];

for (const { name, extra = [], does, says, at } of ACTS) {
  for (const phase of at) {
    Deno.test(`a VM is shut down before ${phase}: ${name}`, async () => {
      await using _base = await Base.make();
      await using vm = await VirtualMachine.boot(
        builds.old,
        { ...PLAIN, extra: [...SECOND_MONITOR, ...extra] },
        "tcg",
      );
      const order = orderOf(vm, builds.new);
      using process = PidFd.open(vm.pid);
      const { report, said, exitCode } = await updateHere(order, async (it) => {
        if (it !== phase) return;
        await does(vm);
        assertEquals(await process.exited(TIMEOUT_MS), true);
      });
      assertEquals([report?.outcome, exitCode], ["shut-down", 0], said);
      assertMatch(said, says);
      assertEquals([report?.error, report?.warnings.length], [null, 1]);
      assertEquals(await runDirectories(vm.pid), []);
      assertEquals(await recover({ timeoutMs: TIMEOUT_MS, self: SELF }), []);
    });
  }
}
