import {
  type Machine,
  PLAIN,
  RICH,
  updateByHand,
  VirtualMachine,
} from "../../testing/qemu/mod.ts";
import type { QemuBuild } from "../../testing/qemu/builds/builds.ts";
import { type RealHost, realHost } from "./real_host.ts";
import { forms } from "./forms.ts";
import { GuestWatch } from "./guest_watch.ts";
import { PhaseSeries, updateOf } from "./report.ts";
import { Road } from "./road.ts";
import { interleave } from "./series.ts";
import { Spinners } from "./spinners.ts";
import { MILLISECONDS, printPhases, printTable, printTitle } from "./table.ts";

const RESUME_TIMEOUT_MS = 20_000;

/** A downtime to be compared. */
interface Scene {
  readonly name: string;
  readonly machine: Machine;
  readonly rounds: number;
  /** Make the new build cold before each update. */
  readonly cold?: true;
  /** Processes that do nothing but take time, for each core. */
  readonly spinning?: number;
  /** What the ratio shall be at most. */
  readonly target: number;
}

const SCENES: readonly Scene[] = [
  { name: "warm", machine: PLAIN, rounds: 12, target: 1.0 },
  {
    name: "three spinning processes a core",
    machine: PLAIN,
    rounds: 12,
    spinning: 3,
    target: 0.7,
  },
  { name: "a dozen devices", machine: RICH, rounds: 6, target: 1.1 },
  { name: "cold", machine: PLAIN, rounds: 6, cold: true, target: 0.6 },
  {
    name: "4 GB, prealloc=on",
    machine: { ...PLAIN, ram: "4G", prealloc: true },
    rounds: 6,
    target: 0.1,
  },
];

/** A real VM's downtime, by cprctl and by the barest client there is. */
export async function benchReal(): Promise<void> {
  const host = await realHost("real");
  if (host === undefined) return;
  for (const scene of SCENES) await benchScene(scene, host);
}

async function benchScene(
  scene: Scene,
  { builds, accelerator }: RealHost,
): Promise<void> {
  const { name, machine, rounds, target } = scene;
  const [cprctl] = forms().reverse();
  printTitle(
    "real",
    `${name}: ${machine.name}, ${accelerator}, the guest's downtime`,
  );
  await using vm = await VirtualMachine.boot(
    builds.old,
    { ...machine, busy: true },
    accelerator,
  );
  using watch = new GuestWatch(vm.pid);
  const road = new Road(vm, builds, scene.cold ?? false);
  const phases = new PhaseSeries();
  const downtimeOf = async (update: (to: QemuBuild) => Promise<void>) => {
    const to = await road.next();
    await watch.longestDowntime();
    await update(to);
    await guestRuns(vm);
    return await watch.longestDowntime();
  };
  await downtimeOf(async (to) => void await updateByHand(vm, to)); // both warm
  using _spinners = new Spinners(scene.spinning ?? 0);
  const { hand, ours } = await interleave(rounds, {
    hand: () => downtimeOf(async (to) => void await updateByHand(vm, to)),
    ours: () =>
      downtimeOf(async ({ binary }) => {
        const words = ["--binary", binary];
        phases.add(await updateOf(cprctl?.argv ?? [], vm.files.qmp, words));
      }),
  });
  printTable(MILLISECONDS, {
    "the barest QMP client": hand,
    [`cprctl update (target ${target} ×)`]: ours,
  });
  printPhases(phases);
  const { predicted, reported } = phases;
  printTable(MILLISECONDS, {
    "the reported downtime": reported,
    "as it was predicted": predicted,
  });
}

async function guestRuns(vm: VirtualMachine): Promise<void> {
  using ram = vm.ram();
  await ram.counterMoves(RESUME_TIMEOUT_MS);
}
