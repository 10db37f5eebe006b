import { keysOf, type OptionValue, withValue } from "../../../cmdline/mod.ts";
import { DEVICE_OPTIONS, namedSocket } from "../character_device.ts";
import type { Rule } from "../rule.ts";

const WHY = "the new program would wait for a client before it does anything";

/** Starts servers that do not wait for their first client. */
export const waitForNobody: Rule = (draft) => {
  for (const argument of draft.of("chardev")) {
    const keys = keysOf(argument);
    if (keys.get("backend") !== "socket" || !waits(keys)) continue;
    const value = keys.with("wait", false).toString();
    draft.replace(argument, withValue(argument, value).words, WHY);
  }
  for (const argument of draft.of(...DEVICE_OPTIONS)) {
    const socket = namedSocket(argument.value ?? "");
    if (socket === undefined || !waits(socket.keys)) continue;
    const value = `${socket.prefix}${socket.keys.with("wait", false)}`;
    draft.replace(argument, withValue(argument, value).words, WHY);
  }
};

function waits(socket: OptionValue): boolean {
  return socket.boolean("server") === true && socket.boolean("wait") !== false;
}
