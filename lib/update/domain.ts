/**
 * Updates a domain of libvirt. The checks ask its monitor through libvirt's
 * daemon. Then the daemon is stopped until the update is over.
 *
 * @module
 */

import { ifError, messageOf } from "../errors.ts";
import { QmpClient } from "../qmp/mod.ts";
import { readCommandLine } from "../proc/cmdline.ts";
import { readExecutable } from "../proc/executable.ts";
import { draftOfListed } from "./all/all.ts";
import { CommandLine } from "./command/command_line.ts";
import type { UpdateRequest } from "./context.ts";
import { NeedsPersonError, RefusedError, UpdateProblem } from "./error.ts";
import { describeVm } from "./host/list.ts";
import { DaemonAway } from "./libvirt/away.ts";
import { startWords } from "./libvirt/daemon.ts";
import { type Domain, findDomain } from "./libvirt/domain.ts";
import { DomainMonitor, requirePeer } from "./libvirt/monitor.ts";
import { domainNeeds } from "./libvirt/needs.ts";
import { domainState, stateOnceConnected } from "./libvirt/virsh.ts";
import { LINUX } from "./linux.ts";
import type { PhaseName } from "./phase.ts";
import { successorOf } from "./process/successor.ts";
import { addFailure, type Draft, type Report } from "./report/report.ts";
import { sealed } from "./report/sealed.ts";
import type { Options, System } from "./system.ts";
import { DeferredSignals } from "./transaction/deferred_signals.ts";
import { check, type CheckRequest, update } from "./update.ts";
import { type Observation, probe } from "./vm/probe.ts";

/** A request for a domain: its monitor follows from its name. */
export type OfDomain<Request extends UpdateRequest> =
  & Omit<Request, "address">
  & { readonly domain: string };

/** The first phase that needs the monitor for itself. */
const FIRST: PhaseName = "prepare";

/**
 * Updates a domain, and makes sure that libvirt finds it again.
 *
 * @throws {RefusedError} when there is no such domain, or it lacks what an
 * update needs: nothing was touched
 */
export async function updateDomain(
  request: OfDomain<UpdateRequest>,
): Promise<Report> {
  const domain = findDomain(request.domain);
  const wanted = { ...request, ...inPlace(request) };
  const current = await upToDate(domain, request);
  if (current !== undefined) return current;
  await requireNothing(domain);
  using away = await DaemonAway.of(domain);
  const before = await ofLibvirt(domainState(domain.name));
  using _signals = new DeferredSignals();
  const monitor = new MonitorOfDomain(domain);
  const observer = async (phase: PhaseName) => {
    if (phase === FIRST && !away.isStopped) {
      await ofLibvirt(away.stop());
      await monitor.goDirect();
    }
    await request.observer?.(phase);
  };
  const address = { path: domain.monitor };
  let report: Draft;
  try {
    report = await update({ ...wanted, address, observer }, monitor.system);
  } catch (error) {
    if (away.isStopped) await away.start();
    throw error;
  }
  if (away.isStopped) await startAgain(away, report, before);
  return sealed(report);
}

/** Reports what an update of a domain would do. */
export async function checkDomain(
  request: OfDomain<CheckRequest>,
): Promise<Report> {
  const domain = findDomain(request.domain);
  const wanted = { ...request, ...inPlace(request) };
  await requireNothing(domain);
  const { system } = new MonitorOfDomain(domain);
  return await check({ ...wanted, address: { path: domain.monitor } }, system);
}

/** Observes a domain; undefined if it does not run, or libvirt does not answer. */
export async function probeDomain(
  name: string,
): Promise<Observation | undefined> {
  try {
    const domain = findDomain(name);
    const { system } = new MonitorOfDomain(domain);
    return await probe((patience) =>
      system.connect({ path: domain.monitor }, patience)
    );
  } catch (error) {
    if (error instanceof UpdateProblem || error instanceof RefusedError) {
      return undefined;
    }
    throw error;
  }
}

/**
 * libvirt has passed descriptors to the process, which another one would lack.
 *
 * @throws {RefusedError} when another mode is wanted
 */
function inPlace({ mode = "auto" }: Options): Pick<Options, "mode"> {
  if (mode === "auto" || mode === "cpr-exec") return { mode: "cpr-exec" };
  throw new RefusedError(
    "libvirt",
    `Cannot update a domain by ${mode}: libvirt expects the same process, to ` +
      "which it passed descriptors",
    { remedy: "Leave out --mode" },
  );
}

/** The report of a domain that executes the program: no daemon is stopped. */
async function upToDate(
  { pid }: Domain,
  { skipIfCurrent, binary }: OfDomain<UpdateRequest>,
): Promise<Report | undefined> {
  if (skipIfCurrent !== true) return undefined;
  const argv = await readCommandLine(pid);
  const executable = await readExecutable(pid);
  const wanted = binary ?? (await successorOf(pid, argv, executable)).path;
  if (!await LINUX.isCurrent({ pid, executable }, wanted)) return undefined;
  const listed = await describeVm({ pid, program: "QEMU", argv }, {
    asksMonitors: false,
  });
  if (typeof listed !== "object") return undefined;
  const report = draftOfListed(listed);
  report.outcome = "up-to-date";
  report.to = report.from;
  return sealed(report);
}

/** Starts the daemon, and asks it for the domain. */
async function startAgain(
  away: DaemonAway,
  report: Draft,
  before: string,
): Promise<void> {
  const { domain, daemon } = away;
  if (report.outcome === "needs-person" && await away.isNeeded()) {
    report.warnings = [
      ...report.warnings,
      "libvirt's daemon stays stopped until cprctl recover succeeds, since it " +
      `would end the domain; to give up the domain, run: ${startWords(daemon)}`,
    ];
    return;
  }
  try {
    await away.start(report.pid_after ?? domain.pid);
    if (report.pid_after !== null) await requireState(domain, before);
  } catch (error) {
    addFailure(report, notFound(domain, report, error));
  }
}

/** Turns a failure of libvirt into a refusal: nothing was touched yet. */
async function ofLibvirt<T>(work: Promise<T>): Promise<T> {
  return await work.catch(
    ifError(UpdateProblem, ({ code, message, remedy }) => {
      throw new RefusedError(code, message, { remedy });
    }),
  );
}

/** This host, with the domain's monitor reached through libvirt or directly. */
class MonitorOfDomain {
  #stream: DomainMonitor | undefined;
  #isDirect = false;

  constructor(private readonly domain: Domain) {}

  readonly system: System = {
    ...LINUX,
    connect: async (address, patience) => {
      if (this.#isDirect) { // the update starts over
        const client = await LINUX.connect(address, patience);
        try {
          requirePeer(this.domain, client.peer);
          return client;
        } catch (error) {
          await client.close();
          throw error;
        }
      }
      const stream = this.#stream = await DomainMonitor.open(this.domain);
      const open = () => Promise.resolve(stream);
      return await QmpClient.connect(address, { ...patience, open });
    },
  };

  /** Leaves libvirt, whose daemon has ended. */
  async goDirect(): Promise<void> {
    this.#isDirect = true;
    await this.#stream?.direct();
  }
}

/** @throws {RefusedError} naming all that the domain lacks */
async function requireNothing({ name, pid }: Domain): Promise<void> {
  const line = CommandLine.parse("QEMU", await readCommandLine(pid));
  const needs = domainNeeds(line);
  const [first] = needs;
  if (first === undefined) return;
  const lines = needs.map(({ text, file }) => `${text} into ${file}`);
  throw new RefusedError(
    first.code,
    `The domain "${name}" ${needs.map(({ why }) => why).join(", and ")}`,
    {
      remedy: `Put ${lines.join(", and ")}; then shut the domain down and ` +
        "start it again",
    },
  );
}

/** @throws {NeedsPersonError} when libvirt says something else than before */
async function requireState({ name }: Domain, before: string): Promise<void> {
  const state = await stateOnceConnected(name);
  if (state === before) return;
  throw new Error(
    `libvirt reports "${state}", and reported "${before}" before`,
  );
}

function notFound(
  { name }: Domain,
  { outcome, error }: Report,
  cause: unknown,
): NeedsPersonError {
  const first = error === null ? "" : `; before: ${error.message}`;
  return new NeedsPersonError(
    "libvirt-state",
    `The VM is "${outcome}", but libvirt does not manage the domain ` +
      `"${name}" as before: ${messageOf(cause)}${first}`,
    { remedy: "Run virsh domstate, and read the log of libvirt's daemon" },
  );
}
