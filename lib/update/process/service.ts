/**
 * The systemd service of a VM, and what systemd does when the VM's process
 * ends. It does end in a rollback: the old program becomes another process.
 *
 * @module
 */

import { ifThere } from "../../gone.ts";
import { type Cgroups, readCgroups } from "../../proc/cgroup.ts";

/** What happens to a service, and to all processes in its control group. */
export type ServiceFate =
  /** It stays active as long as there is a process in its group. */
  | "stays"
  /** It ends, and all processes in its group are killed. */
  | "ends"
  /** The same, and systemd starts it again. */
  | "restarts"
  /** systemd does not say. */
  | "unknown";

/** A service. Plain data. */
export interface Service {
  readonly name: string;
  /** What happens to it when the VM's process is killed. */
  readonly fate: ServiceFate;
  /** Where systemd looks for another main process when this one ends. */
  readonly pidFile?: string | undefined;
}

/** A VM that may be in a service. */
interface Served {
  readonly service: Service | undefined;
}

/** What the next process of a VM takes over at the paths of this one. */
type Moves = readonly { readonly to: string }[];

/** Whether the next process of a VM can be in the same service. */
export function staysInPlace(vm: Served, moves?: Moves): boolean {
  const { service } = vm;
  return service === undefined || service.fate === "stays" ||
    followsPidFile(vm, moves);
}

/**
 * Whether systemd takes the VM's next process for the main one: that one has
 * put itself into the unit's PIDFile= by the time this one ends.
 */
export function followsPidFile(
  { service }: Served,
  moves: Moves = [],
): boolean {
  return moves.some(({ to }) => to === service?.pidFile);
}

/**
 * The groups that the next process of a VM can be in. Systemd removes the
 * groups that it uses to track a service when the service ends, with all
 * processes in them.
 */
export function lastingGroups(
  vm: Served,
  groups: Cgroups,
  moves?: Moves,
): Cgroups {
  if (staysInPlace(vm, moves)) return groups;
  return Object.fromEntries(
    Object.entries(groups).filter(([name]) => !BY_SYSTEMD.includes(name)),
  );
}

/** Version 2, and the hierarchy of version 1 that has no controllers. */
const BY_SYSTEMD = ["", "name=systemd"];
/** Exists if systemd runs the host. */
const BOOTED = "/run/systemd/system";

const TIMEOUT_MS = 2_000;
const PROPERTIES = [
  "ControlGroup",
  "MainPID",
  "ExitType",
  "Restart",
  "PIDFile",
];

/** Values of Restart= that do nothing after a SIGKILL. */
const NO_RESTART = ["no", "on-success", "on-watchdog"];

/** Asks systemd; undefined if the process is in no service. */
export async function readService(pid: number): Promise<Service | undefined> {
  const place = placeOf(await readCgroups(pid));
  if (place === undefined || !await isBooted()) return undefined;
  const said = await show(place);
  return {
    name: place.name,
    fate: fateOf(said, place, pid),
    pidFile: said.get("PIDFile"),
  };
}

/** Whether systemd runs the host; else no group ends with its main process. */
export async function isBooted(): Promise<boolean> {
  return (await ifThere(Deno.stat(BOOTED)))?.isDirectory === true;
}

/** The unit of systemd that a process is in. */
interface UnitPlace {
  readonly name: string;
  readonly path: string;
  /** The user whose systemd it is; undefined for the host's. */
  readonly user: string | undefined;
}

/**
 * The service in a path such as
 * /user.slice/user-7.slice/user@7.service/app.slice/vm.service/group.
 */
export function placeOf(groups: Cgroups): UnitPlace | undefined {
  for (const path of [groups["name=systemd"], groups[""]]) {
    const services = path?.split("/").filter((it) => it.endsWith(".service"));
    const name = services?.at(-1);
    if (path === undefined || name === undefined) continue;
    const user = services?.slice(0, -1)
      .map((it) => /^user@(\d+)\.service$/.exec(it)?.[1]).at(-1);
    return { name, path, user };
  }
  return undefined;
}

const EXIT_TYPE = "Set ExitType=cgroup in the unit, and run systemctl " +
  "daemon-reload";

/** A service that does not outlive the VM's process, as in a rollback. */
export interface UnitProblem {
  readonly detail: string;
  readonly remedy: string;
  /** Whether systemd would start a second VM. */
  readonly restarts: boolean;
}

/** What is wrong with a service; undefined if it stays. */
export function unitProblem({ name, fate }: Service): UnitProblem | undefined {
  switch (fate) {
    case "stays":
      return undefined;
    case "ends":
      return {
        restarts: false,
        detail: `The service "${name}" ends with its main process: after a ` +
          "rollback the VM would run outside of it",
        remedy: EXIT_TYPE,
      };
    case "restarts":
      return {
        restarts: true,
        detail: `The service "${name}" restarts when its main process ends: ` +
          "systemd would start a second VM during a rollback",
        remedy: EXIT_TYPE,
      };
    case "unknown":
      return {
        restarts: false,
        detail: `Systemd does not say whether the service "${name}" ends ` +
          "with its main process: after a rollback the VM might run outside " +
          "of it",
        remedy: "Make sure that the unit has ExitType=cgroup",
      };
  }
}

/** What systemd says about a service; empty if it says nothing. */
async function show(
  { name, user }: UnitPlace,
): Promise<Map<string, string>> {
  const manager = user === undefined
    ? []
    : user === `${Deno.uid()}`
    ? ["--user"]
    : ["--user", `--machine=${user}@.host`];
  const properties = PROPERTIES.map((it) => `--property=${it}`);
  const said = new Map<string, string>();
  try {
    const { stdout } = await new Deno.Command("systemctl", {
      args: [...manager, "show", ...properties, "--", name],
      stdin: "null",
      stderr: "null",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).output();
    for (const line of new TextDecoder().decode(stdout).split("\n")) {
      const equals = line.indexOf("=");
      if (equals > 0) said.set(line.slice(0, equals), line.slice(equals + 1));
    }
  } catch (error) {
    // The host has groups of that name, but no systemd.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return said;
}

/** @param said the properties by their names */
export function fateOf(
  said: ReadonlyMap<string, string>,
  { path }: Pick<UnitPlace, "path">,
  pid: number,
): ServiceFate {
  const group = said.get("ControlGroup") ?? "";
  // A service of another systemd, in a container, may have the same name.
  const isIt = group !== "" && (path === group || path.startsWith(`${group}/`));
  if (!isIt) return "unknown";
  if (said.get("MainPID") !== `${pid}`) return "stays";
  if (said.get("ExitType") === "cgroup") return "stays";
  return NO_RESTART.includes(said.get("Restart") ?? "") ? "ends" : "restarts";
}
