import { isObject } from "../../qmp/mod.ts";
import { asObject, text } from "../facts.ts";
import { type CheckContext, ok, type PreflightCheck, refuse } from "./check.ts";
import { joined, quoted } from "./wording.ts";

/** Memory devices are those of the command line, and as large. */
export const memoryDevices: PreflightCheck = {
  id: "memory-devices",
  async run(context) {
    const problems: string[] = [];
    for (
      const { data } of await context.inventory.list("query-memory-devices")
    ) {
      if (!isObject(data)) continue;
      const name = quoted(text(data["id"]) ?? text(data["memdev"]) ?? "");
      if (data["hotplugged"] === true) {
        problems.push(`Memory ${name} was plugged in at run time`);
      }
      problems.push(
        ...resized(context, asObject(data)).map((it) => `${name} ${it}`),
      );
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
  data: ReturnType<typeof asObject>,
): string[] {
  const is = data["requested-size"];
  if (is === undefined) return [];
  const device = running.values("device")
    .find((it) => it.get("id") === text(data["id"]));
  const was = device?.size("requested-size") ?? 0;
  return device === undefined || Number(is) === was
    ? []
    : [`is to have ${is} bytes, was ${was}`];
}
