import { assert, assertEquals } from "@std/assert";
import { trialsOf } from "../../scripts/compat_truth/plan.ts";
import {
  type Predicted,
  Predictor,
} from "../../scripts/compat_truth/predict.ts";
import { makeLoads, usableTypes } from "../../scripts/compat_truth/run.ts";
import { judge, lineOf } from "../../scripts/compat_truth/table.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";

/** Beginnings of names: of each bus, of a shared section, of each size. */
const SAMPLE = ["VGA", "e1000e", "ne2k_", "nvme", "usb-kbd", "virtio-rng-"];

Deno.test("the builds load each other's devices, as compat says", async () => {
  const { old, new: next } = await qemuBuilds();
  const builds = [old, next];
  const trials = trialsOf(await usableTypes(builds, SAMPLE), builds, 1, true);
  const predictor = new Predictor(builds);
  const predicted: Predicted[] = [];
  const folder = await Deno.makeTempDir({ prefix: "cprctl-test-" });
  try {
    await makeLoads(trials, folder, async (load) => {
      predicted.push(await predictor.predict(load));
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  assert(predicted.length >= 20, `${predicted.length} loads`);
  const wrong = predicted.filter((it) => judge(it) !== "right").map(lineOf);
  assertEquals(wrong, []);
});
