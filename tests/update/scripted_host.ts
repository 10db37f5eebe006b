/** A host that is a script: an update of no VM, of which everything can fail. */

import type { Fd } from "../../ffi/fd.ts";
import type { ProcessHandle } from "../../ffi/process.ts";
import type { QmpClient } from "../../lib/qmp/mod.ts";
import { nothingCarried } from "../../lib/update/carry/carried.ts";
import { UpdateProblem } from "../../lib/update/error.ts";
import type {
  StandbyPort,
  StatePort,
  System,
} from "../../lib/update/system.ts";
import { Destination } from "../../lib/update/transaction/destination.ts";
import { factsOf } from "./command/vm.ts";
import { Fingerprint } from "../../lib/update/verify/fingerprint.ts";
import { type Answer, CLOSES, ScriptedMonitor } from "./scripted_monitor.ts";

/** No process has it: the kernel's limit is below. */
const PID = 2 ** 22 + 1;
const RUNS = { status: "running", running: true };
const WAITS = { status: "inmigrate", running: false };
const PAUSED = { status: "paused", running: false };

/** What may go otherwise than well. */
export interface Script {
  /** Steps of the host that fail, by name. */
  readonly fails?: Readonly<Partial<Record<keyof System, () => never>>>;
  readonly source?: Readonly<Record<string, Answer>>;
  readonly destination?: Readonly<Record<string, Answer>>;
  /** The old program, in a rollback. */
  readonly old?: Readonly<Record<string, Answer>>;
  /** The VM's process has ended when it is looked for. */
  readonly ended?: boolean;
  /** The saved state is half of one. */
  readonly torn?: boolean;
  readonly checks?: "refuse";
  /** The VM executes the wanted program already. */
  readonly current?: true;
  /** The new program never answers. */
  readonly silent?: boolean;
  /** The run directory cannot be used as it should. */
  readonly broken?: boolean;
  /** SIGKILL does not end the VM's process. */
  readonly immortal?: boolean;
  /** Another program takes over, in a process of its own. */
  readonly transfers?: boolean;
  /** RAM is copied: what is saved is loaded by and by. */
  readonly copies?: boolean;
  /** The VM's process has ended when it is to be stopped. */
  readonly endsAtFence?: boolean;
  /** How many descriptors of the VM may be closed. */
  readonly closed?: number;
  /** The VM is paused when it is found. */
  readonly paused?: boolean;
  /** The end of a process is waited for as long as it lives. */
  readonly patient?: boolean;
  /** The vhost descriptors that the command line names. */
  readonly vhost?: readonly number[];
  /** Another client resumes the guest just before the new program is stopped. */
  readonly resumedAtStop?: boolean;
}

/** Whatever a phase needs not. */
function absent<T>(): T {
  return {} as T;
}

/** The host, and what became of what it gave. */
export class ScriptedHost implements AsyncDisposable {
  /** Commands, signals, and steps, in their order. */
  readonly heard: string[] = [];
  /** What was left for `cprctl recover`. */
  readonly left: string[] = [];
  readonly system: System;
  /** True once the VM's process has ended. */
  ended: boolean;
  /** The same of the new program's, in a transfer. */
  newEnded = false;
  /** What the source of a transfer says of itself. */
  sourceState = RUNS;
  sourceMigration = "none";
  /** The same of the old program's, after a rollback. */
  #oldEnded = false;
  readonly #script: Script;
  readonly #directory = Deno.makeTempDirSync();
  readonly #source: ScriptedMonitor;
  #destination: ScriptedMonitor | undefined;
  #load: (() => void) | undefined;
  readonly #monitors: AsyncDisposableStack = new AsyncDisposableStack();

  constructor(script: Script) {
    this.#script = script;
    if (script.broken) {
      // In the place of the note that the guest may run.
      Deno.mkdirSync(`${this.#directory}/resumed/full`, { recursive: true });
    }
    this.ended = script.ended ?? false;
    const source = script.transfers ? this.#transferSource() : SOURCE;
    this.#source = this.#monitor("source", { ...source, ...script.source });
    this.system = { ...this.#steps(), ...script.fails };
  }

  #monitor(
    name: string,
    answers: Readonly<Record<string, Answer>>,
  ): ScriptedMonitor {
    return this.#monitors.use(
      new ScriptedMonitor(name, this.heard, answers, () => {
        if (name === "old") this.#oldEnded = true;
        else if (name === "destination" && this.#script.transfers) {
          this.newEnded = true;
        } else this.ended = true;
      }),
    );
  }

  #steps(): System {
    return {
      connect: (_address, { budget }) => this.#source.connect(budget),
      facts: () =>
        Promise.resolve(
          this.#script.paused
            ? { ...FACTS, running: false, runState: "paused" }
            : FACTS,
        ),
      isCurrent: () => Promise.resolve(this.#script.current ?? false),
      lock: () => Promise.resolve({ [Symbol.dispose]() {} }),
      open: () => Promise.resolve(this.ended ? undefined : this.#process("vm")),
      pin: () =>
        Promise.resolve({
          processContext: absent(),
          pinned: { ...absent<object>(), [Symbol.dispose]() {} } as never,
        }),
      plan: async ({ client, facts }, { mode = "cpr-exec" }) => ({
        facts,
        mode: mode === "auto" ? "cpr-transfer" : mode,
        command: {
          ...absent<object>(),
          ...{ argv: ["new"], changes: [], vhost: this.#script.vhost ?? [] },
        } as never,
        carried: nothingCarried([]),
        oldArgv: ["old"],
        ...this.#script.transfers ? { handOver: HAND_OVER } : {},
        fingerprint: await Fingerprint.take(client, "checked"),
        sandbox: undefined,
      }),
      preflight: () =>
        Promise.resolve({
          downtimeMs: null,
          checks: this.#script.checks === undefined ? [] : [{
            id: "ram-shared",
            verdict: "refuse",
            detail: "RAM is private",
            remedy: "Share it",
          }],
        }),
      runDirectory: () =>
        Promise.resolve({
          path: this.#directory,
          pid: PID,
          stateFile: `${this.#directory}/vm.state`,
          leave: () => void this.left.push("directory"),
          [Symbol.asyncDispose]: () => Promise.resolve(),
        }),
      journal: () => Promise.resolve(() => Promise.resolve()),
      standby: () => Promise.resolve(this.#standby()),
      renewVhost: (all) => ({ all, [Symbol.dispose]() {} }),
      giveVhost: () => Promise.resolve(new Map()),
      leftOpen: () => Promise.resolve([]),
      state: (path) => this.#state(path),
      warmUp: () => Promise.resolve(),
      keepMemory: () =>
        Promise.resolve({ [Symbol.asyncDispose]: () => Promise.resolve() }),
      urgency: () => ({
        endBoost() {},
        end() {},
        [Symbol.asyncDispose]: () => Promise.resolve(),
      }),
      restoreThreads: () => Promise.resolve([]),
      requireSame() {},
      requireSameUser() {},
      standardStreams: () => ({
        preserved: [],
        stderr: undefined,
        [Symbol.dispose]() {},
      }),
      appears: () => Promise.resolve(),
      reconnect: () => this.#source.connect(),
      countClosed: () => Promise.resolve(this.#script.closed ?? 0),
      fence: () => {
        if (this.#script.endsAtFence) this.ended = true;
        this.heard.push("vm: fence");
        return Promise.resolve(!this.ended);
      },
      move: () => {
        this.heard.push("host: move");
        return [];
      },
      remove: () => [],
      hold: () => ({
        cprState: { descriptors: [], vfioDevices: [] },
        descriptors: new Map<number, Fd>(),
        ram: { blocks: 1, bytes: 4096 },
        preserved: [],
        has: () => true,
        hasMemory: () => true,
        [Symbol.dispose]() {},
      }),
      destination: async (_vm, program, _timeoutMs, budget) => {
        const isNew = program === "new";
        const { copies, transfers = false } = this.#script;
        if (isNew && this.#script.silent) {
          throw new UpdateProblem("silent", "Nothing answers");
        }
        const script = isNew ? this.#script.destination : this.#script.old;
        const load = destination(() => {
          if (transfers) this.hangUp();
        });
        const usual = copies ? { ...load, "migrate-incoming": () => {} } : load;
        const answers = { ...usual, ...script };
        const monitor = this.#monitor(
          isNew ? "destination" : "old",
          answers,
        );
        const client: QmpClient = await monitor.connect(budget);
        if (isNew) {
          this.#destination = monitor;
          this.#load = () => void load["migrate-incoming"]?.(monitor);
        }
        const process = this.#process(
          isNew ? transfers ? "new" : "vm" : "old",
        );
        return Destination.attach(client, process, program);
      },
    };
  }

  #process(name: string): ProcessHandle {
    const hasExited = () =>
      name === "vm"
        ? this.ended
        : name === "new"
        ? this.newEnded
        : this.#oldEnded;
    return {
      pid: PID,
      number: -1,
      getFd: () => {
        throw new Error("It has no descriptors");
      },
      sendSignal: (signal) => {
        this.heard.push(`${name}: ${signal}`);
        const { immortal, resumedAtStop } = this.#script;
        if (signal === "SIGSTOP" && name === "new" && resumedAtStop) {
          this.#destination?.event("RESUME");
        }
        if (signal !== "SIGKILL" || immortal) return;
        if (name === "vm") this.ended = true;
        if (name === "new") this.newEnded = true;
      },
      hasExited,
      exited: () =>
        this.#script.patient && !hasExited()
          ? new Promise(() => {})
          : Promise.resolve(hasExited()),
      exitStatus: () => undefined,
      [Symbol.dispose]() {},
    };
  }

  /** The guest runs until the destination asks for the devices. */
  #transferSource(): Readonly<Record<string, Answer>> {
    return {
      "query-status": () => this.sourceState,
      "query-migrate": () => ({ status: this.sourceMigration }),
      "migrate": (monitor) => {
        this.sourceMigration = "setup";
        monitor.migration("setup");
      },
      "migrate_cancel": (monitor) => {
        this.sourceMigration = "cancelled";
        monitor.migration("cancelling", "cancelled");
      },
      "cont": (monitor) => {
        this.sourceState = RUNS;
        monitor.event("RESUME");
      },
    };
  }

  /** Whether it is noted that the guest may have run on the new program. */
  get mayHaveResumed(): boolean {
    return [...Deno.readDirSync(this.#directory)]
      .some(({ name }) => name === "resumed");
  }

  /** The source stops, and has saved its devices. */
  hangUp(status = "completed"): void {
    this.sourceState = { status: "postmigrate", running: false };
    this.sourceMigration = status;
    this.#source.event("STOP");
    this.#source.migration("active", "device", status);
  }

  /** The source stops, and the destination has loaded all of it. */
  completeCopy(): void {
    this.#load?.();
  }

  /** The destination cannot load it. */
  refuseCopy(): void {
    this.#destination?.migration("failed");
  }

  /** The source resumes its guest, whoever told it. */
  resumeSource(): void {
    this.sourceState = RUNS;
    this.#source.event("RESUME");
  }

  #standby(): StandbyPort {
    return {
      pid: PID,
      problems: [],
      hold: () => Promise.resolve(void this.heard.push("standby: hold")),
      duplicate: () => Promise.reject(new Error("Nobody asks for it")),
      go: () => {
        this.heard.push("standby: go");
        const name = this.#script.transfers ? "new" : "old";
        return Promise.resolve(this.#process(name) as never);
      },
      leave: () => void this.left.push("standby"),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }

  #state(path: string): StatePort {
    let complete = false;
    return {
      path,
      get complete() {
        return complete;
      },
      keep: () => {
        if (this.#script.torn) {
          throw new UpdateProblem("torn", "The state ends early");
        }
        complete = true;
        return undefined;
      },
      restore: () => false,
      checkRam() {},
      runState: undefined,
      [Symbol.dispose]() {},
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#monitors[Symbol.asyncDispose]();
    await Deno.remove(this.#directory, { recursive: true });
  }
}

const SOURCE: Readonly<Record<string, Answer>> = {
  "query-status": () => RUNS,
  "migrate": (monitor) => {
    monitor.event("STOP");
    monitor.migration("setup", "active", "pre-switchover");
  },
  "migrate_cancel": (monitor) => {
    monitor.migration("cancelling", "cancelled");
    monitor.event("RESUME");
  },
  "migrate-continue": (monitor) => {
    monitor.migration("device", "completed");
    return CLOSES;
  },
};

/** A program that waits for a state, loads it, and runs. */
function destination(loads: () => void): Readonly<Record<string, Answer>> {
  let state = WAITS;
  return {
    "query-status": () => state,
    "migrate-incoming": (monitor) => {
      loads();
      state = PAUSED;
      monitor.migration("setup", "active", "completed");
    },
    "cont": (monitor) => {
      state = RUNS;
      monitor.event("RESUME");
    },
  };
}

const HAND_OVER = {
  monitor: "/run/vm.qmp.cprctl",
  cpr: "/run/vm.qmp.cpr",
  main: "/run/vm.qmp.main",
  moves: [{ from: "/run/vm.qmp.cprctl", to: "/run/vm.qmp" }],
};
const FACTS = factsOf([], { pid: PID, name: "vm" });
