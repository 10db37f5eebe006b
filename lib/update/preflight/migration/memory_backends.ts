import { QmpCommandError } from "../../../qmp/mod.ts";
import { text } from "../../vm/reply.ts";
import {
  type CheckContext,
  ok,
  type PreflightCheck,
  refuse,
} from "../check.ts";
import type { Inventory, QomChild } from "../inventory.ts";
import { joined, listed, quoted } from "../wording.ts";

/** Its pages cannot be handed to another program at all. */
const ENCLAVE = "memory-backend-epc";

/**
 * All RAM can be handed over, by what its backends say. QEMU's own blockers
 * know nothing of a file that has no name any more.
 */
export const memoryBackends: PreflightCheck = {
  id: "memory-backends",
  async run(context) {
    const { inventory } = context;
    const backends = (await inventory.children("/objects"))
      .filter(({ type }) => type.startsWith("memory-backend"));
    const problems = [
      ...await unshared(inventory),
      ...await auxiliary(inventory),
      ...enclaves(backends),
      ...await withoutFile(context, backends),
    ];
    return problems.length === 0 ? ok("all RAM is shared memory") : refuse(
      joined(problems),
      "Restart the VM with a memory-backend-memfd with share=on as the " +
        "memory-backend of its machine, and with aux-ram-share=on there",
    );
  },
};

async function unshared(inventory: Inventory): Promise<string[]> {
  const names = (await inventory.list("query-memdev"))
    .filter(({ share }) => share !== true)
    .map(({ id }) => text(id) ?? "without id");
  return names.length === 0
    ? []
    : [`RAM is not shared (share=off) and would be lost: ${listed(names)}`];
}

async function auxiliary(inventory: Inventory): Promise<string[]> {
  try {
    return await inventory.property("/machine", "aux-ram-share") === false
      ? ["RAM of the firmware and of devices would be lost: aux-ram-share=off"]
      : [];
  } catch (error) {
    // Before there was cpr-exec there was no such property.
    if (error instanceof QmpCommandError) return [];
    throw error;
  }
}

function enclaves(backends: readonly QomChild[]): string[] {
  const names = backends.filter(({ type }) => type === ENCLAVE)
    .map(({ name }) => name);
  return names.length === 0
    ? []
    : [`RAM of SGX enclaves cannot be handed over: ${listed(names)}`];
}

/** The new program opens the file by its name: it must be the one in use. */
async function withoutFile(
  { inventory, files }: CheckContext,
  backends: readonly QomChild[],
): Promise<string[]> {
  const problems: string[] = [];
  for (const { name, path, type } of backends) {
    if (type !== "memory-backend-file") continue;
    const file = text(await inventory.property(path, "mem-path")) ?? "";
    const info = await files.stat(file);
    if (info === undefined || info.isDirectory || !await files.hasOpen(info)) {
      problems.push(
        `RAM ${quoted(name)} would be lost: its file has no name ` +
          `(mem-path ${quoted(file)})`,
      );
    }
  }
  return problems;
}
