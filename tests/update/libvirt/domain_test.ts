import { assertEquals } from "@std/assert";
import {
  parseStatus,
  readRootsFile,
} from "../../../lib/update/libvirt/domain.ts";

/** What libvirt 12.8 writes, shortened. */
const STATUS = `<!--
WARNING: THIS IS AN AUTO-GENERATED FILE.
-->

<domstatus state='running' reason='booted' pid='617'>
  <taint flag='custom-argv'/>
  <monitor path='/var/lib/libvirt/qemu/domain-1-a &amp; b/monitor.sock' type='unix'/>
  <vcpus>
    <vcpu id='0' pid='625'/>
  </vcpus>
  <domain type='kvm' id='1'>
    <name>a &amp; b</name>
    <metadata><name>c</name></metadata>
  </domain>
</domstatus>
`;

Deno.test("a domain's status has its name, process and monitor", () => {
  assertEquals(parseStatus(STATUS), {
    name: "a & b",
    pid: 617,
    monitor: "/var/lib/libvirt/qemu/domain-1-a & b/monitor.sock",
  });
});

Deno.test("what lacks one of them is no status", () => {
  for (
    const [from, to] of [
      ["pid='617'", ""],
      ["pid='617'", "pid='1'"],
      ["pid='617'", "pid='-617'"],
      ["pid='617'", "pid='99999999'"],
      ["<monitor path", "<monitor p"],
      ["<domain type='kvm' id='1'>\n    <name>", "<domain>"],
    ] as const
  ) {
    assertEquals(parseStatus(STATUS.replace(from, to)), undefined, from);
  }
});

/** Puts one of two files at a path, then the other one, all the time. */
const SWAP = `chdir shift; $| = 1; print "begun\n";
for (;;) { for (qw(roots theirs)) { link $_, "new"; rename "new", "at" } }`;

Deno.test({
  name: "whoever swaps files is not believed for root's",
  ignore: Deno.uid() !== 0,
  async fn() {
    const folder = await Deno.makeTempDir();
    for (const name of ["roots", "theirs"]) {
      await Deno.writeTextFile(`${folder}/${name}`, name);
    }
    await Deno.chown(`${folder}/theirs`, 65534, 65534);
    await Deno.link(`${folder}/theirs`, `${folder}/at`);
    const swapper = new Deno.Command("perl", {
      args: ["-e", SWAP, folder],
      stdout: "piped",
    }).spawn();
    try {
      const reader = swapper.stdout.getReader();
      await reader.read();
      const found = new Set<string | undefined>();
      for (let tries = 0; tries < 5_000; tries++) {
        found.add(readRootsFile(`${folder}/at`));
      }
      await reader.cancel();
      assertEquals(found, new Set(["roots", undefined]));
    } finally {
      swapper.kill("SIGKILL");
      await swapper.status;
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test("what is no file is not root's", async () => {
  const folder = await Deno.makeTempDir();
  await new Deno.Command("mkfifo", { args: [`${folder}/fifo`] }).output();
  await Deno.symlink("fifo", `${folder}/link`);
  for (const name of ["", "fifo", "link", "none"]) {
    assertEquals(readRootsFile(`${folder}/${name}`), undefined, name);
  }
  await Deno.remove(folder, { recursive: true });
});
