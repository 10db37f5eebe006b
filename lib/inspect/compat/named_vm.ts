/** The VM of a comparison, from its stream or its monitor. @module */

import {
  type Json,
  type QmpAddress,
  QmpClient,
  showAddress,
} from "../../qmp/mod.ts";
import { InspectError } from "../error.ts";
import { openInput } from "../input.ts";
import { inspect } from "../inspection.ts";
import { type InUse, sectionsInUse, typesInUse } from "./in_use.ts";

/** A VM with its devices. */
export interface NamedVm {
  /** Versioned machine type; undefined if not known. */
  readonly machine: string | undefined;
  readonly inUse: InUse;
}

const TIMEOUT_MS = 10_000;

/**
 * The VM whose stream is in a file.
 *
 * @throws {InspectError} when the file is not a stream
 * @throws {MigrationStreamError} when the stream is damaged
 */
export function vmOfStream(path: string): NamedVm {
  using input = openInput(path);
  const inspection = inspect(input);
  if (inspection.format !== "migration-stream") {
    throw new InspectError(
      "unknown-format",
      `Cannot find the devices in "${path}": it is CPR state`,
      { remedy: "Give the file of the migration stream" },
    );
  }
  const { decoded, sections, problem } = inspection;
  if (problem !== undefined) throw problem;
  if (decoded.vmdesc === undefined) {
    throw new InspectError(
      "undescribed",
      `Cannot find the devices in "${path}": it has no vmdesc`,
    );
  }
  const { machine } = decoded.configuration ?? {};
  return { machine, inUse: sectionsInUse(sections) };
}

/**
 * The VM whose monitor listens at an address.
 *
 * @throws {QmpError} when it does not answer
 */
export async function vmOfMonitor(address: QmpAddress): Promise<NamedVm> {
  const patience = { timeoutMs: TIMEOUT_MS };
  await using client = await QmpClient.connect(address, patience);
  const ask = (command: string, args: { [name: string]: Json }) =>
    client.execute(command, args, patience);
  const type = await ask("qom-get", { path: "/machine", property: "type" });
  const tree = await ask("human-monitor-command", {
    "command-line": "info qom-tree",
  });
  const inUse = typesInUse(typeof tree === "string" ? tree.split("\n") : []);
  if (!("types" in inUse) || inUse.types.size === 0) {
    throw new InspectError(
      "no-devices",
      `Cannot find the devices of the VM at "${showAddress(address)}": its ` +
        "monitor does not have info qom-tree",
    );
  }
  return {
    machine: typeof type === "string"
      ? type.replace(/-machine$/, "")
      : undefined,
    inUse,
  };
}
