/** Descriptors that clients gave the VM in sets, as for /dev/fdset/1. */

import { keysOf } from "../../cmdline/mod.ts";
import { OWN_SET } from "../vm/left_open.ts";
import { DESCRIPTORS } from "../vm/block_devices.ts";
import { objectsIn, text } from "../vm/reply.ts";
import type { CarryWork } from "./work.ts";

const SENT = "its descriptor is sent to the new program";
const CLOSED = "the program has closed what it names";

/** Sends every descriptor again: QEMU's own duplicates are closed by exec. */
export async function carryDescriptorSets(work: CarryWork): Promise<void> {
  for (const set of await work.inventory.list("query-fdsets")) {
    const id = Number(set["fdset-id"]);
    if (id === OWN_SET) continue;
    for (const { fd, opaque } of objectsIn(set["fds"])) {
      const description = text(opaque);
      work.addCommand("add-fd", {
        "fdset-id": id,
        ...description === undefined ? {} : { opaque: description },
      }, Number(fd));
    }
    work.sentSets.add(`${DESCRIPTORS}${id}`);
  }
  for (const argument of work.draft.of("add-fd")) {
    const isClosed = keysOf(argument).integer("set") === OWN_SET;
    work.draft.remove(argument, isClosed ? CLOSED : SENT);
  }
}
