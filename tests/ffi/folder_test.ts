import { assertEquals } from "@std/assert";
import { Fd } from "../../ffi/fd.ts";
import { namesIn } from "../../ffi/folder.ts";
import { O_DIRECTORY, O_RDONLY } from "../../ffi/open_flags.ts";

Deno.test("the names in a folder are listed, however many", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const names = Array.from({ length: 3_000 }, (_, at) => `${at}-ü`).sort();
    for (const name of names) Deno.writeTextFileSync(`${folder}/${name}`, "");
    using opened = Fd.open(folder, O_RDONLY | O_DIRECTORY);
    assertEquals([...namesIn(opened)].sort(), names);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
