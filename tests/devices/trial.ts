/** Moves a VM with devices back and forth, and looks at what its guest sees. */

import { messageOf } from "../../lib/errors.ts";
import type { Report } from "../../lib/update/report/report.ts";
import { check, update } from "../../lib/update/update.ts";
import type { QemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { cprctlWords } from "../../testing/program/program.ts";
import {
  type Machine,
  PLAIN,
  VirtualMachine,
  Witness,
} from "../../testing/qemu/mod.ts";
import { Swtpm } from "../../testing/qemu/swtpm.ts";
import type { DeviceType } from "../../testing/devices/catalogue.ts";
import { guestView } from "./guest_view.ts";
import {
  missingFor,
  type Recipe,
  recipeFor,
} from "../../testing/devices/recipes.ts";

/** The kinds of machine, with the disk that boots. */
const BOARDS = {
  q35: "virtio-blk-pci,bus=pcie.0",
  pc: "virtio-blk-pci,bus=pci.0",
  microvm: "virtio-blk-device",
} as const;

export type Board = keyof typeof BOARDS;
export const BOARD_NAMES: readonly Board[] = ["q35", "pc", "microvm"];

/** What becomes of a VM that has a device of a type. */
export type Verdict =
  /** Updated, and rolled back; the guest sees no difference. */
  | { readonly kind: "updated" }
  /** The checks refuse it, by their ids. */
  | { readonly kind: "refused"; readonly why: string }
  /** No VM of this kind has it: QEMU itself does not start. */
  | { readonly kind: "absent"; readonly why: string }
  /** It needs what no test machine has. */
  | { readonly kind: "untried"; readonly why: string }
  /** None of these: to be fixed. */
  | { readonly kind: "failed"; readonly why: string };

const TIMEOUT_MS = 60_000;
const MEMORY = ["-m", "64M,slots=4,maxmem=8G"];

/** Whether a VM with a device of a type starts, and is not refused. */
export async function examine(
  type: DeviceType,
  board: Board,
  builds: QemuBuilds,
): Promise<Verdict | "passes"> {
  const why = missingFor(type);
  if (why !== undefined) return { kind: "untried", why };
  return await withVm([type], board, builds, "start", async (vm) => {
    const report = await check({
      address: { path: vm.files.qmp },
      binary: builds.new.binary,
      self: cprctlWords(),
    });
    return report.outcome === "refused" ? refusal(report) : "passes";
  });
}

/** Rolls a VM with devices back, then moves it. */
export async function move(
  types: readonly DeviceType[],
  board: Board,
  builds: QemuBuilds,
): Promise<Verdict> {
  const boots = !types.some((it) => recipeFor(it, "", "").bootless);
  const how = boots ? "boot" : "start";
  return await withVm(types, board, builds, how, async (vm) => {
    // A guest that still sets up its devices is stopped in the midst of it.
    if (!boots) await vm.command("stop");
    const witness = boots ? await Witness.of(vm) : undefined;
    const before = await guestView(vm);
    for (const side of ["rolled-back", "updated"] as const) {
      const report = await update({
        address: { path: vm.files.qmp },
        binary: builds.new.binary,
        timeoutMs: TIMEOUT_MS,
        self: cprctlWords(),
        observer: (phase) => {
          if (side === "updated" || phase !== "commit") return;
          Deno.kill(vm.pid, "SIGKILL");
        },
      });
      if (report.outcome === "refused") return refusal(report);
      if (report.outcome !== side) {
        return failed(`${report.outcome}: ${report.error?.message}`);
      }
      vm.follow(report.pid_after ?? 0);
      await witness?.assertLivesOn();
      const difference = before.differenceTo(await guestView(vm));
      if (difference !== undefined) return failed(`${side}: ${difference}`);
    }
    return { kind: "updated" };
  });
}

function failed(why: string): Verdict {
  return { kind: "failed", why };
}

function refusal({ checks, error }: Report): Verdict {
  const refusals = checks.filter(({ verdict }) => verdict === "refuse");
  const why = refusals.map(({ id, detail }) => `${id}: ${detail}`).join("; ");
  return { kind: "refused", why: why || (error?.message ?? "") };
}

async function withVm<Result>(
  types: readonly DeviceType[],
  board: Board,
  builds: QemuBuilds,
  how: "boot" | "start",
  act: (vm: VirtualMachine) => Promise<Result>,
): Promise<Result | Verdict> {
  const folder = await Deno.makeTempDir({ prefix: "cprctl-devices-" });
  await using stack = new AsyncDisposableStack();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const recipes = types.map((type, at) => recipeFor(type, `${at}`, folder));
  const tpm = recipes.some((it) => it.tpm)
    ? stack.use(await Swtpm.start()).backend
    : [];
  const machine = machineWith(recipes, board, tpm);
  let vm: VirtualMachine;
  try {
    vm = stack.use(await VirtualMachine[how](builds.old, machine, "tcg"));
  } catch (error) {
    const why = lastWords(error);
    return how === "start" ? { kind: "absent", why } : failed(why);
  }
  try {
    return await act(vm);
  } catch (error) {
    const said = await vm.log();
    return failed(`${messageOf(error)} ${said}`);
  }
}

function machineWith(
  recipes: readonly Recipe[],
  board: Board,
  tpm: readonly string[],
): Machine {
  const properties = new Set(recipes.map(({ machine }) => machine));
  return {
    ...PLAIN,
    name: board,
    type: [board, ...properties].join(""),
    disk: BOARDS[board],
    extra: [...MEMORY, ...tpm, ...recipes.flatMap(({ words }) => words)],
  };
}

/** What QEMU said of it, without the words that named it. */
function lastWords(error: unknown): string {
  const lines = messageOf(error).trim().split("\n");
  return (lines.at(-1) ?? "").replace(/^.*qemu-system-\w+: /, "");
}
