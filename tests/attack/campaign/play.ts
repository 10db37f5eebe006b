/** Plays one round, and looks at everything afterwards. */

import * as v from "valibot";
import { assert, assertEquals } from "@std/assert";
import { allReportSchema } from "../../../lib/update/all/all_report.ts";
import {
  CANCELLED,
  ENDED_UNTOUCHED,
  OUTCOMES,
} from "../../../lib/update/error.ts";
import type { Report } from "../../../lib/update/report/report.ts";
import { validateReport } from "../../../testing/update/report.ts";
import type { QemuBuilds } from "../../../testing/qemu/builds/builds.ts";
import type { Script } from "../relay.ts";
import { assertLeftNothing, clearAway } from "./invariants.ts";
import {
  type Attacker,
  hostileMachine,
  hostileQemu,
  pretender,
} from "./attacker.ts";
import { assertNoMore, type Rights, rightsOf, sightings } from "./canary.ts";
import { type Action, type Fixture, perform } from "./actions.ts";
import type { Ground } from "./ground.ts";
import type { Round } from "./round.ts";
import { type Run, runWatched } from "./watched_run.ts";

const TIMEOUT_S = 5;
/** An honest VM has to have the time that it needs. */
const ALL_TIMEOUT_S = 60;
/** A real QEMU takes longer to start, and is started thrice before it is moved. */
const QEMU_TIMEOUT_S = 20;
/** Of cprctl, whatever a VM does. */
const MOST_MIB = 256;

/** What came of a round. */
export interface Result {
  /** Such as "refused", or "list 0". */
  readonly outcome: string;
  readonly memoryMiB: number;
  readonly seconds: number;
  /** How often a program of the attacker's was run. */
  readonly canaries: number;
  readonly done: number;
}

/**
 * @throws {AssertionError} when anything is not as it has to be
 */
export async function play(
  round: Round,
  ground: Ground,
  builds: QemuBuilds,
): Promise<Result> {
  await using attacker = await attackerOf(round, ground, builds);
  await using helpers = new AsyncDisposableStack();
  const { random } = round;
  const injections = new Injections(round, {
    ground,
    attacker,
    random,
    helpers,
  });
  const vm = rightsOf(attacker.pid);
  attacker.play(injections.script);
  await using _cleared = {
    [Symbol.asyncDispose]: () => clearAway(ground.base),
  };
  injections.start();
  const run = await runWatched(wordsOf(round, ground, attacker), {
    folder: `${ground.folder}/own`,
    base: ground.base,
    secret: ground.secret.path,
    timeoutS: timeoutOf(round),
    terminal: round.terminal,
  });
  const done = await injections.end();
  if (Deno.env.has("CPRCTL_DEBUG")) console.log(run.stdout, run.stderr);
  const told = toldBy(round, run, ground);
  const canaries = await assertPowerless(attacker, vm, run);
  if (told.pidAfter !== undefined) assertNoMore(rightsOf(told.pidAfter), vm);
  await assertLeftNothing(ground.base, attacker, told.mayLeave);
  await ground.secret.assertKept(run.stdout, run.stderr);
  await ground.assertNeighbour();
  assert(run.memoryMiB < MOST_MIB, `It took ${run.memoryMiB} MiB`);
  const { memoryMiB, seconds } = run;
  return { outcome: told.outcome, memoryMiB, seconds, canaries, done };
}

async function attackerOf(
  { kind, behaviours, confined }: Round,
  ground: Ground,
  builds: QemuBuilds,
): Promise<Attacker> {
  const name = `${ground.neighbourName}-evil`;
  const options = { name, behaviours, confined };
  if (kind === "machine") return await hostileMachine(ground, options);
  if (kind === "qemu") return await hostileQemu(ground, builds, options);
  const { qmpPath: socket, argv: words } = await ground.backend();
  const argv = ["cprctl", ...words.slice(words.indexOf("machine"))];
  return await pretender(ground, { socket, argv }, options);
}

/** What a round's injections become. */
class Injections {
  readonly #round: Round;
  readonly #fixture: Fixture;
  readonly #waiting: Promise<void>[] = [];
  readonly #timers: ReturnType<typeof setTimeout>[] = [];
  readonly #left: Set<Round["injections"][number]>;
  #asked = 0;
  #over = false;
  #done = 0;

  constructor(round: Round, fixture: Fixture) {
    this.#round = round;
    this.#fixture = fixture;
    this.#left = new Set(round.injections);
  }

  /** Those that are at a question. */
  get script(): Script {
    let answer: ((line: string) => string) | undefined;
    return {
      before: async (command) => {
        answer = undefined;
        for (const injection of this.#due(command)) {
          if ("action" in injection) await this.#do(injection.action);
        }
      },
      instead: async (command, line, say) => {
        const lies = this.#due(command).flatMap((it) =>
          "lie" in it ? [it] : []
        );
        this.#asked++;
        for (const injection of lies) {
          this.#left.delete(injection);
          this.#done++;
          answer = injection.lie.answer;
          if (await injection.lie.instead?.(line, say)) return true;
        }
        return false;
      },
      answer: (_command, line) => {
        const told = answer?.(line) ?? line;
        answer = undefined;
        return told;
      },
    };
  }

  /** Begins to wait for those that are at a time. */
  start(): void {
    for (const injection of this.#round.injections) {
      if (!("milliseconds" in injection.at) || !("action" in injection)) {
        continue;
      }
      const { action, at } = injection;
      const begin = () => {
        const doing = this.#do(action);
        doing.catch(() => undefined); // heard at the end
        this.#waiting.push(doing);
      };
      this.#timers.push(setTimeout(begin, at.milliseconds));
    }
  }

  /** How many were done. */
  async end(): Promise<number> {
    this.#over = true;
    for (const it of this.#timers) clearTimeout(it);
    await Promise.all(this.#waiting);
    return this.#done;
  }

  #due(command: string): Round["injections"][number][] {
    return [...this.#left].filter(({ at }) =>
      "nth" in at
        ? at.nth === this.#asked
        : "command" in at && at.command === command
    );
  }

  async #do(action: Action): Promise<void> {
    if (this.#over) return;
    for (const it of this.#left) {
      if ("action" in it && it.action === action) this.#left.delete(it);
    }
    this.#done++;
    await perform(action, this.#fixture);
  }
}

function timeoutOf({ kind, verb }: Round): number {
  if (verb === "update --all") return ALL_TIMEOUT_S;
  return kind === "qemu" ? QEMU_TIMEOUT_S : TIMEOUT_S;
}

function wordsOf(
  round: Round,
  { neighbourName }: Ground,
  { socket, binary }: Attacker,
): string[] {
  const { verb, offers } = round;
  if (verb === "list" || verb === "recover") return [verb, "--json"];
  const limits = ["--force", "--json", "--timeout", `${timeoutOf(round)}`];
  if (verb === "update --all") {
    return ["update", "--all", `${neighbourName}*`, ...limits];
  }
  return [
    ...[verb, "--qmp", socket, ...limits],
    ...offers ? ["--binary", binary] : [],
  ];
}

interface Told {
  readonly outcome: string;
  /** Whether it says that a person has to look. */
  readonly mayLeave: boolean;
  /** Of the process that went back. */
  readonly pidAfter?: number;
}

/** What cprctl said; it has to make sense. */
function toldBy({ verb }: Round, run: Run, ground: Ground): Told {
  const { exitCode, stdout, stderr } = run;
  const said = `exit code ${exitCode}: ${stdout.slice(0, 2000)} ${
    stderr.slice(0, 2000)
  }`;
  assert(exitCode !== null, `It was ended by a signal, ${said}`);
  assert(!/"code": ?"internal"|file:\/\/|Error:/.test(said), said);
  if (verb === "list" || verb === "recover") {
    assert(exitCode === 0 || verb === "recover", said);
    const outcome = `${verb}, exit code ${exitCode}`;
    return { outcome, mayLeave: false };
  }
  assert([...Object.values(OUTCOMES) as number[]].includes(exitCode), said);
  const json = JSON.parse(stdout);
  if (verb === "update --all") return toldOfAll(json, ground);
  if (json.outcome === "error") {
    return { outcome: `no VM, ${json.error.code}`, mayLeave: false };
  }
  const report = validateReport(json);
  const { outcome, pid_after: pid, error } = report;
  assertEquals(exitCode, OUTCOMES[outcome], said);
  return {
    outcome: error === null ? outcome : `${outcome}, ${error.code}`,
    mayLeave: namesRecover(report),
    // Otherwise it is the attacker's own doing what it is.
    ...outcome === "rolled-back" && pid !== null && pid !== report.pid_before
      ? { pidAfter: pid }
      : {},
  };
}

/** Whether something is left, as it says, for a person or for recover. */
function namesRecover({ outcome, warnings }: Report): boolean {
  return outcome === "needs-person" ||
    warnings.some((it) => it.includes("cprctl recover"));
}

/** The honest VM was updated, or its turn did not come. */
function toldOfAll(json: unknown, { neighbour }: Ground): Told {
  const { results, left_out } = v.parse(allReportSchema, json);
  const own = results.find((it) => it.pid_before === neighbour.pid);
  const isLeft = left_out.some((it) => it.pid === neighbour.pid);
  const evil = results.find((it) => it.pid_before !== neighbour.pid);
  // What may befall the next one as well.
  const hasFailed = ["rolled-back", "needs-person"]
    .includes(evil?.outcome ?? "") &&
    ![CANCELLED, ENDED_UNTOUCHED].includes(evil?.error?.code ?? "");
  const isPutOff = isLeft || own?.error?.code === "not-its-turn";
  assert(
    own?.outcome === "updated" || hasFailed && isPutOff,
    `The honest VM: ${own?.outcome} ${
      JSON.stringify(own?.error)
    }, the other: ` +
      `${evil?.outcome} ${JSON.stringify(evil?.error)}`,
  );
  return {
    outcome: `--all: ${evil?.outcome ?? "left out"}, the other ` +
      (isPutOff ? "untouched" : "updated"),
    mayLeave: results.some(namesRecover),
  };
}

/** No program of the attacker's was run with more than the VM has. */
async function assertPowerless(
  attacker: Attacker,
  vm: Rights,
  run: Run,
): Promise<number> {
  const seen = await sightings(attacker.folder);
  for (const it of seen) {
    assertNoMore(it, vm);
    assertEquals(it.gains, [], it.what);
    assertEquals(it.terminal, 0, `${it.what} has a terminal`);
    assert(it.session !== run.session, `${it.what} is in cprctl's session`);
    const open = it.descriptors.filter((path) => path.endsWith("/own/secret"));
    assertEquals(open, [], it.what);
  }
  return seen.length;
}
