import { ok, type PreflightCheck, refuse } from "../check.ts";
import { listed } from "../wording.ts";

/**
 * QEMU 11.1 crashes as it saves one of these, which no program can take back:
 * of the four ports that its description has, this one has two.
 */
const FATAL = new Set(["pci-serial-2x"]);

/** QEMU lives to save every device. */
export const fatalDevices: PreflightCheck = {
  id: "fatal-devices",
  async run({ inventory }) {
    const fatal = new Set(
      (await inventory.devices()).map(({ type }) => type)
        .filter((type) => FATAL.has(type)),
    );
    return fatal.size === 0
      ? ok("no device is known to end QEMU when it is saved")
      : refuse(
        `QEMU crashes when it saves the state of ${listed([...fatal])}`,
        "Take it out of the VM, or shut the guest down and start the VM on " +
          "the new program",
      );
  },
};
