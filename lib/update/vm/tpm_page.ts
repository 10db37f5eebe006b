/**
 * The page in which a guest and its firmware leave requests to the TPM for each
 * other (physical presence interface). QEMU does not save its RAMBlock, and
 * does not clear the memory that it allocates for it either: the destination's
 * page has whatever was there before. cprctl copies the page, through the
 * memory of the destination's process.
 *
 * @module
 */

import { messageOf } from "../../errors.ts";
import { type Executor, QmpCommandError } from "../../qmp/mod.ts";
import { UpdateProblem } from "../error.ts";
import {
  canWriteMemory,
  type OwnedProcess,
  writeMemory,
} from "../process/memory.ts";
import { childrenOf, peripherals } from "./peripherals.ts";
import { askHuman } from "./reply.ts";

/** Where the guest sees the page. */
export interface TpmPage {
  /** Guest physical address. */
  readonly address: number;
  readonly bytes: number;
  /** In hex, once the guest is stopped. */
  readonly contents?: string | undefined;
}

interface VmWithPage extends OwnedProcess {
  readonly tpmPage: TpmPage | undefined;
}

/** The page's RAMBlock, as named in the stream. */
export const TPM_BLOCK = "tpm-ppi";

const TPM = /^child<tpm-/;
const REGION = new RegExp(`^${TPM_BLOCK}\\[`);
/** More than QEMU has; it is read within the downtime. */
const MAXIMUM_BYTES = 4096;

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

/** The page's contents in hex; undefined if they cannot be read. */
export async function readTpmPage(
  client: Executor,
  { address, bytes }: TpmPage,
): Promise<string | undefined> {
  if (!(bytes > 0 && bytes <= MAXIMUM_BYTES)) return undefined;
  const contents = (await askHuman(client, `xp /${bytes}xb ${hex(address)}`))
    .split(/\s+/)
    .filter((word) => word !== "" && !word.endsWith(":"))
    .map((word) => /^0x([0-9a-f]{2})$/.exec(word)?.[1]);
  return contents.length === bytes && !contents.includes(undefined)
    ? contents.join("")
    : undefined;
}

/** Whether the page can be copied: empty, or written through /proc. */
export async function canPreserveTpmPage(
  client: Executor,
  vm: VmWithPage,
): Promise<boolean> {
  if (vm.tpmPage === undefined) return true;
  const contents = await readTpmPage(client, vm.tpmPage);
  if (contents === undefined) return false;
  return /^0*$/.test(contents) || await canWriteMemory(vm);
}

/**
 * Gives the page to a process that has loaded the VM, and whose guest has not
 * run on it.
 *
 * @returns why that is not possible; undefined on success
 */
export async function restoreTpmPage(
  client: Executor,
  vm: VmWithPage,
): Promise<string | undefined> {
  const { tpmPage } = vm;
  if (tpmPage?.contents === undefined) return undefined;
  const isSame = async () =>
    await readTpmPage(client, tpmPage) === tpmPage.contents;
  if (await isSame()) return undefined;
  let why = "the process does not show it";
  try {
    const place = await askHuman(client, `gpa2hva ${hex(tpmPage.address)}`);
    const [, address] = /\bis (0x[0-9a-f]+)\s*$/.exec(place) ?? [];
    if (address !== undefined) {
      const bytes = Uint8Array.fromHex(tpmPage.contents);
      await writeMemory(vm, BigInt(address), bytes);
      if (await isSame()) return undefined;
    }
  } catch (error) {
    const isExpected = error instanceof UpdateProblem ||
      error instanceof Deno.errors.PermissionDenied || isIoError(error);
    if (!isExpected) throw error;
    why = messageOf(error);
  }
  return `The TPM's physical presence interface cannot be restored: ${why}`;
}

/** EIO: nothing is mapped there. */
function isIoError(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EIO";
}

function hex(address: number): string {
  return `0x${address.toString(16)}`;
}
