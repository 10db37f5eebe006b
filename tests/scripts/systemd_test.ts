/** What systemd's own tool says of the units. */

import { assertEquals } from "@std/assert";
import { exists } from "../../testing/program/exists.ts";

const UNITS = new URL("../../scripts/systemd/", import.meta.url).pathname;
const TIMEOUT_MS = 30_000;

Deno.test("systemd finds no fault with the units", {
  ignore: !exists("/usr/bin/systemd-analyze"),
}, async () => {
  const folder = await Deno.makeTempDir({ prefix: "cprctl-units-" });
  try {
    const names = [...Deno.readDirSync(UNITS)].map(({ name }) => name)
      .filter((name) => /\.(service|timer)$/.test(name));
    for (const name of names) {
      // It looks for the programs, which need not be installed here.
      const text = Deno.readTextFileSync(`${UNITS}${name}`)
        .replaceAll(/^(ExecStart=)\S+/gm, "$1/bin/true");
      Deno.writeTextFileSync(`${folder}/${name}`, text);
    }
    const { code, stderr } = await new Deno.Command("systemd-analyze", {
      args: ["verify", "--man=no", ...names.map((name) => `./${name}`)],
      cwd: folder,
      stdin: "null",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).output();
    assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
