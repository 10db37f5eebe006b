/**
 * Devices, vCPUs, memory, objects and iothreads are those of the command line.
 *
 * @module
 */

import type { OptionValue } from "../../cmdline/mod.ts";
import { isObject } from "../../qmp/mod.ts";
import { IMPLIED_OBJECTS, iothreadDefaults } from "../carry/back_ends.ts";
import { isCpu } from "../carry/devices.ts";
import type { CommandLine } from "../command/command_line.ts";
import { text } from "../vm/reply.ts";
import {
  type CheckContext,
  joined,
  listed,
  ok,
  type PreflightCheck,
  problemCheck,
  quoted,
  refuse,
} from "./check.ts";
import type { QomChild } from "../vm/inventory.ts";

function isMemory(type: string): boolean {
  return ["pc-dimm", "nvdimm"].includes(type) || /^virtio-p?mem/.test(type);
}

/**
 * No device was plugged in or unplugged: the new program would lack the former
 * and have the latter. vCPUs and memory have checks of their own.
 */
export const devices = problemCheck({
  id: "devices",
  ok: "devices are those of the command line",
  remedy: "Undo it (device_del, device_add), or restart the VM with the " +
    "current devices on its command line",
  async *find(context) {
    const added = (await leftOver(context))
      .filter(({ type }) => !isCpu(type) && !isMemory(type));
    const gone = await unpluggedDevices(context);
    if (added.length > 0) {
      const names = joined(
        added.map((it) => withType(it) + whyLeft(context, it.path)),
      );
      yield `Devices were plugged in at run time: ${names}`;
    }
    if (gone.length > 0) {
      yield `Devices were unplugged at run time: ${listed(gone)}`;
    }
  },
});

/** Devices that were plugged in and are not carried over. */
async function leftOver(
  { carried, inventory }: CheckContext,
): Promise<QomChild[]> {
  return (await inventory.hotPlugged())
    .filter(({ path }) => !carried.devices.has(path));
}

/** Why something is not carried over, if that is known. */
function whyLeft({ carried }: CheckContext, id: string): string {
  const why = carried.obstacles.get(id);
  return why === undefined ? "" : `: ${why}`;
}

function withType({ name, type }: QomChild): string {
  return `${quoted(name)} (${type})`;
}

const ANONYMOUS = "/machine/peripheral-anon/";

/** Devices of the command line that the VM no longer has. */
async function unpluggedDevices(
  { inventory, running }: CheckContext,
): Promise<string[]> {
  const present = await inventory.devices();
  const names = new Set(present.map(({ name }) => name));
  const wanted = running.values("device");
  const gone = running.all("device", "id").filter((id) => !names.has(id));
  const anonymous = present.filter(({ path }) => path.startsWith(ANONYMOUS));
  const missing = wanted.filter((device) => !device.has("id")).length -
    anonymous.length;
  return missing > 0 ? [...gone, `${missing} without an id`] : gone;
}

/**
 * The VM has the number of vCPUs on its command line, and none was plugged in.
 */
export const cpus: PreflightCheck = {
  id: "cpus",
  async run(context) {
    const { inventory, running } = context;
    const is = (await inventory.list("query-cpus-fast")).length;
    const was = cpuCount(running);
    const late = (await leftOver(context))
      .filter(({ type }) => isCpu(type)).map(({ name }) => name);
    if (is === was && late.length === 0) {
      return ok(`${is} vCPU${is === 1 ? "" : "s"}, as the command line says`);
    }
    const plugged = late.length === 0
      ? ""
      : `; plugged in at run time: ${listed(late)}`;
    return refuse(
      `The VM has ${is} vCPUs, but its command line gives it ${was}${plugged}`,
      "Unplug the vCPUs that were plugged in (device_del), or restart the " +
        "VM with the current number in -smp",
    );
  },
};

/** Parts of a topology whose product is the number of vCPUs. */
const LEVELS = [
  ...["drawers", "books", "sockets", "dies"],
  ...["clusters", "modules", "cores", "threads"],
];

/** Several -smp options are merged; a level that is not given is 1. */
function cpuCount(commandLine: CommandLine): number {
  const options = commandLine.values("smp");
  const given = (key: string) =>
    options.map((option) => option.integer(key)).findLast((it) => it);
  const count = given("cpus") ?? given("maxcpus") ??
    LEVELS.reduce((product, level) => product * (given(level) ?? 1), 1);
  return count + commandLine.all("device", "driver").filter(isCpu).length;
}

export const memoryDevices = problemCheck({
  id: "memory-devices",
  ok: "memory devices are those of the command line",
  remedy: "Undo it (device_del, qom-set), or restart the VM with the current " +
    "memory on its command line",
  async *find(context) {
    const { inventory, running } = context;
    for (const { name, path, type } of await leftOver(context)) {
      if (!isMemory(type)) continue;
      const why = whyLeft(context, path);
      yield `Memory ${quoted(name)} was plugged in at run time${why}`;
    }
    const named = running.values("device");
    for (const { data } of await inventory.list("query-memory-devices")) {
      if (!isObject(data)) continue;
      const { id } = data;
      const device = named.find((it) => it.get("id") === id);
      // virtio-mem grows and shrinks by this property.
      const is = data["requested-size"];
      if (device === undefined || is === undefined) continue;
      const was = device.size("requested-size") ?? 0;
      if (Number(is) === was) continue;
      const name = quoted(id);
      yield `Memory ${name} has a requested size of ${is} bytes, and had ${was}`;
    }
  },
});

export const objects = problemCheck({
  id: "objects",
  ok: "objects are those of the command line",
  detail: "Objects were created at run time and would be lost",
  remedy: "Remove them (object-del), or restart the VM with them on its " +
    "command line",
  async find(context) {
    const { inventory, running } = context;
    const known = new Set(running.all("object", "id"));
    // A machine creates a backend itself if none is given.
    const memory = await inventory.knownProperty("/machine", "memory-backend");
    if (typeof memory === "string") known.add(memory.replace(/^.*\//s, ""));
    return (await inventory.children("/objects"))
      .filter(({ name, type }) =>
        !known.has(name) && !IMPLIED_OBJECTS.test(type)
      )
      .map((it) => withType(it) + whyLeft(context, it.name));
  },
});

export const iothreads = problemCheck({
  id: "iothreads",
  verdict: "warn",
  ok: "iothreads are set as on the command line",
  detail: "Settings of iothreads will be lost",
  remedy: "Set them again after the update (qom-set)",
  async *find({ inventory, running }) {
    const named = new Map<string | undefined, OptionValue>(
      running.values("object").map((it) => [it.get("id"), it]),
    );
    for (const iothread of await inventory.list("query-iothreads")) {
      const id = text(iothread["id"]) ?? "";
      const option = named.get(id);
      if (option === undefined) continue; // the check "objects" reports it
      const defaults = iothreadDefaults(iothread["poll-weight"] !== undefined);
      for (const [name, standard] of Object.entries(defaults)) {
        const was = option.integer(name) ?? standard;
        const is = iothread[name] ?? was;
        if (Number(is) === was) continue;
        yield `${name} of ${quoted(id)} is ${is}, will be ${was}`;
      }
    }
  },
});
