import { command } from "../../qmp/mod.ts";
import type { CommandGroup } from "./context.ts";

/** The status of the guest, for people and tests. */
export const GUEST_COMMANDS: CommandGroup = ({ machine }) => ({
  "x-query-ramblock": command({}, () =>
    machine.ramBlocks().map((block) => ({
      name: block.name,
      size: block.usedLength,
      address: `0x${block.address.toString(16)}`,
      inode: `${block.inode}`,
      share: block.share,
    }))),
  "x-query-guest": command({}, () => ({ ...machine.board.guestStatus() })),
});
