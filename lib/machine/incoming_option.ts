import { type MigrationAddress, parseUri } from "../channel/mod.ts";
import { OptionValueError } from "../cmdline/mod.ts";
import { isObject, type Json, parseJson } from "../qmp/mod.ts";
import { readAddress } from "./commands/address.ts";

/** The parsed values of all -incoming options. */
export interface Incoming {
  /** The address of the stream; undefined if none is given. */
  readonly main: MigrationAddress | "defer" | undefined;
  /** Where CPR state of cpr-transfer comes. */
  readonly cpr: MigrationAddress | undefined;
}

/**
 * Parses the values of -incoming: each a URI, "defer", or a channel in JSON. The
 * last of each kind counts.
 *
 * @throws {CprctlError} when one is none of these
 */
export function readIncoming(texts: readonly string[]): Incoming {
  let main: Incoming["main"];
  let cpr: Incoming["cpr"];
  for (const text of texts) {
    const channel = text.startsWith("{") ? channelOf(text) : undefined;
    if (text === "defer") main = text;
    else if (channel === undefined) main = parseUri(text);
    else {
      const address = readAddress(channel.addr, "incoming.addr");
      if (channel.type === "cpr") cpr = address;
      else main = address;
    }
  }
  return { main, cpr };
}

function channelOf(text: string): { type: Json; addr: Json } {
  let channel: Json;
  try {
    channel = parseJson(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new OptionValueError("incoming", text, error.message);
  }
  if (isObject(channel) && channel["addr"] !== undefined) {
    return { type: channel["channel-type"] ?? "main", addr: channel["addr"] };
  }
  throw new OptionValueError("incoming", text, "not a channel");
}
