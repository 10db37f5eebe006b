import { type Executor, QmpCommandError } from "../../qmp/mod.ts";
import { peripherals } from "./peripherals.ts";
import { text } from "./reply.ts";

/** On a virtio bus, or as a PCI device. */
const VIRTIO_MEM = /^child<virtio-mem(-pci)?>$/;
/** The QOM path of a memory backend from -object, with its id. */
const BACKEND = /^\/objects\/([^/]+)$/;

/**
 * The ids of the memory backends of virtio-mem devices. Such a RAMBlock has two
 * names: the migration stream has the device's path before the id, as in
 * "0000:00:02.0/vmm", while CPR state has the id alone.
 */
export async function readDeviceMemory(
  client: Executor,
): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  try {
    for (const path of await peripherals(client, VIRTIO_MEM)) {
      const property = "memdev";
      const backend = await client.execute("qom-get", { path, property });
      const id = BACKEND.exec(text(backend) ?? "")?.[1];
      if (id !== undefined) found.add(id);
    }
  } catch (error) {
    if (!(error instanceof QmpCommandError)) throw error;
  }
  return found;
}

/**
 * The memory backend of a RAMBlock.
 *
 * @param block as the stream names it
 * @param all the RAMBlocks that the stream lists
 * @param backends the ids of {@linkcode readDeviceMemory}
 * @returns undefined if there is none, or the name is ambiguous
 */
export function backendOf(
  block: string,
  all: readonly { readonly name: string }[],
  backends: ReadonlySet<string>,
): string | undefined {
  const slash = block.lastIndexOf("/");
  const id = block.slice(slash + 1);
  if (slash <= 0 || !backends.has(id)) return undefined;
  const namesakes = all.filter(({ name }) =>
    name === id || name.endsWith(`/${id}`)
  );
  return namesakes.length === 1 ? id : undefined;
}
