/**
 * `deno task devices`: every type of device that QEMU offers, on every kind of
 * machine; writes docs/devices.md.
 *
 * ```
 * deno task devices                      all of them, for half an hour
 * deno task devices q35 e1000 virtio-    those on q35 whose names begin so
 * ```
 */

import { ifThere } from "../../lib/gone.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { tryOn } from "./campaign.ts";
import { deviceTypes } from "../../testing/devices/catalogue.ts";
import { cellsIn, devicesPage, update } from "./page.ts";
import { BOARD_NAMES } from "./trial.ts";

const PAGE = new URL("../../docs/devices.md", import.meta.url);

const [only, ...beginnings] = Deno.args;
const boards = BOARD_NAMES.filter((it) => only === undefined || it === only);
const builds = await qemuBuilds();
const every = await deviceTypes(builds.old);
const types = every.filter(({ name }) =>
  beginnings.length === 0 || beginnings.some((it) => name.startsWith(it))
);
const cells = cellsIn(await pageNow());
let tried = 0;
let failures = 0;
for (const board of boards) {
  await tryOn(board, types, builds, (result) => {
    const { type, verdict } = result;
    const why = "why" in verdict ? `: ${verdict.why}` : "";
    console.log(`${board} ${type}: ${verdict.kind}${why}`);
    update(cells, result);
    tried++;
    if (verdict.kind === "failed") failures++;
  });
}
await Deno.writeTextFile(PAGE, devicesPage(every, cells, builds));
console.log(`${tried} tried, ${failures} failed`);
Deno.exit(failures === 0 ? 0 : 1);

async function pageNow(): Promise<string> {
  return await ifThere(Deno.readTextFile(PAGE)) ?? "";
}
