import { assertEquals } from "@std/assert";
import { pidOf } from "../../../lib/update/libvirt/daemon.ts";

const NAME = "virtqemud";

Deno.test({
  name: "libvirt's daemon is a process of root's",
  ignore: Deno.uid() !== 0,
  async fn() {
    const folder = await Deno.makeTempDir();
    await Deno.chmod(folder, 0o755);
    await Deno.copyFile("/bin/sleep", `${folder}/${NAME}`);
    for (const uid of [0, 65534]) {
      const process = new Deno.Command(`${folder}/${NAME}`, {
        args: ["60"],
        uid,
        gid: uid,
      }).spawn();
      await Deno.writeTextFile(`${folder}/${NAME}.pid`, `${process.pid}\n`);
      const found = await pidOf(NAME, folder);
      process.kill("SIGKILL");
      await process.status;
      assertEquals(found, uid === 0 ? process.pid : undefined);
    }
    await Deno.remove(folder, { recursive: true });
  },
});
