import { type CheckContext, ok, type PreflightCheck, warn } from "./check.ts";

/** A line of "info usernet" for a port that is forwarded to the guest. */
const FORWARD = /\[HOST_FORWARD\]/;

/** Ports are forwarded as the command line says. */
export const hostForwards: PreflightCheck = {
  id: "host-forwards",
  async run(context) {
    const is = (await context.inventory.human("info usernet"))
      .filter((line) => FORWARD.test(line)).length;
    const was = named(context);
    return is === was ? ok("ports are forwarded as on the command line") : warn(
      `${is} ports are forwarded to the guest, and ${was} will be`,
      "Change them again after the update (hostfwd_add, hostfwd_remove)",
    );
  },
};

function named({ running }: CheckContext): number {
  return running.values("netdev", "nic", "net").reduce(
    (count, netdev) =>
      count +
      netdev.entries.filter(({ key }) => /^hostfwd(\.\d+\.str)?$/.test(key))
        .length,
    0,
  );
}
