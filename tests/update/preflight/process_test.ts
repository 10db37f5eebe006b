import { assertEquals, assertStringIncludes } from "@std/assert";
import { findingsAfter } from "./other_process.ts";

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

const UNDER_FILTER = [
  ...[Deno.execPath(), "run", "--quiet", "--allow-all"],
  new URL("../../ffi/programs/under_filter.ts", import.meta.url).pathname,
];

Deno.test({
  name: "a VM under a filter of system calls can get it back, or is refused",
  ignore: Deno.uid() !== 0,
  async fn() {
    const sandbox = async (...wrapper: string[]) =>
      (await findingsAfter(wrapper)).get("sandbox");
    const same = await sandbox(...UNDER_FILTER);
    assertEquals(same?.verdict, "ok");
    assertStringIncludes(same?.detail ?? "", "under its seccomp filter");
    const other = await sandbox("env", "WITH_PRIVILEGES=1", ...UNDER_FILTER);
    assertEquals(other?.verdict, "refuse");
    assertStringIncludes(other?.remedy ?? "", "--allow-weaker-confinement");
  },
});

Deno.test({
  name: "a VM in a user namespace of its own is refused",
  ignore: Deno.uid() !== 0,
  async fn() {
    const wrapper = ["unshare", "--user", "--map-root-user"];
    assertEquals(await verdictsAfter(wrapper, "namespaces"), ["refuse"]);
  },
});
