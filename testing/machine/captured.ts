/** A real machine at the moment of its exec, to be taken over in parts. */

import { spawn } from "../../ffi/spawn.ts";
import type { Child } from "../../ffi/child.ts";
import { Fd } from "../../ffi/fd.ts";
import { createMemfd } from "../../ffi/memfd.ts";
import { O_CREAT, O_RDONLY, O_WRONLY } from "../../ffi/open_flags.ts";
import { CPR_EXEC_STATE, decodeCprState } from "../../lib/cpr/mod.ts";
import { QmpClient } from "../../lib/qmp/mod.ts";
import { MARK } from "../program/reaper.ts";
import type { Lab } from "./lab.ts";
import { DEADLINE_MS } from "./deadline.ts";
import { GuestRam } from "./guest.ts";
import { enable, prepareExec, reached } from "./migrations.ts";
import { memfdsOf } from "./process.ts";

/** What a machine left for its successor. */
export interface Captured {
  /** CPR state. */
  readonly table: Uint8Array<ArrayBuffer>;
  /** The state file. */
  readonly stream: Uint8Array<ArrayBuffer>;
  /** Contents of the blocks by name, as the devices' state goes with them. */
  readonly ram: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
  /** The words that start its successor, but for -incoming. */
  readonly argv: readonly string[];
}

/** Runs a machine for some ticks and captures it; it ends. */
export async function capture(lab: Lab, ticks: number): Promise<Captured> {
  const vm = lab.start();
  const qmp = await vm.connect();
  await enable(qmp, "events", "pause-before-switchover");
  // Fails at the very end: everything has been written by then.
  await prepareExec(qmp, ["/nonexistent/new"]);
  using guest = new GuestRam(vm.pid);
  await guest.ticked(ticks);
  using watch = qmp.watch();
  await qmp.execute("migrate", { uri: `file:${vm.stateFile}` });
  await reached(watch, "pre-switchover");
  const memfds = new Map(
    [...memfdsOf(vm.pid)].map(([name, { number }]) => [
      name,
      Deno.readFileSync(`/proc/${vm.pid}/fd/${number}`),
    ]),
  );
  await qmp.execute("migrate-continue", { state: "pre-switchover" });
  await reached(watch, "failed");
  await qmp.execute("quit");
  await vm.ended();
  const table = memfds.get(CPR_EXEC_STATE);
  if (table === undefined) throw new Error("It had no CPR state");
  memfds.delete(CPR_EXEC_STATE);
  return {
    table,
    stream: await Deno.readFile(vm.stateFile),
    ram: memfds,
    argv: vm.argv,
  };
}

/** What a successor is given; by default what was captured. */
export interface Inheritance {
  readonly table?: Uint8Array<ArrayBuffer>;
  readonly stream?: Uint8Array<ArrayBuffer>;
  /** Value of -incoming; the stream's file unless given. */
  readonly incoming?: string;
  /** Options in place of the captured ones. */
  readonly argv?: readonly string[];
}

/** A new program that takes over a captured machine. */
export class Successor implements Disposable {
  readonly qmpPath: string;
  readonly stateFile: string;
  readonly #child: Child;
  readonly #resources = new DisposableStack();
  readonly #ram: readonly { readonly memfd: Fd; readonly was: Uint8Array }[];
  readonly #stderr: string;

  /** Starts it; files are in the lab's folder. */
  constructor(lab: Lab, captured: Captured, given: Inheritance = {}) {
    const folder = Deno.makeTempDirSync({ dir: lab.folder });
    this.#stderr = `${folder}/stderr`;
    this.stateFile = `${folder}/state`;
    this.qmpPath = `${folder}/qmp`;
    const { table = captured.table, stream = captured.stream } = given;
    Deno.writeFileSync(this.stateFile, stream);

    // The numbers in the table are those of the process that wrote it.
    const descriptors = new Map<number, number>();
    this.#ram = decodeCprState(captured.table).descriptors.map(
      ({ name, descriptor }) => {
        const was = captured.ram.get(name) ?? new Uint8Array();
        const memfd = this.#resources.use(createMemfd(name));
        memfd.writeAll(was);
        descriptors.set(descriptor, memfd.number);
        return { memfd, was };
      },
    );
    const number = Math.max(2, ...descriptors.keys()) + 1;
    {
      using state = createMemfd(CPR_EXEC_STATE);
      state.writeAll(table);
      using input = Fd.open("/dev/null", O_RDONLY);
      using output = Fd.open(this.#stderr, O_WRONLY | O_CREAT);
      descriptors.set(number, state.number);
      descriptors.set(0, input.number).set(1, output.number)
        .set(2, output.number);
      const argv = given.argv ?? [
        ...captured.argv.map((word) =>
          word.startsWith("unix:")
            ? `unix:${this.qmpPath},server=on,wait=off`
            : word
        ),
        ...["-incoming", given.incoming ?? `file:${this.stateFile}`],
      ];
      this.#child = this.#resources.use(spawn(argv, {
        descriptors,
        environment: {
          ...Deno.env.toObject(),
          [MARK]: lab.folder,
          [CPR_EXEC_STATE]: String(number),
        },
      }));
    }
  }

  /** Waits for its end. */
  async ended(): Promise<{ code: number | null; output: string }> {
    const { code } = await this.#child.wait(DEADLINE_MS);
    return { code, output: await Deno.readTextFile(this.#stderr) };
  }

  /** A client of its monitor. */
  connect(): Promise<QmpClient> {
    return QmpClient.connectAgain({ path: this.qmpPath }, {
      timeoutMs: DEADLINE_MS,
    });
  }

  /** Whether no byte of the guest's RAM is another than when captured. */
  get ramIsUntouched(): boolean {
    return this.#ram.every(({ memfd, was }) => {
      const now = new Uint8Array(was.length);
      memfd.pread(now, 0);
      return now.every((byte, index) => byte === was[index]);
    });
  }

  /** Kills it if it still runs. */
  [Symbol.dispose](): void {
    this.#resources[Symbol.dispose]();
  }
}
