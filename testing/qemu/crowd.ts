/** Several VMs on one host. */

import { getScheduling, setScheduling } from "../../ffi/scheduling.ts";
import { isObject } from "../../lib/qmp/mod.ts";
import type { QemuBuild } from "./builds/builds.ts";
import { type Accelerator, PLAIN } from "./machines.ts";
import { VirtualMachine } from "./virtual_machine.ts";
import { Witness } from "./witness.ts";

const SCHED_IDLE = 5;

/** VMs with names that nobody else's have. */
export class Crowd implements AsyncDisposable {
  /** For --all. */
  readonly pattern: string;
  readonly #stack = new AsyncDisposableStack();
  readonly vms: VirtualMachine[] = [];

  private constructor(readonly name: string) {
    this.pattern = `${name}-*`;
  }

  /** Boots so many, on a build. */
  static async boot(
    build: QemuBuild,
    size: number,
    accelerator: Accelerator,
  ): Promise<Crowd> {
    const crowd = new Crowd(`crowd-${crypto.randomUUID().slice(0, 8)}`);
    for (let at = 0; at < size; at++) {
      const extra = ["-name", `${crowd.name}-${at}`];
      const machine = { ...PLAIN, extra };
      const vm = await VirtualMachine.boot(build, machine, accelerator);
      crowd.vms.push(crowd.#stack.use(vm));
      await yieldToOthers(vm);
    }
    return crowd;
  }

  /** What is true of each now, and is to be afterwards. */
  witnesses(): Promise<Witness[]> {
    return Promise.all(this.vms.map((vm) => Witness.of(vm)));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

/** The guests count for ever, which is no reason to keep anybody waiting. */
async function yieldToOthers(vm: VirtualMachine): Promise<void> {
  const cpus = await vm.command("query-cpus-fast");
  for (const cpu of Array.isArray(cpus) ? cpus.filter(isObject) : []) {
    const tid = Number(cpu["thread-id"]);
    setScheduling(tid, { ...getScheduling(tid), policy: SCHED_IDLE });
  }
}
