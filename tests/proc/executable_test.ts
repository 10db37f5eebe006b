import { assertEquals } from "@std/assert";
import { identityAt } from "../../lib/proc/file_identity.ts";
import { readExecutable } from "../../lib/proc/executable.ts";

Deno.test("an executable is known when its path is another's", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/cat`;
  try {
    await Deno.copyFile("/bin/cat", path);
    const identity = identityAt(path);
    const child = new Deno.Command(path, { stdin: "piped" }).spawn();
    try {
      const found = { path, ...identity, replaced: false };
      assertEquals(await readExecutable(child.pid), found);
      await Deno.remove(path);
      assertEquals(await readExecutable(child.pid), {
        ...found,
        replaced: true,
      });
    } finally {
      await child.stdin.close();
      await child.status;
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
