/** Loads the devices that one build saved with another. @module */

import { recipeFor } from "../../testing/devices/recipes.ts";
import type { QemuBuild } from "../../testing/qemu/builds/builds.ts";
import { machineFor, type Trial } from "./plan.ts";
import { IdleQemu, QemuEnded, type Surroundings } from "./qemu.ts";

/** One load that was made. */
export interface Load {
  readonly device: string;
  readonly machine: string;
  /** Versions of QEMU. */
  readonly source: string;
  readonly destination: string;
  /** Path of the saved state. */
  readonly state: string;
  /** QEMU's words; null if the state was loaded. */
  readonly failure: string | null;
}

/** Where a VM has its files. */
export interface Place extends Surroundings {
  /** Beginning of the paths of saved state. */
  readonly state: string;
}

/**
 * Saves a VM and loads it with each destination. Yields nothing where a build
 * does not start with the device, or refuses to save it.
 */
export async function* loadsOf(
  trial: Trial,
  place: Place,
): AsyncIterable<Load> {
  const { type, board, source, destinations } = trial;
  const states = new Map<string, string | undefined>();
  for (const destination of destinations) {
    const machine = machineFor(board, source, destination);
    const args = argumentsOf(trial, machine);
    if (!states.has(machine)) {
      const path = `${place.state}-${states.size}.state`;
      const isSaved = await save(source, args, place, path);
      states.set(machine, isSaved ? path : undefined);
    }
    const state = states.get(machine);
    if (state === undefined) continue;
    const failure = await load(destination, args, place, state);
    if (failure === NOT_STARTED) continue;
    yield {
      device: type.name,
      machine,
      source: source.version,
      destination: destination.version,
      state,
      failure,
    };
  }
}

function argumentsOf(
  { type, board, source }: Trial,
  machine: string,
): string[] {
  const recipe = recipeFor(type, "0", "/usr");
  return [
    ...["-machine", `${machine}${recipe.machine},accel=tcg`],
    ...["-m", "16M,slots=4,maxmem=8G"],
    ...["-nodefaults", "-no-user-config", "-display", "none"],
    ...firmwareFor(board, source),
    ...recipe.words,
  ];
}

/**
 * That of microvm has another size in each package; a VM is loaded with the
 * firmware that it was saved with.
 */
function firmwareFor(board: Trial["board"], { binary }: QemuBuild): string[] {
  if (board !== "microvm") return [];
  const share = binary.replace(/bin\/[^/]*$/, "share");
  return ["-bios", `${share}/seabios/bios-microvm.bin`];
}

async function save(
  build: QemuBuild,
  args: readonly string[],
  place: Place,
  path: string,
): Promise<boolean> {
  try {
    await using qemu = await IdleQemu.start(build, args, place);
    await qemu.save(path);
    return true;
  } catch (error) {
    if (error instanceof QemuEnded) return false;
    throw error;
  }
}

const NOT_STARTED = Symbol("not started");

async function load(
  build: QemuBuild,
  args: readonly string[],
  place: Place,
  path: string,
): Promise<string | null | typeof NOT_STARTED> {
  let started = false;
  try {
    await using qemu = await IdleQemu.start(
      build,
      [...args, "-incoming", "defer"],
      place,
    );
    started = true;
    await qemu.load(path);
    return null;
  } catch (error) {
    if (!(error instanceof QemuEnded)) throw error;
    return started ? error.message : NOT_STARTED;
  }
}
