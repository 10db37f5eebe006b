import type { CheckContext, PreflightCheck } from "../check.ts";
import { ok, refuse } from "../check.ts";
import type { QomChild } from "../inventory.ts";
import { joined, listed, quoted } from "../wording.ts";

const ANONYMOUS = "/machine/peripheral-anon/";

/** Whether a device is a vCPU or memory; those have a check of their own. */
export function isCpu({ type }: QomChild): boolean {
  return type.endsWith("-cpu");
}

/** The devices that hold memory. */
export function isMemory({ type }: QomChild): boolean {
  return ["pc-dimm", "nvdimm"].includes(type) || /^virtio-p?mem/.test(type);
}

/** What device_add made. */
export async function hotPluggedDevices(
  { inventory }: CheckContext,
): Promise<QomChild[]> {
  return (await inventory.hotPlugged())
    .filter((device) => !isCpu(device) && !isMemory(device));
}

/**
 * The devices are those of the command line: none was plugged in, and none
 * was pulled out. The new program would lack the one and have the other.
 */
export const devices: PreflightCheck = {
  id: "devices",
  async run(context) {
    const added = await hotPluggedDevices(context);
    const problems = added.length === 0 ? [] : [
      `Devices were plugged in at run time: ${
        joined(added.map(({ name, type }) => `${quoted(name)} (${type})`))
      }`,
    ];
    const gone = await unplugged(context);
    if (gone.length > 0) {
      problems.push(`Devices were unplugged at run time: ${listed(gone)}`);
    }
    return problems.length === 0
      ? ok("devices are those of the command line")
      : refuse(
        joined(problems),
        "Undo it (device_del, device_add), or restart the VM with the " +
          "present devices on its command line",
      );
  },
};

/** Devices of the command line that the VM no longer has. */
async function unplugged(
  { inventory, running }: CheckContext,
): Promise<string[]> {
  const present = await inventory.devices();
  const names = new Set(present.map(({ name }) => name));
  const wanted = running.values("device");
  const gone = wanted.flatMap((device) => {
    const id = device.get("id");
    return id === undefined || names.has(id) ? [] : [id];
  });
  const anonymous = present.filter(({ path }) => path.startsWith(ANONYMOUS));
  const missing = wanted.filter((device) => !device.has("id")).length -
    anonymous.length;
  return missing > 0 ? [...gone, `${missing} without an id`] : gone;
}
