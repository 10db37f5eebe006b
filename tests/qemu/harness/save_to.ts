import { inTime } from "./until.ts";
import type { VirtualMachine } from "./virtual_machine.ts";

const TIMEOUT_MS = 60_000;

/**
 * Saves a machine into a file, as for starting it again later; it is stopped
 * then.
 *
 * @param capabilities that are switched on before
 */
export async function saveTo(
  vm: VirtualMachine,
  path: string,
  capabilities: readonly string[] = [],
): Promise<void> {
  await using qmp = await vm.monitor();
  await qmp.execute("migrate-set-capabilities", {
    capabilities: ["events", ...capabilities]
      .map((capability) => ({ capability, state: true })),
  });
  using migration = qmp.watch(["MIGRATION"]);
  await qmp.execute("migrate", { uri: `file:${path}` });
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
