import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { PLAIN, VirtualMachine, Witness } from "../../testing/qemu/mod.ts";
import { reported } from "../../testing/update/cprctl.ts";

const builds = await qemuBuilds();

Deno.test("a VM that would be stopped for too long is refused", async () => {
  await using vm = await VirtualMachine.boot(builds.old, PLAIN, "tcg");
  const witness = await Witness.of(vm);
  const updateWithin = async (milliseconds: string) => {
    const { code, stdout, report } = await reported([
      ...["update", "--qmp", vm.files.qmp, "--binary", builds.new.binary],
      ...["--max-downtime", milliseconds],
    ]);
    const predicted = report.downtime_predicted_ms;
    assert(predicted !== null && predicted > 1, stdout);
    return { code, ...report };
  };

  const refused = await updateWithin("1");
  assertEquals([refused.code, refused.outcome], [3, "refused"]);
  assertEquals(refused.error?.code, "downtime");
  assertStringIncludes(
    refused.error?.message ?? "",
    `about ${refused.downtime_predicted_ms} ms, longer than 1 ms`,
  );
  assertEquals(vm.executable(), builds.old.binary);
  await witness.assertLivesOn();

  const updated = await updateWithin("600000");
  assertEquals([updated.code, updated.outcome], [0, "updated"]);
  await witness.assertLivesOn();
});
