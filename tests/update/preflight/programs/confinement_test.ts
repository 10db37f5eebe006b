import { assertEquals } from "@std/assert";
import { differentLabel } from "../../../../lib/update/preflight/programs/confinement.ts";
import { readSecurityLabel } from "../../../../lib/update/process/security_label.ts";
import { findingsAfter } from "../other_process.ts";

/** The verdicts about a VM whose process was started by these words. */
async function verdictsAfter(
  wrapper: readonly string[],
  ...ids: readonly string[]
) {
  const checks = await findingsAfter(wrapper);
  return ids.map((id) => checks.get(id)?.verdict);
}

const ordinary = [
  "setpriv",
  "--reuid=65534",
  "--regid=65534",
  "--clear-groups",
];
const cases: readonly (readonly [string[], "ok" | "refuse"])[] = [
  [["env"], "ok"],
  [["setpriv", "--bounding-set=-sys_admin"], "ok"],
  [["setpriv", "--no-new-privs"], "ok"],
  [ordinary, "ok"],
  [
    [...ordinary, "--inh-caps=+net_admin", "--ambient-caps=+net_admin"],
    "ok",
  ],
  [["setpriv", "--securebits=+noroot"], "refuse"],
  [["setpriv", "--securebits=+noroot", "--no-new-privs"], "ok"],
];

for (const [wrapper, verdict] of cases) {
  Deno.test({
    name: `rights of a VM after "${wrapper.join(" ")}": ${verdict}`,
    ignore: Deno.uid() !== 0,
    async fn() {
      assertEquals(
        await verdictsAfter(wrapper, "confinement", "namespaces"),
        [verdict, "ok"],
      );
    },
  });
}

Deno.test({
  name: "a VM in a user namespace of its own is refused",
  ignore: Deno.uid() !== 0,
  async fn() {
    const wrapper = ["unshare", "--user", "--map-root-user"];
    assertEquals(await verdictsAfter(wrapper, "namespaces"), ["refuse"]);
  },
});

Deno.test("the label of a security module may be lost in a rollback", async () => {
  const svirt = "system_u:system_r:svirt_t:s0:c1,c2";
  assertEquals(differentLabel(svirt, svirt), undefined);
  assertEquals(differentLabel(undefined, undefined), undefined);
  assertEquals(differentLabel(svirt, "unconfined")?.verdict, "warn");
  const own = await readSecurityLabel("self");
  assertEquals(await readSecurityLabel(Deno.ppid), own);
});
