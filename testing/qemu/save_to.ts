import { inTime } from "../program/until.ts";
import type { VirtualMachine } from "./virtual_machine.ts";

const TIMEOUT_MS = 60_000;

/** Slow and impatient: what the guest writes is sent again and again. */
const NEVER_DONE = { "max-bandwidth": 1000, "downtime-limit": 1 };
const SOON_DONE = { "max-bandwidth": 1024 ** 3, "downtime-limit": 2000 };

/**
 * Saves a machine into a file, as for starting it again later; it is stopped
 * then.
 *
 * @param capabilities that are switched on before
 * @param passes how often it goes through guest memory at least
 */
export async function saveTo(
  vm: VirtualMachine,
  path: string,
  capabilities: readonly string[] = [],
  passes = 1,
): Promise<void> {
  await using qmp = await vm.monitor();
  await qmp.execute("migrate-set-capabilities", {
    capabilities: ["events", ...capabilities]
      .map((capability) => ({ capability, state: true })),
  });
  using migration = qmp.watch(["MIGRATION"]);
  using pass = qmp.watch(["MIGRATION_PASS"]);
  if (passes > 1) await qmp.execute("migrate-set-parameters", NEVER_DONE);
  await qmp.execute("migrate", { uri: `file:${path}` });
  if (passes > 1) {
    await pass.next((event) => Number(event.data["pass"]) >= passes, {
      timeoutMs: TIMEOUT_MS,
    });
    await qmp.execute("migrate-set-parameters", SOON_DONE);
  }
  await inTime(
    "QEMU saves the machine",
    TIMEOUT_MS,
    migration.next((event) => {
      const status = event.data["status"];
      if (status === "failed") throw new Error("QEMU failed to save");
      return status === "completed";
    }, { timeoutMs: TIMEOUT_MS }),
  );
}
