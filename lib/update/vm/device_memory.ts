import { type Executor, QmpCommandError } from "../../qmp/mod.ts";
import { peripherals } from "./peripherals.ts";
import { text } from "./reply.ts";

/** Alone on a bus of virtio, or as a PCI device. */
const VIRTIO_MEM = /^child<virtio-mem(-pci)?>$/;
/** Where -object puts a memory backend; the rest of the path is its id. */
const BACKEND = /^\/objects\/([^/]+)$/;

/**
 * The ids of the memory backends that are behind a virtio-mem device. Such a
 * RAMBlock has two names: a stream puts the device's path before the id, as in
 * "0000:00:02.0/vmm", while CPR state and a program that looks for it there
 * have the id alone.
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
 * The backend behind a RAMBlock of a stream.
 *
 * @param block as the stream names it
 * @param all that the stream lists
 * @param backends those behind a virtio-mem device
 * @returns undefined where the name leaves any doubt
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
