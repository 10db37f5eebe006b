/** The types of device that a QEMU offers, as `-device help` lists them. */

import type { QemuBuild } from "../qemu/builds/builds.ts";

/** A type of device. */
export interface DeviceType {
  readonly name: string;
  /** Type of the bus that it sits on; undefined where it needs none. */
  readonly bus: string | undefined;
  /** What it is for, such as "Network". */
  readonly kind: string;
}

const HEADING = /^(\S+) devices:$/;
const LINE = /^name "([^"]+)"(?:, bus ([\w-]+))?/;
/** They are chosen with -cpu, and their state is the vCPU's. */
const CPU = /-cpu$/;

/** Every type but the models of vCPUs, in the order in which QEMU lists them. */
export async function deviceTypes(build: QemuBuild): Promise<DeviceType[]> {
  const { stdout } = await new Deno.Command(build.binary, {
    args: ["-device", "help"],
    stderr: "null",
  }).output();
  const types: DeviceType[] = [];
  let kind = "";
  for (const line of new TextDecoder().decode(stdout).split("\n")) {
    kind = HEADING.exec(line)?.[1] ?? kind;
    const [, name, bus] = LINE.exec(line) ?? [];
    if (name === undefined || CPU.test(name)) continue;
    types.push({ name, bus, kind });
  }
  return types;
}
