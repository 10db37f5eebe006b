import { isObject, type JsonObject } from "../../../qmp/mod.ts";
import { text } from "../../vm/reply.ts";
import {
  type CheckContext,
  ok,
  type PreflightCheck,
  refuse,
} from "../check.ts";
import { joined, quoted } from "../wording.ts";
import { isMemory } from "./devices.ts";

/** Memory devices are those of the command line, and as large. */
export const memoryDevices: PreflightCheck = {
  id: "memory-devices",
  async run(context) {
    const { inventory } = context;
    const problems = (await inventory.hotPlugged()).filter(isMemory)
      .map(({ name }) => `Memory ${quoted(name)} was plugged in at run time`);
    for (const { data } of await inventory.list("query-memory-devices")) {
      if (isObject(data)) problems.push(...resized(context, data));
    }
    return problems.length === 0
      ? ok("memory devices are those of the command line")
      : refuse(
        joined(problems),
        "Undo it (device_del, qom-set), or restart the VM with the present " +
          "memory on its command line",
      );
  },
};

/** virtio-mem grows and shrinks by a property. */
function resized(
  { running }: CheckContext,
  { id, "requested-size": is }: JsonObject,
): string[] {
  const device = running.values("device")
    .find((it) => it.get("id") === text(id));
  if (device === undefined || is === undefined) return [];
  const was = device.size("requested-size") ?? 0;
  return Number(is) === was ? [] : [
    `Memory ${quoted(text(id) ?? "")} is to have ${is} bytes, was ${was}`,
  ];
}
