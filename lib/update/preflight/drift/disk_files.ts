import { text } from "../../vm/reply.ts";
import { ok, type PreflightCheck, refuse } from "../check.ts";
import { joined, quoted } from "../wording.ts";
import { fileUnder } from "./image_name.ts";

/** Drivers of nodes that are a file or a block device of the host. */
const ON_FILES = ["file", "host_device", "host_cdrom"];
/** Names of descriptors, not of files. */
const DESCRIPTORS = "/dev/fdset/";

/**
 * The files that disks are on are still found by their names. The new program
 * opens them by name: a file that was renamed, deleted or put into another's
 * place meanwhile would be missing, or another disk.
 */
export const diskFiles: PreflightCheck = {
  id: "disk-files",
  async run({ inventory, files }) {
    const names = new Set<string>();
    const nodes = await inventory.list("query-named-block-nodes", {
      flat: true,
    });
    for (const node of nodes) {
      if (!ON_FILES.includes(text(node["drv"]) ?? "")) continue;
      const name = fileUnder(text(node["file"]) ?? "");
      if (name !== undefined && !name.startsWith(DESCRIPTORS)) names.add(name);
    }
    const problems: string[] = [];
    for (const name of names) {
      const file = await files.stat(name);
      if (file === undefined) {
        problems.push(`Image ${quoted(name)} is no longer there`);
      } else if (!await files.hasOpen(file)) {
        problems.push(
          `Image ${quoted(name)} is another file than the one that the VM uses`,
        );
      }
    }
    return problems.length === 0
      ? ok("every image is found by its name")
      : refuse(
        joined(problems),
        "Put the file that the VM uses back at its name",
      );
  },
};
