import { assertEquals, assertRejects } from "@std/assert";
import { RefusedError } from "../../../lib/update/error.ts";
import { DomainMonitor } from "../../../lib/update/libvirt/monitor.ts";
import { inTime } from "../../../testing/program/until.ts";

const PATIENCE_MS = 20_000;
/** A virsh that passes on whatever it is told. */
const VIRSH = `#!/bin/sh
while read -r _; do echo '{"return":{},"id":"libvirt-1"}'; done
`;

/** Calls a function with a domain's monitor, which says no more than told. */
async function withMonitor(
  says: (client: WritableStreamDefaultWriter<Uint8Array>) => Promise<void>,
  run: (monitor: DomainMonitor) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const path = Deno.env.get("PATH") ?? "";
  await Deno.writeTextFile(`${folder}/virsh`, VIRSH, { mode: 0o755 });
  Deno.env.set("PATH", `${folder}:${path}`);
  const socket = `${folder}/monitor.sock`;
  using listener = Deno.listen({ transport: "unix", path: socket });
  const serving = (async () => {
    const client = await listener.accept();
    await says(client.writable.getWriter()).catch(() => undefined);
    client.close();
  })().catch(() => undefined); // nobody connects any more
  const domain = { name: "a", pid: Deno.pid, monitor: socket };
  const monitor = await DomainMonitor.open(domain);
  try {
    await run(monitor);
  } finally {
    monitor.close();
    listener.close();
    await serving;
    Deno.env.set("PATH", path);
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a greeting that never ends is no greeting", async () => {
  await withMonitor(
    async (client) => {
      for (;;) {
        await client.write(new TextEncoder().encode(" "));
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    },
    async (monitor) => {
      const direct = monitor.direct({ timeoutMs: 200 });
      const error = await assertRejects(
        () => inTime("it gives up", PATIENCE_MS, direct),
        RefusedError,
      );
      assertEquals(error.code, "libvirt-monitor");
    },
  );
});
