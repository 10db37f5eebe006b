/**
 * The page in which a guest and its firmware leave requests to the TPM for each
 * other (physical presence interface). Its RAMBlock is not preserved: the
 * destination has a page of zeros.
 *
 * @module
 */

import { type Executor, type Json, QmpCommandError } from "../../qmp/mod.ts";
import { childrenOf, peripherals } from "./peripherals.ts";
import { text } from "./reply.ts";

/** Where the guest sees the page. */
export interface TpmPage {
  /** Guest physical address. */
  readonly address: number;
  readonly bytes: number;
}

/** The page's RAMBlock, as named in the stream. */
export const TPM_BLOCK = "tpm-ppi";

const TPM = /^child<tpm-/;
const REGION = new RegExp(`^${TPM_BLOCK}\\[`);
/** More than QEMU has; it is read within the downtime. */
const MAXIMUM_BYTES = 4096;
const WORD_BYTES = 4;

/** The page of a VM's TPM; undefined if it has none. */
export async function findTpmPage(
  client: Executor,
): Promise<TpmPage | undefined> {
  try {
    for (const tpm of await peripherals(client, TPM)) {
      for (const region of await childrenOf(client, tpm, "name", REGION)) {
        const ask = async (property: string) =>
          Number(await client.execute("qom-get", { path: region, property }));
        return { address: await ask("addr"), bytes: await ask("size") };
      }
    }
  } catch (error) {
    if (!(error instanceof QmpCommandError)) throw error;
  }
  return undefined;
}

/** Whether the page is all zeros; false if it cannot be read. */
export async function isEmptyPage(
  client: Executor,
  { address, bytes }: TpmPage,
): Promise<boolean> {
  if (!(bytes > 0 && bytes <= MAXIMUM_BYTES)) return false;
  const words = bytes / WORD_BYTES;
  try {
    const printed = await client.execute("human-monitor-command", {
      "command-line": `xp /${words}wx 0x${address.toString(16)}`,
    });
    return countZeros(printed) === words;
  } catch (error) {
    if (error instanceof QmpCommandError) return false;
    throw error;
  }
}

/** Words in lines like "fed45000: 0x00000000 0x00000000"; 0 if one is not 0. */
function countZeros(printed: Json): number {
  const words = (text(printed) ?? "").split(/\s+/)
    .filter((word) => word !== "" && !word.endsWith(":"));
  return words.every((word) => /^0x0+$/.test(word)) ? words.length : 0;
}
