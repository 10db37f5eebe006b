import { assertEquals } from "@std/assert";
import * as v from "valibot";
import { documentSchema } from "../../lib/cli/schemas.ts";
import {
  prepareCommand,
  type PrepareDocument,
} from "../../lib/update/managers/prepare.ts";
import { runHere } from "./run_here.ts";

const QEMU = ["qemu-system-x86_64", "-name", "web", "-m", "2G"];

const engine = {
  prepareCommand: (argv: readonly string[]) =>
    Promise.resolve(prepareCommand(argv)),
};

Deno.test("a command line is judged before anything runs", async () => {
  const { code, stdout } = await runHere(["check", "--", ...QEMU], engine);
  assertEquals(code, 3);
  assertEquals(
    stdout,
    `web: not ready
  it was started without aux-ram-share=on
  it has no QMP socket
  add to its command line, for the next start:
    -machine aux-ram-share=on,memory-backend=ram0 -object ` +
      `memory-backend-memfd,id=ram0,size=2G,share=on -qmp ` +
      `unix:/run/web.qmp,server=on,wait=off
`,
  );
  const ready = await runHere([
    ...["check", "--json", "--", ...QEMU, "-qmp", "unix:/a,server=on"],
    ...["-machine", "aux-ram-share=on,memory-backend=m", "-object"],
    "memory-backend-memfd,id=m,size=2G",
  ], engine);
  assertEquals(ready.code, 0, ready.stderr);
  const document = JSON.parse(ready.stdout);
  assertEquals(v.parse(documentSchema("prepare"), document), document);
  assertEquals(document.vms[0].ready, true);
  assertEquals((await runHere(["check", "--"], engine)).code, 2);
  assertEquals((await runHere(["check", ...QEMU], engine)).code, 2);
});

Deno.test("lines are printed with the file they go into", async () => {
  const [vm] = prepareCommand(["kvm", "-id", "100", ...QEMU.slice(1)]).vms;
  if (vm === undefined) throw new Error("There is none");
  const document: PrepareDocument = {
    ...{ schema: 1, unreadable: 1 },
    vms: [{ ...vm, pid: 4711 }, {
      ...vm,
      pid: 4712,
      ready: true,
      needs: [],
      add: [],
    }],
  };
  const patterns: (string | undefined)[] = [];
  const { code, stdout } = await runHere(["prepare", "we*"], {
    prepareVms: (pattern) => {
      patterns.push(pattern);
      return Promise.resolve(document);
    },
  });
  assertEquals([code, patterns], [3, ["we*"]]);
  const lines = stdout.split("\n");
  assertEquals(lines[0], "web (process 4711, Proxmox): not ready");
  assertEquals(
    lines[3],
    "  add to /etc/pve/qemu-server/100.conf, for the next start:",
  );
  assertEquals(lines[4]?.startsWith("    args: -machine aux-ram"), true);
  assertEquals(lines.slice(5), [
    "web (process 4712, Proxmox): ready",
    "VMs of other users: 1; run as root to see them",
    "",
  ]);
});
