/** The role, and the units that it installs. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Lab } from "../../testing/machine/mod.ts";
import { exists } from "../../testing/program/exists.ts";
import { ControlNode } from "./harness/mod.ts";

const SCRIPTS = new URL("../../scripts/", import.meta.url).pathname;
const UNITS = [
  "cprctl-recover.service",
  "cprctl-update@.service",
  "cprctl-update-all.service",
  "cprctl-update-all.timer",
];
const PROGRAM = "/usr/local/bin/cprctl";

/** The role's variables, into a folder of the lab. */
async function variables(lab: Lab) {
  const file = lab.path("bin/cprctl");
  const digest = await crypto.subtle.digest("SHA-256", Deno.readFileSync(file));
  return {
    cprctl_file: file,
    cprctl_checksum: new Uint8Array(digest).toHex(),
    cprctl_path: lab.path("installed"),
    cprctl_unit_folder: lab.folder,
    cprctl_tmpfiles_folder: lab.folder,
    cprctl_enable: false,
  };
}

const roleTask = (vars: object) => ({
  "ansible.builtin.include_role": { name: "cprctl.qemu.cprctl" },
  vars,
});

Deno.test("the role installs a file that runs, once", async () => {
  await using lab = await Lab.open();
  const node = new ControlNode(lab.folder, { a: {} });
  const vars = await variables(lab);
  const first = await node.tasks(roleTask(vars));
  assertEquals(first.code, 0, first.stdout);
  assert(/changed=[1-9]/.test(first.stdout), first.stdout);
  const second = await node.tasks(roleTask(vars));
  assertEquals(second.code, 0, second.stdout);
  assert(/changed=0/.test(second.stdout), second.stdout);

  for (const unit of UNITS) {
    const expected = Deno.readTextFileSync(`${SCRIPTS}systemd/${unit}`);
    assertEquals(
      Deno.readTextFileSync(lab.path(unit)),
      expected.replaceAll(PROGRAM, vars.cprctl_path),
    );
  }
  assertEquals(
    Deno.readTextFileSync(lab.path("cprctl.conf")),
    Deno.readTextFileSync(`${SCRIPTS}systemd/cprctl.conf`),
  );
});

Deno.test("the role installs no file but the one that was meant", async () => {
  await using lab = await Lab.open();
  const node = new ControlNode(lab.folder, { a: {} });
  const vars = { ...await variables(lab), cprctl_checksum: "0".repeat(64) };
  const { code, stdout } = await node.tasks(roleTask(vars));
  assert(code !== 0, stdout);
  const names = [...Deno.readDirSync(lab.folder)].map(({ name }) => name);
  assert(!names.includes("installed"));
});

Deno.test("the file that is verified is the one that is installed", async () => {
  await using lab = await Lab.open();
  const node = new ControlNode(lab.folder, { a: {} });
  const vars = await variables(lab);
  // Ansible looks for files to copy in "files" first.
  for (const folder of ["dist", "files/dist"]) {
    Deno.mkdirSync(lab.path(folder), { recursive: true });
  }
  Deno.copyFileSync(vars.cprctl_file, lab.path("dist/cprctl"));
  Deno.writeTextFileSync(lab.path("files/dist/cprctl"), "#!/bin/sh\n");
  const played = await node.tasks(
    roleTask({ ...vars, cprctl_file: "dist/cprctl" }),
  );
  assertEquals(played.code, 0, played.stdout);
  assertEquals(
    Deno.readTextFileSync(vars.cprctl_path),
    Deno.readTextFileSync(lab.path("dist/cprctl")),
  );
});

Deno.test("the host refuses other bytes than those that were meant", async () => {
  await using lab = await Lab.open();
  const node = new ControlNode(lab.folder, { a: {} });
  const vars = await variables(lab);
  // The control node is made to believe what the host must not.
  const { code, stdout } = await node.tasks(
    roleTask({
      ...vars,
      cprctl_checksum: "0".repeat(64),
      cprctl_file_stat: { stat: { exists: true, checksum: "0".repeat(64) } },
    }),
  );
  assert(code !== 0, stdout);
  assertStringIncludes(stdout, "failed to validate");
  assert(!exists(vars.cprctl_path));
});

Deno.test("a check on a host that has nothing yet", async () => {
  await using lab = await Lab.open();
  const node = new ControlNode(lab.folder, { a: {} });
  const vars = { ...await variables(lab), cprctl_enable: true };
  const path = lab.path("check.json");
  const play = { hosts: "all", gather_facts: false, tasks: [roleTask(vars)] };
  Deno.writeTextFileSync(path, JSON.stringify([play]));
  const { code, stdout } = await node.play(path, "--check");
  assertEquals(code, 0, stdout);
  assert(!exists(vars.cprctl_path));
});
